"""One pass over a video, as a model sees it: decoded once, each flow field computed once.

A thread decodes, threads compute flow, and the caller works on what is there already.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager

import numpy as np

from actionzoo.errors import BrokenVideoError
from actionzoo.inference.clips import Array, FrameWithFlow
from actionzoo.inference.prefetch import Prefetch
from actionzoo.video.flow import flow_stream
from actionzoo.video.opening import Source
from actionzoo.video.reader import Frame, probe, read_frames
from actionzoo.video.spec import InputSpec

Progress = Callable[[float, float | None], None]
"""Called with the seconds of the video that have been seen, and its duration if that is known."""

AHEAD = 32
"""Frames whose flow is computed while the network is busy."""

STAGES = ("decode", "flow", "model")


class StageTimer:
    """Seconds of work by stage, added up over threads."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self._lock = threading.Lock()

    def add(self, stage: str, seconds: float) -> None:
        with self._lock:
            self.seconds[stage] += seconds

    @contextmanager
    def timing(self, stage: str) -> Iterator[None]:
        since = time.perf_counter()
        yield
        self.add(stage, time.perf_counter() - since)


class VideoPass:
    """Iterates once over the frames of a video, with their flow, scaled for the model's input.

    Args:
        source: what `actionzoo.video.read_frames` reads.
        spec: what the model looks at.
        flow: a method of `actionzoo.video.flow`.
        wants_flow: called when the first frame is there; whether flow is needed.
        timer: for the seconds spent on decoding and on flow.
        progress: told of each frame.

    Attributes:
        fps: of the video itself.
        frames: decoded so far.
        damage: what is wrong with the video, if anything is.

    Raises:
        VideoError: or one of its kinds, if the video cannot be read.
    """

    def __init__(
        self,
        source: Source,
        spec: InputSpec,
        flow: str,
        *,
        wants_flow: Callable[[], bool] = lambda: True,
        timer: StageTimer | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._source, self._spec, self._flow = source, spec, flow
        self._wants_flow, self._timer, self._progress = wants_flow, timer or StageTimer(), progress
        self._info = probe(source)
        self.fps = self._info.fps
        self.frames = 0
        self._last_s = 0.0
        self.damage: list[BrokenVideoError] = []

    def __iter__(self) -> Iterator[FrameWithFlow]:
        decoding = Prefetch(
            lambda: read_frames(
                self._source,
                fps=self._spec.fps,
                size=self._spec.video_format.size,
                seen=self._count,
                damaged=self.damage.append,
            )
        )
        with decoding as frames, closing(self._with_flow(frames)) as stream:
            for frame, flow in stream:
                # Half precision is what networks learned from: it is how decoded videos keep their flow.
                motion = None if flow is None else flow.astype(np.float16).astype(np.float32)
                yield frame.time, frame.image, motion
                if self._progress is not None:
                    self._progress(frame.time, self._info.duration_s)
        self._timer.add("decode", decoding.busy_s)
        if self._progress is not None:
            self._progress(self.duration_s(), self.duration_s())

    def duration_s(self) -> float:
        """Until the end of the last frame so far; as the video declares, if that is within a frame of it."""
        end_s = self._last_s + 1 / self.fps
        declared_s = self._info.duration_s
        return declared_s if declared_s is not None and abs(declared_s - end_s) < 1 / self.fps else end_s

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong with the video, in words."""
        return tuple(error.reason for error in self.damage)

    def _count(self, time_s: float) -> None:
        self.frames += 1
        self._last_s = time_s

    def _with_flow(self, frames: Iterator[Frame]) -> Generator[tuple[Frame, Array | None], None, None]:
        if not self._wants_flow():
            yield from ((frame, None) for frame in frames)
            return
        busy = self._timer.add
        yield from flow_stream(frames, self._flow, ahead=AHEAD, busy=lambda seconds: busy("flow", seconds))
