"""The times of frames, the frame rate of a video, and the frames that a lower rate keeps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import av
from av.container import InputContainer
from av.video.stream import VideoStream

_T = TypeVar("_T")
_JUMP_BACK_S = 1.0
_JUMP_AHEAD_S = 3600.0
_ROUNDING_S = 1.1e-3
_UNKNOWN_RATE = 25.0
"""FFmpeg's own default where a format has no rate."""


def frame_rate(stream: VideoStream) -> float:
    """Frames per second: FFmpeg's guess, which handles fields and raw streams; the mean if the rate varies."""
    guessed, mean = _positive(stream.guessed_rate), _positive(stream.average_rate)
    if guessed and mean and guessed > 1.5 * mean:
        return mean
    return guessed or mean or _UNKNOWN_RATE


def _positive(rate: Any) -> float | None:
    """A rate, or None if it is unknown: depending on PyAV's version None, 0/1 or 0/0."""
    return float(rate) if rate and float(rate) > 0 else None


def declared_duration(container: InputContainer, stream: VideoStream) -> float | None:
    """Seconds from the first frame to the end, by the file's header; `None` if it has no duration."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is None:
        return None
    late = 0.0
    if stream.start_time is not None and stream.time_base is not None:
        late = float(stream.start_time * stream.time_base)
    return max(0.0, container.duration / av.time_base - late)


class Clock:
    """Computes the times of frames, from 0 on, from their timestamps.

    Containers round timestamps (Matroska to 1 ms). A time that close to a multiple of 1 / rate becomes that multiple,
    so that a video has the same times in every container.

    Args:
        rate: the nominal frames per second.
    """

    def __init__(self, rate: float) -> None:
        self._step = 1 / rate
        self._rounding = min(_ROUNDING_S, self._step / 4)
        self._time: float | None = None
        self._origin = 0.0

    def read(self, frame: av.VideoFrame) -> float:
        """Seconds since the first frame; a frame without a timestamp comes one step after the frame before."""
        stamp = frame.dts if frame.pts is None else frame.pts
        base = frame.time_base
        seconds = None if stamp is None or base is None else stamp * base.numerator / base.denominator
        if self._time is None:
            self._time, self._origin = 0.0, seconds or 0.0
            return 0.0
        following = self._time + self._step
        if seconds is None:
            self._time = following
        elif -_JUMP_BACK_S < seconds - self._origin - self._time < _JUMP_AHEAD_S:
            self._time = max(self._time, self._unrounded(seconds - self._origin))
        else:
            # A recorder was restarted or its counter overflowed: time goes on from here.
            self._time, self._origin = following, seconds - following
        return self._time

    def _unrounded(self, seconds: float) -> float:
        regular = round(seconds / self._step) * self._step
        return regular if abs(regular - seconds) <= self._rounding else seconds


def on_grid(timed: Iterable[tuple[float, _T]], fps: float) -> Iterator[tuple[float, _T]]:
    """Keep the items nearest to the times 0, 1/fps, 2/fps, ...

    Each item is kept at most once; of two that are equally near, the earlier. Only one is buffered.

    Args:
        timed: (time, item) pairs, with rising times in seconds.
        fps: times per second.

    >>> [index for _, index in on_grid([(index / 30, index) for index in range(7)], fps=15)]
    [0, 2, 4, 6]
    """
    slack = 1e-6
    held: tuple[float, _T] | None = None
    due, gap = 0, 0.0
    for pair in timed:
        if held is not None:
            gap = pair[0] - held[0]
            middle = held[0] + gap / 2 + slack
            if due / fps <= middle:
                yield held
                due = math.floor(middle * fps) + 1
        held = pair
    if held is not None and due / fps <= held[0] + gap / 2 + slack:
        yield held
