"""Filters and pools over time against plain sums."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from actionzoo.models.kernels import TEMPORAL_INITS
from actionzoo.models.resnet import DenseAveragePooling
from actionzoo.models.temporal import (
    FoldTime,
    InflatedHeNormal,
    InflatedIdentity,
    TemporalConv,
    UnfoldTime,
    temporal_pool,
)

from .clips import close
from .numpy_reference import conv_over_time


@pytest.mark.parametrize("sizes", [(4, 3, 5), (None, 3, 5), (4, None, None), (None, None, None)])
@pytest.mark.parametrize("stride", [1, 2])
def test_temporal_conv_is_a_sum_over_three_frames(sizes: tuple[int | None, ...], stride: int) -> None:
    x = np.random.default_rng(0).normal(size=(2, 4, 3, 5, 6)).astype(np.float32)
    clip = keras.Input((*sizes, 6))
    layer = TemporalConv(7, use_bias=True, spatial_stride=stride)
    filtered = layer([FoldTime()(clip), clip])
    model = keras.Model(clip, UnfoldTime()([filtered, clip]))
    rng = np.random.default_rng(1)
    kernel, bias = rng.normal(size=(3, 1, 6, 7)), rng.normal(size=7)
    layer.set_weights([kernel, bias])
    expected = conv_over_time(x, kernel[:, 0], bias)[:, :, ::stride, ::stride]
    close(np.asarray(model(x)), expected, 1e-5)
    assert all(got in (None, want) for got, want in zip(model.output.shape[1:], expected.shape[1:], strict=True))


@pytest.mark.parametrize("init", TEMPORAL_INITS)
def test_fresh_filters(init: str) -> None:
    x = np.random.default_rng(0).normal(size=(2, 4, 3, 5, 6)).astype(np.float32)
    clip = keras.Input(x.shape[1:])
    filtered = TemporalConv(6, kernel_initializer=InflatedIdentity(init))([FoldTime()(clip), clip])
    taps = np.array([tap * np.eye(6) for tap in TEMPORAL_INITS[init]])
    close(np.asarray(keras.Model(clip, filtered)(x)), conv_over_time(x, taps, np.zeros(6)).reshape(8, 3, 5, 6), 1e-5)

    kernel = np.asarray(InflatedHeNormal(init, seed=3)((3, 1, 512, 64)))
    for tap, value in zip(kernel, TEMPORAL_INITS[init], strict=True):
        np.testing.assert_allclose(tap, kernel.sum(axis=0) * value, atol=1e-6)
    assert kernel.sum(axis=0).std() == pytest.approx(np.sqrt(2 / 512), rel=0.02)


@pytest.mark.parametrize(("how", "function"), [("max", np.max), ("average", np.mean)])
@pytest.mark.parametrize(("time", "stride", "starts"), [(11, 2, [0, 2, 4, 6]), (7, 1, [0, 1, 2]), (3, 2, [0])])
def test_temporal_pool(how: str, function: np.ufunc, time: int, stride: int, starts: list[int]) -> None:
    x = np.random.default_rng(0).normal(size=(2, time, 2, 3, 4)).astype(np.float32)
    clip = keras.Input(x.shape[1:])
    folded, pooled = temporal_pool(FoldTime()(clip), clip, how, stride, "pool")
    got, frames = keras.Model(clip, [pooled, folded])(x)
    expected = np.stack([function(x[:, start : start + 5], axis=1) for start in starts], axis=1)
    close(np.asarray(got), expected, 1e-5)
    close(np.asarray(frames), expected.reshape(-1, 2, 3, 4), 1e-5)


@pytest.mark.parametrize("sides", [(7, 7), (3, 5), (8, 11), (20, 8), (6, 9)])
@pytest.mark.parametrize("static", [True, False])
def test_dense_average_pooling_is_the_mean_over_all_windows(sides: tuple[int, int], static: bool) -> None:
    x = np.random.default_rng(0).normal(size=(2, *sides, 3)).astype(np.float32)
    image = keras.Input((*(sides if static else (None, None)), 3))
    model = keras.Model(image, DenseAveragePooling(7)(image))
    height, width = sides
    windows = [
        x[:, top : top + min(7, height), left : left + min(7, width)].mean(axis=(1, 2))
        for top in range(max(1, height - 6))
        for left in range(max(1, width - 6))
    ]
    close(np.asarray(model(x)), np.mean(windows, axis=0), 1e-5)
