"""Labelled videos in memory, ready to be cut into clips: what small data sets are trained from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actionzoo.video.flow import optical_flow
from actionzoo.video.reader import read_frames
from actionzoo.video.resize import input_size


@dataclass(frozen=True)
class Recording:
    """One video at the size and rate that a model sees, before padding.

    Attributes:
        name: the file's name.
        label: index of its class.
        frames: `(frames, height, width, 3)` uint8 RGB.
        flow: `(frames-1, height, width, 2)` float16, pixels a frame step; half precision keeps a data set in memory and
            is exact to 1/128 px up to 8 px.
    """

    name: str
    label: int
    frames: NDArray[np.uint8]
    flow: NDArray[np.float16]


def read_recording(
    path: Path, label: int, *, size: tuple[int, int], fps: float, resize: str = "fit", method: str = "dis"
) -> Recording:
    """Decode one video once and compute its flow.

    Args:
        path: the video.
        label: index of its class.
        size: (height, width) of the model's input, in pixels.
        fps: frames a second to keep.
        resize: rule of `actionzoo.video.resize`.
        method: of `actionzoo.video.flow`.

    Raises:
        VideoError: the video cannot be read.
    """
    frames = np.stack(
        [frame.image for frame in read_frames(path, fps=fps, size=partial(input_size, target=size, rule=resize))]
    )
    return Recording(path.name, label, frames, optical_flow(frames, method, workers=1).astype(np.float16))


def read_class_folders(
    folder: Path, classes: Sequence[str], *, size: tuple[int, int], fps: float, resize: str = "fit", method: str = "dis"
) -> list[Recording]:
    """Read every video of `<folder>/<class>/`, in order of name, on all cores.

    Raises:
        VideoError: one of them cannot be read.
    """
    read = partial(read_recording, size=size, fps=fps, resize=resize, method=method)
    paths = [(path, label) for label, name in enumerate(classes) for path in _files(folder / name)]
    with ThreadPoolExecutor() as threads:
        return list(threads.map(lambda item: read(*item), paths))


def _files(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
