"""Trained networks on larger pictures and longer clips."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from actionzoo.models import create_model
from actionzoo.models.dense import fully_convolutional

TINY = {"channel_factor": 0.0625, "stack_length": 1, "dropout": 0.0}


def assert_same(said: Any, expected: np.ndarray) -> None:
    """Equal up to rounding, which is as large as the largest score makes it."""
    np.testing.assert_allclose(np.asarray(said), expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max() + 1e-5)


def clip(time: int, height: int, width: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "appearance": rng.uniform(0, 255, (1, time, height, width, 3)).astype(np.float32),
        "motion": rng.normal(0, 2, (1, time, height, width, 2)).astype(np.float32),
    }


@pytest.mark.parametrize(
    ("network", "frames"),
    [("two_stream_vgg16", 5), ("two_stream_resnet18", 5), ("st_resnet18", 5), ("st_mulnet18", 5)],
)
def test_at_its_own_size_it_is_the_same_network(network: str, frames: int) -> None:
    model = create_model(network, 4, frames, height=64, width=64, **TINY)
    same = fully_convolutional(model)
    given = clip(frames, 64, 64)
    assert_same(same(given), np.asarray(model(given)))


@pytest.mark.parametrize("trained", [(64, 64), (64, 96)])
def test_a_resnet_answers_the_mean_over_all_places(trained: tuple[int, int]) -> None:
    """Average pooling of the trained map's size at stride 1, then the classifier at every place."""
    height, width = trained
    model = create_model("appearance_resnet18", 4, 1, height=height, width=width, channel_factor=0.0625, dropout=0.0)
    dense = fully_convolutional(model)
    given = clip(1, 128, 160)["appearance"]
    features = keras.Model(dense.input, dense.get_layer("appearance_stage5_unit1_relu").output)
    maps = np.asarray(features({"appearance": given}))[0]
    assert maps.shape[:2] == (4, 5)
    kernel, bias = model.get_layer("logits_appearance").get_weights()
    rows, columns = height // 32, width // 32
    windows = [
        maps[y : y + rows, x : x + columns].mean(axis=(0, 1)) for y in range(5 - rows) for x in range(6 - columns)
    ]
    expected = np.mean([window @ kernel + bias for window in windows], axis=0)
    assert_same(dense({"appearance": given})[0], expected)
    plain = maps.mean(axis=(0, 1)) @ kernel + bias
    assert np.abs(expected - plain).max() > 1e-3  # the middle counts more than the border


def test_a_vgg_slides_its_fc6() -> None:
    model = create_model("appearance_vgg16", 4, 1, height=64, width=64, channel_factor=0.0625, dropout=0.0)
    dense = fully_convolutional(model)
    given = clip(1, 96, 64)["appearance"]
    maps = np.asarray(keras.Model(dense.input, dense.get_layer("appearance_pool5").output)({"appearance": given}))[0]
    assert maps.shape[:2] == (3, 2)
    fc6, bias6 = model.get_layer("appearance_fc6").get_weights()
    fc7, bias7 = model.get_layer("appearance_fc7").get_weights()
    kernel, bias = model.get_layer("logits_appearance").get_weights()
    said = []
    for top in range(2):
        hidden = np.maximum(np.einsum("hwc,hwcd->d", maps[top : top + 2], fc6) + bias6, 0)
        hidden = np.maximum(hidden @ fc7.reshape(hidden.size, -1) + bias7, 0)
        said.append(hidden @ kernel + bias)
    assert_same(dense({"appearance": given})[0], np.mean(said, axis=0))


def test_a_longer_clip_of_a_still_picture_gives_the_same_scores() -> None:
    model = create_model("two_stream_resnet18", 4, 2, height=64, width=64, fusion="late", **TINY)
    still = {name: np.repeat(array[:, :1], 25, axis=1) for name, array in clip(1, 64, 64).items()}
    short = {name: array[:, :2] for name, array in still.items()}
    assert_same(fully_convolutional(model)(still), np.asarray(model(short)))
