"""The graph of a functional model: which layer makes which tensor."""

from __future__ import annotations

from typing import Any

import keras


def makers(model: keras.Model) -> dict[int, Any]:
    """The layer that makes each tensor of a functional model, by the identity of the tensor.

    Raises ValueError if the model is not functional or calls a layer twice: Keras tells of the first call only.
    """
    found = {id(tensor): layer for layer in model.operations for tensor in keras.tree.flatten(layer.output)}
    read = [tensor for layer in model.operations for tensor in keras.tree.flatten(layer.input)]
    if not all(id(tensor) in found for tensor in (*read, *model.outputs)):
        raise ValueError(f"{model.name} calls a layer more than once, or is not functional")
    return found


def with_towers(model: keras.Model) -> keras.Model:
    """The same network, sharing its weights, with the scores of its streams beside the answer.

    Args:
        model: a network of the zoo.

    Returns:
        A model that returns `{"answer": (batch, classes)}` and, as far as the network has such classifiers of its own,
        `"appearance"` and `"motion"`, likewise.

    >>> from actionzoo.models import create_model
    >>> model = create_model("st_resnet18", 6, 5, height=64, width=64, channel_factor=0.125)
    >>> sorted(with_towers(model).output)
    ['answer', 'appearance', 'motion']
    """
    outputs = {"answer": model.output}
    names = {layer.name for layer in model.layers}
    for stream in ("appearance", "motion"):
        if f"logits_{stream}" in names:
            outputs[stream] = model.get_layer(f"logits_{stream}").output
    return keras.Model(model.input, outputs)
