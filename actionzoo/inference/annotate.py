"""Writes a video again with its answer drawn on it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from actionzoo.inference.answer import Answer, Window
from actionzoo.inference.familiarity import NO_CLASS
from actionzoo.inference.sources import Video, as_source
from actionzoo.video.reader import Frame, probe, read_frames
from actionzoo.video.writer import VideoWriter, draw_label

UNCERTAIN = "uncertain"
SHOWN = 3
"""Classes in the panel."""

MAX_FPS = 120.0
MAX_HOLD_S = 10.0
"""Seconds that one frame is shown at most, so that a false time cannot fill the disk."""

BAR_FULL, BAR_UNSURE, BAR_EMPTY = (64, 200, 90), (230, 170, 50), (40, 40, 40)

Image = npt.NDArray[np.uint8]


def annotate(
    video: Video,
    answer: Answer,
    out: str | os.PathLike[str],
    *,
    threshold: float | None = None,
    progress: Callable[[float, float | None], None] | None = None,
) -> None:
    """Write a video with the label of the window that each frame lies in.

    The video is decoded a second time. A panel lists the window's best classes, and a bar along the lower edge is as
    long as the score of the first, yellow where that is uncertain or none of these. Sound is left out. The frame rate
    is constant; a frame is shown as long as in the video. Nothing is left at `out` after an error.

    Args:
        video: as for `Model.predict`.
        answer: what the model predicted for it.
        out: the MP4 file.
        threshold: a score below which the panel says "uncertain".
        progress: called as by `Model.predict`.

    Raises:
        VideoError: or one of its kinds, if the video cannot be read.
        OutputError: the file cannot be written.
    """
    source = as_source(video, answer.fps)
    info = probe(source)
    fps = min(max(info.fps, 1.0), MAX_FPS)
    frames = read_frames(source, size=(info.height, info.width), damaged=lambda error: None)  # the answer says it
    with VideoWriter(out, fps, (info.height, info.width)) as writer:
        for time_s, image in at_constant_rate(frames, fps):
            writer.write(labelled(image, window_at(answer.windows, time_s), threshold))
            if progress is not None:
                progress(time_s, info.duration_s)


def at_constant_rate(frames: Iterator[Frame], fps: float) -> Iterator[tuple[float, Image]]:
    """What a video shows at the times 0, 1/fps, 2/fps, ... up to its last frame: each frame until the next one comes.

    >>> still = np.zeros((2, 2, 3), np.uint8)
    >>> [t for t, _ in at_constant_rate(iter([Frame(0.0, still), Frame(0.25, still), Frame(1.0, still)]), fps=2)]
    [0.0, 0.5, 1.0]
    """
    ticks = 0
    shown: Image | None = None
    for frame in frames:
        due = round(frame.time * fps)
        if shown is not None:
            for tick in range(ticks, min(due, ticks + round(MAX_HOLD_S * fps))):
                yield tick / fps, shown
        ticks = max(ticks, due)
        shown = frame.image
    if shown is not None:
        yield ticks / fps, shown


def window_at(windows: Sequence[Window], time_s: float) -> Window | None:
    """The window that a time lies in, where several overlap the one whose middle is nearest; None between windows.

    Times before the first window and after the last one belong to these.
    """
    within = [window for window in windows if window.start_s <= time_s < window.end_s]
    if within:
        return min(within, key=lambda window: abs((window.start_s + window.end_s) / 2 - time_s))
    if windows and time_s < windows[0].start_s:
        return windows[0]
    return windows[-1] if windows and time_s >= windows[-1].end_s else None


def labelled(image: Image, window: Window | None, threshold: float | None) -> Image:
    """A copy of a frame `(height, width, 3)` with a window's labels and score on it."""
    if window is None:
        return image
    lines = [f"{prediction.label} {prediction.score:.2f}" for prediction in window.predictions[:SHOWN]]
    uncertain = threshold is not None and window.score < threshold
    if uncertain and window.label != UNCERTAIN:
        lines.insert(0, UNCERTAIN)
    marked = draw_label(image, lines)
    height, width = marked.shape[:2]
    edge = max(height // 40, min(3, height))
    marked[-edge:] = BAR_EMPTY
    none = window.predictions[0].index == NO_CLASS
    marked[-edge:, : round(width * window.score)] = BAR_UNSURE if uncertain or none else BAR_FULL
    return marked
