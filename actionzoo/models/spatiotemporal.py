"""Spatiotemporal residual networks: two ResNet streams with a connection in every stage and filters over time.

ST-ResNet (Feichtenhofer, Pinz, Wildes, NIPS'16) adds motion to appearance. In each stage the activated output of the
motion stream's first unit joins the appearance stream at its second one, and only in the residual branch:

    x[l+1] = relu(x[l]) + F(x[l] + relu(m[l]))        x, m: sums of appearance and motion before their ReLU

so the appearance stream's own path through the shortcuts stays untouched.
"""

from __future__ import annotations

import keras
from keras import layers

from actionzoo.models import inputs, resnet
from actionzoo.models.fusion import late_fusion
from actionzoo.models.temporal import FoldTime, temporal_pool

CONNECTED_UNIT = 1
"""The unit of every stage that motion is led into and that filters over time: the second (res2b, res3b, ...)."""

CONNECTIONS = ("residual", "none")


def build_st_resnet(
    depth: int,
    num_classes: int,
    num_frames: int | None = 5,
    *,
    height: int | None = 224,
    width: int | None = 224,
    stack_length: int = 10,
    connection: str = "residual",
    temporal_init: str = "centre",
    temporal_pooling: str = "max",
    dropout: float = 0.0,
    channel_factor: float = 1.0,
    preprocessing: str = "caffe",
    name: str | None = None,
) -> keras.Model:
    """Build an ST-ResNet of basic units.

    The papers turn the 1x1 convolutions of a bottleneck into temporal filters. A basic unit has none, so it gets
    ST-MulNet's: a 3x1x1 convolution behind the unit's first 3x3, which starts as an identity.

    Args:
        depth: 18.
        num_classes: number of classes.
        num_frames: length of a clip; `None` for any.
        height: of the input, in pixels; `None` for any.
        width: of the input, in pixels; `None` for any.
        stack_length: flow fields a stack, L.
        connection: `"residual"` leads motion into the appearance stream; `"none"` leaves two streams that meet only in
            their scores, for comparison and for training one before they are joined.
        temporal_init: start of the temporal filters: `"average"`, `"centre"` or `"difference"`.
        temporal_pooling: over the clip, before the classifiers: `"max"` or `"average"`.
        dropout: rate before the classifiers.
        channel_factor: factor on all numbers of channels.
        preprocessing: `"caffe"` (the papers) or `"torchvision"`.
        name: of the model.

    Returns:
        A model of `{"appearance": (batch, time, height, width, 3), "motion": (batch, time, height, width, 2*L)}` that
        returns the mean of the layers `logits_appearance` and `logits_motion`, `(batch, num_classes)`.

    Raises:
        ValueError: an argument is not one of the values named above.
    """
    if connection not in CONNECTIONS:
        raise ValueError(
            f"Argument `connection` must be one of {list(CONNECTIONS)}. Received: connection={connection!r}"
        )
    spec = resnet.ResNetSpec(depth, channel_factor)
    appearance = inputs.appearance_input(num_frames, height, width)
    motion = inputs.motion_input(num_frames, height, width, stack_length)
    a = FoldTime(name="appearance_fold")(inputs.preprocess_appearance(appearance, preprocessing))
    m = FoldTime(name="motion_fold")(inputs.preprocess_motion(motion))
    a, m = resnet.stem(a, spec, "appearance"), resnet.stem(m, spec, "motion")
    a_sum = a
    for stage, index in spec.units():
        filtered = index == CONNECTED_UNIT
        joined = None
        if filtered and connection == "residual":
            joined = layers.Add(name=f"connection_stage{stage}")([a_sum, m])
        time = temporal_init if filtered else None
        a_sum = resnet.unit(
            a, spec, stage, index, "appearance", branch_input=joined, clip=appearance, temporal_init=time
        )
        m_sum = resnet.unit(m, spec, stage, index, "motion", clip=motion, temporal_init=time)
        a, m = resnet.relu(a_sum, stage, index, "appearance"), resnet.relu(m_sum, stage, index, "motion")
    towers = []
    for x, clip, stream in ((a, appearance, "appearance"), (m, motion, "motion")):
        x = layers.GlobalAveragePooling2D(name=f"{stream}_pool5")(x)
        x = temporal_pool(x, clip, temporal_pooling, f"{stream}_temporal_pool")
        x = layers.Dropout(dropout, name=f"{stream}_dropout")(x)
        towers.append(layers.Dense(num_classes, name=f"logits_{stream}")(x))
    return keras.Model({"appearance": appearance, "motion": motion}, late_fusion(towers), name=name)
