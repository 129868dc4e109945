"""From frames with their flow to the clips that a network sees, and the windows that each clip counts for.

`cut_clips` takes a stream, of which it keeps the last frames only, so that a video of an hour takes no more memory than
one of a minute. `fitted` makes its clips what the network sees: padded, or cropped to where they move. `clips_of` does
both with a decoded video. Prediction, evaluation, features and visualization all see the clips that come out here; only
live streams (`inference.live`) and the papers' protocol (`evaluation.protocol`) cut others.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from actionzoo.video import sampling
from actionzoo.video.motion_crop import crop_to_motion
from actionzoo.video.resize import pad_to
from actionzoo.video.sampling import ClipSpec
from actionzoo.video.spec import InputSpec

if TYPE_CHECKING:
    from actionzoo.data.decoded import DecodedVideo

Array = npt.NDArray[Any]

FrameWithFlow = tuple[float, Array, Array | None]
"""Time in seconds, frame `(height, width, 3)`, and flow `(height, width, 2)` to the next frame, if it is wanted."""

MAX_KEPT_BYTES = 256 << 20
"""Frames and flow kept for the last window, which is moved back to end with the video, take at most this."""

SLACK_S = 1e-6


@dataclass(frozen=True)
class Clip:
    """Frames that a network sees at a time, and their flow stacks.

    Attributes:
        number: counted from 0 in the order in which clips come.
        appearance: `(time, height, width, 3)` uint8 RGB.
        motion: `(time, height, width, 2*L)` float32, pixels a frame step.
    """

    number: int
    appearance: npt.NDArray[np.uint8]
    motion: npt.NDArray[np.float32]


@dataclass(frozen=True)
class WindowClips:
    """A window that is complete.

    Attributes:
        start_s: seconds in the video.
        end_s: seconds in the video.
        clips: numbers of the clips that it is the mean of; all clips before it came earlier.
        needed: number of the oldest clip that a later window may still use.
    """

    start_s: float
    end_s: float
    clips: tuple[int, ...]
    needed: int


def cut_clips(
    frames: Iterable[FrameWithFlow],
    spec: ClipSpec,
    duration_s: Callable[[], float],
    window: float | None = None,
    step: float | None = None,
) -> Iterator[Clip | WindowClips]:
    """The clips of a stream of frames, each as soon as its last frame is there, and its windows when they are complete.

    A window's clips are those of `sampling.clip_centres` for its frames, as if it were a video of its own. A clip that
    several windows share comes once.

    Args:
        frames: all of one size, in the order of their times.
        spec: of a clip.
        duration_s: asked when the frames have come to an end.
        window: length of a window in seconds; by default the whole video is one.
        step: seconds from one window's start to the next; by default `window`.

    Raises:
        ValueError: a window or step that is not above zero, or a step without a window.

    >>> image, flow = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 2), np.float32)
    >>> frames = [(number / 10, image, flow) for number in range(25)]
    >>> found = cut_clips(frames, ClipSpec(num_frames=1, stride=1, stack_length=2), lambda: 2.5, window=1.0)
    >>> [(each.start_s, each.end_s) for each in found if isinstance(each, WindowClips)]
    [(0.0, 1.0), (1.0, 2.0), (1.5, 2.5)]
    """
    cutter = _Cutter(spec, *checked_windows(window, step))
    for time_s, image, flow in frames:
        yield from cutter.add(time_s, image, flow)
    yield from cutter.finish(duration_s())


def clips_of(video: DecodedVideo, spec: InputSpec) -> Iterator[Clip]:
    """The clips of a decoded video: those that `cut_clips` gives for the whole of it, at the size of the model's input.

    Args:
        video: in the spec's video format, or larger, for crops to be cut out of its clips.
        spec: what the model looks at.
    """
    for each in cut_clips(_frames_of(video, spec), spec.clip, lambda: len(video.frames) / spec.fps):
        if isinstance(each, Clip):
            yield fitted(each, spec)


def checked_windows(window: float | None, step: float | None) -> tuple[float | None, float | None]:
    """Both in seconds, the step as long as the window where none is given. Raises ValueError."""
    if window is None and step is not None:
        raise ValueError("a step needs a window")
    for name, seconds in (("window", window), ("step", step)):
        if seconds is not None and not 0 < seconds < math.inf:
            raise ValueError(f"a {name} is longer than 0 seconds, not {seconds}")
    return window, window if step is None else step


def _frames_of(video: DecodedVideo, spec: InputSpec) -> Iterator[FrameWithFlow]:
    for index in range(len(video.frames)):
        flow = np.asarray(video.flow[index]) if index < len(video.flow) else None
        yield index / spec.fps, np.asarray(video.frames[index]), flow


def fitted(clip: Clip, spec: InputSpec) -> Clip:
    """A clip of frames as they were scaled, as the network sees it.

    Filled up to the size of the model's input where it is smaller; or cropped to where it moves, if the spec says so.
    """
    if spec.crop_to_motion:
        cropped = crop_to_motion(clip.appearance, clip.motion, (spec.height, spec.width))
        return Clip(clip.number, *cropped)
    height, width = clip.appearance.shape[1:3]
    size = max(spec.height, height), max(spec.width, width)
    return Clip(clip.number, pad_to(clip.appearance, size), pad_to(clip.motion, size))


@dataclass
class _Open:
    """A window that is being filled: its first frame, and the clips that it has."""

    start_s: float
    end_s: float
    first: int
    clips: list[int] = field(default_factory=list)


class _Cutter:
    """Windows over a stream of frames: which clips each needs, and when they are complete."""

    def __init__(self, spec: ClipSpec, window: float | None, step: float | None) -> None:
        self._spec, self._window, self._step = spec, window, step
        self._hop = max(1, spec.span // 2)
        self._open: deque[_Open] = deque()
        self._started = self._finished = 0
        self._count = self._clips = 0
        self._frames: deque[FrameWithFlow] = deque()
        self._bytes = 0
        self._cut: dict[int, tuple[float, int]] = {}  # time and number of the clip that begins with a frame

    def add(self, time_s: float, image: Array, flow: Array | None) -> Iterator[Clip | WindowClips]:
        """Takes a frame; gives the windows that ended before it, and the clips that end with it."""
        while self._open and time_s >= self._open[0].end_s - SLACK_S:
            self._finished += 1
            yield from self._close(self._open.popleft(), self._count)
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
                yield from self._close(_Open(*span, first=before), before + 1)
        for window in self._open:
            while (start := window.first + len(window.clips) * self._hop) + self._spec.span <= self._count:
                yield from self._take(window, start)
        self._forget(time_s)

    def finish(self, duration_s: float) -> Iterator[Clip | WindowClips]:
        """What ends with the video."""
        if self._count == 0:
            return
        if self._window is None or self._step is None:
            yield from self._close(replace(self._open.popleft(), start_s=0.0, end_s=duration_s), self._count)
            return
        spans = sampling.windows(duration_s, self._window, self._step)
        open_at = {window.start_s: window for window in self._open}
        for start_s, end_s in spans[self._finished :]:
            window = open_at.get(start_s) or _Open(start_s, end_s, self._first_at(start_s))
            yield from self._close(replace(window, end_s=end_s), self._count)

    @property
    def _oldest(self) -> int:
        """Index of the first frame that is kept."""
        return self._count - len(self._frames)

    def _next_span(self) -> tuple[float, float] | None:
        if self._window is None or self._step is None:
            return None if self._started else (-math.inf, math.inf)
        start_s = self._started * self._step
        return start_s, start_s + self._window

    def _first_at(self, time_s: float) -> int:
        """The first frame from `time_s` on among those that are kept; the newest frame if they are all earlier."""
        for index, (frame_s, _, _) in enumerate(self._frames, self._oldest):
            if frame_s >= time_s - SLACK_S:
                return index
        return self._count - 1

    def _close(self, window: _Open, end: int) -> Iterator[Clip | WindowClips]:
        """A window whose frames are `window.first` up to `end - 1`, after those of its clips that are missing."""
        frames = max(end - window.first, 1)
        centres = sampling.clip_centres(frames, self._spec, hop=self._hop)
        if frames < self._spec.span:
            window.clips.append(self._clips)
            yield self._gather(window.first, frames, centres[0])
        else:
            before = self._spec.stack_length // 2
            for clip in centres[len(window.clips) :]:
                yield from self._take(window, window.first + int(clip[0]) - before)
        oldest = self._oldest
        if window.first == oldest:
            # Of a moved window whose first frames are forgotten, the clips that other windows have there count.
            early = (number for start, (at_s, number) in self._cut.items() if start < oldest and at_s >= window.start_s)
            window.clips.extend(early)
        needed = min((number for _, number in self._cut.values()), default=self._clips)
        yield WindowClips(window.start_s, window.end_s, tuple(window.clips), needed)

    def _take(self, window: _Open, start: int) -> Iterator[Clip]:
        """The whole clip whose first frame is `start`, if no other window has it already."""
        if start not in self._cut:
            centres = np.arange(self._spec.num_frames) * self._spec.stride + self._spec.stack_length // 2
            time_s = self._frames[start - self._oldest][0]
            clip = self._gather(start, self._spec.span, centres)
            window.clips.append(clip.number)
            if self._window is not None:
                self._cut[start] = time_s, clip.number
            yield clip
        else:
            window.clips.append(self._cut[start][1])

    def _gather(self, start: int, frames: int, centres: npt.NDArray[np.int64]) -> Clip:
        offset = start - self._oldest
        span = list(itertools.islice(self._frames, offset, offset + frames))
        images = [image for _, image, _ in span]
        flows = [flow for _, _, flow in span[:-1] if flow is not None]
        self._clips += 1
        return Clip(self._clips - 1, *sampling.gather_clip(images, flows, centres, self._spec.stack_length))

    def _forget(self, time_s: float) -> None:
        """Drops the frames and clips that no window can need any more."""
        tail_s = time_s - (self._window or 0.0) - 1.0
        while len(self._frames) > self._spec.span + 1 and (
            self._frames[0][0] < tail_s or len(self._frames) * self._bytes > MAX_KEPT_BYTES or self._window is None
        ):
            self._frames.popleft()
        for start in [start for start, (cut_s, _) in self._cut.items() if cut_s < tail_s]:
            del self._cut[start]
