"""The newest frames of a camera or stream, however long the caller takes over each."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing
from types import TracebackType

from actionzoo.video.geometry import Size
from actionzoo.video.opening import Source
from actionzoo.video.reader import Frame, read_frames

_STOP_WAIT_S = 2.0


def live(source: Source, *, fps: float | None = None, size: Size | None = None, keep: int = 1) -> Live:
    """Read a camera, an rtsp address or another live source in a thread of its own.

    Args:
        source: as in `read_frames`.
        fps: as in `read_frames`.
        size: as in `read_frames`.
        keep: frames, at most, that wait for the caller; older ones are dropped.

    Raises:
        ValueError: `keep` is below 1.

    >>> with live("rtsp://camera.example/1", fps=15) as camera:                             # doctest: +SKIP
    ...     for frame in camera:
    ...         print(frame.time, camera.age_s, camera.dropped)
    """
    return Live(read_frames(source, fps=fps, size=size), keep)


class Live:
    """Context manager that iterates over the newest frames. Iterating raises the errors of `read_frames`.

    Attributes:
        dropped: number of frames that were read but not returned.
    """

    def __init__(self, frames: Generator[Frame], keep: int = 1) -> None:
        if keep < 1:
            raise ValueError(f"keep must be at least 1 frame, not {keep}")
        self.dropped = 0
        self._frames = frames
        self._waiting: deque[tuple[float, Frame]] = deque()
        self._keep = keep
        self._given = time.monotonic()
        self._error: BaseException | None = None
        self._ended = self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, name="live", daemon=True)

    @property
    def age_s(self) -> float:
        """Seconds since the arrival of the frame that was returned last."""
        return time.monotonic() - self._given

    def __enter__(self) -> Live:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped = True
        # A read from a silent network may last until its timeout; the thread is a daemon and ends then.
        self._thread.join(_STOP_WAIT_S)

    def __iter__(self) -> Iterator[Frame]:
        while True:
            with self._changed:
                while not self._waiting and not self._ended:
                    self._changed.wait()
                if not self._waiting:
                    if self._error is not None:
                        raise self._error
                    return
                self._given, frame = self._waiting.popleft()
            yield frame

    def _read(self) -> None:
        try:
            with closing(self._frames):
                for frame in self._frames:
                    if self._stopped:
                        return
                    self._put(frame)
        except BaseException as error:
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _put(self, frame: Frame) -> None:
        with self._changed:
            if len(self._waiting) == self._keep:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append((time.monotonic(), frame))
            self._changed.notify_all()
