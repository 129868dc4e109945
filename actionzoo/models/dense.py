"""A trained network made fully convolutional, for larger frames and longer clips, as the papers test theirs."""

from __future__ import annotations

import keras
from keras import layers

from actionzoo.models.resnet import DenseAveragePooling


def fully_convolutional(model: keras.Model) -> keras.Model:
    """Make a network fully convolutional: for clips of any length and frames at least as large as in training.

    The features at all places of a larger frame are averaged before the classifier, which is linear: that equals the
    mean of its scores. VGG-16's fc6 becomes a convolution. Clips need as many frames as temporal pooling does.

    Args:
        model: a network of the zoo. It is not changed.

    Returns:
        A model of inputs `(batch, None, None, None, channels)` with the same weights.

    >>> from actionzoo.models import create_model
    >>> model = create_model("st_resnet18", 6, 5, height=64, width=64, channel_factor=0.125)
    >>> fully_convolutional(model).input["motion"].shape
    (None, None, None, None, 20)
    """
    inputs = {
        tensor.name: keras.Input((None, None, None, tensor.shape[-1]), name=tensor.name) for tensor in model.inputs
    }
    result = keras.models.clone_model(model, inputs, clone_function=_dense)
    for layer in model.layers:
        if layer.weights:
            result.get_layer(layer.name).set_weights(layer.get_weights())
    return result


def _dense(layer: keras.Layer) -> keras.Layer:
    """A layer that does at every place what `layer` does at one."""
    if isinstance(layer, layers.EinsumDense):
        height, width, _, units = layer.kernel.shape
        return layers.Conv2D(units, (height, width), name=layer.name)
    if isinstance(layer, layers.Reshape):
        return layers.Identity(name=layer.name)
    if isinstance(layer, layers.GlobalAveragePooling2D) and layer.name.endswith("_pool5"):
        _, height, width, _ = layer.input.shape
        return DenseAveragePooling(height if height == width else (height, width), name=layer.name)
    return type(layer).from_config(layer.get_config())
