"""When the pictures of a video are shown, and which of them a lower frame rate keeps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TypeVar

import av

__all__ = ["Clock", "on_grid"]

_T = TypeVar("_T")
_JUMP_BACK_S = 1.0
_JUMP_AHEAD_S = 3600.0


class Clock:
    """The times of pictures, from 0 on, made of what timestamps there are."""

    def __init__(self, step: float) -> None:
        self._step = step
        self._time: float | None = None
        self._origin = 0.0

    def read(self, picture: av.VideoFrame) -> float:
        """Seconds since the first picture; a missing timestamp counts as one step after the picture before."""
        stamp = picture.dts if picture.pts is None else picture.pts
        seconds = None if stamp is None or picture.time_base is None else float(stamp * picture.time_base)
        if self._time is None:
            self._time, self._origin = 0.0, seconds or 0.0
            return 0.0
        following = self._time + self._step
        if seconds is None:
            self._time = following
        elif -_JUMP_BACK_S < seconds - self._origin - self._time < _JUMP_AHEAD_S:
            self._time = max(self._time, seconds - self._origin)
        else:
            # A recorder was restarted or its counter ran over: time goes on from here.
            self._time, self._origin = following, seconds - following
        return self._time


def on_grid(timed: Iterable[tuple[float, _T]], fps: float) -> Iterator[tuple[float, _T]]:
    """Those of the (time, item) pairs that lie nearest to one of the times 0, 1/fps, 2/fps, ...

    Times in seconds, rising. Each pair is given at most once; of two that are equally near the earlier is. Only one
    pair is held back.

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
