"""Time in a network of single frames: folding it into the batch, filters over it, pooling along it.

The streams see one frame at a time, so they run on `(batch * time, height, width, channels)`. Layers that look across
frames unfold the time axis, work on `(batch, time, height, width, channels)` and fold it again.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

TEMPORAL_INITS = {"average": (1 / 3, 1 / 3, 1 / 3), "centre": (0.0, 1.0, 0.0), "difference": (-1.0, 3.0, -1.0)}
"""Taps at t-1, t, t+1 of a temporal filter before training (ST-ResNet, NIPS'16; ST-MulNet, CVPR'17, section 3)."""


@keras.saving.register_keras_serializable(package="actionzoo")
class FoldTime(keras.layers.Layer):
    """`(batch, time, ...)` to `(batch * time, ...)`: a video becomes a batch of its frames."""

    def call(self, x: Any) -> Any:
        return ops.reshape(x, (-1, *_static_or_dynamic(x)[2:]))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, time = input_shape[:2]
        return (batch * time if batch and time else None, *input_shape[2:])


@keras.saving.register_keras_serializable(package="actionzoo")
class UnfoldTime(keras.layers.Layer):
    """`(batch * time, ...)` to `(batch, time, ...)`; the second input has a time axis and tells its length."""

    def call(self, inputs: Any) -> Any:
        x, clip = inputs
        time = _static_or_dynamic(clip)[1]
        return ops.reshape(x, (-1, time, *_static_or_dynamic(x)[1:]))

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        x, clip = input_shape
        return (clip[0], clip[1], *x[1:])


def _static_or_dynamic(x: Any) -> list[Any]:
    dynamic = ops.shape(x)
    return [dynamic[i] if size is None else size for i, size in enumerate(x.shape)]


def inflate_kernel(kernel: np.ndarray, init: str = "centre") -> np.ndarray:
    """Give a spatial kernel an extent of three frames.

    Args:
        kernel: `(height, width, channels_in, channels_out)`.
        init: `"average"` spreads it over t-1, t, t+1; `"centre"` puts it at t; `"difference"` weighs it -1, 3, -1.

    Returns:
        `(3, height, width, channels_in, channels_out)`, the layout of a `keras.layers.Conv3D` kernel.

    >>> inflate_kernel(np.ones((1, 1, 2, 4)), "average").sum(axis=0)[0, 0, 0]
    array([1., 1., 1., 1.])
    """
    return np.stack([tap * kernel for tap in _taps(init)])


@keras.saving.register_keras_serializable(package="actionzoo")
class InflatedIdentity(keras.initializers.Initializer):
    """Initial temporal filter `(3, 1, 1, channels, channels)` that mixes no channels (ST-MulNet, CVPR'17)."""

    def __init__(self, init: str = "centre") -> None:
        _taps(init)
        self.init = init

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None, **_: Any) -> Any:
        identity = np.eye(shape[3], shape[4])[None, None]
        return ops.convert_to_tensor(inflate_kernel(identity, self.init), dtype=dtype or "float32")

    def get_config(self) -> dict[str, Any]:
        return {"init": self.init}


def temporal_conv(x: keras.KerasTensor, clip: keras.KerasTensor, init: str, name: str) -> keras.KerasTensor:
    """Filter over three frames, all channels to all channels, that starts as an identity (ST-MulNet, CVPR'17).

    Args:
        x: folded features `(batch * time, height, width, channels)`.
        clip: any tensor `(batch, time, ...)` of the same clip.
        init: `"average"`, `"centre"` or `"difference"`.
        name: name of the convolution.
    """
    x = UnfoldTime(name=f"{name}_unfold")([x, clip])
    x = keras.layers.Conv3D(
        x.shape[-1], (3, 1, 1), padding="same", kernel_initializer=InflatedIdentity(init), name=name
    )(x)
    return FoldTime(name=f"{name}_fold")(x)


def temporal_pool(x: keras.KerasTensor, clip: keras.KerasTensor, how: str, name: str) -> keras.KerasTensor:
    """Pool folded features `(batch * time, channels)` over the whole clip, to `(batch, channels)`.

    `how` is `"max"` or `"average"`.
    """
    layers = {"max": keras.layers.GlobalMaxPooling1D, "average": keras.layers.GlobalAveragePooling1D}
    if how not in layers:
        raise ValueError(f"Argument `how` must be one of {list(layers)}. Received: how={how!r}")
    return layers[how](name=name)(UnfoldTime(name=f"{name}_unfold")([x, clip]))


def _taps(init: str) -> tuple[float, float, float]:
    if init not in TEMPORAL_INITS:
        raise ValueError(f"Argument `temporal_init` must be one of {list(TEMPORAL_INITS)}. Received: {init!r}")
    return TEMPORAL_INITS[init]
