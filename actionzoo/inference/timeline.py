"""Windows over a stream of frames: which clips each needs, when they are complete, and the sum of their logits.

Frames come one at a time and only the last ones are kept, so that a video of an hour takes no more memory than one of
a minute. A window's clips are those of `sampling.clip_centres` for its frames, as if it were a video of its own; each
runs as soon as its last frame is there.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from actionzoo.video import sampling
from actionzoo.video.sampling import ClipSpec

Array = npt.NDArray[Any]
Logits = npt.NDArray[np.float32]
Run = Callable[[Array, Array], Logits]
"""Logits `(classes,)` of appearance `(time, height, width, 3)` and motion `(time, height, width, 2*L)`.

Anything else that can be averaged over clips will do as well: an array of one shape for every clip.
"""

MAX_KEPT_BYTES = 256 << 20
"""Frames and flow kept for the last window, which is moved back to end with the video, take at most this."""

SLACK_S = 1e-6


@dataclass(frozen=True)
class WindowLogits:
    """A finished window: its seconds in the video, the sum of its clips' logits `(classes,)`, and their number."""

    start_s: float
    end_s: float
    total: Logits
    clips: int


@dataclass
class _Open:
    """A window that is being filled: its first frame, how many of its clips have run, and the sum of their logits."""

    start_s: float
    end_s: float
    first: int
    clips: int = 0
    total: Logits | None = None

    def take(self, logits: Logits) -> None:
        self.total = logits if self.total is None else self.total + logits
        self.clips += 1

    def finished(self) -> WindowLogits:
        assert self.total is not None
        return WindowLogits(self.start_s, self.end_s, self.total, self.clips)


class Timeline:
    """Give it every frame with `add`, then call `finish`; both hand out the windows that are complete.

    `window_s` None makes the whole video one window; `stride_s` None lets windows follow each other without overlap.
    `run` is called once for each clip, also where windows share it. Raises ValueError for lengths that are not above
    zero.

    >>> spec = ClipSpec(num_frames=1, stride=1, stack_length=2)
    >>> timeline = Timeline(spec, lambda appearance, motion: np.ones(3), window_s=1.0)
    >>> image, flow = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 2), np.float32)
    >>> early = [window.end_s for k in range(25) for window in timeline.add(k / 10, image, flow)]
    >>> early, [(window.start_s, window.end_s) for window in timeline.finish(2.5)]
    ([1.0, 2.0], [(1.5, 2.5)])
    """

    def __init__(self, spec: ClipSpec, run: Run, window_s: float | None = None, stride_s: float | None = None) -> None:
        if window_s is None and stride_s is not None:
            raise ValueError("a stride needs a window")
        for name, seconds in (("window", window_s), ("stride", stride_s)):
            if seconds is not None and not 0 < seconds < math.inf:
                raise ValueError(f"a {name} is longer than 0 seconds, not {seconds}")
        self._spec, self._run = spec, run
        self._hop = max(1, spec.span // 2)
        self._window_s = window_s
        self._stride_s = window_s if stride_s is None else stride_s
        self._open: deque[_Open] = deque()
        self._started = self._finished = 0
        self._count = 0
        self._frames: deque[tuple[float, Array, Array | None]] = deque()
        self._bytes = 0
        self._logits: dict[int, tuple[float, Logits]] = {}

    @property
    def count(self) -> int:
        """Frames added so far."""
        return self._count

    @property
    def kept(self) -> int:
        """Frames held in memory."""
        return len(self._frames)

    def add(self, time_s: float, image: Array, flow: Array | None) -> Iterator[WindowLogits]:
        """Takes a frame `(height, width, 3)` and its flow to the next one; gives the windows that ended before it."""
        while self._open and time_s >= self._open[0].end_s - SLACK_S:
            self._finished += 1
            yield self._close(self._open.popleft(), self._count)
        self._frames.append((time_s, image, flow))
        self._bytes = max(self._bytes, image.nbytes + (0 if flow is None else flow.nbytes))
        self._count += 1
        while (span := self._next_span()) and time_s >= span[0] - SLACK_S:
            self._started += 1
            if time_s < span[1] - SLACK_S:
                self._open.append(_Open(*span, first=self._count - 1))
            else:
                # The video has a gap as long as a window: what is seen in it is the frame before the gap.
                self._finished += 1
                before = max(self._count - 2, 0)
                yield self._close(_Open(*span, first=before), before + 1)
        for window in self._open:
            self._run_complete(window)
        self._forget(time_s)

    def finish(self, duration_s: float) -> Iterator[WindowLogits]:
        """The windows that end with the video, which lasts `duration_s`."""
        if self._count == 0:
            return
        if self._window_s is None or self._stride_s is None:
            yield self._close(replace(self._open.popleft(), start_s=0.0, end_s=duration_s), self._count)
            return
        spans = sampling.windows(duration_s, self._window_s, self._stride_s)
        open_at = {window.start_s: window for window in self._open}
        for start_s, end_s in spans[self._finished :]:
            window = open_at.get(start_s) or _Open(start_s, end_s, self._first_at(start_s))
            yield self._close(replace(window, end_s=end_s), self._count)

    def _next_span(self) -> tuple[float, float] | None:
        if self._window_s is None or self._stride_s is None:
            return None if self._started else (-math.inf, math.inf)
        start_s = self._started * self._stride_s
        return start_s, start_s + self._window_s

    def _first_at(self, time_s: float) -> int:
        """The first frame from `time_s` on among those that are kept; the newest frame if they are all earlier."""
        for index, (frame_s, _, _) in enumerate(self._frames, self._count - self.kept):
            if frame_s >= time_s - SLACK_S:
                return index
        return self._count - 1

    def _run_complete(self, window: _Open) -> None:
        while (start := window.first + window.clips * self._hop) + self._spec.span <= self._count:
            window.take(self._clip(start))

    def _close(self, window: _Open, end: int) -> WindowLogits:
        """The answer of a window whose frames are `window.first` up to `end - 1`: its last clips run now."""
        frames = max(end - window.first, 1)
        centres = sampling.clip_centres(frames, self._spec, hop=self._hop)
        if frames < self._spec.span:
            window.take(self._gather_and_run(window.first, frames, centres[0]))
        else:
            before = self._spec.stack_length // 2
            for clip in centres[window.clips :]:
                window.take(self._clip(window.first + int(clip[0]) - before))
        oldest = self._count - self.kept
        if window.first == oldest:
            # Of a moved window whose first frames are forgotten, the clips that other windows ran there count.
            for start, (time_s, ran) in self._logits.items():
                if start < oldest and time_s >= window.start_s:
                    window.take(ran)
        return window.finished()

    def _clip(self, start: int) -> Logits:
        """The logits of the whole clip whose first frame is `start`, kept for other windows if there can be any."""
        if start in self._logits:
            return self._logits[start][1]
        centres = np.arange(self._spec.num_frames) * self._spec.stride + self._spec.stack_length // 2
        time_s = self._frames[start - self._count + self.kept][0]
        logits = self._gather_and_run(start, self._spec.span, centres)
        if self._window_s is not None:
            self._logits[start] = time_s, logits
        return logits

    def _gather_and_run(self, start: int, frames: int, centres: npt.NDArray[np.int64]) -> Logits:
        offset = start - self._count + self.kept
        span = list(itertools.islice(self._frames, offset, offset + frames))
        images = [image for _, image, _ in span]
        flows = [flow for _, _, flow in span[:-1] if flow is not None]
        return self._run(*sampling.gather_clip(images, flows, centres, self._spec.stack_length))

    def _forget(self, time_s: float) -> None:
        """Drops the frames and logits that no window can need any more."""
        tail_s = time_s - (self._window_s or 0.0) - 1.0
        while self.kept > self._spec.span + 1 and (
            self._frames[0][0] < tail_s or self.kept * self._bytes > MAX_KEPT_BYTES or self._window_s is None
        ):
            self._frames.popleft()
        if self._window_s is not None:
            for start in [start for start, (ran_s, _) in self._logits.items() if ran_s < tail_s]:
                del self._logits[start]
