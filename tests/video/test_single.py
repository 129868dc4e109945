"""One picture out of a file: images, and videos at a share of their length."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from actionzoo.errors import BrokenVideoError, NotAVideoError, VideoNotFoundError, VideoTooLargeError
from actionzoo.video import opening
from actionzoo.video.reader import read_frames
from actionzoo.video.single import frame_near


def brightening(path: Path, codec: str) -> None:
    """A video of 20 frames, each 10 levels brighter than the one before."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, 10)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for k in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 + 10 * k, np.uint8), "rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


@pytest.mark.parametrize(("name", "codec"), [("clip.avi", "mjpeg"), ("clip.mkv", "mjpeg")])
def test_the_frame_is_where_it_was_asked_for(tmp_path: Path, name: str, codec: str) -> None:
    brightening(tmp_path / name, codec)
    for share in (0.0, 0.26, 0.5, 0.99):
        level = float(frame_near(tmp_path / name, share).mean())
        assert level == pytest.approx(20 + 200 * share, abs=12), share


def test_a_video_of_one_key_frame_gives_that(clip: Path) -> None:
    first = next(read_frames(clip)).image
    assert np.array_equal(frame_near(clip, 0.0), first)
    assert frame_near(clip, 0.7).shape == first.shape


def test_pictures_of_any_kind_are_rgb(tmp_path: Path) -> None:
    colour = np.zeros((5, 7, 4), np.uint8)
    colour[:] = (10, 20, 250, 128)
    cv2.imwrite(str(tmp_path / "alpha.PNG"), colour)
    assert frame_near(tmp_path / "alpha.PNG", 0.4)[2, 3].tolist() == [250, 20, 10]
    cv2.imwrite(str(tmp_path / "grey.tif"), np.full((5, 7), 30000, np.uint16))
    grey = frame_near(tmp_path / "grey.tif", 0.0)
    assert (grey.shape, grey.dtype, grey[0, 0, 0]) == ((5, 7, 3), np.uint8, 117)


def test_errors_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "no.jpg").write_bytes(b"text")
    (tmp_path / "no.mp4").write_bytes(b"text")
    with pytest.raises(BrokenVideoError, match=r"no.jpg: cannot be read as a picture"):
        frame_near(tmp_path / "no.jpg", 0.5)
    with pytest.raises(NotAVideoError, match=r"no.mp4: is not a video"):
        frame_near(tmp_path / "no.mp4", 0.5)
    with pytest.raises(VideoNotFoundError, match="no such file"):
        frame_near(tmp_path / "missing.mp4", 0.5)
    cv2.imwrite(str(tmp_path / "large.png"), np.zeros((20, 30, 3), np.uint8))
    monkeypatch.setattr(opening, "MAX_PIXELS", 500)
    with pytest.raises(VideoTooLargeError, match=r"large.png: its frames of 30x20 pixels"):
        frame_near(tmp_path / "large.png", 0.0)
