"""Folders of numbered pictures and animated WebP are videos; folders are searched for all that are."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from actionzoo.errors import BrokenVideoError, NotAVideoError, VideoNotFoundError
from actionzoo.inference.sources import expand_sources
from actionzoo.video.files import videos_below
from actionzoo.video.reader import probe, read_frames
from actionzoo.video.stills import FOLDER_FPS, is_frame_folder

MakeVideo = Callable[..., Path]
PICTURES = (np.arange(12, dtype=np.uint8) * 20)[:, None, None, None] + np.zeros((12, 24, 32, 3), np.uint8)


def numbered(folder: Path, pattern: str = "img_{:05d}.png") -> Path:
    folder.mkdir(parents=True)
    for index, picture in enumerate(PICTURES, 1):
        assert cv2.imwrite(str(folder / pattern.format(index)), picture)
    return folder


@pytest.mark.parametrize("pattern", ["img_{:05d}.png", "{}.png", "frame{:03d}.bmp", "x-1_{:d}.PNG"])
def test_numbered_pictures(tmp_path: Path, pattern: str) -> None:
    """In the order of their numbers, also where these have no leading zeros."""
    folder = numbered(tmp_path / "clip", pattern)
    assert is_frame_folder(folder)
    frames = list(read_frames(folder))
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [20 * index for index in range(12)]
    assert np.allclose([frame.time for frame in frames], np.arange(12) / FOLDER_FPS)
    info = probe(str(folder))
    assert (info.height, info.width, info.fps) == (24, 32, FOLDER_FPS)
    assert info.duration_s == pytest.approx(12 / FOLDER_FPS)
    assert [int(f.image[0, 0, 0]) for f in read_frames(folder, fps=FOLDER_FPS / 2, size=(12, 16))] == [
        40 * index for index in range(6)
    ]


def test_other_folders_are_no_clips(tmp_path: Path) -> None:
    holidays = numbered(tmp_path / "holidays")
    cv2.imwrite(str(holidays / "aunt.png"), PICTURES[0])
    assert not is_frame_folder(holidays)
    with pytest.raises(NotAVideoError, match="is a folder"):
        list(read_frames(holidays))
    two = numbered(tmp_path / "two")
    cv2.imwrite(str(two / "flow_x_00001.png"), PICTURES[0])
    assert not is_frame_folder(two)


def test_a_picture_that_cannot_be_read(tmp_path: Path) -> None:
    folder = numbered(tmp_path / "clip")
    (folder / "img_00003.png").write_bytes(b"not a picture")
    with pytest.raises(BrokenVideoError, match=r"clip: img_00003.png cannot be read as a picture"):
        list(read_frames(folder))


def test_animated_webp(tmp_path: Path) -> None:
    path = tmp_path / "clip.webp"
    images = [Image.fromarray(picture) for picture in PICTURES]
    images[0].save(path, save_all=True, append_images=images[1:], duration=[40] * 6 + [80] * 6, lossless=True)
    frames = list(read_frames(path))
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [20 * index for index in range(12)]
    assert np.allclose([frame.time for frame in frames], [*np.arange(6) * 0.04, *0.24 + np.arange(6) * 0.08])
    assert probe(path).duration_s == pytest.approx(0.72)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises((BrokenVideoError, NotAVideoError)):
        list(read_frames(path))


@pytest.mark.parametrize(
    ("name", "codec", "format"),
    [("clip.gif", "gif", "gif"), ("clip.mjpeg", "mjpeg", "mjpeg"), ("clip.h264", "libx264", "h264")],
)
def test_animations_and_raw_streams(make_video: MakeVideo, name: str, codec: str, format: str) -> None:
    pix_fmt = {"gif": "rgb8", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
    path = make_video(name, codec=codec, format=format, pix_fmt=pix_fmt)
    assert videos_below(path.parent) == [str(path)]
    assert len(list(read_frames(path))) == 30


def test_videos_below(make_video: MakeVideo, tmp_path: Path) -> None:
    below = tmp_path / "set" / "kick"
    numbered(below / "b")
    make_video("clip.MP4", format="mp4").rename(below / "a.MP4")
    (below / "notes.txt").write_text("no video")
    cv2.imwrite(str(below / "poster.webp"), PICTURES[0])
    (below / ".hidden.mp4").touch()
    (tmp_path / "set" / ".cache").mkdir()
    (tmp_path / "set" / ".cache" / "c.mp4").touch()
    assert videos_below(tmp_path / "set") == [str(below / "a.MP4"), str(below / "b")]
    assert videos_below(below / "b") == [str(below / "b")]
    assert expand_sources([str(tmp_path / "set"), str(below / "b")]) == [str(below / "a.MP4"), str(below / "b")]


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_links_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.mp4").touch()
    (tmp_path / "real" / "again").symlink_to(tmp_path)
    (tmp_path / "one").symlink_to("real")
    assert videos_below(tmp_path) == [str(tmp_path / "one" / "a.mp4"), str(tmp_path / "real" / "a.mp4")]


def test_a_folder_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = tmp_path / "set" / "locked"
    locked.mkdir(parents=True)
    scandir = os.scandir

    def guarded(folder: str) -> Iterator[os.DirEntry[str]]:
        if folder == str(locked):
            raise PermissionError(errno.EACCES, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", guarded)
    with pytest.raises(VideoNotFoundError, match="locked: may not be read; check its permissions"):
        videos_below(tmp_path / "set")
