"""Real pictures behind the figures: files of a folder, one frame or picture of one for about every other clip."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from actionzoo.errors import DataError, VideoError
from actionzoo.puppets.background import draw_background
from actionzoo.video.files import VIDEO_SUFFIXES
from actionzoo.video.single import frame_near
from actionzoo.video.stills import IMAGE_SUFFIXES

logger = logging.getLogger("actionzoo")

Image = NDArray[np.uint8]

_OFTEN = 0.5
_SMALLEST = 0.8
"""Of the largest piece of a picture that has the shape of the background."""
_BLACK, _LIT = 28, 0.02
"""The brightest level of a black bar, and the share of brighter pixels that a compressed one may have."""


class Spot(NamedTuple):
    """A file, and where in it, as a share of its length, the frame is."""

    path: Path
    share: float


def find_backgrounds(folder: str | os.PathLike[str]) -> list[Path]:
    """The pictures and videos in a folder and its subfolders, sorted; hidden ones are left out.

    The first frame of each is decoded; files of which it cannot be are left out with a warning.

    Raises:
        DataError: there is none.
    """
    if not os.path.isdir(folder):
        raise DataError(f"{folder}: there is no such folder of backgrounds; check the name")
    found: list[Path] = []
    broken: list[VideoError] = []
    for path in sorted(path for path in Path(folder).rglob("*") if _is_background(path, Path(folder))):
        try:
            frame_near(path, 0.0)
            found.append(path)
        except VideoError as error:
            broken.append(error)
    for problem in broken:
        logger.warning("left out of the backgrounds: %s", problem)
    if not found:
        what = "no picture or video that can be read" if broken else "no picture and no video"
        raise DataError(f"{folder}: there is {what} in this folder of backgrounds; name another")
    return found


def _is_background(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and path.suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES and path.is_file()


def choose_background(paths: Sequence[Path], seed: Sequence[int]) -> Spot | None:
    """What is behind the clip of a seed, which is some numbers: in half of the clips a spot of a file, else None.

    >>> spots = [choose_background([Path("street.mp4")], [seed]) for seed in range(1000)]
    >>> 450 < sum(spot is not None for spot in spots) < 550
    True
    """
    rng = np.random.default_rng([*seed, len(paths)])
    if rng.random() >= _OFTEN:
        return None
    return Spot(paths[int(rng.integers(len(paths)))], float(rng.random()))


def checked(picture: Image | None) -> Image | None:
    """The picture that is asked for. Raises ValueError if it is none."""
    if picture is None or (picture.dtype == np.uint8 and picture.shape[2:] == (3,) and picture.size):
        return picture
    raise ValueError(f"background must be (rows, columns, 3) uint8, not {picture.shape} {picture.dtype}")


def behind(picture: Image | None, rng: np.random.Generator, rows: int, columns: int, unit: float) -> Image:
    """What is behind the figures: a piece of the picture, or without one a drawn background."""
    return draw_background(rng, rows, columns, unit) if picture is None else cropped(picture, rng, rows, columns)


def cropped(picture: Image, rng: np.random.Generator, rows: int, columns: int) -> Image:
    """A piece of a picture, mirrored in half of the cases, as a background of `rows` and `columns`.

    >>> cropped(np.zeros((90, 160, 3), np.uint8), np.random.default_rng(0), 48, 64).shape
    (48, 64, 3)
    """
    picture = _without_bars(picture)
    height, width = picture.shape[:2]
    largest = min(height / rows, width / columns)
    scale = rng.uniform(_SMALLEST, 1.0) * largest
    piece = (max(1, int(scale * rows)), max(1, int(scale * columns)))
    top, left = int(rng.integers(height - piece[0] + 1)), int(rng.integers(width - piece[1] + 1))
    part = picture[top : top + piece[0], left : left + piece[1]]
    smaller = rows < piece[0]
    part = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    return np.asarray(cv2.flip(part, 1) if rng.random() < 0.5 else part, np.uint8)


def _without_bars(picture: Image) -> Image:
    """A picture without the black bars that make it fit a screen: they would move with the camera."""
    lit = picture.max(2) > _BLACK
    rows, columns = (np.flatnonzero(lit.mean(axis) > _LIT) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return picture
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
