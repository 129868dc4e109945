"""Cameras of this computer, through OpenCV, which supports them on every operating system."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from actionzoo.errors import BrokenVideoError, VideoNotFoundError

_SILENT = 0


@contextmanager
def open_camera(number: int) -> Iterator[cv2.VideoCapture]:
    """Open the camera of that number, without buffering frames where its driver allows that.

    Raises:
        VideoNotFoundError: there is no such camera, or it is in use.
    """
    missing = VideoNotFoundError(number, f"there is no camera {number}, or it is in use; cameras are numbered from 0")
    # OpenCV takes a negative number as any camera, and crashes where there is none.
    if number < 0:
        raise missing
    with _quiet_opencv():
        capture = cv2.VideoCapture(number)
    if not capture.isOpened():
        raise missing
    try:
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        yield capture
    finally:
        capture.release()


def camera_frames(number: int, capture: cv2.VideoCapture) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """The frames of an open camera.

    Yields:
        The seconds since the first frame, and the frame, `(height, width, 3)` uint8, BGR.

    Raises:
        BrokenVideoError: the camera stopped.
    """
    first: float | None = None
    while True:
        taken, frame = capture.read()
        now = time.monotonic()
        first = now if first is None else first
        if not taken:
            raise BrokenVideoError(number, f"camera {number} stopped at {now - first:.2f} s; check its cable")
        yield now - first, np.asarray(frame, np.uint8)


@contextmanager
def _quiet_opencv() -> Iterator[None]:
    logging: Any = (
        getattr(cv2.utils, "logging", cv2) if hasattr(cv2, "utils") else cv2
    )  # its place depends on the version
    level = logging.getLogLevel()
    logging.setLogLevel(_SILENT)
    try:
        yield
    finally:
        logging.setLogLevel(level)
