"""Batch normalisation folded into the convolution before it: the same answers, for prediction only, with less work."""

from __future__ import annotations

from collections import Counter
from typing import Any

import keras
import numpy as np
from keras import layers

from actionzoo.models.graph import makers
from actionzoo.models.temporal import TemporalConv


def fold_batch_norm(model: keras.Model) -> keras.Model:
    """A copy of a network in which convolutions do the work of the batch normalisations behind them.

    With its statistics fixed, batch normalisation is a factor and an offset a channel: the factor goes into the kernel,
    the offset becomes a bias. Layers keep their names; folded ones pass on what they get. Batch normalisation that does
    not follow a convolution (T-ResNet's) stays.

    Args:
        model: a functional model that calls each layer once. It is left as it is.

    Returns:
        A model with the same answers, up to rounding. It is not to be trained.

    Raises:
        ValueError: it is not such a model.

    >>> clip = keras.Input((8, 8, 3))
    >>> model = keras.Model(clip, layers.BatchNormalization(name="norm")(layers.Conv2D(4, 3, use_bias=False)(clip)))
    >>> type(fold_batch_norm(model).get_layer("norm")).__name__
    'Identity'
    """
    convolutions = _convolutions(model)
    folded = {convolution.name: name for name, convolution in convolutions.items()}

    def copy(layer: Any) -> Any:
        if layer.name in convolutions:
            return layers.Identity(name=layer.name)
        config = layer.get_config()
        return type(layer).from_config(config | {"use_bias": True} if layer.name in folded else config)

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        return layer(*args) if isinstance(layer, layers.Identity) else layer(*args, **kwargs)  # without `mask`

    result = keras.models.clone_model(model, clone_function=copy, call_function=call)
    for layer in model.layers:
        weights = layer.get_weights()
        if layer.name in folded:
            weights = _fold(weights, model.get_layer(folded[layer.name]))
        if weights and layer.name not in convolutions:
            result.get_layer(layer.name).set_weights(weights)
    return result


def _convolutions(model: keras.Model) -> dict[str, Any]:
    """The convolution before each batch normalisation that nothing else reads, by the name of the latter."""
    layer_of = makers(model)
    readers = Counter(id(tensor) for layer in model.operations for tensor in keras.tree.flatten(layer.input))
    readers.update(id(tensor) for tensor in model.outputs)
    found = {}
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            maker = layer_of[id(layer.input)]
            linear = getattr(maker, "activation", keras.activations.linear) is keras.activations.linear
            by_channel = layer.axis in (-1, len(layer.input.shape) - 1)
            only = readers[id(layer.input)] == 1
            if isinstance(maker, layers.Conv2D | TemporalConv) and linear and by_channel and only:
                found[layer.name] = maker
    return found


def _fold(weights: list[np.ndarray], norm: Any) -> list[np.ndarray]:
    """Kernel and bias of a convolution, from its own weights and those of the batch normalisation behind it."""
    kernel, *bias = weights
    *trained, mean, variance = norm.get_weights()
    beta = trained.pop() if norm.center else 0
    factor = (trained.pop() if norm.scale else 1) / np.sqrt(variance + norm.epsilon)
    return [kernel * factor, beta + ((bias[0] if bias else 0) - mean) * factor]
