"""ResNet streams (He et al., CVPR'16), built unit by unit so that two of them can be wired together.

Layers are called `<stream>_stage<2..5>_unit<0..>_...`, after the papers' res2a ... res5c. A unit takes the activated
output of the unit before it and returns its *sum*, before the ReLU, because ST-ResNet connects the streams there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import keras
from keras import layers

from actionzoo.models.temporal import temporal_conv

UNITS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}
"""Residual units in stages 2..5, by the depth of the network."""

BOTTLENECK = {18: False, 50: True}


@dataclass(frozen=True)
class ResNetSpec:
    """What one stream is made of.

    Attributes:
        depth: 18 (basic units) or 50 (bottleneck units).
        width: factor on all numbers of channels; 1 is the standard network.
        strides: `"caffe"` halves the picture in the first 1x1 of a bottleneck and pools with a pad at the bottom and
            right (the papers); `"torchvision"` in the 3x3, pooling with a symmetric pad.
    """

    depth: int = 50
    width: float = 1.0
    strides: str = "caffe"

    def __post_init__(self) -> None:
        if self.depth not in UNITS:
            raise ValueError(f"Argument `depth` must be one of {list(UNITS)}. Received: depth={self.depth!r}")
        if self.strides not in ("caffe", "torchvision"):
            raise ValueError(f"Argument `strides` must be 'caffe' or 'torchvision'. Received: strides={self.strides!r}")
        if self.width <= 0:
            raise ValueError(f"Argument `width` must be above zero. Received: width={self.width!r}")

    def channels(self, stage: int) -> int:
        """Channels inside a unit of stage 2..5 (a bottleneck puts out four times as many)."""
        return max(1, round(self.width * 32 * 2 ** (stage - 1)))

    def units(self) -> Iterator[tuple[int, int]]:
        """All units as `(stage, index)`, in order."""
        for stage, count in enumerate(UNITS[self.depth], start=2):
            for index in range(count):
                yield stage, index


def conv_bn(
    x: keras.KerasTensor, filters: int, size: int, stride: int, name: str, relu: bool = True
) -> keras.KerasTensor:
    """Convolution with a symmetric pad, batch normalisation (epsilon 1e-5) and, unless told otherwise, ReLU."""
    padding = "same" if stride == 1 else "valid"
    if size > 1 and stride > 1:  # Keras' "same" pads one side only here
        x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    x = layers.Conv2D(filters, size, stride, padding, use_bias=False, kernel_initializer="he_normal", name=name)(x)
    x = layers.BatchNormalization(momentum=0.95, epsilon=1e-5, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x


def stem(x: keras.KerasTensor, spec: ResNetSpec, stream: str) -> keras.KerasTensor:
    """7x7 convolution and 3x3 max pooling, both at stride 2."""
    x = conv_bn(x, spec.channels(2), 7, 2, f"{stream}_conv1")
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
    clip: keras.KerasTensor | None = None,
    temporal_init: str | None = None,
) -> keras.KerasTensor:
    """One residual unit, up to and including the sum.

    Args:
        x: activated output of the unit before, `(batch * time, height, width, channels)`.
        spec: the stream.
        stage: 2..5.
        index: place in the stage; the first unit changes channels and, from stage 3 on, the picture's size.
        stream: prefix of the layers' names.
        branch_input: what the residual branch reads instead of `x`: the other stream comes in here.
        clip: any tensor with the clip's time axis; needed with `temporal_init`.
        temporal_init: put a temporal filter with this start behind the branch's 3x3 convolution (CVPR'17).
    """
    name = f"{stream}_stage{stage}_unit{index}"
    channels = spec.channels(stage)
    stride = 2 if index == 0 and stage > 2 else 1
    branch = x if branch_input is None else branch_input
    if BOTTLENECK[spec.depth]:
        first, second = (stride, 1) if spec.strides == "caffe" else (1, stride)
        branch = conv_bn(branch, channels, 1, first, f"{name}_conv1")
        branch = conv_bn(branch, channels, 3, second, f"{name}_conv2")
        last, outputs = 1, 4 * channels
    else:
        branch = conv_bn(branch, channels, 3, stride, f"{name}_conv1")
        last, outputs = 3, channels
    if temporal_init is not None:
        branch = temporal_conv(branch, clip, temporal_init, f"{name}_temporal")
    conv = 3 if BOTTLENECK[spec.depth] else 2
    branch = conv_bn(branch, outputs, last, 1, f"{name}_conv{conv}", relu=False)
    if x.shape[-1] != outputs or stride > 1:
        x = conv_bn(x, outputs, 1, stride, f"{name}_shortcut", relu=False)
    return layers.Add(name=f"{name}_sum")([x, branch])


def relu(x: keras.KerasTensor, stage: int, index: int, stream: str) -> keras.KerasTensor:
    """The ReLU behind a unit's sum."""
    return layers.ReLU(name=f"{stream}_stage{stage}_unit{index}_relu")(x)


def features(x: keras.KerasTensor, spec: ResNetSpec, stream: str) -> keras.KerasTensor:
    """A whole stream by itself: preprocessed frames to the last unit's ReLU, `(batch * time, h/32, w/32, channels)`."""
    x = stem(x, spec, stream)
    for stage, index in spec.units():
        x = relu(unit(x, spec, stage, index, stream), stage, index, stream)
    return x
