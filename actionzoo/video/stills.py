"""Videos that are sequences of pictures: a folder of numbered ones (raw frames), and animated WebP."""

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
"""Frames a second of a folder of pictures where nobody says another rate, as FFmpeg has it."""

PICTURE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})
_NUMBERED = re.compile(r"^(.*?)(\d+)$")


class Stills(Protocol):
    """Pictures that make a video."""

    height: int
    width: int
    fps: float

    @property
    def duration_s(self) -> float:
        """Seconds from the start of the first picture to the end of the last."""

    def timed(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Seconds since the first picture, and the picture, `(height, width, 3)` uint8 RGB."""


def open_stills(source: Source) -> Stills | None:
    """What `source` is, if it is a folder of numbered pictures or an animated WebP; else None.

    Raises BrokenVideoError if its first picture cannot be read.
    """
    if isinstance(source, FrameFolder):
        return source
    if not isinstance(source, str | os.PathLike):
        return None
    with contextlib.suppress(OSError, ValueError):  # why it cannot be opened says who opens videos
        path = Path(os.fspath(source))
        if path.is_dir():
            return FrameFolder(path) if is_frame_folder(path) else None
        if path.is_file() and is_animated_webp(path):
            return _AnimatedWebP(path)
    return None


def is_frame_folder(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder holds the numbered pictures of one clip: at least two, of one name but for the number.

    >>> is_frame_folder(".")
    False
    """
    return len(_numbered_pictures(folder)) > 1


def _numbered_pictures(folder: str | os.PathLike[str]) -> list[Path]:
    """The pictures in order of their numbers; none where pictures of several names lie together, or folders."""
    found: list[tuple[int, Path]] = []
    names = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            path = Path(entry.path)
            if entry.name.startswith(".") or path.suffix.lower() not in PICTURE_SUFFIXES:
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
    """A folder of numbered pictures of one size (`img_00001.jpg`, ...), of which `fps` are shown a second.

    Raises NotAVideoError for a rate that is not above 0, or a folder that is no clip.
    """

    def __init__(self, folder: str | os.PathLike[str], fps: float = FOLDER_FPS) -> None:
        self._folder, self.fps = Path(folder), fps
        self._paths: Sequence[Path] = _numbered_pictures(folder)
        if not 0 < fps < math.inf:
            raise NotAVideoError(folder, f"a folder of pictures is shown at a rate above 0, not {fps}")
        if not self._paths:
            raise NotAVideoError(folder, "is no folder of numbered pictures")
        self.height, self.width = self._picture(self._paths[0]).shape[:2]

    def __str__(self) -> str:
        return str(self._folder)

    @property
    def duration_s(self) -> float:
        return len(self._paths) / self.fps

    def timed(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """The pictures; raises BrokenVideoError at one that cannot be read."""
        for index, path in enumerate(self._paths):
            yield index / self.fps, self._picture(path)

    def _picture(self, path: Path) -> NDArray[np.uint8]:
        try:
            data = np.frombuffer(path.read_bytes(), np.uint8)
            image = cv2.imdecode(data, cv2.IMREAD_COLOR)
        except (OSError, cv2.error):
            image = None
        if image is None:
            raise BrokenVideoError(self._folder, f"{path.name} cannot be read as a picture; copy it again")
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def is_animated_webp(path: Path) -> bool:
    """Whether a file is a WebP of several pictures, which FFmpeg reads from version 8.1 on only."""
    with path.open("rb") as file:
        head = file.read(21)
    return len(head) == 21 and head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and bool(head[20] & 2)


class _AnimatedWebP:
    """The pictures of an animated WebP, through Pillow."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._opened() as image:
            self.width, self.height = image.size
            if self.width * self.height > MAX_PIXELS:
                self._count, self._seconds = 1, 1.0
            else:
                self._count = getattr(image, "n_frames", 1)
                self._seconds = sum(_duration_s(frame) for frame in ImageSequence.Iterator(image))
        self.fps = self._count / self._seconds

    @property
    def duration_s(self) -> float:
        return self._seconds

    def timed(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """The pictures, without transparency; raises BrokenVideoError where they cannot be decoded."""
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
    """Seconds that a picture is shown; browsers take 0.1 where it says next to nothing."""
    frame.load()  # Pillow knows only then
    milliseconds = frame.info.get("duration", 0)
    return milliseconds / 1000 if milliseconds > 10 else 0.1
