"""Looks at every frame of a set of videos before hours are spent on it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from actionzoo.errors import BrokenVideoError, VideoError
from actionzoo.video.reader import probe, read_frames


@dataclass(frozen=True)
class Checked:
    """What decoding a whole video told.

    Attributes:
        path: of the file.
        frames: that could be decoded.
        seconds: from the first to the end of the last of them.
        fps: frames a second.
        size: (height, width) as shown, in pixels; (0, 0) where nothing could be decoded.
        problem: why it cannot be used, with the time at which decoding failed; `None` for a good video.
    """

    path: Path
    frames: int
    seconds: float
    fps: float
    size: tuple[int, int]
    problem: str | None = None


def check_videos(
    paths: Iterable[Path], *, workers: int | None = None, progress: Callable[[int, int], None] | None = None
) -> list[Checked]:
    """Decode every video to its end, several at a time, keeping none of it in memory.

    Args:
        paths: of the videos.
        workers: threads; one a core by default.
        progress: called with how many are done, and how many there are.
    """
    listed = list(paths)
    found = []
    with ThreadPoolExecutor(workers) as threads:
        for done, checked in enumerate(threads.map(check_video, listed), start=1):
            found.append(checked)
            if progress is not None:
                progress(done, len(listed))
    return found


def check_video(path: Path) -> Checked:
    """Decode one video to its end."""
    frames, last_s, fps, size = 0, 0.0, 0.0, (0, 0)
    damage: list[BrokenVideoError] = []
    try:
        fps = probe(path).fps
        for frame in read_frames(path, damaged=damage.append):
            frames, last_s = frames + 1, frame.time
            height, width = frame.image.shape[:2]
            size = (height, width)
    except VideoError as error:
        problem: str | None = error.reason
    else:
        problem = damage[0].reason if damage else None
    seconds = last_s + 1 / fps if frames and fps else 0.0
    return Checked(path, frames, seconds, fps, size, problem)
