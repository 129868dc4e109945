"""Batch normalisation folded into the convolution before it: the same predictions with less work."""

from __future__ import annotations

from collections import Counter
from typing import Any

import keras
import numpy as np
from keras import layers

from actionzoo.models.graph import makers
from actionzoo.models.temporal import TemporalConv


def fold_batch_norm(model: keras.Model) -> keras.Model:
    """Copy a network, with each batch normalisation folded into the convolution before it.

    With fixed statistics, batch normalisation is a factor and an offset per channel: the factor is multiplied into the
    kernel, the offset becomes a bias. Layers keep their names; folded ones become identities. Batch normalisation that
    does not follow a convolution (T-ResNet's) stays.

    Args:
        model: a functional model that calls each layer once. It is not changed.

    Returns:
        A model with the same outputs, up to rounding, for prediction only.

    Raises:
        ValueError: the model is not functional, or calls a layer more than once.

    >>> clip = keras.Input((8, 8, 3))
    >>> model = keras.Model(clip, layers.BatchNormalization(name="norm")(layers.Conv2D(4, 3, use_bias=False)(clip)))
    >>> type(fold_batch_norm(model).get_layer("norm")).__name__
    'Identity'
    """
    convolutions = _convolutions(model)
    folded = {convolution.name: name for name, convolution in convolutions.items()}

    def copy(layer: keras.Layer) -> keras.Layer:
        if layer.name in convolutions:
            return layers.Identity(name=layer.name)
        config = layer.get_config()
        return type(layer).from_config(config | {"use_bias": True} if layer.name in folded else config)

    def call(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        return layer(*args) if isinstance(layer, layers.Identity) else layer(*args, **kwargs)  # without `mask`

    result = keras.models.clone_model(model, clone_function=copy, call_function=call)
    for layer in model.layers:
        weights = layer.get_weights()
        if layer.name in folded:
            weights = _fold(weights, model.get_layer(folded[layer.name]))
        if weights and layer.name not in convolutions:
            result.get_layer(layer.name).set_weights(weights)
    return result


def _convolutions(model: keras.Model) -> dict[str, keras.Layer]:
    """By the name of a batch normalisation, the convolution before it, if nothing else reads that."""
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


def _fold(weights: list[np.ndarray], norm: keras.Layer) -> list[np.ndarray]:
    """Kernel and bias of a convolution with the batch normalisation after it folded in."""
    kernel, *bias = weights
    *trained, mean, variance = norm.get_weights()
    beta = trained.pop() if norm.center else 0
    factor = (trained.pop() if norm.scale else 1) / np.sqrt(variance + norm.epsilon)
    return [kernel * factor, beta + ((bias[0] if bias else 0) - mean) * factor]
