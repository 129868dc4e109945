"""Videos that are sequences of images: folders of numbered images (raw frames), and animated WebP."""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageSequence, UnidentifiedImageError

from actionzoo.errors import BrokenVideoError, NotAVideoError
from actionzoo.video.opening import MAX_PIXELS, Source

FOLDER_FPS = 25.0
"""Frames per second of a folder of images by default, as in FFmpeg."""

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})
_NUMBERED = re.compile(r"^(.*?)(\d+)$")


class Stills(Protocol):
    """A sequence of images that makes a video.

    Attributes:
        height: in pixels.
        width: in pixels.
        fps: frames per second.
        duration_s: from the start of the first frame to the end of the last, in seconds.
    """

    height: int
    width: int
    fps: float
    duration_s: float

    def timed(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Each frame, `(height, width, 3)` uint8 RGB, after its time in seconds."""


def open_stills(source: Source) -> Stills | None:
    """Open a folder of numbered images or an animated WebP; `None` if `source` is neither.

    Raises:
        NotAVideoError: the file is not an animated WebP, although it begins like one.
        BrokenVideoError: the first image cannot be read.
    """
    if isinstance(source, FrameFolder):
        return source
    if not isinstance(source, str | os.PathLike):
        return None
    with contextlib.suppress(OSError, ValueError):  # `open_video` tells why it cannot be opened
        path = Path(os.fspath(source))
        if path.is_dir():
            return FrameFolder(path) if is_frame_folder(path) else None
        if path.is_file() and is_animated_webp(path):
            return _AnimatedWebP(path)
    return None


def is_frame_folder(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder holds the numbered images of one video: at least two, with names that differ in the number only.

    >>> is_frame_folder(".")
    False
    """
    return len(_numbered_images(folder)) > 1


def _numbered_images(folder: str | os.PathLike[str]) -> list[Path]:
    """The images in order of their numbers; none if they have several names, or there are subfolders."""
    found: list[tuple[int, Path]] = []
    names = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            path = Path(entry.path)
            if entry.name.startswith(".") or path.suffix.lower() not in IMAGE_SUFFIXES:
                if entry.is_dir() and not entry.name.startswith("."):
                    return []
                continue
            match = _NUMBERED.match(path.stem)
            if match is None:
                return []
            names.add((match[1], path.suffix.lower()))
            found.append((int(match[2]), path))
    return [path for _, path in sorted(found)] if len(names) == 1 else []


class FrameFolder:
    """A folder of numbered images of one size, such as `img_00001.jpg`.

    Args:
        folder: the folder.
        fps: frames per second.

    Raises:
        NotAVideoError: `fps` is not above 0, or the folder has no numbered images.
        BrokenVideoError: an image cannot be read; also raised by `timed`.
    """

    def __init__(self, folder: str | os.PathLike[str], fps: float = FOLDER_FPS) -> None:
        self._folder, self.fps = Path(folder), fps
        self._paths: Sequence[Path] = _numbered_images(folder)
        if not 0 < fps < math.inf:
            raise NotAVideoError(folder, f"a folder of pictures is shown at a rate above 0, not {fps}")
        if not self._paths:
            raise NotAVideoError(folder, "has no numbered images; name a folder of img_00001.jpg and so on")
        self.height, self.width = self._image(self._paths[0]).shape[:2]
        self.duration_s = len(self._paths) / fps

    def __str__(self) -> str:
        return str(self._folder)

    def timed(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        for index, path in enumerate(self._paths):
            yield index / self.fps, self._image(path)

    def _image(self, path: Path) -> NDArray[np.uint8]:
        try:
            data = np.frombuffer(path.read_bytes(), np.uint8)
            image = cv2.imdecode(data, cv2.IMREAD_COLOR)
        except (OSError, cv2.error):
            image = None
        if image is None:
            raise BrokenVideoError(self._folder, f"{path.name} cannot be read as a picture; copy it again")
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def is_animated_webp(path: Path) -> bool:
    """Whether a file is an animated WebP, which FFmpeg reads from version 8.1 on only."""
    with path.open("rb") as file:
        head = file.read(21)
    return len(head) == 21 and head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and bool(head[20] & 2)


class _AnimatedWebP:
    """The frames of an animated WebP, without transparency, through Pillow."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._opened() as image:
            self.width, self.height = image.size
            count, self.duration_s = 1, 1.0
            if self.width * self.height <= MAX_PIXELS:  # others are refused, without decoding them
                count = getattr(image, "n_frames", 1)
                self.duration_s = sum(_duration_s(frame) for frame in ImageSequence.Iterator(image))
        self.fps = count / self.duration_s

    def timed(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        time = 0.0
        with self._opened() as image:
            try:
                for frame in ImageSequence.Iterator(image):
                    duration_s = _duration_s(frame)
                    yield time, np.asarray(frame.convert("RGB"), np.uint8)
                    time += duration_s
            except (OSError, EOFError, ValueError) as error:
                reason = f"is damaged or cut off at {time:.2f} s; copy or download it again"
                raise BrokenVideoError(self._path, reason) from error

    def _opened(self) -> Image.Image:
        try:
            return Image.open(self._path, formats=["WEBP"])
        except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
            raise NotAVideoError(self._path, f"cannot be read as an animated WebP: {error}") from None


def _duration_s(frame: Image.Image) -> float:
    """Seconds that a frame is shown; 0.1, as in browsers, where the file has 10 ms or less."""
    frame.load()  # Pillow knows only then
    milliseconds = frame.info.get("duration", 0)
    return milliseconds / 1000 if milliseconds > 10 else 0.1
