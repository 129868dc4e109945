"""Rendered clips as files: MP4s in class folders, the same bytes for the same seed however many processes draw them."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from actionzoo.errors import DataError, OutputError, did_you_mean
from actionzoo.files import make_folder, replacing
from actionzoo.motion.cleaning import problem
from actionzoo.motion.recording import MotionRecording
from actionzoo.puppets.actions import ACTIONS
from actionzoo.puppets.backgrounds import Spot, choose_background, find_backgrounds
from actionzoo.puppets.render import PuppetClip, render, render_motion
from actionzoo.video.single import frame_near
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
    backgrounds: str | os.PathLike[str] | None = None,
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
        backgrounds: a folder of pictures and videos that are behind the figures of half of the clips; drawn ones are
            behind the rest, and behind all when None. Files that cannot be read are left out with a warning.
        workers: processes, all cores when None; 1 stays in this process.
        progress: called with (clips done, clips in all) after each.

    Returns:
        the paths of the videos, by action and index.

    Raises:
        DataError: there are no backgrounds in the folder.
        OutputError: a file cannot be written.

    Example:
        >>> import tempfile
        >>> path, = write_dataset(tempfile.mkdtemp(), 1, 0, actions=["kick"], height=64, workers=1)
        >>> path.name
        'kick_0000.mp4'
    """
    draw = partial(render, height=height, fps=fps, point_light=point_light, with_flow=with_flow)
    pictures = None if backgrounds is None else find_backgrounds(backgrounds)
    todo: list[Job] = []
    for action in actions:
        for index in range(clips):
            path = Path(out) / action / f"{action}_{index:04d}.mp4"
            own = clip_seed(seed, index)
            todo.append((path, partial(draw, action, own), _spot(pictures, action, own)))
    return write_all(todo, workers, progress)


def write_motion_dataset(
    out: str | os.PathLike[str],
    recordings: Sequence[MotionRecording],
    clips: int,
    seed: int,
    *,
    labels: Sequence[str] | None = None,
    height: int = 240,
    fps: float = 30.0,
    point_light: bool = False,
    with_flow: bool = False,
    mirror: bool = True,
    backgrounds: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Render `clips` videos of each label of recorded motion as `<out>/<label>/<label>_<index>.mp4`.

    The recordings of a label take turns, in an order drawn at random; those that show too little are left out. Where
    their group is known the name of a clip ends on it: `<label>_<index>_g-<group>.mp4`.

    Args:
        out: the folder; made when missing.
        recordings: of `actionzoo.motion.read_motion`.
        clips: videos a label.
        seed: not negative; the same seed and recordings make the same bytes.
        labels: which labels to render, all when None.
        height: rows of the pictures; the width varies.
        fps: frames a second.
        point_light: joints as moving dots instead of dressed figures.
        with_flow: also write the exact flow, as `write_dataset` does.
        mirror: mirror half of the clips.
        backgrounds: a folder of pictures and videos, as in `write_dataset`.
        workers: processes, all cores when None; 1 stays in this process.
        progress: called with (clips done, clips in all) after each.

    Returns:
        the paths of the videos, by label and index.

    Raises:
        DataError: there is no such label, no recording of it shows enough, or there are no backgrounds in the folder.
        OutputError: a file cannot be written.

    Example:
        >>> import tempfile
        >>> from actionzoo.motion import MotionRecording
        >>> odd = MotionRecording(np.random.default_rng(0).normal(size=(40, 1, 20, 3)), 30.0, "odd/one", "odd.npz")
        >>> paths = write_motion_dataset(tempfile.mkdtemp(), [odd], 1, 0, height=64, workers=1)
        >>> paths[0].relative_to(paths[0].parents[1]).as_posix()
        'odd_one/odd_one_0000.mp4'
    """
    how: dict[str, Any] = {
        "height": height,
        "fps": fps,
        "point_light": point_light,
        "with_flow": with_flow,
        "mirror": mirror,
    }
    shown = {label: _showing(label, own) for label, own in by_label(recordings, labels).items()}
    todo = turns(out, shown, clips, seed, partial(render_motion, **how), backgrounds)
    return write_all(todo, workers, progress)


class Labeled(Protocol):
    """A recording of something.

    Attributes:
        label: what it is.
        group: what it shares with others, or None.
    """

    @property
    def label(self) -> str: ...
    @property
    def group(self) -> str | None: ...


Recording = TypeVar("Recording", bound=Labeled)

Job = tuple[Path, Callable[..., PuppetClip], Spot | None]
"""A file, what renders the clip in it, and the real picture behind it."""


def turns(
    out: str | os.PathLike[str],
    recordings: Mapping[str, Sequence[Recording]],
    clips: int,
    seed: int,
    draw: Callable[..., PuppetClip],
    backgrounds: str | os.PathLike[str] | None = None,
) -> list[Job]:
    """What `write_all` shall write: `clips` files of each label, whose recordings take turns.

    `draw` renders a recording with a seed. Raises DataError if there are no backgrounds in the folder.
    """
    pictures = None if backgrounds is None else find_backgrounds(backgrounds)
    todo: list[Job] = []
    for label, own in recordings.items():
        order = np.random.default_rng([seed, len(own)]).permutation(len(own))
        folder = folder_name(label)
        for index in range(clips):
            recording = own[order[index % len(own)]]
            group = "" if recording.group is None else f"_g-{folder_name(recording.group)}"
            path = Path(out) / folder / f"{folder}_{index:04d}{group}.mp4"
            own_seed = clip_seed(seed, index)
            todo.append((path, partial(draw, recording, own_seed), _spot(pictures, label, own_seed)))
    return todo


def by_label(recordings: Sequence[Recording], labels: Sequence[str] | None = None) -> dict[str, list[Recording]]:
    """The recordings of each label, labels in order of the alphabet or as they are asked for.

    Raises DataError if there is no such label, or two labels whose folders are one.
    """
    held: dict[str, list[Recording]] = {label: [] for label in sorted({each.label for each in recordings})}
    for recording in recordings:
        held[recording.label].append(recording)
    for label in labels or []:
        if label not in held:
            near = did_you_mean(label, held) or f"; labels are {', '.join(held)}"
            raise DataError(f"no recording has the label {label!r}{near}")
    folders: dict[str, str] = {}
    chosen = {label: held[label] for label in dict.fromkeys(labels or held)}
    for label in chosen:
        same = folders.setdefault(folder_name(label).lower(), label)
        if same != label:
            raise DataError(f"labels {same!r} and {label!r} would share a folder; rename one of them")
    return chosen


def _showing(label: str, recordings: Sequence[MotionRecording]) -> list[MotionRecording]:
    """Those of a label's recordings that show enough. Raises DataError if none does."""
    enough = [recording for recording in recordings if problem(recording) is None]
    if not enough:
        first = recordings[0]
        raise DataError(f"no recording of {label!r} shows enough ({first.name}: {problem(first)}); leave it out")
    return enough


def folder_name(label: str) -> str:
    """A label as the name of a folder on every system.

    >>> folder_name("sit/stand: up"), folder_name(".."), folder_name("Händewaschen")
    ('sit_stand_up', 'unnamed', 'Händewaschen')
    """
    return re.sub(r"[^\w.+-]+", "_", label).strip("._-")[:100] or "unnamed"


def _spot(pictures: list[Path] | None, label: str, seed: int) -> Spot | None:
    """What real picture is behind a clip; clips of several labels share their seed, and not the picture."""
    return choose_background(pictures, [seed, zlib.crc32(label.encode())]) if pictures else None


def write_all(jobs: Sequence[Job], workers: int | None, progress: Callable[[int, int], None] | None) -> list[Path]:
    """Render clips to their files, on several processes."""
    for folder in {path.parent for path, *_ in jobs}:
        make_folder(folder)
    with contextlib.ExitStack() as stack:
        run: Callable[..., Iterable[None]] = map
        if (processes := min(workers or os.cpu_count() or 1, len(jobs))) > 1:
            # Not forked: threads that the caller has started (TensorFlow, OpenCV) would be left behind half-alive.
            spawn = multiprocessing.get_context("spawn")
            pool = ProcessPoolExecutor(processes, mp_context=spawn, initializer=cv2.setNumThreads, initargs=(1,))
            stack.callback(pool.shutdown, cancel_futures=True)
            run = pool.map
        for done, _ in enumerate(run(_write, jobs), start=1):
            if progress:
                progress(done, len(jobs))
    return [path for path, *_ in jobs]


def _write(job: Job) -> None:
    """Render one clip to its file."""
    path, draw, spot = job
    clip = draw(background=None if spot is None else frame_near(*spot))
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
