"""Scores on disk, and what is refused."""

from __future__ import annotations

import errno
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actionzoo.errors import DataError, OutputError
from actionzoo.evaluation.scores import Scores, fuse, read_scores
from actionzoo.files import write_atomic

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
        {"logits": {"answer": np.full((2, 2), np.nan, np.float32)}},
        {"logits": {"answer": np.zeros((2, 2), complex)}},
        {"labels": np.array([0.7, 1.2])},
        {"classes": (("a", "b"), ("c", "d"))},
        {"classes": ("a", "a")},
        {"paths": ("a/1.mp4", "a/1.mp4")},
    ],
    ids=[
        "unknown label",
        "too few labels",
        "too few paths",
        "no answer",
        "other classes",
        "scores that are no numbers",
        "complex scores",
        "labels that are no indices",
        "classes in a table",
        "a class twice",
        "a video twice",
    ],
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


@pytest.mark.parametrize("header", [b"{'descr': '<i8', 'fortran_order': False, 'shape': (2,", b"no array"])
def test_members_that_are_no_arrays(tmp_path: Path, header: bytes) -> None:
    """numpy gives bytes for one without its mark, and an error of `tokenize` for a header that does not end."""
    member = header if header == b"no array" else b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    (tmp_path / "scores.npz").write_bytes(SCORES.to_npz())
    with zipfile.ZipFile(tmp_path / "scores.npz") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "scores.npz", "w") as archive:
        for name, content in (members | {"groups.npy": member}).items():
            archive.writestr(name, content)
    with pytest.raises(DataError, match="holds no scores"):
        read_scores(tmp_path / "scores.npz")


def test_pickles_are_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "scores.npz", labels=np.array([{}], dtype=object))
    with pytest.raises(DataError, match="holds no scores"):
        read_scores(tmp_path / "scores.npz")


def test_one_array_is_no_scores(tmp_path: Path) -> None:
    np.save(tmp_path / "scores.npy", np.zeros(3))
    with pytest.raises(DataError, match="it is one array"):
        read_scores(tmp_path / "scores.npy")


@pytest.mark.parametrize("compressed", [False, True])
def test_damaged_files_never_raise_anything_else(tmp_path: Path, compressed: bool) -> None:
    """Any byte of the file may be wrong: in the directory of the archive, in a header, in what is compressed."""
    path = tmp_path / "scores.npz"
    path.write_bytes(SCORES.to_npz())
    if compressed:
        with np.load(path) as file:
            np.savez_compressed(path, **dict(file))
    content = path.read_bytes()
    refused = 0
    for place in range(0, len(content), 3):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            read_scores(path)
        except DataError:
            refused += 1
    assert refused > len(content) / 3 / 4


def test_a_file_is_whole_or_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "a.npz"
    write_atomic(place, b"first")

    def half(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:1])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OutputError, match=r"a\.npz: cannot be written \(No space left"):
        write_atomic(place, b"second")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.npz": b"first"}


def test_the_same_videos_elsewhere_are_fused_by_their_names() -> None:
    one = replace(SCORES, paths=("set/hug/1.avi", "set/kick/1.avi"))
    turned = {"answer": SCORES.logits["answer"][::-1]}
    two = replace(SCORES, paths=("/copy/kick/1.avi", "/copy/hug/1.avi"), labels=np.array([1, 0]), logits=turned)
    fused = fuse([one, two], [1, 1])
    assert fused.paths == one.paths
    np.testing.assert_array_equal(fused.logits["answer"], SCORES.logits["answer"])
    with pytest.raises(DataError, match="other videos"):
        fuse([one, replace(two, paths=("/copy/kick/1.avi", "/copy/hug/2.avi"))], [1, 1])


@pytest.mark.parametrize("weights", [[1], [1, -1], [0, 0], [np.nan, 1], [np.inf, 1]])
def test_weights_that_no_mean_has(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weights are 2 finite numbers"):
        fuse([SCORES, SCORES], weights)


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
