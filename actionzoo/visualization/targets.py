"""What is visualized: a class, or a channel of a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras

from actionzoo.errors import ModelError, did_you_mean
from actionzoo.inference.model import Model
from actionzoo.models.graph import layer_output

ALL = "all"
"""Stands for every class, or for every layer that has something to show."""


@dataclass(frozen=True)
class Target:
    """A channel of a layer; of a network's last layer it is a class.

    Attributes:
        layer: its name.
        channel: counted from 0.
        name: what to call it, such as `"kick"` or `"fusion 21"`.
    """

    layer: str
    channel: int
    name: str


def choose_targets(
    model: Model,
    labels: Sequence[str],
    layer: str | None = None,
    channels: Sequence[int] = (),
    first: int | None = None,
) -> list[Target]:
    """The classes with these labels, or else channels of a layer, each once and in the order in which they are given.

    `"all"` stands for every class, and for every layer of `visible_layers`. Where no channels are given, they are the
    `first` so many of each layer, as far as there are. Raises ModelError for what the model does not have.
    """
    if labels:
        every = model.spec.classes if ALL in labels else ()
        return [class_target(model, label) for label in dict.fromkeys(every or labels)]
    found = []
    for name in visible_layers(model.network) if layer == ALL else [str(layer)]:
        count = _channels(model, name)
        found += [
            channel_target(model, name, each) for each in dict.fromkeys(channels or range(min(first or 0, count)))
        ]
    return found


def class_target(model: Model, label: str) -> Target:
    """The score of a class. Raises ModelError for a class that the model does not have."""
    classes = model.spec.classes
    if label in classes:
        return Target(last_layer(model.network), classes.index(label), label)
    known = f"; its classes are {', '.join(classes[:8])}" if classes else "; give a layer and a channel instead"
    raise ModelError(f"{model.name} has no class {label!r}{did_you_mean(label, classes) or known}")


def channel_target(model: Model, layer: str, channel: int) -> Target:
    """A channel of a layer. Raises ModelError for a layer that there is not, or a channel beyond its last."""
    count = _channels(model, layer)
    if not 0 <= channel < count:
        raise ModelError(f"{model.name}: the layer {layer} has channels 0 to {count - 1}, not {channel}")
    return Target(layer, channel, f"{layer} {channel}")


def visible_layers(network: keras.Model) -> list[str]:
    """The layers whose channels respond to something: activations of convolutions, fusions, FC layers, scores."""
    kinds = (keras.layers.Activation, keras.layers.ReLU, keras.layers.Dense)
    found = [layer.name for layer in network.layers if isinstance(layer, kinds)]
    return list(dict.fromkeys([*found, last_layer(network)]))


def last_layer(network: keras.Model) -> str:
    """The layer that gives the scores of classes."""
    return str(network.output_names[0]) if network.output_names else str(network.layers[-1].name)


def _channels(model: Model, layer: str) -> int:
    return int(layer_output(model.network, layer, model.name).shape[-1])
