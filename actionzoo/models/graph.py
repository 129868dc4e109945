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
