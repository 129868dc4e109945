"""Videos in memory: the same frames as from a file, and one line for what is none."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from actionzoo.errors import NotAVideoError, VideoError, VideoTooLargeError
from actionzoo.video import Frames, probe, read_frames

MakeVideo = Callable[..., Path]
GOOD = np.zeros((3, 4, 5, 3), np.uint8)


@pytest.fixture
def stored(make_video: MakeVideo, texture: NDArray[np.uint8]) -> tuple[Path, NDArray[np.uint8]]:
    """A file that keeps its pictures as they are, and the pictures: a crop that wanders over a texture."""
    images = np.stack([texture[k : k + 96, 2 * k : 2 * k + 128] for k in range(20)])
    path = make_video("clip.nut", images, codec="rawvideo", pix_fmt="rgb24", fps=25)
    assert np.array_equal(np.stack([frame.image for frame in read_frames(path)]), images)
    return path, images


@pytest.mark.parametrize("kind", ["array", "list", "view", "bytes", "bytearray", "file", "BytesIO"])
def test_frames_are_those_of_the_file(stored: tuple[Path, NDArray[np.uint8]], kind: str) -> None:
    path, images = stored
    with open(path, "rb") as file:
        sources: dict[str, Any] = {
            "array": Frames(images, 25),
            "list": Frames(list(images), 25.0),
            "view": Frames(np.repeat(images, 2, axis=2)[:, :, ::2], 25),
            "bytes": path.read_bytes(),
            "bytearray": bytearray(path.read_bytes()),
            "file": file,
            "BytesIO": io.BytesIO(path.read_bytes()),
        }
        source = sources[kind]
        assert probe(source).fps == 25
        assert probe(source).duration_s == pytest.approx(0.8, abs=0.05)  # NUT counts to the last picture's start
        for options in ({}, {"fps": 10}, {"size": (48, 50)}, {"fps": 7, "size": lambda size: (size[0] // 2, 64)}):
            expected, times = list(read_frames(path, **options)), []
            found = list(read_frames(source, **options, seen=times.append))
            assert [frame.time for frame in found] == pytest.approx([frame.time for frame in expected])
            assert all(np.array_equal(a.image, b.image) for a, b in zip(found, expected, strict=True))
            assert len(times) == 20
        assert not file.closed


def test_a_file_object_is_read_from_its_beginning_and_stays_open(make_video: MakeVideo) -> None:
    with open(make_video(), "rb") as file:
        file.seek(0, os.SEEK_END)
        assert len(list(read_frames(file))) == len(list(read_frames(file))) == 30
        assert not file.closed


@pytest.mark.parametrize(
    ("images", "fps", "reason"),
    [
        (GOOD, None, "have no rate; give `fps`"),
        (GOOD, 0, "`fps` is a number above 0, not 0"),
        (GOOD, float("nan"), "`fps` is a number above 0, not nan"),
        (GOOD, "30", "`fps` is a number above 0, not '30'"),
        (GOOD.astype(np.float32), 30, "type uint8, not float32"),
        (GOOD[0], 30, r"an array of frames is \(frames, height, width, 3\), not \(4, 5, 3\)"),
        (GOOD.transpose(0, 3, 1, 2), 30, r"not \(3, 4, 5\); channels come last"),
        (np.zeros((3, 4, 5, 4), np.uint8), 30, r"not \(4, 5, 4\); leave out the fourth"),
        (np.zeros((3, 4, 0, 3), np.uint8), 30, r"each frame is \(height, width, 3\), not \(4, 0, 3\)"),
        (GOOD[:0], 30, "there are none"),
        ([], 30, "there are none"),
        ([GOOD[0], GOOD[0, :2]], 30, r"have one size, not \(4, 5, 3\) and \(2, 5, 3\)"),
        ([GOOD[0], GOOD[0] / 255], 30, "type uint8, not float64"),
        (["a.mp4", "b.mp4"], 30, "for several videos use `predict_batch`"),
    ],
)
def test_pictures_that_are_no_video(images: Any, fps: Any, reason: str) -> None:
    with pytest.raises(NotAVideoError, match=f"^<frames>: .*{reason}"):
        Frames(images, fps)


def test_frames_may_not_be_larger_than_those_of_a_file() -> None:
    large = Frames(np.broadcast_to(np.uint8(0), (1, 1, 20_000, 3)), 30)
    for use in (probe, lambda source: next(read_frames(source))):
        with pytest.raises(VideoTooLargeError, match="20000x1"):
            use(large)


class Socket(io.BytesIO):
    """What cannot be rewound."""

    def seek(self, *_: int) -> int:
        raise io.UnsupportedOperation("underlying stream is not seekable")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"", "^<bytes>: is empty"),
        (b"nothing to see", "^<bytes>: is not a video"),
        (io.BytesIO(b"RIFF" + bytes(40)), "^<file>: is damaged"),
        (io.StringIO("text"), "^<file>: is opened as text"),
        (Socket(b"RIFF"), "^<file>: cannot be read from its beginning .*read it into bytes first"),
        (3.5, "^3.5: a float is not a video; give a file"),
        ({"a": 1}, "a dict is not a video"),
        (None, "a NoneType is not a video"),
    ],
)
def test_objects_that_are_no_video(source: Any, message: str) -> None:
    for use in (probe, lambda source: next(read_frames(source))):
        with pytest.raises(VideoError, match=message):
            use(source)


def test_a_file_of_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_text("words")
    with open(path) as file, pytest.raises(NotAVideoError, match=r"clip\.mp4: is opened as text"):
        probe(file)  # type: ignore[arg-type]
    with open(path, "rb") as closed:
        pass
    with pytest.raises(NotAVideoError, match=r"clip\.mp4: cannot be read .*closed file"):
        probe(closed)
