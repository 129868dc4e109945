"""Fusion of two streams: of their scores (NIPS'14) and of their feature maps (CVPR'16).

CVPR'16, section 3.1, with x_a and x_b the maps of both streams, D channels each:

    sum       x_a + x_b
    max       max(x_a, x_b)
    concat    [x_a, x_b], 2D channels
    conv      relu([x_a, x_b] * f + b), f a 1x1 (or 3x3x3) convolution from 2D channels to D
    bilinear  sum over pixels of x_a^T x_b, D*D numbers, then signed square root and L2 norm
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers, ops

from actionzoo.models.arguments import check_choice
from actionzoo.models.temporal import FoldTime, UnfoldTime
from actionzoo.names import STREAMS

JOINS = ("sum", "max", "concat", "conv", "bilinear")
_STOCK_JOINS = {"sum": layers.Add, "max": layers.Maximum, "concat": layers.Concatenate}
TOWER_AVERAGES = ("logits", "softmax")


class Half(NamedTuple):
    """Initial kernel of a fusing convolution for one stream: `identity` times I, plus `scale` times `noise`.

    Attributes:
        identity: factor on I.
        noise: `"none"`; `"he"`, N(0, sqrt(2 / (h w outputs))); `"classic"`, N(0, 0.01); `"glorot"`, uniform; or
            `"mean"`, the constant that averages all inputs.
        scale: factor on the noise.
    """

    identity: float
    noise: str = "none"
    scale: float = 1.0


CONV_INITS = {
    "sumAB": (Half(1), Half(1)),
    "2sumAB": (Half(0.25), Half(0.75)),
    "100sumAB": (Half(0.01), Half(1)),
    "netA": (Half(1), Half(0)),
    "netB": (Half(0), Half(1)),
    "netAclassicNetBdiag": (Half(0, "classic"), Half(1)),
    "diagA+Bxavierimproved": (Half(1), Half(0, "he")),
    "xavierimproved": (Half(0, "he"), Half(0, "he")),
    "xavierimproved_down_scaled": (Half(0, "he", 0.1), Half(0, "he", 0.1)),
    "xavierimprovedB100": (Half(0, "he"), Half(0, "he", 100)),
    "sum+xavierimprovedB100": (Half(1, "he"), Half(1, "he", 100)),
    "xavier": (Half(0, "glorot"), Half(0, "glorot")),
    "classic": (Half(0, "classic"), Half(0, "classic")),
    "uniformly": (Half(0, "mean"), Half(0, "mean")),
}
"""Initial kernels of a fusing convolution for appearance (A) and motion (B), under the names of the papers' code, whose
default is `2sumAB`: the last convolution of a motion stream has outputs about three times smaller."""


@keras.saving.register_keras_serializable(package="actionzoo")
class FusionKernel(keras.initializers.Initializer):
    """Initialises the kernel `(..., 2*D, D)` of a fusing convolution of two concatenated maps.

    Args:
        init: a name of `CONV_INITS`. In a 3x3x3 kernel, the identities are spread by a Gaussian of sigma 1 that sums to
            one (CVPR'16, the released temporal fusion).
        seed: of the noise.

    >>> FusionKernel("2sumAB")((1, 1, 4, 2)).shape == (1, 1, 4, 2)
    True
    """

    def __init__(self, init: str = "2sumAB", seed: int | None = None) -> None:
        check_choice("fusion_init", init, CONV_INITS)
        self.init = init
        self.seed = seed

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None, **_: Any) -> Any:
        *extent, inputs, outputs = shape
        half = (*extent, inputs - inputs // 2, outputs)
        identity = ops.convert_to_tensor(_gaussian(extent)[..., None, None] * np.eye(half[-2], half[-1]), "float32")
        halves = []
        for index, start in enumerate(CONV_INITS[self.init]):
            seed = None if self.seed is None else self.seed + index
            noise = start.scale * _noise(start.noise, shape, seed)(half, dtype="float32")
            halves.append(ops.cast(start.identity * identity + noise, dtype or "float32"))
        return ops.concatenate(halves, axis=-2)

    def get_config(self) -> dict[str, Any]:
        return {"init": self.init, "seed": self.seed}


def _noise(kind: str, shape: tuple[int, ...], seed: int | None) -> keras.initializers.Initializer:
    """The noise of a kernel of that shape, by its name in `Half`."""
    *extent, inputs, outputs = shape
    size = math.prod(extent)
    if kind == "classic":
        return keras.initializers.RandomNormal(stddev=0.01, seed=seed)
    if kind == "he":
        return keras.initializers.RandomNormal(stddev=math.sqrt(2 / (size * outputs)), seed=seed)
    if kind == "glorot":
        limit = math.sqrt(6 / (size * (inputs + outputs)))
        return keras.initializers.RandomUniform(-limit, limit, seed=seed)
    return keras.initializers.Constant(1 / (size * inputs) if kind == "mean" else 0.0)


def _gaussian(extent: list[int]) -> np.ndarray:
    """Gaussian of sigma 1 with `extent` taps per axis, which sums to one."""
    taps = np.ones(())
    for length in extent:
        axis = np.exp(-0.5 * (np.arange(length) - (length - 1) / 2) ** 2)
        taps = np.multiply.outer(taps, axis / axis.sum())
    return taps


def join(
    appearance: keras.KerasTensor,
    motion: keras.KerasTensor,
    how: str,
    name: str,
    *,
    init: str = "2sumAB",
    clip: keras.KerasTensor | None = None,
) -> keras.KerasTensor:
    """Fuse the feature maps of two streams (CVPR'16, section 3.1).

    Args:
        appearance: `(batch * time, height, width, D)`.
        motion: of the same shape.
        how: one of `JOINS`.
        name: of the fusing layer.
        init: initialisation of a fusing convolution, a name of `CONV_INITS`.
        clip: a tensor `(batch, time, ...)` of the same clip; with it the convolution is 3x3x3, over time too.

    Returns:
        `(batch * time, height, width, channels)`; for bilinear fusion `(batch * time, D * D)`.
    """
    pair = [appearance, motion]
    if how in _STOCK_JOINS:
        return _STOCK_JOINS[how](name=name)(pair)
    if how == "bilinear":
        return BilinearFusion(dtype="float32", name=name)(pair)
    x = layers.Concatenate(name=f"{name}_concat")(pair)
    start = FusionKernel(init)
    if clip is None:
        x = layers.Conv2D(appearance.shape[-1], 1, kernel_initializer=start, name=name)(x)
    else:
        x = UnfoldTime(name=f"{name}_unfold")([x, clip])
        x = layers.Conv3D(appearance.shape[-1], 3, padding="same", kernel_initializer=start, name=name)(x)
        x = FoldTime(name=f"{name}_fold")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def join_scores(
    appearance: keras.KerasTensor, motion: keras.KerasTensor, how: str, init: str = "2sumAB"
) -> keras.KerasTensor:
    """Fuse the scores of two towers.

    Concatenation and bilinear fusion, which change their number, are followed by a linear classifier. Convolutional
    fusion has no ReLU here, because scores may be negative.

    Args:
        appearance: `(batch, classes)`.
        motion: `(batch, classes)`.
        how: one of `JOINS`.
        init: initialisation of a fusing convolution, a name of `CONV_INITS`.

    Returns:
        The layer `logits`, `(batch, classes)`.
    """
    classes = appearance.shape[-1]
    pair = [appearance, motion]
    if how in ("sum", "max"):
        return _STOCK_JOINS[how](dtype="float32", name="logits")(pair)
    stack = BilinearFusion if how == "bilinear" else layers.Concatenate
    joined = stack(dtype="float32", name="fusion_logits")(pair)
    start = FusionKernel(init) if how == "conv" else "glorot_uniform"
    return layers.Dense(classes, kernel_initializer=start, dtype="float32", name="logits")(joined)


def tower_shares(weights: tuple[float, float]) -> tuple[float, float]:
    """Weights of appearance and motion, normalised to a sum of one. Raises ValueError."""
    try:
        appearance, motion = (float(weight) for weight in weights)
    except (TypeError, ValueError):
        appearance = motion = -1.0
    if min(appearance, motion) < 0 or not 0 < appearance + motion < math.inf:
        raise ValueError(
            "Argument `tower_weights` must be two numbers of at least zero, not both zero. "
            f"Received: tower_weights={weights!r}"
        )
    return appearance / (appearance + motion), motion / (appearance + motion)


def average_towers(
    appearance: keras.KerasTensor, motion: keras.KerasTensor, weights: tuple[float, float], average: str
) -> keras.KerasTensor:
    """Late fusion (Simonyan and Zisserman, NIPS'14): the weighted average of two towers.

    Args:
        appearance: scores before the softmax, `(batch, classes)`.
        motion: scores before the softmax, `(batch, classes)`.
        weights: of appearance and motion; only their ratio counts.
        average: `"logits"` averages the scores (the papers' code); `"softmax"` averages the probabilities (the papers'
            text) and returns their logarithms.

    Returns:
        The layer `logits`, `(batch, classes)`.

    Raises:
        ValueError: `average` is unknown, or the weights are not two numbers of at least zero.
    """
    check_choice("tower_average", average, TOWER_AVERAGES)
    shares = tower_shares(weights)
    if average == "softmax":
        return SoftmaxAverage(shares, dtype="float32", name="logits")([appearance, motion])
    if shares[0] == shares[1]:
        return layers.Average(dtype="float32", name="logits")([appearance, motion])
    scaled = [
        layers.Rescaling(share, dtype="float32", name=f"{stream}_share")(x)
        for share, stream, x in zip(shares, STREAMS, (appearance, motion), strict=True)
    ]
    return layers.Add(dtype="float32", name="logits")(scaled)


@keras.saving.register_keras_serializable(package="actionzoo")
class BilinearFusion(layers.Layer):
    """Outer products of two maps, summed over their pixels: `(n, ..., D)` twice to `(n, D * D)` (CVPR'16, eq. 6).

    Signed square root and L2 norm follow, as in bilinear CNNs (Lin et al., ICCV'15).
    """

    def call(self, inputs: Any) -> Any:
        a, b = inputs
        places = "hw" if len(a.shape) == 4 else ""
        products = ops.einsum(f"n{places}c,n{places}d->ncd", a, b)
        x = ops.reshape(products, (-1, a.shape[-1] * b.shape[-1]))
        x = ops.sign(x) * ops.sqrt(ops.maximum(ops.abs(x), 1e-12))
        return x / ops.sqrt(ops.maximum(ops.sum(ops.square(x), axis=-1, keepdims=True), 1e-12))

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        a, b = input_shape
        return a[0], (a[-1] or 0) * (b[-1] or 0)


@keras.saving.register_keras_serializable(package="actionzoo")
class SoftmaxAverage(layers.Layer):
    """Logarithm of the weighted mean of two softmax outputs, `(batch, classes)` each."""

    def __init__(self, weights: tuple[float, float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shares = tuple(weight / sum(weights) for weight in weights)

    def call(self, inputs: Any) -> Any:
        terms = [
            ops.log_softmax(x) + math.log(share) for x, share in zip(inputs, self.shares, strict=True) if share > 0
        ]
        return ops.logaddexp(*terms) if len(terms) == 2 else terms[0]

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weights": list(self.shares)}
