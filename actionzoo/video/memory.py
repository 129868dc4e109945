"""Videos in memory: decoded frames, and files as bytes or file objects."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from actionzoo.errors import NotAVideoError, source_name


class Frames:
    """The decoded frames of a video.

    Args:
        images: `(frames, height, width, 3)` uint8 RGB, or a sequence of `(height, width, 3)` of one size. Neither is
            copied.
        fps: frames per second.

    Raises:
        NotAVideoError: the frames have another type or shape, there are none, or `fps` is missing or not above 0.

    >>> Frames(np.zeros((45, 48, 64, 3), np.uint8), fps=30).duration_s
    1.5
    """

    def __init__(self, images: NDArray[Any] | Sequence[ArrayLike], fps: float | None) -> None:
        if fps is None:
            raise NotAVideoError(self, "have no rate; give `fps`, the number of frames a second")
        if isinstance(fps, bool) or not isinstance(fps, int | float | np.number) or not 0 < float(fps) < math.inf:
            raise NotAVideoError(self, f"`fps` is a number above 0, not {fps!r}")
        self.fps = float(fps)
        self.images = self._checked_array(images) if isinstance(images, np.ndarray) else self._checked_list(images)
        self.height, self.width = self.images[0].shape[:2]
        self.duration_s = len(self.images) / self.fps

    def timed(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Each frame, after its time in seconds."""
        for index, image in enumerate(self.images):
            yield index / self.fps, np.ascontiguousarray(image)

    def __len__(self) -> int:
        return len(self.images)

    def __str__(self) -> str:
        return "<frames>"

    def _checked_array(self, images: NDArray[Any]) -> NDArray[np.uint8]:
        if images.ndim != 4:
            raise NotAVideoError(self, f"an array of frames is (frames, height, width, 3), not {images.shape}")
        if not len(images):
            raise NotAVideoError(self, "there are none; give at least one")
        self._check_frame(images[0])
        return images

    def _checked_list(self, images: Sequence[ArrayLike]) -> list[NDArray[np.uint8]]:
        if any(isinstance(image, str | bytes) for image in images):
            raise NotAVideoError(self, "a list holds the frames of one video; for several videos use `predict_batch`")
        frames = [np.asarray(image) for image in images]
        if not frames:
            raise NotAVideoError(self, "there are none; give at least one")
        for frame in frames:
            self._check_frame(frame)
            if frame.shape != frames[0].shape:
                raise NotAVideoError(
                    self, f"frames of one video have one size, not {frames[0].shape} and {frame.shape}"
                )
        return frames

    def _check_frame(self, frame: NDArray[Any]) -> None:
        shape = frame.shape
        if len(shape) != 3 or shape[-1] != 3 or 0 in shape:
            hint = ""
            if len(shape) == 3 and shape[0] == 3:
                hint = "; channels come last: `frames.transpose(0, 2, 3, 1)`"
            elif len(shape) == 3 and shape[-1] == 4:
                hint = "; leave out the fourth channel: `frames[..., :3]`"
            raise NotAVideoError(self, f"each frame is (height, width, 3), not {shape}{hint}")
        if frame.dtype != np.uint8:
            raise NotAVideoError(self, f"frames are RGB in 0..255 of type uint8, not {frame.dtype}; convert them")


def open_memory(source: bytes | bytearray | memoryview | BinaryIO) -> AbstractContextManager[BinaryIO]:
    """Open a video file that is in memory, or rewind one that the caller has opened, which then stays open.

    Raises:
        NotAVideoError: the source is not a binary file, or cannot be rewound.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return io.BytesIO(source)
    if not callable(getattr(source, "read", None)):
        raise NotAVideoError(
            source_name(source),
            f"a {type(source).__name__} is not a video; give a file, an address, frames with `fps`, or bytes",
        )
    try:
        source.seek(0)
        is_binary = isinstance(source.read(0), bytes)
    except (AttributeError, OSError, ValueError) as error:
        raise NotAVideoError(source, f"cannot be read from its beginning ({error}); read it into bytes first") from None
    if not is_binary:
        raise NotAVideoError(source, "is opened as text; open it with mode 'rb'")
    return contextlib.nullcontext(source)
