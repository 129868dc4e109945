"""Rendered clips as files: MP4s in class folders, the same bytes for the same seed however many processes draw them."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from actionzoo.errors import OutputError
from actionzoo.files import make_folder, replacing
from actionzoo.puppets.actions import ACTIONS
from actionzoo.puppets.render import render
from actionzoo.video.writer import VideoWriter


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
        (Path(out) / action / f"{action}_{index:04d}.mp4", action, clip_seed(seed, index))
        for action in actions
        for index in range(clips)
    ]
    for folder in {path.parent for path, *_ in jobs}:
        make_folder(folder)
    write = partial(_write, height=height, fps=fps, point_light=point_light, with_flow=with_flow)
    with contextlib.ExitStack() as stack:
        run: Callable[..., Iterable[None]] = map
        if (processes := min(workers or os.cpu_count() or 1, len(jobs))) > 1:
            # Not forked: threads that the caller has started (TensorFlow, OpenCV) would be left behind half-alive.
            spawn = multiprocessing.get_context("spawn")
            pool = ProcessPoolExecutor(processes, mp_context=spawn, initializer=cv2.setNumThreads, initargs=(1,))
            stack.callback(pool.shutdown, cancel_futures=True)
            run = pool.map
        for done, _ in enumerate(run(write, jobs), start=1):
            if progress:
                progress(done, len(jobs))
    return [path for path, *_ in jobs]


def _write(job: tuple[Path, str, int], **how: Any) -> None:
    """Render one clip, of (path, action, seed), to its file."""
    path, action, seed = job
    clip = render(action, seed, **how)
    if clip.flow is not None:
        _write_flow(clip.flow, path.with_suffix(".npz"))
    with VideoWriter(path, clip.fps, clip.frames.shape[1:3]) as video:
        for frame in clip.frames:
            video.write(frame)


def _write_flow(flow: NDArray[np.float32], path: Path) -> None:
    try:
        with replacing(path) as beside, beside.open("wb") as file:
            np.savez_compressed(file, flow=flow.astype(np.float16))
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}; make room, or give another folder"
        ) from error
