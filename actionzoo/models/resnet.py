"""ResNet streams (He et al., CVPR'16), built unit by unit so that two streams can be connected.

Layers are called `<stream>_stage<2..5>_unit<0..>_...`, after the papers' res2a ... res5c. A unit takes the output of
the ReLU before it and returns its sum, before the ReLU, where ST-ResNet connects the streams.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from actionzoo.models.arguments import check_choice
from actionzoo.models.towers import Step

UNITS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Residual units in stages 2..5, by the depth of the network."""

EPSILON = 1e-5
"""Of batch normalisation, in the papers' ResNets and in torchvision's."""

FEW_CHANNELS = 16
"""A 1x1 convolution with a stride that has fewer input channels takes its points in a layer of its own.

The answer is the same. On x86 processors with AVX-512, oneDNN in TensorFlow 2.21 ended trainings of such networks by a
signal, in the gradient of this convolution; with 16 channels or more it never did.
"""


@dataclass(frozen=True)
class ResNetSpec:
    """The architecture of a ResNet stream.

    Attributes:
        depth: 18 (basic units: two 3x3) or 50, 101, 152 (bottleneck units: 1x1, 3x3, 1x1).
        width: factor on all numbers of channels; 1 for the standard network.
        strides: `"caffe"` (the papers) has the stride of a bottleneck in its first 1x1 and pads the max pooling at the
            bottom and right; `"torchvision"` has it in the 3x3 and pads symmetrically.

    Raises:
        ValueError: an attribute has an unknown value.
    """

    depth: int = 50
    width: float = 1.0
    strides: str = "caffe"

    def __post_init__(self) -> None:
        if self.depth not in UNITS:
            raise ValueError(f"Argument `depth` must be one of {list(UNITS)}. Received: depth={self.depth!r}")
        check_choice("strides", self.strides, ("caffe", "torchvision"))
        if self.width <= 0:
            raise ValueError(f"Argument `channel_factor` must be above zero. Received: channel_factor={self.width!r}")

    @property
    def bottleneck(self) -> bool:
        """Whether units have 1x1 convolutions."""
        return self.depth > 18

    def channels(self, stage: int) -> int:
        """Inner channels of a unit of stage 2..5 (a bottleneck has four times as many outputs)."""
        return max(1, round(self.width * 32 * 2 ** (stage - 1)))

    def outputs(self, stage: int) -> int:
        """Output channels of a unit of stage 2..5."""
        return self.channels(stage) * (4 if self.bottleneck else 1)

    def units(self) -> Iterator[tuple[int, int]]:
        """All units as `(stage, index)`, in order."""
        for stage, count in enumerate(UNITS[self.depth], start=2):
            for index in range(count):
                yield stage, index

    def convolutions(self, stage: int, index: int) -> list[tuple[int, int, int]]:
        """The convolutions of a unit's residual branch, as (size, stride, channels)."""
        stride = 2 if index == 0 and stage > 2 else 1
        inner, outer = self.channels(stage), self.outputs(stage)
        if not self.bottleneck:
            return [(3, stride, inner), (3, 1, outer)]
        first, second = (stride, 1) if self.strides == "caffe" else (1, stride)
        return [(1, first, inner), (3, second, inner), (1, 1, outer)]


@dataclass(frozen=True)
class OverTime:
    """The temporal filters of a unit, as functions of folded features and the prefix of their layers' names.

    Attributes:
        pointwise: `(x, channels, name)`, replaces the 1x1 convolutions (ST-ResNet).
        after: `(x, name)`, follows the ReLU of the last but one convolution (ST-MulNet).
        parallel: `(x, channels, stride, name)`, is added to the second convolution, before its batch normalisation
            (T-ResNet).
    """

    pointwise: Callable[[keras.KerasTensor, int, str], keras.KerasTensor] | None = None
    after: Callable[[keras.KerasTensor, str], keras.KerasTensor] | None = None
    parallel: Callable[[keras.KerasTensor, int, int, str], keras.KerasTensor] | None = None


def conv(x: keras.KerasTensor, channels: int, size: int, stride: int, name: str) -> keras.KerasTensor:
    """Convolution with symmetric padding and no bias; see `FEW_CHANNELS`."""
    padding = "same" if stride == 1 else "valid"
    if size > 1 and stride > 1:  # Keras' "same" pads one side only here
        x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    if size == 1 and stride > 1 and x.shape[-1] < FEW_CHANNELS:
        x, stride = layers.MaxPooling2D(1, stride, name=f"{name}_points")(x), 1
    return layers.Conv2D(channels, size, stride, padding, use_bias=False, kernel_initializer="he_normal", name=name)(x)


def norm(x: keras.KerasTensor, name: str, relu: bool = True) -> keras.KerasTensor:
    """Batch normalisation and, by default, ReLU."""
    x = layers.BatchNormalization(momentum=0.95, epsilon=EPSILON, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x


def stem(x: keras.KerasTensor, spec: ResNetSpec, stream: str) -> keras.KerasTensor:
    """7x7 convolution and 3x3 max pooling, both at stride 2."""
    x = norm(conv(x, spec.channels(2), 7, 2, f"{stream}_conv1"), f"{stream}_conv1")
    pad = ((0, 1), (0, 1)) if spec.strides == "caffe" else 1
    x = layers.ZeroPadding2D(pad, name=f"{stream}_pool1_pad")(x)
    return layers.MaxPooling2D(3, 2, name=f"{stream}_pool1")(x)


def unit(
    x: keras.KerasTensor,
    spec: ResNetSpec,
    stage: int,
    index: int,
    stream: str,
    *,
    branch_input: keras.KerasTensor | None = None,
    over_time: OverTime | None = None,
) -> keras.KerasTensor:
    """One residual unit, up to and including the sum.

    Args:
        x: output of the ReLU before, `(batch * time, height, width, channels)`.
        spec: the architecture of the stream.
        stage: 2..5.
        index: in the stage; the first unit changes the number of channels and, from stage 3 on, the spatial size.
        stream: prefix of the layers' names.
        branch_input: input of the residual branch instead of `x`, where the streams are connected.
        over_time: the temporal filters of the unit, if it has any.
    """
    name = f"{stream}_stage{stage}_unit{index}"
    time = over_time or OverTime()
    branch = x if branch_input is None else branch_input
    convolutions = spec.convolutions(stage, index)
    for number, (size, stride, channels) in enumerate(convolutions, start=1):
        before, at = branch, f"{name}_conv{number}"
        if size == 1 and time.pointwise:
            branch = time.pointwise(before, channels, at)
        else:
            branch = conv(before, channels, size, stride, at)
        if number == 2 and time.parallel:
            branch = layers.Add(name=f"{at}_sum")([branch, time.parallel(before, channels, stride, f"{name}_temporal")])
        branch = norm(branch, at, relu=number < len(convolutions))
        if number == len(convolutions) - 1 and time.after:
            branch = time.after(branch, f"{name}_temporal")
    stride = max(stride for _, stride, _ in convolutions)
    if x.shape[-1] != spec.outputs(stage) or stride > 1:
        at = f"{name}_shortcut"
        x = norm(conv(x, spec.outputs(stage), 1, stride, at), at, relu=False)
    return layers.Add(name=f"{name}_sum")([x, branch])


def relu(x: keras.KerasTensor, stage: int, index: int, stream: str) -> keras.KerasTensor:
    """The ReLU after the sum of a unit."""
    return layers.ReLU(name=f"{stream}_stage{stage}_unit{index}_relu")(x)


def pool5(x: keras.KerasTensor, stream: str, dropout: float = 0.0) -> keras.KerasTensor:
    """Average pooling and dropout before the classifier, `(n, height, width, channels)` to `(n, channels)`."""
    if all(side is not None and side <= 7 for side in x.shape[1:3]):
        x = layers.GlobalAveragePooling2D(name=f"{stream}_pool5")(x)
    else:
        x = DenseAveragePooling(7, name=f"{stream}_pool5")(x)
    return layers.Dropout(dropout, name=f"{stream}_dropout")(x)


def trunk(spec: ResNetSpec) -> list[Step]:
    """The layers up to the last ReLU, as steps that end in `pool1`, `stage2_unit0_relu`, ..., `stage5_unit2_relu`."""

    def step(stage: int, index: int, x: keras.KerasTensor, stream: str) -> keras.KerasTensor:
        return relu(unit(x, spec, stage, index, stream), stage, index, stream)

    units = [Step(f"stage{stage}_unit{index}_relu", partial(step, stage, index)) for stage, index in spec.units()]
    return [Step("pool1", lambda x, stream: stem(x, spec, stream)), *units]


def aliases(spec: ResNetSpec) -> dict[str, str]:
    """The papers' names ReLU2 to ReLU5, each the last of its stage."""
    return {f"relu{stage}": f"stage{stage}_unit{index}_relu" for stage, index in spec.units()}


@keras.saving.register_keras_serializable(package="actionzoo")
class DenseAveragePooling(layers.Layer):
    """Average pooling of frames that are larger than in training, `(n, height, width, channels)` to `(n, channels)`.

    The papers' dense test applies 7x7 average pooling at stride 1, then the classifier at every place, and averages the
    scores. The classifier is linear, so that this equals one classifier after a weighted mean over all places, in which
    each row and column counts as often as windows cover it. For maps no larger than the window it is the plain mean.

    Args:
        window: side of the pooling window, or its (height, width).
        **kwargs: of a Keras layer.
    """

    def __init__(self, window: int | Sequence[int] = 7, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.window = window
        self._sides = (window, window) if isinstance(window, int) else tuple(window)

    def call(self, x: Any) -> Any:
        dynamic = ops.shape(x)
        for axis, side in zip((1, 2), self._sides, strict=True):
            share = self._shares(x.shape[axis] or dynamic[axis], side)
            shape = [1, 1, 1, 1]
            shape[axis] = -1
            x = x * ops.reshape(ops.cast(share, x.dtype), shape)
        return ops.sum(x, axis=(1, 2))

    def _shares(self, length: Any, side: int) -> Any:
        """Weights `(length,)` of the rows in the mean over all windows of `side` rows."""
        xp: Any = np if isinstance(length, int) else ops
        window = xp.minimum(side, length)
        places = length - window + 1
        rows = xp.arange(length)
        covered = xp.minimum(xp.minimum(rows + 1, length - rows), xp.minimum(window, places))
        return ops.cast(covered, "float32") / ops.cast(window * places, "float32")

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape[0], input_shape[-1]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "window": self.window}
