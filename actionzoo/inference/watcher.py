"""Watcher: one pass over a video, which gives what a network says about the clips of its windows.

A thread decodes, threads compute flow, and the network runs on each clip as soon as its last frame is there. Every
frame is decoded once and every flow field computed once, at the size of the model's input, however many windows share
them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from actionzoo.errors import BrokenVideoError, ModelError
from actionzoo.hub.resolve import ModelFiles
from actionzoo.inference.prefetch import Prefetch
from actionzoo.inference.timeline import Run, Timeline, WindowLogits
from actionzoo.video.flow import METHODS, flow_stream
from actionzoo.video.opening import Source
from actionzoo.video.reader import Frame, VideoInfo, probe, read_frames
from actionzoo.video.resize import input_size, pad_to
from actionzoo.video.spec import DEFAULT_FLOW

Array = npt.NDArray[Any]

Progress = Callable[[float, float | None], None]
"""Called with the seconds of the video that have been seen, and its duration if that is known."""

AHEAD = 32
"""Frames whose flow is computed while the network is busy."""


@dataclass(frozen=True)
class Watched:
    """What one pass over a video gave: its own facts, the sums over its windows, and the seconds spent on decoding.

    `warnings` says what is wrong with the video, if anything is.
    """

    info: VideoInfo
    frames: int
    duration_s: float
    windows: list[WindowLogits]
    decode_s: float
    warnings: tuple[str, ...] = ()


class Watcher:
    """Shows videos to a network as its spec wants them: decoded once, each flow field computed once.

    flow: a method of `actionzoo.video.flow` in place of the spec's; one that the model was not trained with only with
    `force`. Raises ModelError otherwise, and if the spec names an unknown one.
    """

    def __init__(self, files: ModelFiles, flow: str | None = None, *, force: bool = False) -> None:
        self.spec = files.spec
        if flow is not None and not force and not files.spec.takes_flow(flow):
            raise ModelError(
                f"{files.name} was trained with {files.spec.flow} flow and has never seen what {flow} gives; "
                "leave --flow out, or add --force"
            )
        self.flow = flow or files.spec.flow or DEFAULT_FLOW
        if self.flow not in METHODS:
            raise ModelError(f"{files.name} wants the unknown flow {self.flow!r}; choose one of {', '.join(METHODS)}")
        self.clip_spec = self.spec.clip

    @property
    def shortest_stride_s(self) -> float:
        """Seconds from frame to frame as the model sees a video: windows cannot begin closer together."""
        return 1 / self.spec.fps

    def watch(
        self,
        source: Source,
        run: Run,
        *,
        window_s: float | None = None,
        stride_s: float | None = None,
        with_flow: Callable[[], bool] = lambda: True,
        busy: Callable[[float], None] | None = None,
        progress: Progress | None = None,
        on_window: Callable[[WindowLogits], None] = lambda window: None,
    ) -> Watched:
        """One pass over a video: calls `run` for each clip of its windows and sums up what it gives.

        `with_flow` is asked once frames come: False where the network looks at no motion. `busy` is called with the
        seconds that each flow field took, `on_window` with each window when it is complete. Raises VideoError or one of
        its kinds, and ValueError for a window or stride that is not above zero, or shorter than a frame of the model.
        """
        step = window_s if stride_s is None else stride_s
        if step is not None and step < self.shortest_stride_s:
            raise ValueError(f"windows begin at least {self.shortest_stride_s:.3f} s apart, a frame of the model")
        info, seen = probe(source), _Seen()
        damage: list[BrokenVideoError] = []
        timeline = Timeline(self.clip_spec, run, window_s, stride_s)
        done: list[WindowLogits] = []

        def take(windows: Iterable[WindowLogits]) -> None:
            for window in windows:
                done.append(window)
                on_window(window)

        decoding = Prefetch(
            lambda: read_frames(source, fps=self.spec.fps, size=self.input_size, seen=seen, damaged=damage.append)
        )
        with decoding as frames, closing(self._with_flow(frames, with_flow, busy)) as stream:
            for frame, flow in stream:
                motion = None if flow is None else self.padded(flow)
                take(timeline.add(frame.time, self.padded(frame.image), motion))
                if progress is not None:
                    progress(frame.time, info.duration_s)
        duration_s = seen.duration_s(info)
        take(timeline.finish(duration_s))
        if progress is not None:
            progress(duration_s, duration_s)
        warnings = tuple(error.reason for error in damage)
        return Watched(info, seen.frames, duration_s, done, decoding.busy_s, warnings)

    def input_size(self, original: tuple[int, int]) -> tuple[int, int]:
        """The (height, width) to which frames of this (height, width) are scaled."""
        return input_size(original, (self.spec.height, self.spec.width), self.spec.resize)

    def padded(self, array: Array) -> Array:
        """A scaled frame or flow field, filled up to the size of the model's input."""
        return pad_to(array, (self.spec.height, self.spec.width))

    def _with_flow(
        self, frames: Iterable[Frame], wanted: Callable[[], bool], busy: Callable[[float], None] | None
    ) -> Generator[tuple[Frame, Array | None], None, None]:
        if not wanted():
            yield from ((frame, None) for frame in frames)
            return
        yield from flow_stream(frames, self.flow, ahead=AHEAD, busy=busy)


class _Seen:
    """Counts the frames that are decoded."""

    def __init__(self) -> None:
        self.frames = 0
        self.last_s = 0.0

    def __call__(self, time_s: float) -> None:
        self.frames += 1
        self.last_s = time_s

    def duration_s(self, info: VideoInfo) -> float:
        """Until the last frame's end; as the video declares, if that is within a frame of it."""
        end_s = self.last_s + 1 / info.fps
        declared_s = info.duration_s
        return declared_s if declared_s is not None and abs(declared_s - end_s) < 1 / info.fps else end_s
