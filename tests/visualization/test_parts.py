"""The parts of painting against formulas in numpy."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from actionzoo.video.spec import InputSpec
from actionzoo.visualization import regularizers, transforms
from actionzoo.visualization.canvas import Canvas, _resized
from actionzoo.visualization.objective import log_odds, mean_responses

SPEC = InputSpec((), 32, 48, num_frames=2, stride=2, stack_length=3)


def test_regularizers() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 7, 2)).astype(np.float32)
    np.testing.assert_allclose(regularizers.norm(x), (np.linalg.norm(x, axis=-1) ** 3).mean((1, 2, 3)), rtol=1e-5)
    steps = (np.diff(x, axis=2) ** 2).mean((1, 2, 3, 4)) + (np.diff(x, axis=3) ** 2).mean((1, 2, 3, 4))
    np.testing.assert_allclose(regularizers.spatial_variation(x), steps, rtol=1e-5)
    changes = (np.diff(x, axis=1) ** 2).mean((1, 2, 3, 4))
    np.testing.assert_allclose(regularizers.temporal_variation(x), changes, rtol=1e-5)
    assert np.array_equal(regularizers.temporal_variation(x[:, :1]), [0, 0])


def test_a_canvas_begins_grey_and_still_and_alike_in_a_batch() -> None:
    canvas = Canvas(("appearance", "motion"), 2, SPEC, 0)
    clips = {name: np.asarray(clip) for name, clip in canvas.clips().items()}
    assert {name: clip.shape for name, clip in clips.items()} == {
        "appearance": (2, 2, 36, 52, 3),
        "motion": (2, 5, 20, 28, 2),
    }
    assert np.abs(clips["appearance"] - 127.5).max() < 40
    assert np.abs(clips["motion"]).max() < 1
    for clip in clips.values():
        np.testing.assert_array_equal(clip[0], clip[1])


def test_flow_stays_within_its_bound() -> None:
    canvas = Canvas(("motion",), 1, SPEC, 0)
    canvas.set_weights([10_000 * weight for weight in canvas.get_weights()])
    lengths = np.linalg.norm(np.asarray(canvas.clips()["motion"]), axis=-1)
    assert 0.98 * 0.08 * SPEC.height < lengths.max() <= 0.08 * SPEC.height


def test_where_nothing_is_moved_the_middle_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transforms, "ZOOM", 0.0)
    view = transforms.random_view(2, 0.0, keras.random.SeedGenerator(0))
    clip = np.random.default_rng(0).normal(size=(2, 3, 12, 14, 2)).astype(np.float32)
    seen = transforms.moved({"motion": clip}, {"motion": 2}, view)
    np.testing.assert_allclose(seen["motion"], clip[:, :, 2:-2, 2:-2], atol=1e-5)


def test_both_streams_move_alike_and_flow_grows_with_the_picture() -> None:
    ramp = np.broadcast_to(np.arange(40, dtype=np.float32)[None, None, None, :, None], (1, 2, 30, 40, 3))
    still = np.ones((1, 2, 15, 20, 2), np.float32)
    for draw in range(5):
        view = transforms.random_view(1, 0.05, keras.random.SeedGenerator(draw))
        seen = transforms.moved({"appearance": ramp, "motion": still}, {"appearance": 4, "motion": 2}, view)
        columns = np.asarray(seen["appearance"])[0, 0, 10, :, 0]
        zoom = float(np.asarray(seen["motion"])[0, 0, 5, 5, 0])
        assert 1 - transforms.ZOOM <= zoom <= 1 + transforms.ZOOM
        np.testing.assert_allclose(np.diff(columns[3:-3]), 1 / zoom, rtol=1e-3)


@pytest.mark.parametrize("shift", [-0.2, 0.0, 0.07])
def test_a_view_is_an_affine_transform_with_mirrored_borders(shift: float) -> None:
    clip = np.random.default_rng(0).uniform(0, 255, (2, 1, 20, 26, 3)).astype(np.float32)
    zoom, down, across = np.array([0.98, 1.02], np.float32), np.full(2, shift, np.float32), np.full(2, 0.05, np.float32)
    keep = 1 - 1 / zoom
    x, y = 25 / 2 * keep + 20 * across, 19 / 2 * keep + 20 * down
    zero = np.zeros(2, np.float32)
    matrix = np.stack([1 / zoom, zero, x, zero, 1 / zoom, y, zero, zero], axis=1)
    expected = keras.ops.image.affine_transform(clip[:, 0], matrix, fill_mode="reflect")[:, 2:-2, 2:-2]
    seen = transforms.moved({"appearance": clip}, {"appearance": 2}, (zoom, down, across))["appearance"]
    np.testing.assert_allclose(seen[:, 0], expected, atol=1e-3)


@pytest.mark.parametrize(("side", "target"), [((6, 9), (12, 17)), ((5, 5), (5, 8))])
def test_clips_are_enlarged_bilinearly(side: tuple[int, int], target: tuple[int, int]) -> None:
    clip = np.random.default_rng(0).normal(size=(2, 3, *side, 2)).astype(np.float32)
    expected = keras.ops.image.resize(clip.reshape(6, *side, 2), target)
    np.testing.assert_allclose(np.reshape(_resized(clip, target), expected.shape), expected, atol=1e-5)


def test_responses_are_means_over_places_also_where_time_is_folded() -> None:
    values = np.random.default_rng(0).normal(size=(2 * 3, 4, 5, 6)).astype(np.float32)
    expected = values.reshape(2, 60, 6).mean(axis=1)[[0, 1], [5, 2]]
    np.testing.assert_allclose(mean_responses(values, np.array([5, 2])), expected, rtol=1e-5)


def test_log_odds() -> None:
    logits = np.array([[1.0, 2.0, 3.0]], np.float32)
    chance = np.exp(2) / np.exp([1, 2, 3]).sum()
    np.testing.assert_allclose(log_odds(logits, np.array([1])), np.log(chance / (1 - chance)), rtol=1e-5)
