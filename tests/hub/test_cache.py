"""Checksums that are remembered."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from actionzoo.files import replacing
from actionzoo.hub import cache
from actionzoo.hub.cache import cache_folder, remembered_sha256


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


def test_a_note_that_names_another_checksum_is_made_again(tmp_path: Path, readings: list[Path]) -> None:
    path, expected = a_file(tmp_path, b"weights")
    remembered_sha256(path)
    (kept,) = (tmp_path / "cache" / "checksums").iterdir()
    kept.write_text(kept.read_text().replace(expected[:8], "00000000"))
    assert remembered_sha256(path) == expected
    assert len(readings) == 2


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder for caches."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    cache._note_fallback.cache_clear()
    return tmp_path / "home" / "actionzoo"


def test_a_cache_that_cannot_be_written_gives_way_to_a_private_one(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ACTIONZOO_CACHE", str(tmp_path / "file"))
    assert cache.chosen_cache_folder() == tmp_path / "file"
    assert cache.cache_folders("web") == [tmp_path / "file" / "web", home / "web"]
    assert not caplog.records
    assert [cache_folder("web"), cache_folder("pins"), cache_folder()] == [home / "web", home / "pins", home]
    assert [record.message for record in caplog.records] == [
        f"{tmp_path / 'file'} cannot be written by this user; what is new is kept in {home}"
    ]


def test_without_a_home_a_private_cache_lies_among_temporary_files(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").touch()
    monkeypatch.delenv("ACTIONZOO_CACHE", raising=False)
    private = cache_folder()
    assert private.parent == tmp_path
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    private.chmod(0o777)  # others may have put something into it
    assert cache_folder() == home


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="users of POSIX")
def test_two_users_of_one_cache(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = Path(tempfile.mkdtemp(dir="/tmp"))  # others do not get into pytest's folder
    try:
        shared.chmod(0o777)
        monkeypatch.setenv("ACTIONZOO_CACHE", str(shared))
        assert cache_folder("openvino") == shared / "openvino"
        with replacing(cache_folder("openvino") / "note") as beside:
            beside.write_text("of the first user")
        (shared / "openvino").chmod(0o755 if os.geteuid() == 0 else 0o555)
        with another_user():
            assert cache_folder("web") == shared / "web"
            assert cache.cache_folders("openvino")[0] == shared / "openvino"
            assert (shared / "openvino" / "note").read_text() == "of the first user"
            assert not cache.is_writable(shared / "openvino")
    finally:
        (shared / "openvino").chmod(0o755)
        shutil.rmtree(shared)


@contextlib.contextmanager
def another_user() -> Iterator[None]:
    """While inside, this process may not write everywhere."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_what_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="full"), replacing(tmp_path / "folder" / "note") as beside:
        beside.write_text("half")
        raise OSError("full")
    with pytest.raises(OSError), replacing(tmp_path / "folder") as beside:
        beside.mkdir()
        (beside / "a").touch()
        (tmp_path / "folder" / "from another process").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "from another process"]


def test_a_cache_that_cannot_be_written_is_no_obstacle(
    tmp_path: Path, readings: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, expected = a_file(tmp_path, b"weights")
    (tmp_path / "file").touch()
    monkeypatch.setenv("ACTIONZOO_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(cache, "_private_folders", lambda: iter(()))
    assert remembered_sha256(path) == expected


def test_a_file_that_is_not_there(tmp_path: Path, readings: list[Path]) -> None:
    with pytest.raises(FileNotFoundError):
        remembered_sha256(tmp_path / "model.keras")
