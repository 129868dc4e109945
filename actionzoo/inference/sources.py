"""Which videos a user means: files, folders, patterns, addresses and cameras, and videos in memory."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from typing import BinaryIO, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from actionzoo.errors import NotAVideoError
from actionzoo.video.files import is_frame_folder, videos_below
from actionzoo.video.memory import Frames
from actionzoo.video.opening import Source, camera_number
from actionzoo.video.stills import FrameFolder

Video: TypeAlias = str | os.PathLike[str] | bytes | BinaryIO | NDArray[np.uint8] | Sequence[ArrayLike] | Frames
"""A file, a folder of numbered pictures or an address; a video file's bytes, or one that is open; or frames in memory,
with or without their rate."""

_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def is_address(source: str) -> bool:
    """Whether a source is an address such as `https://...` and not a file.

    >>> is_address("rtsp://host/1"), is_address("clip.mp4")
    (True, False)
    """
    return bool(_ADDRESS.match(source))


def is_live(source: str) -> bool:
    """Whether a source has no end: a camera number (a file of that name is `./0`) or an rtsp address.

    >>> is_live("0"), is_live("rtsp://host/1"), is_live("clip.mp4")
    (True, True, False)
    """
    return camera_number(source) is not None or source.lower().startswith(("rtsp://", "rtsps://"))


def as_source(video: Video, fps: float | None = None) -> Source:
    """What `actionzoo.video.read_frames` reads: frames in memory and in folders get a rate, everything else has one.

    Raises NotAVideoError for a camera, which has no end, and for frames that are no video.
    """
    if isinstance(video, int):
        raise NotAVideoError(video, "a camera has no end; use `Model.stream`")
    if isinstance(video, list | tuple):
        return Frames(video, fps)
    if hasattr(video, "__array__"):  # also tensors of torch, JAX and TensorFlow
        return Frames(np.asarray(video), fps)
    if isinstance(video, str | os.PathLike):
        folder = fps is not None and os.path.isdir(video) and is_frame_folder(video)
        return FrameFolder(video, fps) if fps is not None and folder else os.fspath(video)
    return video  # type: ignore[return-value]


def expand_sources(sources: Iterable[str]) -> list[str]:
    """The videos that `sources` name, in order and without repeats.

    A folder stands for the video files in it and below, by name. A pattern (`*`, `?`, `[...]`, `**`) stands for the
    files that match it, unless a file of exactly that name exists. Everything else stays as it is, and so do a folder
    without videos and a pattern that matches nothing: `predict` has the fitting error for them.

    >>> expand_sources(["0", "https://host/clip.mp4", "0"])
    ['0', 'https://host/clip.mp4']
    """
    found: dict[str, None] = {}
    for source in sources:
        found.update(dict.fromkeys(_expand(source) or [source]))
    return list(found)


def _expand(source: str) -> list[str]:
    if is_address(source) or is_live(source):
        return [source]
    if os.path.isdir(source):
        return videos_below(source)
    if not os.path.exists(source) and glob.has_magic(source):
        matches = sorted(glob.glob(source, recursive=True))
        return [video for match in matches for video in (videos_below(match) if os.path.isdir(match) else [match])]
    return [source]
