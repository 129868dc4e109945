"""Copies of networks with other classifiers, batch norms, precision or clip length."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from actionzoo.hub.loading import load_arrays, named_weights


def rebuilt(
    model: keras.Model,
    *,
    num_classes: int | None = None,
    num_frames: int | None = None,
    dropout: float | None = None,
    norm: type[layers.BatchNormalization] = layers.BatchNormalization,
    synchronized: bool = False,
    dtype: str | None = None,
    fresh: bool = False,
) -> keras.Model:
    """A copy of a network of the zoo with some settings changed and every layer trainable.

    Args:
        model: the network, which is left as it is.
        num_classes: number of classes of new classifiers; `None` copies the classifiers with their weights.
        num_frames: frames of a clip, T; `None` keeps it.
        dropout: its rate; `None` keeps it.
        norm: the class of its batch norms.
        synchronized: whether batch norms use the clips of all replicas.
        dtype: dtype policy of the layers, such as "mixed_bfloat16"; `None`, and classifiers, use
            `keras.config.floatx()`.
        fresh: whether all weights are initialized anew.

    Returns:
        The copy, with the weights of all layers but new classifiers.
    """
    full = keras.config.floatx()

    def copy(layer: Any) -> Any:
        last = layer.name.startswith("logits")
        config = layer.get_config() | {"dtype": full if last else dtype or full, "trainable": True}
        if last and num_classes and "units" in config:
            config["units"] = num_classes
        if isinstance(layer, layers.BatchNormalization):
            return norm.from_config(config | {"synchronized": synchronized})
        if isinstance(layer, layers.Dropout) and dropout is not None:
            config["rate"] = dropout
        return type(layer).from_config(config)

    inputs = {
        tensor.name: keras.Input((num_frames or tensor.shape[1], *tensor.shape[2:]), name=tensor.name)
        for tensor in model.inputs
    }
    result = keras.models.clone_model(model, inputs, clone_function=copy)
    if not fresh:
        kept = {
            name: weight.numpy()
            for name, weight in named_weights(model).items()
            if num_classes is None or not name.startswith("logits")
        }
        load_arrays(result, kept, new=("logits*",), source=model.name)
    return result
