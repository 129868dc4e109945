"""Rendered clips as files: MP4s in class folders, the same bytes for the same seed however many processes draw them."""

from __future__ import annotations

import multiprocessing
import os
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from actionzoo.errors import OutputError
from actionzoo.puppets.actions import ACTIONS
from actionzoo.puppets.render import PuppetClip, render
from actionzoo.video.writer import VideoWriter


@dataclass(frozen=True)
class _Job:
    """One clip to draw, and where it goes."""

    path: Path
    action: str
    seed: int
    height: int
    fps: float
    point_light: bool
    with_flow: bool


def clip_seed(seed: int, index: int) -> int:
    """The seed for `render` of clip `index` of a data set with `seed`.

    >>> clip_seed(1, 0) != clip_seed(0, 1)
    True
    """
    return int(np.random.SeedSequence([seed, index]).generate_state(1)[0])


def write_dataset(
    out: str | os.PathLike[str],
    clips: int,
    seed: int,
    *,
    actions: Sequence[str] = ACTIONS,
    height: int = 240,
    fps: float = 30.0,
    point_light: bool = False,
    with_flow: bool = False,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Render `clips` videos of each action as `<out>/<action>/<action>_<index>.mp4`.

    A file appears under its name only when it is whole. Clip `index` of an action is the same in a set of any size.

    Args:
        out: the folder; made when missing.
        clips: videos an action.
        seed: not negative; the same seed makes the same bytes.
        actions: which of `ACTIONS` to render.
        height: rows of the pictures; the width varies.
        fps: frames a second.
        point_light: joints as moving dots instead of dressed figures.
        with_flow: also write the exact flow beside each video, `.npz` with the key `flow`,
            `(frames-1, height, width, 2)` float16.
        workers: processes, all cores when None; 1 stays in this process.
        progress: called with (clips done, clips in all) after each.

    Returns:
        the paths of the videos, by action and index.

    Raises:
        OutputError: a file cannot be written.

    Example:
        >>> import tempfile
        >>> paths = write_dataset(tempfile.mkdtemp(), 1, 0, actions=["kick"], height=64, workers=1)
        >>> [path.name for path in paths]
        ['kick_0000.mp4']
    """
    jobs = [
        _Job(
            Path(out) / action / f"{action}_{index:04d}.mp4",
            action, clip_seed(seed, index), height, fps, point_light, with_flow,
        )
        for action in actions
        for index in range(clips)
    ]  # fmt: skip
    for folder in {job.path.parent for job in jobs}:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder}: cannot be made: {error.strerror}; choose another folder") from error
    workers = min(workers or os.cpu_count() or 1, len(jobs))
    if workers <= 1:
        for done, job in enumerate(jobs):
            _write(job)
            if progress:
                progress(done + 1, len(jobs))
    else:
        _write_all(jobs, workers, progress)
    return [job.path for job in jobs]


def _write_all(jobs: list[_Job], workers: int, progress: Callable[[int, int], None] | None) -> None:
    # Not forked: the caller may have started threads (TensorFlow, OpenCV), which a fork would leave behind half-alive.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        try:
            running = [pool.submit(_write, job) for job in jobs]
            for done, future in enumerate(as_completed(running)):
                future.result()
                if progress:
                    progress(done + 1, len(jobs))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _write(job: _Job) -> None:
    """Render one clip to its file."""
    clip = render(
        job.action,
        job.seed,
        height=job.height,
        fps=job.fps,
        point_light=job.point_light,
        with_flow=job.with_flow,
    )
    if clip.flow is not None:
        _write_flow(clip, job.path.with_suffix(".npz"))
    with VideoWriter(job.path, clip.fps, clip.frames.shape[1:3]) as video:
        for frame in clip.frames:
            video.write(frame)


def _write_flow(clip: PuppetClip, path: Path) -> None:
    assert clip.flow is not None
    beside = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part.npz")
    try:
        np.savez_compressed(beside, flow=clip.flow.astype(np.float16))
        beside.replace(path)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror}); choose another folder or make room"
        ) from error
    finally:
        beside.unlink(missing_ok=True)
