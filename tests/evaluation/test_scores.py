"""Scores on disk, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actionzoo.errors import DataError
from actionzoo.evaluation.scores import Scores, fuse, read_scores

SCORES = Scores(
    ("bend", "grüßen"),
    ("a/1.mp4", "ü.mp4"),
    np.array([0, 1]),
    ("p1", ""),
    {"answer": np.array([[1, 2], [3, 4]], np.float32), "motion": np.zeros((2, 2), np.float32)},
)


def test_they_come_back(tmp_path: Path) -> None:
    (tmp_path / "scores.npz").write_bytes(SCORES.to_npz())
    back = read_scores(tmp_path / "scores.npz")
    assert (back.classes, back.paths, back.groups) == (SCORES.classes, SCORES.paths, SCORES.groups)
    np.testing.assert_array_equal(back.labels, SCORES.labels)
    assert set(back.logits) == {"answer", "motion"}
    np.testing.assert_array_equal(back.logits["answer"], SCORES.logits["answer"])


@pytest.mark.parametrize(
    "broken",
    [
        {"labels": np.array([0, 2])},
        {"labels": np.array([0])},
        {"paths": ("a/1.mp4",)},
        {"logits": {"motion": SCORES.logits["motion"]}},
        {"logits": {"answer": np.zeros((2, 3), np.float32)}},
    ],
    ids=["unknown label", "too few labels", "too few paths", "no answer", "other classes"],
)
def test_parts_that_do_not_fit(tmp_path: Path, broken: dict[str, object]) -> None:
    (tmp_path / "scores.npz").write_bytes(replace(SCORES, **broken).to_npz())  # type: ignore[arg-type]
    with pytest.raises(DataError, match="holds no scores"):
        read_scores(tmp_path / "scores.npz")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 not really"])
def test_other_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "scores.npz").write_bytes(content)
    with pytest.raises(DataError, match="holds no scores"):
        read_scores(tmp_path / "scores.npz")
    with pytest.raises(DataError, match="holds no scores"):
        read_scores(tmp_path / "missing.npz")


def test_pickles_are_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "scores.npz", labels=np.array([{}], dtype=object))
    with pytest.raises(DataError, match="holds no scores"):
        read_scores(tmp_path / "scores.npz")


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"classes": ("bend", "wave")}, "other classes"),
        ({"paths": ("a/1.mp4", "b.mp4")}, "other videos"),
        ({"labels": np.array([0, 0])}, "disagree"),
    ],
)
def test_scores_of_other_things_are_not_fused(other: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        fuse([SCORES, replace(SCORES, **other)], [1, 1])  # type: ignore[arg-type]
