"""What a painted clip is to maximize: the response of a channel of a layer, or the odds of a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from scipy.special import softmax

from actionzoo.inference.model import Model
from actionzoo.models.folding import fold_batch_norm
from actionzoo.models.graph import inputs_of, layer_output
from actionzoo.visualization.canvas import stacked
from actionzoo.visualization.targets import last_layer

LEAK = 0.5
"""How much of what an activation cuts off counts."""


class Objective:
    """The responses of some channels of a layer, one channel for each clip of a batch.

    For a ReLU layer its input is used, through a leaky ReLU, because the zeros of a ReLU have no gradient and a silent
    channel would never begin to respond. Where the channels are the scores of classes, the response is
    the logarithm of the odds of one against all others.

    Attributes:
        streams: the names of the inputs that the layer depends on.
        is_answer: whether the channels are the scores of classes.

    Raises ModelError if there is no such layer.
    """

    def __init__(self, model: Model, layer: str, channels: Sequence[int]) -> None:
        output = layer_output(model.network, layer, model.name)
        inputs, source = inputs_of(model.network, output), model.network.get_layer(layer)
        self.is_answer = layer == last_layer(model.network) or layer.startswith("logits")
        self.streams = tuple(str(tensor.name) for tensor in inputs)
        relu = getattr(source, "activation", None) is keras.activations.relu
        self._rectified = relu or isinstance(source, keras.layers.ReLU)
        self._head = _folded(keras.Model(inputs, source.input if self._rectified else output))
        self._channels, self._spec = np.array(channels, np.int32), model.spec

    def inputs(self, clips: dict[str, Any]) -> dict[str, Any]:
        """The network's inputs for a batch of clips.

        `appearance (batch, T, height, width, 3)` is in 0..255, `motion (batch, N, height, width, 2)` has the flow
        fields of all stacks in pixels.
        """
        given = {**clips, "motion": stacked(clips["motion"], self._spec)} if "motion" in clips else clips
        return {name: given[name] for name in self.streams}

    def values(self, inputs: dict[str, Any]) -> Any:
        """What the network gives for its inputs, before a ReLU."""
        return self._head(inputs, training=False)

    def responses(self, values: Any) -> Any:
        """How much each clip's channel responds, `(batch,)`, in a form that has a gradient everywhere."""
        if self.is_answer:
            return log_odds(values, self._channels)
        return mean_responses(ops.leaky_relu(values, LEAK) if self._rectified else values, self._channels)

    def measured(self, clips: dict[str, np.ndarray]) -> tuple[list[float], list[float]]:
        """How much each channel responds to its clip, and the probability of each class; empty for other channels."""
        batch = {stream: ops.convert_to_tensor(clip.astype(np.float32)) for stream, clip in clips.items()}
        values = ops.convert_to_numpy(self.values(self.inputs(batch))).astype(np.float32)
        values = np.maximum(values, 0) if self._rectified else values
        means = values.reshape(len(self._channels), -1, values.shape[-1]).mean(axis=1)
        own = np.arange(len(self._channels)), self._channels
        return means[own].tolist(), softmax(means, axis=1)[own].tolist() if self.is_answer else []


def _folded(network: keras.Model) -> keras.Model:
    """The network without batch normalisation where that can be: its gradient takes two thirds of the time."""
    try:
        return fold_batch_norm(network)
    except ValueError:
        return network


def mean_responses(values: Any, channels: np.ndarray) -> Any:
    """The mean of a channel over all its places, `(batch,)`, with a channel for each clip.

    The values of the layer are `(batch, ..., channels)`, or have time folded into the batch.
    """
    means = ops.mean(ops.reshape(values, (len(channels), -1, values.shape[-1])), axis=1)
    return ops.sum(means * ops.one_hot(channels, values.shape[-1], dtype=means.dtype), axis=-1)


def log_odds(logits: Any, channels: np.ndarray) -> Any:
    """The logarithm of a class's odds against all others, `(batch,)`, from `logits (batch, classes)`."""
    wanted = ops.one_hot(channels, logits.shape[-1], dtype=logits.dtype)
    others = ops.logsumexp(logits - 1e9 * wanted, axis=-1)
    return ops.sum(logits * wanted, axis=-1) - others
