"""Filters over time against a plain sum."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from actionzoo.models.temporal import TEMPORAL_INITS, FoldTime, inflate_kernel, temporal_conv, temporal_pool

from .numpy_reference import conv_over_time


@pytest.mark.parametrize("init", TEMPORAL_INITS)
def test_temporal_conv_is_a_sum_over_three_frames(init: str) -> None:
    x = np.random.default_rng(0).normal(size=(2, 4, 3, 5, 6)).astype(np.float32)
    clip = keras.Input(x.shape[1:])
    model = keras.Model(clip, temporal_conv(FoldTime()(clip), clip, init, "filter"))
    identity = np.eye(6)
    fresh = conv_over_time(x, np.array([tap * identity for tap in TEMPORAL_INITS[init]]), np.zeros(6))
    np.testing.assert_allclose(model.predict_on_batch(x), fresh.reshape(8, 3, 5, 6), rtol=1e-5, atol=1e-5)

    kernel, bias = np.random.default_rng(1).normal(size=(3, 1, 1, 6, 6)), np.arange(6)
    model.get_layer("filter").set_weights([kernel, bias])
    expected = conv_over_time(x, kernel[:, 0, 0], bias)
    np.testing.assert_allclose(model.predict_on_batch(x), expected.reshape(8, 3, 5, 6), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("how", "expected"), [("max", np.max), ("average", np.mean)])
def test_temporal_pool(how: str, expected: np.ufunc) -> None:
    x = np.random.default_rng(0).normal(size=(2, 4, 6)).astype(np.float32)
    clip = keras.Input(x.shape[1:])
    model = keras.Model(clip, temporal_pool(FoldTime()(clip), clip, how, "pool"))
    np.testing.assert_allclose(model.predict_on_batch(x), expected(x, axis=1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("init", TEMPORAL_INITS)
def test_inflated_kernel_keeps_the_answer_on_a_still_clip(init: str) -> None:
    kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 4))
    inflated = inflate_kernel(kernel, init)
    assert inflated.shape == (3, 3, 3, 2, 4)
    np.testing.assert_allclose(inflated.sum(axis=0), kernel)
