"""Videos in the form of a model, and the cache that keeps them."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actionzoo.data import decoded as decoded_module
from actionzoo.data.dataset import read_dataset
from actionzoo.data.decoded import VideoSource, content_digest, decode_video
from actionzoo.errors import NotAVideoError, OutputError
from actionzoo.video.flow import optical_flow
from actionzoo.video.spec import InputSpec, VideoFormat
from actionzoo.video.writer import VideoWriter
from tests.faults import Killed, killed_at

FORM = VideoFormat(32, 64, 15, "dis")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    texture = np.random.default_rng(0).integers(0, 256, (64, 160, 3)).astype(np.uint8)
    for name, number in (("wave", 1), ("wave", 0), ("bend", 0)):
        (tmp_path / "set" / name).mkdir(parents=True, exist_ok=True)
        with VideoWriter(tmp_path / "set" / name / f"{number}.mp4", 30, (64, 96)) as video:
            for shift in range(9):
                video.write(texture[:, shift : shift + 96])
    return tmp_path / "set"


def source(folder: Path, video_format: VideoFormat = FORM) -> VideoSource:
    return VideoSource(read_dataset(folder), video_format, folder.parent / "cache")


def test_order_labels_rate_and_size(folder: Path) -> None:
    found = source(folder)
    read = [found.read(index) for index in range(len(found))]
    assert [(decoded.name, decoded.class_index) for decoded in read] == [("0.mp4", 0), ("0.mp4", 1), ("1.mp4", 1)]
    for decoded in read:
        assert decoded.frames.shape == (5, 32, 48, 3)
        assert decoded.flow.shape == (4, 32, 48, 2)
        np.testing.assert_allclose(decoded.flow, optical_flow(np.array(decoded.frames)), atol=0.01)


def test_a_video_is_decoded_once_until_it_changes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []

    def counting(path: Path, label: int, video_format: VideoFormat) -> decoded_module.DecodedVideo:
        decoded.append(path.name)
        return decode_video(path, label, video_format)

    monkeypatch.setattr(decoded_module, "decode_video", counting)
    first = np.array(source(folder).read(1).frames)
    np.testing.assert_array_equal(source(folder).read(1).frames, first)
    assert decoded == ["0.mp4"]
    source(folder, replace(FORM, fps=30)).read(1)
    shutil.copy(folder / "bend" / "0.mp4", folder / "wave" / "0.mp4")
    source(folder).read(1)
    assert len(decoded) == 3
    assert not list((folder.parent / "cache").glob(".*"))


def test_a_video_of_one_frame(folder: Path) -> None:
    with VideoWriter(folder / "bend" / "0.mp4", 30, (64, 96)) as video:
        video.write(np.zeros((64, 96, 3), np.uint8))
    for _ in range(2):
        decoded = source(folder).read(0)
        assert (decoded.frames.shape, decoded.flow.shape) == ((1, 32, 48, 3), (0, 32, 48, 2))


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    """Not by its time or place; of a long one some blocks count, both ends among them."""
    content = bytearray(np.random.default_rng(0).bytes(5_000_000))
    for size in (0, 1, 70_000, 1_048_576, 1_048_577, 5_000_000):
        (tmp_path / "a").write_bytes(content[:size])
        (tmp_path / "b").write_bytes(content[:size])
        os.utime(tmp_path / "b", (1, 1))
        known = content_digest(tmp_path / "a")
        assert content_digest(tmp_path / "b") == known
        for place in {0, size // 2, size - 1} if size else set():
            changed = bytearray(content[:size])
            changed[place] ^= 1
            (tmp_path / "b").write_bytes(changed)
            assert content_digest(tmp_path / "b") != known, (size, place)
        (tmp_path / "b").write_bytes(content[:size] + b"x")
        assert content_digest(tmp_path / "b") != known


def test_all_broken_videos_are_told(folder: Path) -> None:
    (folder / "wave" / "2.mp4").write_text("not a video at all")
    told: list[tuple[int, int]] = []
    ((video, reason),) = source(folder).prepare(lambda *done: told.append(done))
    assert video.path.name == "2.mp4"
    assert reason
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    with pytest.raises(NotAVideoError, match=r"2\.mp4"):
        source(folder).read(3)


def test_a_cache_that_cannot_be_written_is_named(folder: Path) -> None:
    (folder.parent / "cache").write_text("a file")
    with pytest.raises(OutputError, match="ACTIONZOO_CACHE"):
        source(folder).read(0)


def damage(place: Path, how: str) -> None:
    """What disks and people do to an entry of the cache."""
    flow = place / "flow"
    content = flow.read_bytes()
    if how == "cut":
        flow.write_bytes(content[:-2])
    elif how == "empty":
        flow.write_bytes(b"")
    elif how == "flipped":
        flow.write_bytes(content[:99] + bytes([content[99] ^ 1]) + content[100:])
    elif how == "missing":
        flow.unlink()
    elif how == "emptied":
        for path in place.iterdir():
            path.unlink()
    elif how == "facts":
        (place / "entry.json").write_text('{"frames": 3}')
    else:
        (place / "entry.json").write_text((place / "entry.json").read_text()[:-9])


DAMAGES = ("cut", "empty", "flipped", "missing", "emptied", "facts", "cut facts")


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_entry_is_made_again(folder: Path, caplog: pytest.LogCaptureFixture, how: str) -> None:
    first = [np.array(part) for part in _arrays(source(folder).read(1))]
    (place,) = (folder.parent / "cache").iterdir()
    damage(place, how)
    mended = source(folder)
    for _ in range(2):  # the second one comes from the cache
        for one, other in zip(first, _arrays(mended.read(1)), strict=True):
            np.testing.assert_array_equal(one, other)
    assert [spec.getMessage().partition(" what the cache keeps")[0] for spec in caplog.records] == ["0.mp4:"]
    caplog.clear()
    for one, other in zip(first, _arrays(source(folder).read(1)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not caplog.records
    assert list((folder.parent / "cache").iterdir()) == [place]


@pytest.mark.parametrize("how", ["cut", "missing", "emptied"])
def test_an_entry_that_is_damaged_while_it_is_used(folder: Path, how: str) -> None:
    found = source(folder)
    first = np.array(found.read(1).flow)
    damage(next((folder.parent / "cache").iterdir()), how)
    np.testing.assert_array_equal(found.read(1).flow, first)


def _arrays(decoded: decoded_module.DecodedVideo) -> tuple[np.ndarray, np.ndarray]:
    return decoded.frames, decoded.flow


def test_a_kill_at_any_write_leaves_a_good_cache(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    expected = np.array(source(folder).read(1).flow)
    shutil.rmtree(folder.parent / "cache")
    with killed_at(sys.maxsize, folder.parent) as count:
        source(folder).read(1)
    assert "replace" in count.seen
    for moment in range(1, len(count.seen) + 1):
        shutil.rmtree(folder.parent / "cache")
        with killed_at(moment, folder.parent), pytest.raises(Killed):
            source(folder).read(1)
        np.testing.assert_array_equal(source(folder).read(1).flow, expected)
    assert not caplog.records  # nothing half written was ever in its place


def test_what_killed_processes_left_is_removed_after_a_day(folder: Path) -> None:
    cache = folder.parent / "cache"
    for name, age in ((".part-old", 2 * 86400), (".0f1e-0123abcd", 2 * 86400), (".0f1e-4567cdef", 60)):
        (cache / name).mkdir(parents=True)
        os.utime(cache / name, (time.time() - age, time.time() - age))
    source(folder).read(0)
    assert {path.name for path in cache.glob(".*")} == {".0f1e-4567cdef"}


@pytest.fixture
def denied(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """A cache that belongs to somebody else; permissions do not hold for root, who may run this test."""
    cache, mkdir, rename = folder.parent / "cache", os.mkdir, os.rename

    def refuse(path: object) -> None:
        if str(path).startswith(f"{cache}"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

    def denied_mkdir(path: object, *arguments: object, **options: object) -> None:
        refuse(path)
        mkdir(path, *arguments, **options)  # type: ignore[arg-type]

    def denied_rename(path: object, *arguments: object, **options: object) -> None:
        refuse(path)
        rename(path, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "mkdir", denied_mkdir)
    monkeypatch.setattr(os, "rename", denied_rename)
    monkeypatch.setattr(tempfile, "tempdir", str(folder.parent / "tmp"))
    mkdir(folder.parent / "tmp")
    return cache


def test_a_cache_of_another_user_is_read_and_its_like_kept_privately(
    folder: Path, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> None:
    theirs = np.array(source(folder).read(0).flow)
    (entry,) = (folder.parent / "cache").iterdir()
    assert entry.stat().st_mode & 0o777 == 0o777 & ~_umask()
    request.getfixturevalue("denied")
    found = source(folder)
    np.testing.assert_array_equal(found.read(0).flow, theirs)
    assert not caplog.records
    mine = [np.array(found.read(index).flow) for index in (1, 2, 1)]
    np.testing.assert_array_equal(mine[0], mine[2])
    (spec,) = caplog.records
    assert re.search(r"cache cannot be written \(Permission denied\).*set ACTIONZOO_CACHE", spec.getMessage())
    (private,) = (folder.parent / "tmp").iterdir()
    assert private.stat().st_mode & 0o777 == 0o700
    assert len(list((private / "recordings").iterdir())) == 2
    damage(entry, "flipped")
    np.testing.assert_array_equal(source(folder).read(0).flow, theirs)


def test_the_chosen_cache_of_another_user_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the cache folder itself falls back to a private one."""
    theirs, mine = folder.parent / "theirs", folder.parent / "mine"
    VideoSource(read_dataset(folder), FORM, theirs).read(0)
    monkeypatch.setattr(decoded_module, "cache_folders", lambda kind: [theirs, mine])
    monkeypatch.setattr(decoded_module, "cache_folder", lambda kind: mine)
    found = VideoSource(read_dataset(folder), FORM)
    found.read(0)
    assert not mine.exists()
    found.read(1)
    assert (len(list(theirs.iterdir())), len(list(mine.iterdir()))) == (1, 1)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_private_cache_that_somebody_else_made_is_not_trusted(
    folder: Path, denied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder.parent / "tmp" / f"actionzoo-{os.getuid() + 1}").mkdir()
    other = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: other)
    with pytest.raises(OutputError, match="ACTIONZOO_CACHE"):
        source(folder).read(0)


@pytest.mark.parametrize(
    ("resize", "size"), [("fit", (32, 42)), ("stretch", (32, 64)), ("short", (32, 42))], ids=lambda value: str(value)
)
def test_sizes(resize: str, size: tuple[int, int]) -> None:
    assert replace(FORM, resize=resize).size((240, 318)) == size


def test_form_of_a_record() -> None:
    spec = InputSpec(("a", "b"), 64, 48, fps=5.0, flow=None, resize="stretch")
    assert spec.video_format == VideoFormat(64, 48, 5.0, "dis", "stretch")
