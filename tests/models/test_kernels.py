"""Kernels for new networks, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from actionzoo.models import cross_modality_kernel, inflate_kernel
from actionzoo.models.kernels import TEMPORAL_INITS


@pytest.mark.parametrize("init", TEMPORAL_INITS)
def test_inflated_kernel_keeps_the_answer_on_a_still_clip(init: str) -> None:
    kernel = np.random.default_rng(0).normal(size=(3, 3, 2, 4))
    inflated = inflate_kernel(kernel, init)
    assert inflated.shape == (3, 3, 3, 2, 4)
    np.testing.assert_allclose(inflated.sum(axis=0), kernel)


@pytest.mark.parametrize(
    ("init", "taps"), [("average", [1 / 3, 1 / 3, 1 / 3]), ("centre", [0, 1, 0]), ("difference", [-1, 3, -1])]
)
def test_taps_are_the_papers(init: str, taps: list[float]) -> None:
    np.testing.assert_allclose(inflate_kernel(np.ones((1, 1, 1, 1)), init).ravel(), taps)


def test_first_layer_for_flow_has_the_mean_of_red_green_blue() -> None:
    kernel = np.random.default_rng(0).normal(size=(7, 7, 3, 64))
    flow = cross_modality_kernel(kernel, 20)
    assert flow.shape == (7, 7, 20, 64)
    for channel in range(20):
        np.testing.assert_allclose(flow[:, :, channel], kernel.sum(axis=2) / 3)


def test_first_layer_for_flow_mirrors_red_green_blue() -> None:
    kernel = np.random.default_rng(0).normal(size=(7, 7, 3, 8))
    flow = cross_modality_kernel(kernel, 20, "mirror")
    order = [0, 1, 2, 2, 1, 0] * 3 + [0, 1]
    np.testing.assert_array_equal(flow, kernel[:, :, order])


def test_names_that_do_not_exist() -> None:
    with pytest.raises(ValueError, match=r"one of \['mean', 'mirror'\]. Received: how='sum'"):
        cross_modality_kernel(np.ones((1, 1, 3, 1)), how="sum")
    with pytest.raises(ValueError, match="temporal_init='first'"):
        inflate_kernel(np.ones((1, 1, 3, 1)), "first")
