"""Point-light puppets in miniature: motion tells actions that a still does not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from actionzoo.data.decoded import DecodedVideo
from benchmarks.johansson import NAMES, Stills, draw, measure, render


def noise() -> DecodedVideo:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (9, 24, 32, 3)).astype(np.uint8)
    return DecodedVideo("v", 0, frames, rng.normal(0, 2, (8, 24, 32, 2)).astype(np.float16))


def test_a_still_is_the_middle_frame_and_does_not_move() -> None:
    whole = noise()
    source: Any = SimpleNamespace(classes=("a",), videos=(None,), video_format=None, read=lambda index: whole)
    still = Stills(source).read(0)
    assert np.array_equal(still.frames, whole.frames[[4] * 9])
    assert still.flow.shape == whole.flow.shape
    assert not still.flow.any()


def test_the_figure_has_two_clips_with_their_flow_and_bars() -> None:
    found = {kind: {name: {"correct": 0.5, "standard_error": 0.1} for name in NAMES} for kind in ("whole", "points")}
    figure = draw(found, dict.fromkeys(found, noise()))
    assert len(figure.axes) == 5
    assert sum(len(axes.patches) for axes in figure.axes) == 2 * len(NAMES)


@pytest.mark.slow
def test_motion_sees_in_dots_what_a_still_does_not_show(tmp_path: Path) -> None:
    render(tmp_path, 2)
    whole, person = measure(tmp_path / "whole")
    points, dots = measure(tmp_path / "points")
    assert whole["videos"] == points["videos"] == 12
    assert whole["motion"]["correct"] >= 0.75
    assert points["motion"]["correct"] > points["still"]["correct"] + 0.2
    lit = [np.mean(np.asarray(clip.frames).max(axis=-1) > 128) for clip in (dots, person)]
    assert lit[0] < lit[1]
    figure = draw({"whole": whole, "points": points}, {"whole": person, "points": dots})
    assert len(figure.axes) == 5
