"""MatConvNet networks in MATLAB files: layers and parameters as plain Python, and nothing that could run.

The file is parsed by `mat_parse`, in a process of its own with limits of time and memory. A network is a DagNN (a
graph: layers with named inputs, outputs and parameters) or a SimpleNN (a chain, whose layers hold their weights); the
second is given the form of the first, with the names that MatConvNet's own `fromSimpleNN` gives.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from actionzoo.convert.isolation import run_isolated
from actionzoo.convert.mat_parse import read_parsed
from actionzoo.errors import ModelNotFoundError, WeightsError

MAX_BYTES = 4 << 30
MAX_LAYERS = 20_000
"""Larger than any network that the papers' authors released. Bytes are of the file and of its content."""

MEMORY, TIMES = 2 << 30, 8
"""Parsing may take so much memory, and so many times the file's size; weights are packed to half at most."""

SECONDS, SLOWEST = 60.0, 10e6
"""Parsing may take so long, and a second more for so many bytes."""

SIMPLE_TYPES = {
    "conv": "dagnn.Conv",
    "relu": "dagnn.ReLU",
    "pool": "dagnn.Pooling",
    "dropout": "dagnn.DropOut",
    "bnorm": "dagnn.BatchNorm",
    "softmax": "dagnn.SoftMax",
    "softmaxloss": "dagnn.Loss",
    "normalize": "dagnn.LRN",
}
SIMPLE_SUFFIXES = {"conv": ("f", "b"), "bnorm": ("m", "b", "x")}
"""What the parameters of a layer are called behind its name."""


@dataclass(frozen=True)
class MatLayer:
    """A layer: its MatConvNet class, the names of its variables and parameters, and its settings."""

    name: str
    type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    params: tuple[str, ...]
    block: Mapping[str, Any]


@dataclass(frozen=True)
class MatNetwork:
    """A network as the file has it; arrays are float32, with MATLAB's order of axes (height, width, in, out)."""

    layers: tuple[MatLayer, ...]
    params: Mapping[str, np.ndarray]
    meta: Mapping[str, Any] = field(default_factory=dict)


def read_network(path: str | Path) -> MatNetwork:
    """The network in a `.mat` file, in its variable `net` or in variables of its own.

    Raises:
        ModelNotFoundError: there is no such file.
        WeightsError: it is damaged, or holds no network.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise WeightsError(f"{path} is larger than any network that we know")
        with tempfile.TemporaryDirectory(prefix="actionzoo-") as folder:
            arguments = (str(path.absolute()), folder, MAX_BYTES)
            seconds, memory = SECONDS + size / SLOWEST, MEMORY + TIMES * size
            run_isolated("actionzoo.convert.mat_parse:parse", *arguments, seconds=seconds, memory=memory)
            return _network(read_parsed(folder))
    except FileNotFoundError as error:
        raise ModelNotFoundError(f"there is no file {path}") from error
    except WeightsError:
        raise
    except Exception as error:  # neither library says which errors a damaged file may bring
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise WeightsError(f"{path} is no MATLAB file with a network, or is damaged ({reason})") from error


def _network(content: Mapping[str, Any]) -> MatNetwork:
    net = content.get("net", content)
    if not isinstance(net, Mapping) or "layers" not in net:
        raise ValueError(f"it has {', '.join(sorted(content)) or 'nothing'}, but no net with layers")
    layers = _listed(net["layers"])
    if len(layers) > MAX_LAYERS:
        raise ValueError("it has too many layers")
    meta = net.get("meta")
    if not isinstance(meta, Mapping):
        meta = {key: net[key] for key in ("normalization", "classes") if key in net}
    if "params" not in net:
        return _from_chain(layers, meta)
    entries = _listed(net["params"])
    params = {str(entry["name"]): _array(entry["value"]) for entry in entries}
    if len(params) != len(entries):
        raise ValueError("it has several parameters of one name")
    return MatNetwork(tuple(_layer(entry) for entry in layers), params, meta)


def _layer(entry: Mapping[str, Any]) -> MatLayer:
    inputs, outputs, params = (
        tuple(str(name) for name in _listed(entry.get(key, ()))) for key in ("inputs", "outputs", "params")
    )
    block = _listed(entry.get("block", ()))
    return MatLayer(str(entry["name"]), str(entry["type"]), inputs, outputs, params, block[0] if block else {})


def _from_chain(entries: Sequence[Mapping[str, Any]], meta: Mapping[str, Any]) -> MatNetwork:
    layers: list[MatLayer] = []
    params: dict[str, np.ndarray] = {}
    before = "input"
    for place, entry in enumerate(entries, start=1):
        kind, name = str(entry["type"]), str(entry.get("name") or f"layer{place}")
        weights = entry.get("weights")
        if weights is None and "filters" in entry:  # of the oldest files
            weights = [entry["filters"], entry["biases"]]
        suffixes = SIMPLE_SUFFIXES.get(kind, ())
        values = _listed(weights) if weights is not None and suffixes else []
        names = tuple(f"{name}{suffix}" for suffix in suffixes[: len(values)])
        params |= {param: _array(value) for param, value in zip(names, values, strict=True)}
        block = {key: value for key, value in entry.items() if key not in ("weights", "filters", "biases")}
        layers.append(MatLayer(name, SIMPLE_TYPES.get(kind, kind), (before,), (f"x{place}",), names, block))
        before = f"x{place}"
    return MatNetwork(tuple(layers), params, meta)


def _listed(value: Any) -> list[Any]:
    """What may be one or several, as a list."""
    if isinstance(value, np.ndarray):
        return [] if value.size == 0 else [value]
    return list(value) if isinstance(value, list | tuple) else [value]


def _array(value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"a parameter is no array of numbers but {type(value).__name__}")
    return array.astype(np.float32)
