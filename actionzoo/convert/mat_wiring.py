"""How the two streams of a MatConvNet graph meet.

Names do not tell: products are called `_sum`, and a network keeps the names of its parameters however it is wired. So
the graph is followed from variable to variable. What is found is an option of our builders, or an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from actionzoo.convert.mat_file import MatLayer, MatNetwork
from actionzoo.convert.mat_params import stream_of

JOINING = ("Sum", "Mul", "Concat")
"""Layers that can join two streams; others with two inputs, such as losses, compute no features."""


@dataclass(frozen=True)
class Meeting:
    """A layer that reads both streams.

    Attributes:
        kind: its type, one of `JOINING`.
        streams: whose features it reads, in order.
        sources: the layers that these come from, in the same order.
        readers: the layers that read what it computes.
    """

    kind: str
    streams: tuple[str, ...]
    sources: tuple[MatLayer, ...]
    readers: tuple[MatLayer, ...]


def kind_of(layer: MatLayer) -> str:
    """Its type without MATLAB's package.

    >>> kind_of(MatLayer("pool1", "dagnn.Pooling", (), (), (), {}))
    'Pooling'
    """
    return layer.type.rpartition(".")[2]


class Wiring:
    """The graph of a network."""

    def __init__(self, network: MatNetwork) -> None:
        self._layers = network.layers
        self._makers = {name: layer for layer in network.layers for name in layer.outputs}
        self._readers: dict[str, list[MatLayer]] = {}
        for layer in network.layers:
            for name in layer.inputs:
                self._readers.setdefault(name, []).append(layer)

    def meetings(self) -> list[Meeting]:
        """Every layer that joins both streams and is read by another one, in order."""
        found = []
        for layer in self._layers:
            if kind_of(layer) not in JOINING:
                continue
            streams = tuple(stream for name in layer.inputs if (stream := self.stream(name)) is not None)
            readers = tuple(reader for name in layer.outputs for reader in self._readers.get(name, ()))
            if len(set(streams)) > 1 and len(streams) == len(layer.inputs) and readers:
                sources = tuple(self._makers[name] for name in layer.inputs)
                found.append(Meeting(kind_of(layer), streams, sources, readers))
        return found

    def pools_over_time(self) -> set[tuple[str, float, float]]:
        """Method, window and stride, in frames, of all pooling over time."""
        blocks = [layer.block for layer in self._layers if kind_of(layer) == "PoolTime"]
        return {
            (str(block.get("method", "max")), _frames(block["poolSize"]), _frames(block["stride"])) for block in blocks
        }

    def stream(self, variable: str) -> str | None:
        """The stream of the nearest layer before a variable that has parameters of one."""
        layer = self._nearest(variable)
        return None if layer is None else _stream_of_layer(layer)

    def parameters_before(self, layer: MatLayer) -> tuple[str, ...]:
        """Parameters of the nearest layer before this one that has parameters of a stream."""
        nearest = self._nearest(layer.inputs[0]) if layer.inputs else None
        return () if nearest is None else nearest.params

    def _nearest(self, variable: str) -> MatLayer | None:
        waiting, seen = [variable], set[str]()
        while waiting:
            name = waiting.pop(0)
            layer = self._makers.get(name)
            if layer is None or name in seen:
                continue
            seen.add(name)
            if _stream_of_layer(layer) is not None:
                return layer
            waiting += layer.inputs
        return None


def _stream_of_layer(layer: MatLayer) -> str | None:
    return next((stream for name in layer.params if (stream := stream_of(name)) is not None), None)


def _frames(size: Any) -> float:
    """The last number of a size: its extent over time."""
    return float(np.ravel(size)[-1])
