"""Checksums that are remembered."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from actionzoo.hub import cache
from actionzoo.hub.cache import remembered_sha256


@pytest.fixture
def readings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read as a whole; what is remembered is kept in a folder of the test's."""
    monkeypatch.setenv("ACTIONZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "SETTLED_S", -1.0)
    whole: list[Path] = []
    read = cache.sha256_of
    monkeypatch.setattr(cache, "sha256_of", lambda path: (whole.append(Path(path)), read(path))[1])
    return whole


def a_file(folder: Path, content: bytes) -> tuple[Path, str]:
    path = folder / "model.keras"
    path.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest()


def test_a_file_is_read_once(tmp_path: Path, readings: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path, expected = a_file(tmp_path, b"weights")
    monkeypatch.chdir(tmp_path)
    assert [remembered_sha256(path), remembered_sha256("model.keras")] == [expected, expected]
    assert readings == [path]


def test_a_change_is_seen_also_where_size_and_time_of_change_are_as_before(
    tmp_path: Path, readings: list[Path]
) -> None:
    path, first = a_file(tmp_path, b"weights 1")
    os.utime(path, ns=(10**18, 10**18))
    assert remembered_sha256(path) == first
    time.sleep(0.02)  # more than a tick of the clock that file systems use
    path, second = a_file(tmp_path, b"weights 2")
    os.utime(path, ns=(10**18, 10**18))
    assert remembered_sha256(path) == second
    assert len(readings) == 2


def test_what_has_only_just_changed_is_not_remembered(
    tmp_path: Path, readings: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "SETTLED_S", 2.0)
    path, expected = a_file(tmp_path, b"weights")
    assert [remembered_sha256(path), remembered_sha256(path)] == [expected, expected]
    assert len(readings) == 2


@pytest.mark.parametrize("note", [b"", b"\xff", b"[]", b'{"state": 1}', b'{"state": [], "sha256": "no"}'])
def test_a_damaged_note_is_made_again(tmp_path: Path, readings: list[Path], note: bytes) -> None:
    path, expected = a_file(tmp_path, b"weights")
    remembered_sha256(path)
    (kept,) = (tmp_path / "cache" / "checksums").iterdir()
    kept.write_bytes(note)
    assert [remembered_sha256(path), remembered_sha256(path)] == [expected, expected]
    assert len(readings) == 2


def test_a_cache_that_cannot_be_written_is_no_obstacle(
    tmp_path: Path, readings: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, expected = a_file(tmp_path, b"weights")
    (tmp_path / "file").touch()
    monkeypatch.setenv("ACTIONZOO_CACHE", str(tmp_path / "file"))
    assert remembered_sha256(path) == expected


def test_a_file_that_is_not_there(tmp_path: Path, readings: list[Path]) -> None:
    with pytest.raises(FileNotFoundError):
        remembered_sha256(tmp_path / "model.keras")
