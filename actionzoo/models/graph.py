"""The graph of a functional model: which layer computes which tensor."""

from __future__ import annotations

from collections.abc import Iterator

import keras

from actionzoo.errors import ModelError, did_you_mean
from actionzoo.models.temporal import FoldTime, UnfoldTime
from actionzoo.names import ANSWER, STREAMS


def makers(model: keras.Model) -> dict[int, keras.Operation]:
    """The layer that computes each tensor of a functional model, by the `id` of the tensor.

    Raises:
        ValueError: the model is not functional, or calls a layer twice, of which Keras reveals the first call only.
    """
    found = {id(tensor): layer for layer in model.operations for tensor in keras.tree.flatten(layer.output)}
    read = [tensor for layer in model.operations for tensor in keras.tree.flatten(layer.input)]
    if not all(id(tensor) in found for tensor in (*read, *model.outputs)):
        raise ValueError(f"{model.name} calls a layer more than once, or is not functional")
    return found


def with_towers(model: keras.Model) -> keras.Model:
    """The same network, sharing its weights, with the scores of its towers as further outputs.

    Args:
        model: a network of the zoo.

    Returns:
        A model that returns `{"answer": (batch, classes)}` and, where the network has such classifiers, `"appearance"`
        and `"motion"`, of the same shape.

    >>> from actionzoo.models import create_model
    >>> model = create_model("st_resnet18", 6, 5, height=64, width=64, channel_factor=0.125)
    >>> sorted(with_towers(model).output)
    ['answer', 'appearance', 'motion']
    """
    outputs = {ANSWER: model.output}
    names = {layer.name for layer in model.layers}
    for stream in STREAMS:
        if f"logits_{stream}" in names:
            outputs[stream] = model.get_layer(f"logits_{stream}").output
    return keras.Model(model.input, outputs)


def layer_output(model: keras.Model, layer: str, name: str) -> keras.KerasTensor:
    """The output of a layer.

    Args:
        model: a functional model.
        layer: name of the layer.
        name: of the model, for messages.

    Raises:
        ModelError: there is no such layer, or its output is not one tensor with channels.
    """
    layers = {found.name: found for found in model.layers}
    if layer not in layers:
        meant = did_you_mean(layer, layers)
        raise ModelError(f"{name} has no layer {layer!r}{meant} (`actionzoo models show {name} --layers` lists them)")
    output = layers[layer].output
    if not hasattr(output, "shape") or len(output.shape) < 2:
        raise ModelError(f"{name}: the layer {layer} does not give one tensor with channels; choose another")
    return output


def is_folded(model: keras.Model, output: keras.KerasTensor) -> bool:
    """Whether the first axis of a tensor is (batch * time): a FoldTime precedes it, with no UnfoldTime between."""
    nearest = operations_to(model, output, stop_at=(FoldTime, UnfoldTime))
    return any(isinstance(operation, FoldTime) for operation in nearest)


def operations_to(
    model: keras.Model, output: keras.KerasTensor, stop_at: tuple[type, ...] = ()
) -> Iterator[keras.Operation]:
    """All operations on which `output` depends; the search does not go beyond those of the types `stop_at`."""
    made_by = makers(model)
    waiting, met = [output], set[int]()
    while waiting:
        operation = made_by[id(waiting.pop())]
        if id(operation) not in met:
            met.add(id(operation))
            yield operation
            if not isinstance(operation, (*stop_at, keras.layers.InputLayer)):
                waiting += keras.tree.flatten(operation.input)


def inputs_of(model: keras.Model, output: keras.KerasTensor) -> list[keras.KerasTensor]:
    """The inputs of a functional model on which `output` depends, in the model's order."""
    made_by = makers(model)
    behind = {id(operation) for operation in operations_to(model, output)}
    return [tensor for tensor in model.inputs if id(made_by[id(tensor)]) in behind]
