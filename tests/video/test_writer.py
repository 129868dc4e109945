from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from actionzoo.errors import OutputError
from actionzoo.video.reader import probe, read_frames
from actionzoo.video.writer import VideoWriter, draw_label

Images = NDArray[np.uint8]


def write(path: Path, images: Images, fps: float = 30) -> bytes:
    with VideoWriter(path, fps, images.shape[1:3]) as video:
        for image in images:
            video.write(image)
    return path.read_bytes()


@pytest.fixture
def moving(texture: Images) -> Images:
    return np.stack([texture[k : k + 96, 2 * k : 2 * k + 128] for k in range(20)])


def test_frames_come_back(tmp_path: Path, moving: Images) -> None:
    write(tmp_path / "out.mp4", moving, fps=12.5)
    info = probe(tmp_path / "out.mp4")
    assert (info.height, info.width, info.fps) == (96, 128, 12.5)
    back = list(read_frames(tmp_path / "out.mp4"))
    assert np.allclose([frame.time for frame in back], np.arange(20) / 12.5)
    assert np.abs(np.stack([frame.image for frame in back]).astype(int) - moving).mean() < 6


def test_the_same_frames_make_the_same_bytes(tmp_path: Path, moving: Images) -> None:
    first = write(tmp_path / "a.mp4", moving)
    assert write(tmp_path / "b.mp4", moving) == first
    assert first[4:8] == b"ftyp"
    assert write(tmp_path / "c.mp4", moving[:, :, ::-1]) != first


def coded(path: Path) -> str:
    with av.open(path) as container:
        return container.streams.video[0].codec_context.codec.canonical_name


@pytest.mark.parametrize(("asked", "found"), [("", "h264"), ("h264", "h264"), ("vp9", "vp9"), ("mpeg4", "mpeg4")])
def test_codecs(asked: str, found: str, tmp_path: Path, moving: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIONZOO_VIDEO_CODEC", asked)
    first = write(tmp_path / "out.mp4", moving, fps=12.5)
    assert coded(tmp_path / "out.mp4") == found
    assert write(tmp_path / "again.mp4", moving, fps=12.5) == first
    back = np.stack([frame.image for frame in read_frames(tmp_path / "out.mp4")])
    assert np.abs(back.astype(int) - moving).mean() < 6
    write(tmp_path / "odd.mp4", np.full((3, 33, 1, 3), 200, np.uint8))
    assert np.abs(next(read_frames(tmp_path / "odd.mp4")).image.astype(int) - 200).max() <= 4


def test_ffmpeg_without_gpl_encoders(tmp_path: Path, moving: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libx264", "libx265"})
    write(tmp_path / "out.mp4", moving)
    assert coded(tmp_path / "out.mp4") in ("h264", "mpeg4")
    monkeypatch.setattr(av, "codecs_available", {"libvpx-vp9"})
    with pytest.raises(OutputError, match="no encoder for h264; set ACTIONZOO_VIDEO_CODEC"):
        write(tmp_path / "none.mp4", moving)


def test_unknown_codec(tmp_path: Path, moving: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIONZOO_VIDEO_CODEC", "x265")
    with pytest.raises(OutputError, match="'x265' in ACTIONZOO_VIDEO_CODEC; set it to one of h264, vp9, mpeg4"):
        write(tmp_path / "out.mp4", moving)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("size", [(33, 47), (32, 47), (1, 1)])
def test_odd_sizes_grow_by_a_pixel(tmp_path: Path, size: tuple[int, int]) -> None:
    write(tmp_path / "out.mp4", np.full((3, *size, 3), 200, np.uint8))
    (frame, *_) = read_frames(tmp_path / "out.mp4")
    assert frame.image.shape == (size[0] + size[0] % 2, size[1] + size[1] % 2, 3)
    assert np.abs(frame.image.astype(int) - 200).max() <= 4


def test_an_older_file_is_replaced_only_by_a_finished_one(tmp_path: Path, moving: Images) -> None:
    path = tmp_path / "out.mp4"
    path.write_text("older")
    with pytest.raises(KeyboardInterrupt), VideoWriter(path, 30, (96, 128)) as video:
        video.write(moving[0])
        assert path.read_text() == "older"
        raise KeyboardInterrupt
    assert path.read_text() == "older"
    assert os.listdir(tmp_path) == ["out.mp4"]
    write(path, moving)
    assert os.listdir(tmp_path) == ["out.mp4"]
    assert len(list(read_frames(path))) == 20


def test_no_frames_make_no_file(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="it got no frames"), VideoWriter(tmp_path / "out.mp4", 30, (48, 64)):
        pass
    assert os.listdir(tmp_path) == []


def test_frames_of_another_size_are_refused(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4", 30, (48, 64)) as video:
        with pytest.raises(ValueError, match="uint8"):
            video.write(np.zeros((48, 65, 3), np.uint8))
        with pytest.raises(ValueError, match="float32"):
            video.write(np.zeros((48, 64, 3), np.float32))  # type: ignore[arg-type]
        video.write(np.zeros((48, 64, 3), np.uint8))
    for fps, size in ((0, (48, 64)), (30, (0, 64))):
        with pytest.raises(ValueError, match="cannot write"):
            VideoWriter(tmp_path / "out.mp4", fps, size)


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "none" / "out.mp4", tmp_path / "file" / "out.mp4", tmp_path, tmp_path / "a\0b.mp4"):
        with pytest.raises(OutputError) as caught, VideoWriter(path, 30, (48, 64)):
            pass
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
def test_no_permission(tmp_path: Path, without_permission: Callable[[Path], AbstractContextManager[None]]) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    video = VideoWriter(folder / "out.mp4", 30, (48, 64))
    with without_permission(folder), pytest.raises(OutputError, match="Permission denied"), video:
        pass
    assert os.listdir(folder) == []


FILL = """
import resource, signal, sys
import numpy as np
from actionzoo.errors import OutputError
from actionzoo.video.writer import VideoWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
noise = np.random.default_rng(0).integers(0, 256, (40, 96, 128, 3), dtype=np.uint8)
try:
    with VideoWriter(sys.argv[1], 30, (96, 128)) as video:
        for image in noise:
            video.write(image)
except OutputError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs a limit on file size")
@pytest.mark.parametrize("limit", [0, 20_000])
def test_a_full_disk_leaves_nothing(tmp_path: Path, limit: int) -> None:
    path = tmp_path / "out.mp4"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FILL, str(path), str(limit)],
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{path}: cannot be written (File too large); choose another place or make room\n"
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("background", [0, 128, 255])
@pytest.mark.parametrize("stroke_fonts", [False, True])
def test_labels_stand_out_from_any_background(
    background: int, stroke_fonts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if stroke_fonts:
        monkeypatch.delattr(cv2, "FontFace", raising=False)
    image = np.full((240, 320, 3), background, np.uint8)
    label = draw_label(image, ["handshake  97 %", "push  2 %"])
    assert (image == background).all()
    panel = label[:60, :160]
    assert panel.max() >= 220
    assert np.median(panel) <= 64
    letters = 0.03 if hasattr(cv2, "FontFace") else 0.025  # the stroke letters of OpenCV 4 are thinner
    assert (panel >= 200).any(-1).mean() > letters
    assert (label[120:] == background).all()


def test_long_labels_and_small_frames_fit(texture: Images) -> None:
    line = "a label of many words that would be much wider than its frame"
    label = draw_label(np.zeros((120, 160, 3), np.uint8), [line, line])
    assert (label[..., -2:, :] == 0).all()
    assert label.max() > 150
    few = draw_label(np.zeros((40, 160, 3), np.uint8), ["push"] * 9)
    assert few[-4:].max() == 0
    for size in ((8, 8), (16, 400), (400, 16)):
        assert draw_label(np.zeros((*size, 3), np.uint8), ["push 0.97"] * 5).shape == (*size, 3)
    assert (draw_label(texture, []) == texture).all()


def test_letters_beyond_ascii_are_drawn() -> None:
    if not hasattr(cv2, "FontFace"):
        pytest.skip("OpenCV 4 has no such letters")
    image = np.zeros((120, 160, 3), np.uint8)
    drawn = [draw_label(image, [line]).tobytes() for line in ("händ", "hand", "hønd", "東京", "h?nd")]
    assert len(set(drawn)) == 5


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_stays_a_link(tmp_path: Path, moving: Images) -> None:
    (tmp_path / "link.mp4").symlink_to(tmp_path / "real.mp4")
    write(tmp_path / "link.mp4", moving)
    assert (tmp_path / "link.mp4").is_symlink()
    assert probe(tmp_path / "real.mp4").width == 128


def test_a_codec_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: VideoWriter) -> None:
        raise RuntimeError("no codec")

    monkeypatch.setattr(VideoWriter, "_add_stream", fail)
    with pytest.raises(RuntimeError, match="no codec"), VideoWriter(tmp_path / "out.mp4", 30, (96, 128)):
        pass
    assert list(tmp_path.iterdir()) == []
