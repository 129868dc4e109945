"""How networks of each family are painted."""

from __future__ import annotations

import keras

from actionzoo.visualization.painting import Preset

RESNET = Preset()
VGG = Preset(motion_norm=4.0, motion_variation=160.0)
"""Without batch norms, gradients of the flow are so large that it would be driven to its bound all over."""


def preset_for(model: keras.Model) -> Preset:
    """The preset of a network's family: VGG, whose layers have no batch norms, or ResNet.

    >>> from actionzoo.models import create_model
    >>> preset_for(create_model("motion_resnet18", 2, 1, height=32, width=32, channel_factor=0.125)) == RESNET
    True
    """
    normed = any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)
    return RESNET if normed else VGG
