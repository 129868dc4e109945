"""Spatiotemporal residual networks: two ResNet streams with a connection in every stage and filters over time.

In each stage the activated output of the motion stream's first unit meets the appearance stream at its second one, and
only in the residual branch:

    x[l+1] = relu(x[l]) + F(x[l] + relu(m[l]))     ST-ResNet (Feichtenhofer, Pinz, Wildes, NIPS'16)
    x[l+1] = relu(x[l]) + F(x[l] * relu(m[l]))     ST-MulNet (the same, CVPR'17)

with x and m the sums of appearance and motion before their ReLU. The appearance stream's own path through the shortcuts
stays unchanged. The same units of both streams have temporal filters over three frames: ST-ResNet inflates the 1x1
convolutions, ST-MulNet adds new ones, initialised as identities, after the 3x3.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from actionzoo.models import resnet
from actionzoo.models.arguments import by_stream, check_choice, check_sizes
from actionzoo.models.fusion import average_towers
from actionzoo.models.temporal import InflatedHeNormal, InflatedIdentity, TemporalConv
from actionzoo.models.towers import Tower, start_towers
from actionzoo.names import STREAMS

CONNECTED_UNIT = 1
"""The unit of every stage with a connection and temporal filters: the second. The papers call it res2b to res5b; in
Caffe's ResNet-101 and 152 it is res2b, res3b1, res4b1, res5b."""

ST_RESNET: dict[str, Any] = {
    "num_frames": 11,
    "gate": "add",
    "temporal_filters": "inflated",
    "temporal_init": "average",
    "temporal_pool_stride": 2,
    "dropout": 0.0,
}
"""The arguments that make an ST-ResNet (NIPS'16)."""

ST_MULNET: dict[str, Any] = {
    "num_frames": 5,
    "gate": "multiply",
    "temporal_filters": "injected",
    "temporal_init": "centre",
    "temporal_pool_stride": 1,
    "dropout": (0.0, 0.8),
}
"""The arguments that make an ST-MulNet (CVPR'17)."""

GATES = {"add": layers.Add, "multiply": layers.Multiply}
CONNECTIONS = ("residual", "direct", "none")
DIRECTIONS = ("motion_to_appearance", "appearance_to_motion", "both")
TEMPORAL_FILTERS = ("inflated", "injected")


def build_spatiotemporal(
    depth: int,
    num_classes: int,
    *,
    num_frames: int | None,
    height: int | None = 224,
    width: int | None = 224,
    stack_length: int = 10,
    gate: str,
    connection: str = "residual",
    direction: str = "motion_to_appearance",
    temporal_filters: str,
    temporal_init: str,
    temporal_pool: str = "max",
    temporal_pool_stride: int,
    dropout: float | tuple[float, float],
    channel_factor: float = 1.0,
    strides: str = "caffe",
    preprocessing: str = "caffe",
    name: str | None = None,
) -> keras.Model:
    """Build an ST-ResNet or an ST-MulNet: the arguments without a default are given by `ST_RESNET` or `ST_MULNET`.

    Args:
        depth: 18, 50, 101 or 152.
        num_classes: number of classes.
        num_frames: length of a clip, T; `None` for any length, of at least five where frames are pooled.
        height: of the input, in pixels; `None` for any.
        width: of the input, in pixels; `None` for any.
        stack_length: flow fields per flow stack, L.
        gate: how the streams are combined: `"add"` or `"multiply"`.
        connection: `"residual"` leads one stream into the residual branch of the other; `"direct"` into the whole unit,
            its shortcut too, which the papers advise against; `"none"` leaves two streams whose scores are averaged.
        direction: `"motion_to_appearance"` (the papers), `"appearance_to_motion"` or `"both"`.
        temporal_filters: `"inflated"` makes the 1x1 convolutions of the connected unit 3x1x1 (not at depth 18, which
            has none); `"injected"` adds a 3x1x1 convolution with bias after the ReLU of its 3x3.
        temporal_init: initialisation of these filters: `"average"`, `"centre"` or `"difference"`.
        temporal_pool: over five frames, before pool5: `"max"`, `"average"` or `"none"`. Scores are averaged over the
            remaining frames.
        temporal_pool_stride: of these pools, in frames.
        dropout: rate before the classifiers, or a pair (appearance, motion).
        channel_factor: factor on all numbers of channels.
        strides: `"caffe"` (the papers) or `"torchvision"`, see `actionzoo.models.resnet.ResNetSpec`.
        preprocessing: `"caffe"` (the papers) or `"torchvision"`.
        name: of the model.

    Returns:
        A model of `{"appearance": (batch, time, height, width, 3), "motion": (batch, time, height, width, 2*L)}` that
        returns the mean of the layers `logits_appearance` and `logits_motion`, `(batch, num_classes)`.

    Raises:
        ValueError: an argument is not one of the values named above.
    """
    check_choice("gate", gate, GATES)
    check_choice("connection", connection, CONNECTIONS)
    check_choice("direction", direction, DIRECTIONS)
    check_choice("temporal_filters", temporal_filters, TEMPORAL_FILTERS)
    check_sizes(temporal_pool_stride=temporal_pool_stride)
    spec = resnet.ResNetSpec(depth, channel_factor, strides)
    if temporal_filters == "inflated" and not spec.bottleneck:
        raise ValueError(f"Units of depth {depth} have no 1x1 to inflate. Received: temporal_filters='inflated'")
    rates = by_stream(dropout)

    streams = STREAMS
    clips, (a, m) = start_towers(streams, num_frames, height, width, stack_length, preprocessing)
    for tower in (a, m):
        tower.x = resnet.stem(tower.x, spec, tower.stream)
    sums: dict[str, keras.KerasTensor] = {}
    for stage, index in spec.units():
        connected = connection != "none" and index == CONNECTED_UNIT
        joined = _connect(a, m, sums, gate, connection, direction, stage) if connected else {}
        for tower in (a, m):
            stream = tower.stream
            over_time = _filters(tower.clip, temporal_filters, temporal_init) if index == CONNECTED_UNIT else None
            shortcut = joined.get(stream, tower.x) if connection == "direct" else tower.x
            sums[stream] = resnet.unit(
                shortcut, spec, stage, index, stream, branch_input=joined.get(stream), over_time=over_time
            )
        for tower in (a, m):
            tower.x = resnet.relu(sums[tower.stream], stage, index, tower.stream)
    for tower in (a, m):
        tower.pool_over_time(temporal_pool, temporal_pool_stride)
        tower.x = resnet.pool5(tower.x, tower.stream, rates[tower.stream])
    logits = average_towers(a.scores(num_classes), m.scores(num_classes), (1.0, 1.0), "logits")
    return keras.Model(clips, logits, name=name)


def _connect(
    a: Tower, m: Tower, sums: dict[str, keras.KerasTensor], gate: str, connection: str, direction: str, stage: int
) -> dict[str, keras.KerasTensor]:
    """The input of the connected unit of each receiving stream: its own features combined with the other stream's.

    A residual connection uses the sum of the unit before, a direct one the output of its ReLU.
    """
    receivers = {"motion_to_appearance": [(a, m)], "appearance_to_motion": [(m, a)], "both": [(a, m), (m, a)]}
    joined = {}
    for to, source in receivers[direction]:
        own = to.x if connection == "direct" else sums[to.stream]
        joined[to.stream] = GATES[gate](name=f"{to.stream}_stage{stage}_connection")([own, source.x])
    return joined


def _filters(clip: keras.KerasTensor, kind: str, init: str) -> resnet.OverTime:
    """Temporal filters of one unit: in place of its 1x1 convolutions, or after its 3x3."""
    if kind == "inflated":
        return resnet.OverTime(  # each filter draws its own numbers
            pointwise=lambda x, channels, name: TemporalConv(
                channels, kernel_initializer=InflatedHeNormal(init), name=name
            )([x, clip])
        )
    identity = InflatedIdentity(init)
    return resnet.OverTime(
        after=lambda x, name: TemporalConv(x.shape[-1], use_bias=True, kernel_initializer=identity, name=name)(
            [x, clip]
        )
    )
