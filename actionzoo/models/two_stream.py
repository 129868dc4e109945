"""Two-stream networks: late fusion (Simonyan and Zisserman, NIPS'14), convolutional fusion (CVPR'16), single streams.

Late fusion averages the scores of two towers. Convolutional fusion mixes the last convolutional maps of both streams;
the mixture goes on through the head of the appearance tower, and the motion tower is kept beside it.
"""

from __future__ import annotations

import keras
from keras import layers

from actionzoo.models import inputs, resnet, vgg
from actionzoo.models.fusion import conv_fusion, late_fusion
from actionzoo.models.temporal import FoldTime, temporal_pool

FUSIONS = ("late", "conv")


def build_two_stream(
    base: str,
    num_classes: int,
    num_frames: int | None = 1,
    *,
    height: int | None = 224,
    width: int | None = 224,
    stack_length: int = 10,
    fusion: str = "late",
    fusion_init: str = "weighted_sum",
    dropout: float = 0.0,
    channel_factor: float = 1.0,
    preprocessing: str = "caffe",
    name: str | None = None,
) -> keras.Model:
    """Build a two-stream network.

    Args:
        base: `"vgg16"`, `"resnet18"` or `"resnet50"`, for both streams.
        num_classes: number of classes.
        num_frames: length of a clip; `None` for any. Scores are averaged over it.
        height: of the input, in pixels; `None` for any.
        width: of the input, in pixels; `None` for any.
        stack_length: flow fields a stack, L.
        fusion: `"late"` or `"conv"`.
        fusion_init: start of the fusing convolution, see `actionzoo.models.fusion.CONV_INITS`.
        dropout: rate before the classifiers (VGG-16: behind fc6 and fc7).
        channel_factor: factor on the channels of a ResNet.
        preprocessing: `"caffe"` (the papers) or `"torchvision"`.
        name: of the model.

    Returns:
        A model of `{"appearance": (batch, time, height, width, 3), "motion": (batch, time, height, width, 2*L)}` that
        returns logits `(batch, num_classes)`.

    Raises:
        ValueError: an argument is not one of the values named above.
    """
    if fusion not in FUSIONS:
        raise ValueError(f"Argument `fusion` must be one of {list(FUSIONS)}. Received: fusion={fusion!r}")
    appearance = inputs.appearance_input(num_frames, height, width)
    motion = inputs.motion_input(num_frames, height, width, stack_length)
    a = _features(base, inputs.preprocess_appearance(appearance, preprocessing), "appearance", channel_factor)
    m = _features(base, inputs.preprocess_motion(motion), "motion", channel_factor)
    if fusion == "conv":
        a = conv_fusion(a, m, fusion_init)
    towers = [_tower(base, x, motion, num_classes, stream, dropout) for x, stream in ((a, "appearance"), (m, "motion"))]
    return keras.Model({"appearance": appearance, "motion": motion}, late_fusion(towers), name=name)


def build_stream(
    base: str,
    stream: str,
    num_classes: int,
    num_frames: int | None = 1,
    *,
    height: int | None = 224,
    width: int | None = 224,
    stack_length: int = 10,
    dropout: float = 0.0,
    channel_factor: float = 1.0,
    preprocessing: str = "caffe",
    name: str | None = None,
) -> keras.Model:
    """Build one stream by itself: `stream` is `"appearance"` or `"motion"`, the rest as in `build_two_stream`."""
    if stream == "appearance":
        clip = inputs.appearance_input(num_frames, height, width)
        x = inputs.preprocess_appearance(clip, preprocessing)
    else:
        clip = inputs.motion_input(num_frames, height, width, stack_length)
        x = inputs.preprocess_motion(clip)
    x = _features(base, x, stream, channel_factor)
    return keras.Model({stream: clip}, _tower(base, x, clip, num_classes, stream, dropout), name=name)


def _features(base: str, clip: keras.KerasTensor, stream: str, channel_factor: float) -> keras.KerasTensor:
    x = FoldTime(name=f"{stream}_fold")(clip)
    if base == "vgg16":
        return vgg.features(x, stream)
    return resnet.features(x, resnet.ResNetSpec(int(base.removeprefix("resnet")), channel_factor), stream)


def _tower(
    base: str, x: keras.KerasTensor, clip: keras.KerasTensor, num_classes: int, stream: str, dropout: float
) -> keras.KerasTensor:
    if base == "vgg16":
        x = temporal_pool(vgg.head(x, stream, dropout), clip, "average", f"{stream}_temporal_pool")
    else:
        x = layers.GlobalAveragePooling2D(name=f"{stream}_pool5")(x)
        x = temporal_pool(x, clip, "average", f"{stream}_temporal_pool")
        x = layers.Dropout(dropout, name=f"{stream}_dropout")(x)
    return layers.Dense(num_classes, name=f"logits_{stream}")(x)
