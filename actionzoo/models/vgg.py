"""VGG-16 stream (Simonyan and Zisserman, ICLR'15), fully convolutional.

Layers are called `<stream>_conv1_1`, `<stream>_relu1_1` ... `<stream>_relu5_3`, `<stream>_fc6` ... `<stream>_relu7`, as
in the papers.
"""

from __future__ import annotations

from functools import partial

import keras
from keras import layers

from actionzoo.models.towers import Step

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Channels of the 3x3 convolutions, block by block."""

UNITS = 4096
"""Channels of fc6 and fc7."""


def conv_relu(block: int, index: int, channels: int, x: keras.KerasTensor, stream: str) -> keras.KerasTensor:
    """A 3x3 convolution and its ReLU; the first of a block is preceded by the pooling of the block before."""
    if index == 1 and block > 1:
        x = pool(x, stream, block - 1)
    name = f"{stream}_conv{block}_{index}"
    x = layers.Conv2D(channels, 3, padding="same", kernel_initializer="he_normal", name=name)(x)
    return layers.ReLU(name=f"{stream}_relu{block}_{index}")(x)


def pool(x: keras.KerasTensor, stream: str, block: int = 5) -> keras.KerasTensor:
    """2x2 max pooling after a block."""
    return layers.MaxPooling2D(2, name=f"{stream}_pool{block}")(x)


def fully_connected(
    size: int, number: int, units: int, dropout: float, x: keras.KerasTensor, stream: str
) -> keras.KerasTensor:
    """fc6 or fc7, `(n, height, width, channels)` to `(n, places, places, units)`.

    fc6 is a 7x7 convolution: a 224x224 frame has one place for it, a larger one several (the papers' dense test), and a
    smaller one gets a smaller kernel. For one place a matrix product is faster; its kernel has the same shape.
    """
    name = f"{stream}_fc{number}"
    height, width = (min(size, side or size) for side in x.shape[1:3])
    if x.shape[1:3] == (height, width):
        x = layers.EinsumDense("nhwc,hwcd->nd", units, bias_axes="d", kernel_initializer="he_normal", name=name)(x)
        x = layers.Reshape((1, 1, units), name=f"{name}_place")(x)
    else:
        x = layers.Conv2D(units, (height, width), kernel_initializer="he_normal", name=name)(x)
    x = layers.ReLU(name=f"{stream}_relu{number}")(x)
    return layers.Dropout(dropout, name=f"{name}_dropout")(x)


def trunk(width: float) -> list[Step]:
    """The convolutions, as steps that end in `relu1_1` ... `relu5_3`. `width` is a factor on their channels."""
    return [
        Step(f"relu{block}_{index}", partial(conv_relu, block, index, max(1, round(width * count))))
        for block, channels in enumerate(BLOCKS, start=1)
        for index, count in enumerate(channels, start=1)
    ]


def hidden(width: float, dropout: dict[str, float]) -> list[Step]:
    """The two hidden layers, as steps `relu6` and `relu7`. `dropout` is the rate by stream."""
    units = max(1, round(width * UNITS))

    def step(size: int, number: int, x: keras.KerasTensor, stream: str) -> keras.KerasTensor:
        return fully_connected(size, number, units, dropout[stream], x, stream)

    return [Step("relu6", partial(step, 7, 6)), Step("relu7", partial(step, 1, 7))]


def aliases() -> dict[str, str]:
    """The papers' names: ReLU1 to ReLU5, each the last of its block, FC6 and FC7."""
    last = {f"relu{block}": f"relu{block}_{len(channels)}" for block, channels in enumerate(BLOCKS, start=1)}
    return last | {"fc6": "relu6", "fc7": "relu7"}
