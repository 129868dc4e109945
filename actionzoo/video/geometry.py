"""The geometry of decoded frames: their size, the aspect ratio of their pixels, and their orientation."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeAlias, cast

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

Size: TypeAlias = tuple[int, int] | Callable[[tuple[int, int]], tuple[int, int]]
"""(height, width) in pixels, or a function that computes it from the (height, width) that a player shows."""

_WIDEST_PIXEL = 10
"""Aspect ratio above which the file must be wrong."""


def wanted_size(original: tuple[int, int], size: Size | None) -> tuple[int, int]:
    """The (height, width) that `size` gives for a video shown at `original` (height, width).

    Raises:
        ValueError: it has no pixel.
    """
    height, width = original if size is None else size(original) if callable(size) else size
    if min(height, width) < 1:
        raise ValueError(f"size must be at least 1x1, not {height}x{width}")
    return height, width


@dataclass(frozen=True)
class Geometry:
    """How stored frames are shown.

    Attributes:
        pixel_aspect: width of a stored pixel over its height (FFmpeg's sample aspect ratio).
        transpose: rows become columns, before the flips.
        flip_x: columns are stored from right to left.
        flip_y: rows are stored from bottom to top.
    """

    pixel_aspect: Fraction = Fraction(1)
    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def of(cls, stream: VideoStream, frame: av.VideoFrame) -> Geometry:
        """From the sample aspect ratio of the stream and the display matrix of its first frame."""
        geometry = cls(_pixel_aspect(stream))
        matrix = _display_matrix(frame)
        if matrix is None:
            return geometry
        # Column x and row y of the stored frame are shown at column a x + c y and row b x + d y (plus offsets).
        a, b, _, c, d, *_ = struct.unpack("=9i", matrix)
        transpose = abs(b) + abs(c) > abs(a) + abs(d)
        flip_x, flip_y = (c < 0, b < 0) if transpose else (a < 0, d < 0)
        return replace(geometry, transpose=transpose, flip_x=flip_x, flip_y=flip_y)

    def shown(self, height: int, width: int) -> tuple[int, int]:
        """The (height, width) in square pixels at which a player shows frames stored at this height and width.

        Players keep the height of the stored frame.

        >>> Geometry(Fraction(64, 45)).shown(576, 720)
        (576, 1024)
        >>> Geometry(Fraction(2), transpose=True).shown(480, 320)
        (640, 480)
        """
        return self.turned(height, max(1, round(width * self.pixel_aspect)))

    def turned(self, height: int, width: int) -> tuple[int, int]:
        """The upright (height, width) from the stored one, or the stored from the upright."""
        return (width, height) if self.transpose else (height, width)

    def turn(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A stored frame `(height, width, 3)`, turned upright."""
        if self.transpose:
            image = image.swapaxes(0, 1)
        if self.flip_x:
            image = image[:, ::-1]
        if self.flip_y:
            image = image[::-1]
        return np.ascontiguousarray(image)


def _pixel_aspect(stream: VideoStream) -> Fraction:
    given: Any = stream.sample_aspect_ratio
    # Unknown is None, 0/1 or 0/0, by PyAV's version.
    if not given or not math.isfinite(float(given)):
        return Fraction(1)
    aspect = Fraction(given.numerator, given.denominator)
    return aspect if Fraction(1, _WIDEST_PIXEL) <= aspect <= _WIDEST_PIXEL else Fraction(1)


def _display_matrix(frame: av.VideoFrame) -> bytes | None:
    try:
        return bytes(cast(Any, frame.side_data)["DISPLAYMATRIX"])
    except KeyError:
        return None


class Converter:
    """Converts decoded frames of any size and pixel format to upright RGB arrays of one size, with square pixels.

    Args:
        first: the first frame of the video.
        size: of the arrays, see `wanted_size`; by default the size at which a player shows `first`.
        geometry: how stored frames are shown.
    """

    def __init__(self, first: av.VideoFrame, size: Size | None, geometry: Geometry = Geometry()) -> None:
        self._geometry = geometry
        wanted = wanted_size(geometry.shown(first.height, first.width), size)
        self._height, self._width = geometry.turned(*wanted)
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        scales = (frame.height, frame.width) != (self._height, self._width)
        rgb = self._reformatter.reformat(
            frame,
            width=self._width,
            height=self._height,
            format="rgb24",
            interpolation=_SCALING if scales else Interpolation.BILINEAR,
            threads=1,
        )
        return self._geometry.turn(np.asarray(rgb.to_ndarray(), np.uint8))


# swscale widens its bilinear filter when it reduces a frame, which avoids aliasing. Full horizontal resolution of the
# colours (FULL_CHR_H_INT) would take twice as long; without scaling so does the accurate rounding.
_SCALING = Interpolation.BILINEAR | Interpolation.ACCURATE_RND
