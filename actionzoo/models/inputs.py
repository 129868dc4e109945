"""The two inputs of every network, and their preprocessing, which is part of the model.

Appearance is RGB in 0..255; motion is flow in pixels per frame, stacked as u, v, u, v, ... along the channels.
"""

from __future__ import annotations

import keras

from actionzoo.models.arguments import check_choice, check_sizes

CAFFE_MEAN = (123.68, 116.779, 103.939)
"""RGB mean that the papers subtract, in 0..255; they do not divide by a standard deviation."""

TORCHVISION_MEAN = (0.485, 0.456, 0.406)
TORCHVISION_STD = (0.229, 0.224, 0.225)
"""RGB mean and standard deviation (0..1) of torchvision's and timm's ImageNet weights."""

FLOW_SCALE = 255.0 / 40.0
"""Grey levels per pixel of flow: the papers code -20..20 px as 0..255 (`actionzoo.video.flow.encode_flow`)."""


def appearance_input(num_frames: int | None, height: int | None, width: int | None) -> keras.KerasTensor:
    """Symbolic input `appearance (batch, time, height, width, 3)`: RGB in 0..255."""
    check_sizes(num_frames=num_frames, height=height, width=width)
    return keras.Input((num_frames, height, width, 3), name="appearance")


def motion_input(num_frames: int | None, height: int | None, width: int | None, stack_length: int) -> keras.KerasTensor:
    """Symbolic input `motion (batch, time, height, width, 2*stack_length)`: pixels per frame."""
    check_sizes(num_frames=num_frames, height=height, width=width, stack_length=stack_length)
    return keras.Input((num_frames, height, width, 2 * stack_length), name="motion")


def preprocess_appearance(x: keras.KerasTensor, preprocessing: str = "caffe") -> keras.KerasTensor:
    """Scale RGB in 0..255 as in the training of the weights: `"caffe"` (the papers) or `"torchvision"`."""
    check_choice("preprocessing", preprocessing, ("caffe", "torchvision"))
    if preprocessing == "caffe":
        scale, offset = [1.0] * 3, [-mean for mean in CAFFE_MEAN]
    else:
        scale = [1 / (255 * std) for std in TORCHVISION_STD]
        offset = [-mean / std for mean, std in zip(TORCHVISION_MEAN, TORCHVISION_STD, strict=True)]
    return keras.layers.Rescaling(scale, offset, name="appearance_preprocessing")(x)


def preprocess_motion(x: keras.KerasTensor) -> keras.KerasTensor:
    """Scale flow from pixels to grey levels around zero, as in the papers."""
    return keras.layers.Rescaling(FLOW_SCALE, name="motion_preprocessing")(x)
