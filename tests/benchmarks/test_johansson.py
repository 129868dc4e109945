"""Point-light puppets in miniature: motion tells actions that a still does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.johansson import draw, measure, render


def test_motion_sees_in_dots_what_a_still_does_not_show(tmp_path: Path) -> None:
    render(tmp_path, 2)
    whole, person = measure(tmp_path / "whole")
    points, dots = measure(tmp_path / "points")
    assert whole["videos"] == points["videos"] == 12
    assert whole["motion"]["right"] >= 0.75
    assert points["motion"]["right"] > points["still"]["right"] + 0.2
    lit = [np.mean(np.asarray(clip.frames).max(axis=-1) > 128) for clip in (dots, person)]
    assert lit[0] < lit[1]
    figure = draw({"whole": whole, "points": points}, {"whole": person, "points": dots})
    assert len(figure.axes) == 5
