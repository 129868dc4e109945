"""Two-stream networks: late fusion (Simonyan and Zisserman, NIPS'14), fusion inside (CVPR'16), single streams.

The two streams are built side by side. After a fusion layer the fused map replaces that of the appearance stream; the
motion stream continues with a classifier of its own, unless its tower is truncated there (CVPR'16, figure 2). The
released final network fuses relu5_3 by a 3x3x3 convolution and pools 2x2x5 (section 3.4, figure 4).
"""

from __future__ import annotations

from collections.abc import Sequence

import keras

from actionzoo.models.arguments import by_stream, check_choice
from actionzoo.models.bases import SCORES, Base, get_base
from actionzoo.models.fusion import CONV_INITS, JOINS, TOWER_AVERAGES, average_towers, join, join_scores, tower_shares
from actionzoo.models.towers import Step, start_towers
from actionzoo.names import STREAMS

FUSIONS = ("late", *JOINS)
TEMPORAL_FUSIONS = ("none", "pool2d", "pool3d", "conv3d")
TOWERS = ("both", "appearance")

FUSED_DROPOUT = 0.85
"""Rate before the classifiers of the released two-stream networks."""

STREAM_DROPOUT = {"vgg16": (0.85, 0.9), "resnet": (0.0, 0.8)}
"""Rates of the released appearance and motion streams."""

POOL_STRIDE = 2
"""Stride of temporal pooling, in frames."""


def build_two_stream(
    base: str,
    num_classes: int,
    num_frames: int | None = 5,
    *,
    height: int | None = 224,
    width: int | None = 224,
    stack_length: int = 10,
    fusion: str = "conv",
    fusion_layer: str | Sequence[str] | None = None,
    fusion_init: str = "2sumAB",
    temporal_fusion: str | None = None,
    towers: str = "both",
    tower_weights: tuple[float, float] = (1.0, 1.0),
    tower_average: str = "logits",
    dropout: float | tuple[float, float] | None = None,
    channel_factor: float = 1.0,
    strides: str = "caffe",
    preprocessing: str = "caffe",
    name: str | None = None,
) -> keras.Model:
    """Build a two-stream network. The defaults are CVPR'16's final one.

    Args:
        base: `"vgg16"`, `"resnet18"`, `"resnet50"`, `"resnet101"` or `"resnet152"`, for both streams.
        num_classes: number of classes.
        num_frames: length of a clip, T; `None` for any length, of at least five where frames are pooled.
        height: of the input, in pixels; `None` for any (VGG-16: at least 224).
        width: of the input, in pixels; `None` for any (VGG-16: at least 224).
        stack_length: flow fields per flow stack, L.
        fusion: `"late"` averages the scores of the towers; `"sum"`, `"max"`, `"concat"`, `"conv"` and `"bilinear"` fuse
            feature maps (see `actionzoo.models.fusion`). Bilinear fusion is followed directly by the classifier.
        fusion_layer: the layer whose outputs are fused, or several: `"relu2"` ... `"relu5"`, `"fc6"`, `"fc7"`
            (VGG-16), `"scores"`, or the name of a step such as `"relu4_2"` or `"stage4_unit0_relu"`; `None` for relu5.
            Not for late fusion.
        fusion_init: initialisation of fusing convolutions, a name of `actionzoo.models.fusion.CONV_INITS`.
        temporal_fusion: `"pool2d"` pools within each frame and averages the scores of the frames, `"none"` is a
            synonym;
            `"pool3d"` max-pools over five frames before pool5; `"conv3d"` does that and makes the fusing convolutions
            before it 3x3x3. `None` is `"conv3d"` for convolutional fusion of VGG-16, `"pool3d"` for that of ResNets,
            where 3x3x3 between 2048 channels would have 226 million weights, and `"pool2d"` otherwise.
        towers: `"both"` keeps the motion tower beside the fused one and averages their scores; `"appearance"` truncates
            it after the last fusion layer.
        tower_weights: of the appearance and the motion tower in that average.
        tower_average: what is averaged, `"logits"` or `"softmax"` outputs.
        dropout: rate before the classifiers (VGG-16: after fc6 and fc7), or a pair (appearance, motion); `None` for
            that of the released networks. There is none after bilinear fusion.
        channel_factor: factor on all numbers of channels.
        strides: of ResNets, `"caffe"` (the papers) or `"torchvision"`, see `actionzoo.models.resnet.ResNetSpec`.
        preprocessing: `"caffe"` (the papers) or `"torchvision"`.
        name: of the model.

    Returns:
        A model of `{"appearance": (batch, time, height, width, 3), "motion": (batch, time, height, width, 2*L)}` that
        returns logits `(batch, num_classes)`; the towers' own scores are the layers `logits_appearance` and
        `logits_motion`.

    Raises:
        ValueError: an argument is not one of the values named above.
    """
    check_choice("fusion", fusion, FUSIONS)
    check_choice("fusion_init", fusion_init, CONV_INITS)
    check_choice("towers", towers, TOWERS)
    check_choice("tower_average", tower_average, TOWER_AVERAGES)
    tower_shares(tower_weights)
    rates = _dropout(base, fusion) if dropout is None else by_stream(dropout)
    network = get_base(base, channel_factor, strides, rates)
    fused_at = _fusion_steps(network, fusion, fusion_layer)
    maps = [step.name for step in network.trunk if step.name in fused_at]
    if temporal_fusion is None:
        temporal_fusion = "pool2d" if fusion != "conv" else "conv3d" if base == "vgg16" and maps else "pool3d"
    _check_together(fusion, fused_at, temporal_fusion, towers, maps)

    streams = STREAMS
    clips, (a, m) = start_towers(streams, num_frames, height, width, stack_length, preprocessing)

    def walk(steps: list[Step]) -> None:
        for step in steps:
            a.advance(step)
            m.advance(step)
            if step.name in fused_at:
                clip = a.clip if temporal_fusion == "conv3d" and step.name in maps else None
                a.x = join(a.x, m.x, fusion, f"fusion_{step.name}", init=fusion_init, clip=clip)
                a.finished = fusion == "bilinear"
                m.finished = towers == "appearance" and step.name == fused_at[-1]

    walk(network.trunk)
    for tower in (a, m):
        tower.pool_over_time("max" if temporal_fusion in ("pool3d", "conv3d") else "none", POOL_STRIDE)
    walk(network.head)
    logits = a.scores(num_classes)
    if SCORES in fused_at:
        logits = join_scores(logits, m.scores(num_classes), fusion, fusion_init)
    elif towers == "both":
        logits = average_towers(logits, m.scores(num_classes), tower_weights, tower_average)
    return keras.Model(clips, logits, name=name)


def build_stream(
    base: str,
    stream: str,
    num_classes: int,
    num_frames: int | None = 1,
    *,
    height: int | None = 224,
    width: int | None = 224,
    stack_length: int = 10,
    dropout: float | None = None,
    channel_factor: float = 1.0,
    strides: str = "caffe",
    preprocessing: str = "caffe",
    name: str | None = None,
) -> keras.Model:
    """Build a single stream (NIPS'14), which averages the scores of several frames.

    Args:
        base: `"vgg16"`, `"resnet18"`, `"resnet50"`, `"resnet101"` or `"resnet152"`.
        stream: `"appearance"` or `"motion"`.
        num_classes: number of classes.
        num_frames: length of a clip, T; `None` for any.
        height: of the input, in pixels; `None` for any (VGG-16: at least 224).
        width: of the input, in pixels; `None` for any (VGG-16: at least 224).
        stack_length: flow fields per flow stack, L.
        dropout: rate before the classifier (VGG-16: after fc6 and fc7); `None` for that of the released networks.
        channel_factor: factor on all numbers of channels.
        strides: of ResNets, `"caffe"` (the papers) or `"torchvision"`, see `actionzoo.models.resnet.ResNetSpec`.
        preprocessing: of appearance, `"caffe"` (the papers) or `"torchvision"`.
        name: of the model.

    Returns:
        A model of `{stream: (batch, time, height, width, channels)}` that returns logits `(batch, num_classes)`.

    Raises:
        ValueError: an argument is not one of the values named above.
    """
    rates = _dropout(base, "late") if dropout is None else by_stream(dropout)
    network = get_base(base, channel_factor, strides, rates)
    clips, (tower,) = start_towers([stream], num_frames, height, width, stack_length, preprocessing)
    for step in (*network.trunk, *network.head):
        tower.advance(step)
    return keras.Model(clips, tower.scores(num_classes), name=name)


def _fusion_steps(network: Base, fusion: str, layer: str | Sequence[str] | None) -> list[str]:
    """Names of the steps to fuse, in the network's order; none for late fusion."""
    if fusion == "late":
        if layer is not None:
            raise ValueError(f"Late fusion joins no layers; give `fusion` too. Received: fusion_layer={layer!r}")
        return []
    wanted = ["relu5"] if layer is None else [layer] if isinstance(layer, str) else layer
    if not isinstance(wanted, Sequence) or not wanted:
        raise ValueError(f"Argument `fusion_layer` must be one name or several. Received: fusion_layer={layer!r}")
    return sorted({network.step_name(name) for name in wanted}, key=network.fusable.index)


def _check_together(fusion: str, fused_at: list[str], temporal_fusion: str, towers: str, maps: list[str]) -> None:
    """Raises ValueError for valid values that exclude each other."""
    check_choice("temporal_fusion", temporal_fusion, TEMPORAL_FUSIONS)
    three_d = temporal_fusion == "conv3d"
    if three_d and (fusion != "conv" or not maps):
        raise ValueError(
            "temporal_fusion='conv3d' needs fusion='conv' of convolutional maps. "
            f"Received: fusion={fusion!r}, fused at {fused_at}"
        )
    if fusion == "bilinear" and (len(fused_at) > 1 or temporal_fusion == "pool3d"):
        raise ValueError(
            "Behind bilinear fusion comes the classifier: it takes one fusion layer and no pooling over time. "
            f"Received: fusion_layer={fused_at}, temporal_fusion={temporal_fusion!r}"
        )
    if towers == "appearance" and (not fused_at or SCORES in fused_at):
        raise ValueError(
            f"towers='appearance' needs a fusion before the scores. Received: fusion={fusion!r}, fused at {fused_at}"
        )


def _dropout(base: str, fusion: str) -> dict[str, float]:
    """The rates of the released networks, by stream."""
    stream = STREAM_DROPOUT.get(base, STREAM_DROPOUT["resnet"])
    return by_stream(stream if fusion == "late" else FUSED_DROPOUT)
