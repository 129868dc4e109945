"""Time in a network of single frames: folding it into the batch, temporal filters and temporal pooling.

The streams process frames independently, as `(batch * time, height, width, channels)`. Temporal layers also take the
clip, any tensor `(batch, time, ...)`, which tells the number of frames per clip.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from actionzoo.models.arguments import check_choice
from actionzoo.models.kernels import inflate_kernel, temporal_taps

POOL_WINDOW = 5
"""Temporal pooling window of the papers, in frames: the length of their training clips."""

TEMPORAL_POOLS = ("none", "max", "average")


@keras.saving.register_keras_serializable(package="actionzoo")
class FoldTime(layers.Layer):
    """`(batch, time, ...)` to `(batch * time, ...)`: a clip becomes a batch of its frames."""

    def call(self, x: Any) -> Any:
        return ops.reshape(x, (-1, *_static_or_dynamic(x)[2:]))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch, time = input_shape[:2]
        return (batch * time if batch and time else None, *input_shape[2:])


@keras.saving.register_keras_serializable(package="actionzoo")
class UnfoldTime(layers.Layer):
    """`(batch * time, ...)` to `(batch, time, ...)`; the second input, the clip, tells the number of frames."""

    def call(self, inputs: Any) -> Any:
        x, clip = inputs
        time = _static_or_dynamic(clip)[1]
        return ops.reshape(x, (-1, time, *_static_or_dynamic(x)[1:]))

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        x, clip = input_shape
        return (clip[0], clip[1], *x[1:])


@keras.saving.register_keras_serializable(package="actionzoo")
class TemporalConv(layers.Layer):
    """A 3x1x1 convolution over three frames (ST-ResNet, NIPS'16, section 3.2), padded with zeros.

    Takes folded features `(batch * time, height, width, channels)` and the clip; returns `(batch * time, height /
    spatial_stride, width / spatial_stride, filters)`.

    It runs as a 2-D convolution of a (3, 1) kernel over `(time, pixels)`: on CPUs the fastest of the forms that
    `benchmarks/temporal.py` measures, with every backend.

    Args:
        filters: number of output channels.
        use_bias: whether to add a bias per channel.
        spatial_stride: in pixels.
        kernel_initializer: of the kernel, `(3, 1, channels, filters)`.
        name: of the layer.
        **kwargs: of a Keras layer.
    """

    kernel_size = (3, 1)

    def __init__(
        self,
        filters: int,
        *,
        use_bias: bool = False,
        spatial_stride: int = 1,
        kernel_initializer: Any = "he_normal",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.filters = filters
        self.use_bias = use_bias
        self.spatial_stride = spatial_stride
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: list[tuple[int | None, ...]]) -> None:
        shape = (*self.kernel_size, input_shape[0][-1], self.filters)
        self.kernel = self.add_weight(shape=shape, initializer=self.kernel_initializer, name="kernel")
        self.bias = self.add_weight(shape=(self.filters,), initializer="zeros", name="bias") if self.use_bias else None

    def call(self, inputs: Any) -> Any:
        x, clip = inputs
        if self.spatial_stride > 1:
            x = x[:, :: self.spatial_stride, :: self.spatial_stride]
        _, height, width, channels = _static_or_dynamic(x)
        pixels = ops.reshape(x, (-1, _static_or_dynamic(clip)[1], height * width, channels))
        y = ops.conv(pixels, self.kernel, strides=1, padding="same", data_format="channels_last")
        if self.bias is not None:
            y = y + self.bias
        return ops.reshape(y, (-1, height, width, self.filters))

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        frames, *sides, _ = input_shape[0]
        return (frames, *(None if side is None else -(-side // self.spatial_stride) for side in sides), self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "use_bias": self.use_bias,
            "spatial_stride": self.spatial_stride,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


@keras.saving.register_keras_serializable(package="actionzoo")
class TemporalPooling(UnfoldTime):
    """Pooling over a few frames: folded features and the clip to `(batch, pools, height, width, channels)`.

    Like `TemporalConv` it runs in two dimensions, over `(time, pixels)`: LiteRT has no 3-D pooling.

    Args:
        how: `"max"` or `"average"`.
        window: in frames.
        stride: in frames.
        **kwargs: of a Keras layer.
    """

    def __init__(self, how: str, window: int, stride: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_choice("how", how, ("max", "average"))
        self.how = how
        self.window = window
        self.stride = stride

    def call(self, inputs: Any) -> Any:
        x, clip = inputs
        self._check(clip.shape[1])
        _, height, width, channels = _static_or_dynamic(x)
        pixels = ops.reshape(x, (-1, _static_or_dynamic(clip)[1], height * width, channels))
        pool = ops.max_pool if self.how == "max" else ops.average_pool
        pooled = pool(pixels, (self.window, 1), (self.stride, 1), "valid", data_format="channels_last")
        return ops.reshape(pooled, (-1, _static_or_dynamic(pooled)[1], height, width, channels))

    def compute_output_shape(self, input_shape: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        x, (batch, time, *_) = input_shape
        self._check(time)
        return (batch, None if time is None else (time - self.window) // self.stride + 1, *x[1:])

    def _check(self, time: int | None) -> None:
        if time is not None and time < self.window:
            raise ValueError(f"Clips must have at least {self.window} frames to pool. Received: {time} frames")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "how": self.how, "window": self.window, "stride": self.stride}


@keras.saving.register_keras_serializable(package="actionzoo")
class InflatedIdentity(keras.initializers.Initializer):
    """Initialises a temporal filter `(3, 1, channels, channels)` that mixes no channels (ST-MulNet, CVPR'17)."""

    def __init__(self, init: str = "centre") -> None:
        temporal_taps(init)
        self.init = init

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None, **_: Any) -> Any:
        inflated = inflate_kernel(np.eye(shape[-2], shape[-1])[None, None], self.init)
        return ops.convert_to_tensor(inflated.reshape(shape), dtype=dtype or "float32")

    def get_config(self) -> dict[str, Any]:
        return {"init": self.init}


@keras.saving.register_keras_serializable(package="actionzoo")
class InflatedHeNormal(keras.initializers.Initializer):
    """Initialises a temporal filter without trained weights: an inflated random 1x1 kernel (ST-ResNet)."""

    def __init__(self, init: str = "average", seed: int | None = None) -> None:
        temporal_taps(init)
        self.init = init
        self.seed = seed
        self._spatial = keras.initializers.HeNormal(seed)

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None, **_: Any) -> Any:
        kernel = self._spatial((1, 1, *shape[-2:]), dtype=dtype or "float32")
        return ops.concatenate([tap * kernel for tap in temporal_taps(self.init)])

    def get_config(self) -> dict[str, Any]:
        return {"init": self.init, "seed": self.seed}


def temporal_pool(
    x: keras.KerasTensor, clip: keras.KerasTensor, how: str, stride: int, name: str
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Pool folded features over five frames, or over all frames of a shorter clip.

    Args:
        x: `(batch * time, height, width, channels)`.
        clip: `(batch, time, ...)`. If its length is `None`, clips must have at least five frames.
        how: `"max"`, `"average"` or `"none"`.
        stride: in frames.
        name: of the pooling layer.

    Returns:
        The pooled features, folded, and the clip of the pooled length.

    Raises:
        ValueError: `how` is unknown.
    """
    check_choice("temporal_pool", how, TEMPORAL_POOLS)
    if how == "none":
        return x, clip
    window = min(POOL_WINDOW, clip.shape[1] or POOL_WINDOW)
    pooled = TemporalPooling(how, window, stride, name=name)([x, clip])
    return FoldTime(name=f"{name}_fold")(pooled), pooled


def _static_or_dynamic(x: Any) -> list[Any]:
    dynamic = ops.shape(x)
    return [dynamic[i] if size is None else size for i, size in enumerate(x.shape)]
