"""What gives classes away: of sets in which it is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from actionzoo.data.decoded import DecodedVideo
from actionzoo.evaluation import Scores
from actionzoo.evaluation.controls import TRAITS, control_videos, traits
from actionzoo.evaluation.pairs import confused_pairs
from actionzoo.evaluation.shortcuts import find_shortcuts

CLASSES = ("hug", "kick", "point")
LABELS = np.repeat([0, 1, 2], 14)


def scores(**logits: np.ndarray) -> Scores:
    count = len(LABELS)
    right = np.eye(3, dtype=np.float32)[LABELS]
    return Scores(CLASSES, tuple(map(str, range(count))), LABELS, ("",) * count, {"answer": right, **logits})


def said(answers: np.ndarray) -> np.ndarray:
    return np.eye(3, dtype=np.float32)[answers]


def test_a_class_that_has_a_shape_of_its_own() -> None:
    rng = np.random.default_rng(0)
    values = {"aspect": np.where(LABELS == 2, 0.6, 1.3) + rng.normal(0, 0.05, len(LABELS))}
    (found,) = find_shortcuts(scores(), values)
    assert (CLASSES[found.class_index], found.sign, found.above) == ("point", "aspect", False)
    assert (found.hits, found.others) == (1, 0)
    assert 0.6 < (found.limit or 0) < 1.2


def test_the_limit_is_the_best_one() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0, 1, len(LABELS)) + 2.5 * (LABELS == 0)
    found = [each for each in find_shortcuts(scores(), {"frames": values}) if each.class_index == 0]
    best = max(np.mean(values[LABELS == 0] > limit) - np.mean(values[LABELS != 0] > limit) for limit in values)
    assert [each.informedness for each in found] == [pytest.approx(best)]
    assert found[0].above


def test_nothing_is_found_in_noise() -> None:
    rng = np.random.default_rng(2)
    reports = 0
    for _ in range(100):
        noise = {name: rng.integers(0, 3, len(LABELS)) for name in ("appearance", "motion", "background", "shape")}
        values = {name: rng.normal(size=len(LABELS)) for name in ("aspect", "frames", "brightness")}
        reports += bool(find_shortcuts(scores(**{name: said(own) for name, own in noise.items()}), values))
    assert reports <= 3


def test_few_videos_prove_nothing() -> None:
    few = Scores(CLASSES, ("1", "2", "3"), np.arange(3), ("",) * 3, {"answer": said(np.arange(3))})
    assert find_shortcuts(few, {"aspect": np.array([1.0, 2.0, 3.0])}) == []


def test_a_background_that_the_network_knows() -> None:
    (found,) = find_shortcuts(scores(background=said(np.where(LABELS == 1, 1, 0))), {})
    assert (CLASSES[found.class_index], found.sign) == ("kick", "background")
    assert (found.hits, found.others) == (1, 0)


def test_appearance_counts_where_motion_does_not_do_as_well() -> None:
    knows = said(LABELS)
    forgets = said(np.where((LABELS == 2) & (np.arange(len(LABELS)) % 3 > 0), 0, LABELS))
    found = find_shortcuts(scores(appearance=knows, motion=forgets), {})
    assert [CLASSES[each.class_index] for each in found] == ["hug", "point"]
    assert {each.sign for each in found} == {"appearance"}
    assert find_shortcuts(scores(appearance=knows, motion=knows), {}) == []
    assert find_shortcuts(scores(appearance=knows), {}) == []


def test_pairs() -> None:
    answers = LABELS.copy()
    answers[[0, 1, 14]] = [1, 1, 0]  # two hugs for kicks, one kick for a hug
    answers[28] = 1  # a point for a kick
    rng = np.random.default_rng(3)
    motion = rng.normal(size=(len(LABELS), 3)).astype(np.float32) + 2 * said(LABELS)
    given = scores(motion=motion)
    given.logits["answer"][:] = said(answers)  # type: ignore[index]
    given.logits["answer"][1, 1] = 5  # type: ignore[index]
    speed = rng.normal(size=len(LABELS))
    first, second = confused_pairs(given, {"speed": speed})
    assert [(pair.first, pair.second, pair.taken, pair.videos) for pair in (first, second)] == [
        (0, 1, (2, 1), (14, 14)),
        (1, 2, (0, 1), (14, 14)),
    ]
    assert first.wrong == (1, 0, 14)  # the surest first
    assert first.share == pytest.approx(2 / 14)
    margins = motion[:, 0] - motion[:, 1]
    ranked = [(a > b) for a in margins[LABELS == 0] for b in margins[LABELS == 1]]
    assert first.separation["motion"] == pytest.approx(np.mean(ranked))
    assert first.separation["speed"] == pytest.approx(
        stats.mannwhitneyu(speed[LABELS == 0], speed[LABELS == 1]).statistic / 14**2
    )
    assert first.medians["speed"] == (np.median(speed[LABELS == 0]), np.median(speed[LABELS == 1]))


def test_controls_do_not_move_and_keep_what_stays() -> None:
    """A white ball crosses a picture whose halves are red and blue."""
    frames = np.zeros((20, 12, 40, 3), np.uint8)
    frames[:, :, :20, 0] = frames[:, :, 20:, 2] = 200
    background = frames[0].copy()
    for time in range(20):
        frames[time, 4:8, 2 * time : 2 * time + 2] = 255
    moving = DecodedVideo("ball.mp4", 1, frames, np.full((19, 12, 40, 2), 1, np.float16))
    found = control_videos(moving)
    assert (found["background"].frames == background).all()
    assert found["shape"].frames.shape == frames.shape
    assert (found["shape"].frames == [100, 0, 100]).all()
    assert all(not each.flow.any() and each.flow.shape == (19, 12, 40, 2) for each in found.values())
    values = dict(zip(TRAITS, traits(moving), strict=True))
    assert values["aspect"] == pytest.approx(40 / 12)
    assert values["frames"] == 20
    assert values["speed"] == pytest.approx(1000 * np.sqrt(2) / 12, rel=1e-3)


def test_a_single_frame_has_controls() -> None:
    still = DecodedVideo("one.mp4", 0, np.full((1, 8, 8, 3), 9, np.uint8), np.zeros((0, 8, 8, 2), np.float16))
    assert [each.frames.shape for each in control_videos(still).values()] == [(1, 8, 8, 3)] * 2
    assert traits(still)[TRAITS.index("speed")] == 0
