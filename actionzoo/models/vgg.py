"""VGG-16 stream (Simonyan and Zisserman, ICLR'15), fully convolutional.

Layers are called `<stream>_conv1_1` ... `<stream>_conv5_3`, `<stream>_fc6`, `<stream>_fc7`, as in the papers.
"""

from __future__ import annotations

import keras
from keras import layers

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Channels of the 3x3 convolutions, block by block."""


def features(x: keras.KerasTensor, stream: str) -> keras.KerasTensor:
    """Preprocessed frames `(batch * time, height, width, channels)` to relu5_3, `(batch * time, h/16, w/16, 512)`."""
    for block, channels in enumerate(BLOCKS, start=1):
        if block > 1:
            x = layers.MaxPooling2D(2, name=f"{stream}_pool{block - 1}")(x)
        for index, filters in enumerate(channels, start=1):
            x = layers.Conv2D(
                filters,
                3,
                padding="same",
                activation="relu",
                kernel_initializer="he_normal",
                name=f"{stream}_conv{block}_{index}",
            )(x)
    return x


def head(x: keras.KerasTensor, stream: str, dropout: float = 0.0, units: int = 4096) -> keras.KerasTensor:
    """relu5_3 to fc7, averaged over the picture, `(batch * time, units)`.

    fc6 is a 7x7 convolution: a 224x224 frame has one place for it, a larger one has several. The classifier behind is
    linear, so averaging here averages its scores over the places (the papers' dense test).
    """
    x = layers.MaxPooling2D(2, name=f"{stream}_pool5")(x)
    for size, name in ((7, "fc6"), (1, "fc7")):
        x = layers.Conv2D(units, size, activation="relu", kernel_initializer="he_normal", name=f"{stream}_{name}")(x)
        x = layers.Dropout(dropout, name=f"{stream}_{name}_dropout")(x)
    return layers.GlobalAveragePooling2D(name=f"{stream}_fc7_pool")(x)
