"""How clips are painted: the weights of the penalties, for networks of each family."""

from __future__ import annotations

from dataclasses import dataclass

import keras


@dataclass(frozen=True)
class Preset:
    """The settings of activation maximization.

    Attributes:
        steps: of Adam.
        rate: its learning rate, which falls to zero along a cosine.
        appearance_norm: weight of the bounded norm of frames.
        motion_norm: that of flow; more, so that what need not move rests.
        appearance_variation: weight of the variation of frames in space, and in time.
        motion_variation: that of flow in space; ten times as large, as in the paper.
        jitter: how far the clip is moved at most, in parts of the picture's height.
    """

    steps: int = 60
    rate: float = 0.3
    appearance_norm: float = 0.1
    motion_norm: float = 0.5
    appearance_variation: float = 4.0
    motion_variation: float = 40.0
    jitter: float = 0.02


RESNET = Preset()
VGG = Preset(motion_norm=4.0, motion_variation=160.0)
"""Without batch norms, gradients of the flow are so large that it would be driven to its bound all over."""


def preset_for(network: keras.Model) -> Preset:
    """The preset of a network's family: VGG, whose layers have no batch norms, or ResNet.

    >>> from actionzoo.models import create_model
    >>> preset_for(create_model("motion_resnet18", 2, 1, height=32, width=32, channel_factor=0.125)) == RESNET
    True
    """
    normed = any(isinstance(layer, keras.layers.BatchNormalization) for layer in network.layers)
    return RESNET if normed else VGG
