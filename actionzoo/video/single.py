"""One picture: of an image file, or out of a video without decoding what is before it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import av.error
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from actionzoo.errors import BrokenVideoError, VideoNotFoundError
from actionzoo.video.decoding import decode_frames
from actionzoo.video.geometry import Converter, Geometry
from actionzoo.video.opening import OpenVideo, check_size, open_video
from actionzoo.video.stills import IMAGE_SUFFIXES
from actionzoo.video.timing import declared_duration


def frame_near(path: str | os.PathLike[str], share: float) -> NDArray[np.uint8]:
    """Decode an image file, or the key frame of a video at or before a share of its length.

    Where a video cannot be searched, it is its first frame.

    Args:
        path: a file.
        share: of the length of the video, 0 to 1.

    Returns:
        `(height, width, 3)` uint8 RGB, upright, with square pixels.

    Raises:
        VideoError: as `read_frames`; also of images.

    >>> frame_near("missing.png", 0.5)
    Traceback (most recent call last):
    actionzoo.errors.VideoNotFoundError: missing.png: there is no such file; check the name
    """
    if Path(path).suffix.lower() in IMAGE_SUFFIXES:
        return _read_image(Path(path))
    if share > 0.0:
        with contextlib.suppress(BrokenVideoError, av.error.FFmpegError), open_video(path) as video:
            _seek(video, share)
            return _next_frame(video)
    with open_video(path) as video:
        return _next_frame(video)


def _seek(video: OpenVideo, share: float) -> None:
    duration_s, base = declared_duration(video.container, video.stream), video.stream.time_base
    if duration_s and base:
        video.container.seek(int(share * duration_s / base) + (video.stream.start_time or 0), stream=video.stream)


def _next_frame(video: OpenVideo) -> NDArray[np.uint8]:
    _, frame = next(decode_frames(video, damaged=lambda error: None))
    return Converter(frame, None, Geometry.of(video.stream, frame))(frame)


def _read_image(path: Path) -> NDArray[np.uint8]:
    damaged = BrokenVideoError(path, "cannot be read as a picture; copy it again")
    try:
        with Image.open(path) as header:  # tells the size, so that what is too large is not decoded
            check_size(path, *header.size)
        image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    except FileNotFoundError:
        raise VideoNotFoundError(path, "there is no such file; check the name") from None
    except (OSError, ValueError, Image.DecompressionBombError, cv2.error):
        raise damaged from None
    if image is None:
        raise damaged
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
