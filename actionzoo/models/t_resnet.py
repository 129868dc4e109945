"""T-ResNet (Feichtenhofer, Pinz, Wildes, CVPR'17): residual blocks over time inside the residual units.

In the first and the third unit of every stage a block is added in parallel to the 3x3 convolution:

    3x3(x) + scale * (3x1x1 * relu(BN(x)))

The scale is a factor per channel, initialised to 0.01. After pool5 the maximum over the whole clip is taken.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from actionzoo.models import resnet
from actionzoo.models.arguments import by_stream, check_choice
from actionzoo.models.fusion import average_towers
from actionzoo.models.temporal import InflatedIdentity, TemporalConv
from actionzoo.models.towers import Tower, start_towers

STREAMS = ("appearance", "motion", "both")
TEMPORAL_INITS = ("gaussian", "alternating")


def build_t_resnet(
    depth: int,
    num_classes: int,
    num_frames: int | None = 16,
    *,
    height: int | None = 224,
    width: int | None = 224,
    stack_length: int = 10,
    streams: str = "appearance",
    temporal_init: str = "gaussian",
    dropout: float | tuple[float, float] = 0.0,
    channel_factor: float = 1.0,
    strides: str = "caffe",
    preprocessing: str = "caffe",
    name: str | None = None,
) -> keras.Model:
    """Build a T-ResNet.

    Args:
        depth: 18, 50, 101 or 152. Stages of depth 18 have two units: both get a block, parallel to their second 3x3.
        num_classes: number of classes.
        num_frames: length of a clip, T; `None` for any.
        height: of the input, in pixels; `None` for any.
        width: of the input, in pixels; `None` for any.
        stack_length: flow fields per flow stack, L.
        streams: `"appearance"` (the released network), `"motion"`, or `"both"`, whose scores are averaged.
        temporal_init: initialisation of the temporal filters: `"gaussian"`, N(0, 0.01), or `"alternating"`, averages
            over three frames and differences in turn.
        dropout: rate before the classifier, or a pair (appearance, motion).
        channel_factor: factor on all numbers of channels.
        strides: `"caffe"` (the papers) or `"torchvision"`, see `actionzoo.models.resnet.ResNetSpec`.
        preprocessing: `"caffe"` (the papers) or `"torchvision"`.
        name: of the model.

    Returns:
        A model of the streams' inputs, `{"appearance": (batch, time, height, width, 3), "motion": (batch, time, height,
        width, 2*L)}`, that returns logits `(batch, num_classes)`.

    Raises:
        ValueError: an argument is not one of the values named above.
    """
    check_choice("streams", streams, STREAMS)
    check_choice("temporal_init", temporal_init, TEMPORAL_INITS)
    spec = resnet.ResNetSpec(depth, channel_factor, strides)
    rates = by_stream(dropout)
    names = ("appearance", "motion") if streams == "both" else (streams,)
    clips, towers = start_towers(names, num_frames, height, width, stack_length, preprocessing)
    scores = [_scores(tower, spec, temporal_init, rates, num_classes) for tower in towers]
    logits = scores[0] if len(scores) == 1 else average_towers(scores[0], scores[1], (1.0, 1.0), "logits")
    return keras.Model(clips, logits, name=name)


def _scores(
    tower: Tower, spec: resnet.ResNetSpec, init: str, dropout: dict[str, float], num_classes: int
) -> keras.KerasTensor:
    """Builds one stream with its temporal blocks, up to its scores."""
    tower.x = resnet.stem(tower.x, spec, tower.stream)
    blocks = 0
    for stage, index in spec.units():
        over_time = None
        if index in (0, 2) or not spec.bottleneck:
            over_time = _parallel_block(tower.clip, _start(init, blocks))
            blocks += 1
        tower.x = resnet.unit(tower.x, spec, stage, index, tower.stream, over_time=over_time)
        tower.x = resnet.relu(tower.x, stage, index, tower.stream)
    tower.x = resnet.pool5(tower.x, tower.stream, dropout[tower.stream])
    return tower.scores(num_classes, over_time="max")


def _parallel_block(clip: keras.KerasTensor, start: keras.initializers.Initializer) -> resnet.OverTime:
    """The temporal residual block of one unit."""

    def block(x: keras.KerasTensor, channels: int, stride: int, name: str) -> keras.KerasTensor:
        x = resnet.norm(x, name)
        x = TemporalConv(channels, use_bias=True, spatial_stride=stride, kernel_initializer=start, name=name)([x, clip])
        return ChannelScale(0.01, name=f"{name}_scale")(x)

    return resnet.OverTime(parallel=block)


def _start(init: str, block: int) -> keras.initializers.Initializer:
    if init == "gaussian":
        return keras.initializers.RandomNormal(stddev=0.01)
    return InflatedIdentity(("average", "difference")[block % 2])


@keras.saving.register_keras_serializable(package="actionzoo")
class ChannelScale(layers.Layer):
    """A trainable factor and offset per channel, `(..., channels)` to the same shape.

    Args:
        start: initial value of the factors.
        **kwargs: of a Keras layer.
    """

    def __init__(self, start: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start = start

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (input_shape[-1],)
        self.scale = self.add_weight(shape=shape, initializer=keras.initializers.Constant(self.start), name="scale")
        self.offset = self.add_weight(shape=shape, initializer="zeros", name="offset")

    def call(self, x: Any) -> Any:
        return x * self.scale + self.offset

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "start": self.start}
