"""Inputs, outputs, cost and temporal receptive field of a network, from its graph alone, without video or weights.

`keras.Function` gives the output shape of every layer for one clip. The temporal receptive field of a layer follows
from the temporal filters and pooling windows before it, like a spatial one.
"""

from __future__ import annotations

import math
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import keras
from keras import layers

from actionzoo.models.fusion import BilinearFusion
from actionzoo.models.graph import makers
from actionzoo.models.registry import create_model
from actionzoo.models.temporal import FoldTime, TemporalConv, TemporalPooling, UnfoldTime
from actionzoo.names import STREAMS

DEFAULT_SIZES = {"num_frames": 5, "height": 224, "width": 224}
"""Sizes of a clip that a network leaves open: those of the papers' training clips."""

Shape = tuple[int | None, ...]
Use = Literal["fuse", "features", "visualise"]

_BORDERS = (layers.ZeroPadding1D, layers.ZeroPadding2D, layers.ZeroPadding3D)
_PLUMBING = (*_BORDERS, FoldTime, UnfoldTime, layers.InputLayer, layers.Rescaling, layers.Reshape, layers.Dropout)
_FUSABLE = re.compile(r"(appearance|motion)_(relu\d(_\d)?|stage\d_unit\d+_relu)|logits_(appearance|motion)")


@dataclass(frozen=True)
class LayerSummary:
    """One layer of a network.

    Attributes:
        name: of the layer, as `model.get_layer` takes it.
        kind: its class, such as `"Conv2D"`.
        shape: of its output, `(None, time, ...)`, or `(None, ...)` after pooling over the whole clip. Time that is
            folded into the batch is unfolded here.
        parameters: number of weights, batch normalisation statistics included.
        flops: operations for one clip, two per multiply-add; see `ModelSummary`.
        frames: temporal receptive field, in sampled frames; `None` for the whole clip.
        uses: `"fuse"` if `two_stream_*` can fuse two streams there (its `fusion_layer`, without the stream's prefix),
            `"features"` if its output can be written, `"visualise"` if its channels can be visualised.
    """

    name: str
    kind: str
    shape: Shape
    parameters: int
    flops: int
    frames: int | None
    uses: tuple[Use, ...]


@dataclass(frozen=True)
class ModelSummary:
    """A network, described for one clip.

    Attributes:
        name: of the network.
        inputs: shapes by name, `(None, time, height, width, channels)`.
        outputs: shapes by the name of the output layer.
        parameters: number of weights, batch normalisation statistics included.
        flops: operations for one clip, two per multiply-add, of convolutions, dense layers and bilinear fusion.
            Activations, normalisation, sums and pooling are not counted.
        receptive_field: largest temporal receptive field of a convolution before any temporal pooling, in sampled
            frames.
        pooled_field: largest temporal receptive field of a temporal pooling window, in sampled frames; `None` if there
            is none. Pooling over the whole clip does not count.
        num_frames: length of the clip, T.
        stack_length: flow fields per flow stack, L; `None` without a motion input.
        joins: names of the layers that read both streams: connections, fusion, the average of scores.
        layers: all layers, in topological order.
    """

    name: str
    inputs: dict[str, Shape]
    outputs: dict[str, Shape]
    parameters: int
    flops: int
    receptive_field: int
    pooled_field: int | None
    num_frames: int
    stack_length: int | None
    joins: tuple[str, ...]
    layers: tuple[LayerSummary, ...]


class Span(NamedTuple):
    """The part of a video that a number of sampled frames covers.

    Attributes:
        product: sampled frames times stride, as in the papers.
        frames: from the first sampled frame to the last, inclusive.
        flow_fields: from the first field of the first flow stack to the last field of the last, inclusive.
    """

    product: int
    frames: int
    flow_fields: int


def span(receptive_field: int, stride: int, stack_length: int = 1) -> Span:
    """The part of a video that a temporal receptive field covers.

    Args:
        receptive_field: in sampled frames.
        stride: frames of the video from one sampled frame to the next.
        stack_length: flow fields per flow stack, L.

    Raises:
        ValueError: an argument is below 1.

    ST-ResNet-50 sees 17 frames. The paper takes them 15 apart and counts 17 x 15 = 255:

    >>> span(17, stride=15, stack_length=10)
    Span(product=255, frames=241, flow_fields=250)
    """
    for name, value in (("receptive_field", receptive_field), ("stride", stride), ("stack_length", stack_length)):
        if value < 1:
            raise ValueError(f"Argument `{name}` must be at least 1. Received: {name}={value!r}")
    frames = (receptive_field - 1) * stride + 1
    return Span(receptive_field * stride, frames, frames + stack_length - 1)


def summarise(
    model: keras.Model, num_frames: int | None = None, height: int | None = None, width: int | None = None
) -> ModelSummary:
    """Describe a network for one clip.

    Args:
        model: a functional `keras.Model` of inputs `(batch, time, height, width, channels)` that calls each of its
            layers once, as all of ours do.
        num_frames: length of the clip, if the network leaves it open; 5 by default.
        height: of the clip in pixels, if the network leaves it open; 224 by default.
        width: of the clip in pixels, if the network leaves it open; 224 by default.

    Raises:
        ValueError: the network was built for another size, or is not such a model.

    >>> clip = keras.Input((None, 8, 8, 3), name="appearance")
    >>> network = keras.Model(clip, FoldTime(name="fold")(clip))
    >>> summarise(network, num_frames=4).outputs
    {'fold': (None, 4, 8, 8, 3)}
    """
    if not isinstance(model, keras.Model) or not hasattr(model, "operations"):
        raise ValueError(f"Argument `model` must be a functional keras.Model. Received: model={model!r}")
    makers(model)
    shapes = _shapes(model, {"num_frames": num_frames, "height": height, "width": width})
    views = _views(model, shapes)
    summaries = {id(layer.output): _summary(layer, shapes, views) for layer in model.operations}
    inputs = {tensor.name: summaries[id(tensor)].shape for tensor in model.inputs}
    outputs = [summaries[id(tensor)] for tensor in model.outputs]
    single = [views[id(layer.output)] for layer in model.operations if hasattr(layer, "kernel_size")]
    return ModelSummary(
        name=model.name,
        inputs=inputs,
        outputs={layer.name: layer.shape for layer in outputs},
        parameters=model.count_params(),
        flops=sum(layer.flops for layer in summaries.values()),
        receptive_field=int(max((view.frames for view in single if not view.pooled), default=1)),
        pooled_field=max((int(view.frames) for view in views.values() if view.windowed), default=None),
        num_frames=shapes[id(model.inputs[0])][1],
        stack_length=(inputs["motion"][-1] or 0) // 2 if "motion" in inputs else None,
        joins=_joins(model),
        layers=tuple(summaries.values()),
    )


def describe(name: str, num_classes: int = 101, num_frames: int = 5, **options: Any) -> ModelSummary:
    """Describe a network by its name, without allocating its weights.

    Args:
        name: as in `create_model`, like all arguments.
        num_classes: number of classes.
        num_frames: length of a clip, T.
        **options: arguments of the builder.

    Raises:
        ValueError: as in `create_model`.

    >>> describe("st_mulnet50").receptive_field
    9
    """

    def build() -> ModelSummary:
        with keras.StatelessScope(initialize_variables=False):
            return summarise(create_model(name, num_classes, num_frames, **options))

    # Keras keeps a list of uninitialised variables per thread: here it ends with its thread.
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(build).result()


@dataclass(frozen=True)
class _View:
    """The temporal receptive field of a tensor.

    Attributes:
        place: where its time axis is: folded into the batch, the second axis, or gone.
        frames: its size, in sampled frames.
        jump: sampled frames from one time step of the tensor to the next.
        pooled: whether temporal pooling precedes it.
        windowed: whether it is the output of a pooling window over a part of the clip.
    """

    place: Literal["batch", "axis", "gone"] = "axis"
    frames: float = 1
    jump: int = 1
    pooled: bool = False
    windowed: bool = False


def _shapes(model: keras.Model, given: dict[str, int | None]) -> dict[int, tuple[int, ...]]:
    """Output shapes of all layers for a batch of one clip, by the `id` of their tensors."""
    clips = []
    for tensor in model.inputs:
        if len(tensor.shape) != 5:
            raise ValueError(
                f"Inputs must be (batch, time, height, width, channels). Received: {tensor.name} of {tensor.shape}"
            )
        sizes = []
        for (name, size), built in zip(given.items(), tensor.shape[1:4], strict=True):
            if None not in (size, built) and size != built:
                raise ValueError(f"{model.name} was built for {name}={built}. Received: {name}={size}")
            sizes.append(built or size or DEFAULT_SIZES[name])
        clips.append(keras.KerasTensor((1, *sizes, tensor.shape[-1]), tensor.dtype))
    tensors = [layer.output for layer in model.operations]
    found = keras.Function(model.inputs, tensors).compute_output_spec(clips)
    return {id(tensor): spec.shape for tensor, spec in zip(tensors, found, strict=True)}


def _views(model: keras.Model, shapes: dict[int, tuple[int, ...]]) -> dict[int, _View]:
    """The receptive field of each layer's output, by the `id` of its tensor."""
    views = {id(tensor): _View() for tensor in model.inputs}
    for layer in model.operations:
        sources, target = keras.tree.flatten(layer.input), id(layer.output)
        if target not in views and all(id(source) in views for source in sources):
            seen = [views[id(source)] for source in sources]
            views[target] = _see(layer, seen, shapes[id(sources[0])], shapes[target])
    return views


def _see(layer: keras.Operation, sources: list[_View], before: tuple[int, ...], after: tuple[int, ...]) -> _View:
    """The receptive field after a layer; `before` and `after` are the shapes of its first input and its output."""
    first = replace(sources[0], windowed=False)
    if isinstance(layer, FoldTime):
        return replace(first, place="batch")
    if isinstance(layer, TemporalPooling):
        view = _through_window(replace(first, place="axis"), layer.window, layer.stride)
        return replace(view, pooled=True, windowed=view.frames < math.inf)
    if isinstance(layer, UnfoldTime):  # its second input only tells the length
        return replace(first, place="axis")
    if isinstance(layer, TemporalConv):
        return _through_window(first, layer.kernel_size[0], 1)
    widest = replace(
        first,
        frames=max(source.frames for source in sources),
        jump=max(source.jump for source in sources),
        pooled=any(source.pooled for source in sources),
    )
    if widest.place != "axis" or isinstance(layer, _BORDERS):
        return widest
    if hasattr(layer, "kernel_size"):
        return _through_window(widest, layer.dilation_rate[0] * (layer.kernel_size[0] - 1) + 1, layer.strides[0])
    if hasattr(layer, "pool_size"):
        over_time = layer.pool_size[0] > 1
        view = _through_window(widest, layer.pool_size[0], layer.strides[0])
        return replace(view, pooled=widest.pooled or over_time, windowed=over_time and view.frames < math.inf)
    if type(layer).__name__.startswith("Global") or before[1:2] != after[1:2]:
        return replace(widest, place="gone", frames=math.inf, pooled=True)
    return widest


def _through_window(view: _View, window: int, stride: int) -> _View:
    """The receptive field after a temporal filter or pooling window, whose sizes are in steps of its input."""
    return replace(view, frames=view.frames + (window - 1) * view.jump, jump=view.jump * stride)


def _summary(layer: keras.Operation, shapes: dict[int, tuple[int, ...]], views: dict[int, _View]) -> LayerSummary:
    shape, view = shapes[id(layer.output)], views[id(layer.output)]
    return LayerSummary(
        name=layer.name,
        kind=type(layer).__name__,
        shape=(None, *shape) if view.place == "batch" else (None, *shape[1:]),
        parameters=layer.count_params() if isinstance(layer, layers.Layer) else 0,
        flops=_flops(layer, [shapes[id(source)] for source in keras.tree.flatten(layer.input)], shape),
        frames=int(view.frames) if view.frames < math.inf else None,
        uses=_uses(layer),
    )


def _joins(model: keras.Model) -> tuple[str, ...]:
    """Layers that read an appearance layer and a motion layer, in the order of the graph."""
    names = {id(layer.output): layer.name for layer in model.operations}
    joins = []
    for layer in model.operations:
        sources = [names[id(tensor)] for tensor in keras.tree.flatten(layer.input)]
        if all(any(stream in name for name in sources) for stream in STREAMS):
            joins.append(layer.name)
    return tuple(joins)


def _flops(layer: keras.Operation, before: list[tuple[int, ...]], after: tuple[int, ...]) -> int:
    """Operations of a layer, two per multiply-add: its kernel is applied once at every place of its output."""
    if isinstance(layer, BilinearFusion):
        return 2 * math.prod(before[0]) * before[1][-1]
    if isinstance(layer, layers.EinsumDense):
        terms, result = layer.equation.split("->")
        axes = dict(zip(terms.split(",")[1], layer.kernel.shape, strict=True))
        return 2 * math.prod(after) * math.prod(size for axis, size in axes.items() if axis not in result)
    kernel = getattr(layer, "kernel", None)
    return 0 if kernel is None else 2 * math.prod(after[:-1]) * math.prod(kernel.shape)


def _uses(layer: keras.Operation) -> tuple[Use, ...]:
    if (isinstance(layer, _PLUMBING) and not isinstance(layer, TemporalPooling)) or layer.name.endswith("_concat"):
        return ()
    ends_stem = layer.name.endswith("_pool1") and layer.pool_size == (3, 3)  # of a ResNet; VGG-16 joins at its ReLUs
    joins: tuple[Use, ...] = ("fuse",) if ends_stem or _FUSABLE.fullmatch(layer.name) else ()
    pools = "Pooling" in type(layer).__name__
    return (*joins, "features") if pools else (*joins, "features", "visualise")
