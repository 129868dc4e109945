"""What a clip is painted for: a channel of a layer, or a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from actionzoo.errors import ModelError, did_you_mean
from actionzoo.models.graph import layer_output
from actionzoo.video.spec import InputSpec


@dataclass(frozen=True)
class Target:
    """A channel of a layer; of a network's last layer it is a class.

    Attributes:
        layer: its name.
        channel: counted from 0.
        label: what to call it, such as `"kick"` or `"fusion 21"`.
    """

    layer: str
    channel: int
    label: str


def class_target(model: keras.Model, spec: InputSpec, name: str, source: str) -> Target:
    """The score of a class. `source` is what errors call the model. Raises ModelError for a class that it lacks."""
    if name in spec.classes:
        return Target(_last(model), spec.classes.index(name), name)
    known = f"; its classes are {', '.join(spec.classes[:8])}" if spec.classes else "; give --layer and --channel"
    known = did_you_mean(name, spec.classes) or known
    raise ModelError(f"{source} has no class {name!r}{known}")


def channel_target(model: keras.Model, layer: str, channel: int, source: str) -> Target:
    """A channel of a layer. Raises ModelError for a layer that there isn't, or a channel beyond its last."""
    count = int(layer_output(model, layer, source).shape[-1])
    if not 0 <= channel < count:
        raise ModelError(f"{source}: the layer {layer} has channels 0 to {count - 1}, not {channel}")
    return Target(layer, channel, f"{layer} {channel}")


def is_answer(model: keras.Model, layer: str) -> bool:
    """Whether the channels of a layer are the scores of classes, so that one is wanted at the cost of the others."""
    return layer == _last(model) or layer.startswith("logits")


def _last(model: keras.Model) -> str:
    return str(model.output_names[0]) if model.output_names else str(model.layers[-1].name)


def responses(activations: Any, batch: int, channels: Any) -> Any:
    """The mean of a channel over all places of a layer, `(batch,)`.

    Args:
        activations: of the layer, `(batch, ..., channels)`, or with time folded into the batch.
        batch: the number of clips.
        channels: one for each clip, `(batch,)`.
    """
    means = ops.mean(ops.reshape(activations, (batch, -1, activations.shape[-1])), axis=1)
    return ops.sum(means * ops.one_hot(channels, activations.shape[-1], dtype=means.dtype), axis=-1)


def odds(logits: Any, channels: Any) -> Any:
    """The logarithm of a class's odds against all others, `(batch,)`, from `logits (batch, classes)`."""
    wanted = ops.one_hot(channels, logits.shape[-1], dtype=logits.dtype)
    others = ops.logsumexp(logits - 1e9 * wanted, axis=-1)
    return ops.sum(logits * wanted, axis=-1) - others


def visible_layers(model: keras.Model) -> list[str]:
    """The layers whose channels respond to something: activations of convolutions, fusions, FC layers, scores."""
    kinds = (keras.layers.Activation, keras.layers.ReLU, keras.layers.Dense)
    found = [layer.name for layer in model.layers if isinstance(layer, kinds)]
    return [*found, *([_last(model)] if _last(model) not in found else [])]
