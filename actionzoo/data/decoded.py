"""Labelled videos at the size and rate that a model sees, decoded once, ready to be cut into clips."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from actionzoo.data.dataset import LabeledVideo, VideoDataset
from actionzoo.data.decoded_cache import DecodedVideoCache
from actionzoo.errors import VideoError
from actionzoo.hub.cache import cache_folder, cache_folders
from actionzoo.video.flow import optical_flow
from actionzoo.video.reader import read_frames
from actionzoo.video.spec import VideoFormat

LAYOUT = 3
"""Version of the files in the cache, and of how frames are scaled."""

BLOCKS, BLOCK_BYTES = 17, 1 << 16
"""Of a file of more than a megabyte so many blocks stand for its content: the first, the last, and some between."""

Progress = Callable[[int, int], None]
"""Called with how many videos are done, and how many there are."""


@dataclass(frozen=True)
class DecodedVideo:
    """One video in one `VideoFormat`, before padding.

    Attributes:
        name: the file's name.
        class_index: of its class, from 0.
        frames: `(frames, height, width, 3)` uint8 RGB.
        flow: `(frames-1, height, width, 2)` float16, pixels a frame step; half precision keeps a data set small and is
            exact to 1/128 px up to 8 px.

    Both may be any array-like with `.shape` that can be indexed by an integer array, such as a memory map.
    """

    name: str
    class_index: int
    frames: NDArray[np.uint8]
    flow: NDArray[np.float16]


class Source(Protocol):
    """A set of labelled videos that are read one by one, in any order, from any thread."""

    classes: tuple[str, ...]
    videos: tuple[LabeledVideo, ...]
    video_format: VideoFormat

    def __len__(self) -> int: ...

    def read(self, index: int) -> DecodedVideo:
        """The decoded `videos[index]`. Raises VideoError or DataError."""

    def digest(self, index: int) -> str | None:
        """A digest of the content of `videos[index]`, wherever it lies; `None` if it cannot be read."""


def content_digest(path: Path) -> str:
    """A digest of a file's size and content, which for a long file is that of some of its blocks. Raises OSError."""
    size = path.stat().st_size
    digest = hashlib.blake2b(str(size).encode(), digest_size=16)
    with path.open("rb") as file:
        if size <= BLOCKS * BLOCK_BYTES:
            digest.update(file.read())
        else:
            for block in range(BLOCKS):
                file.seek((size - BLOCK_BYTES) * block // (BLOCKS - 1))
                digest.update(file.read(BLOCK_BYTES))
    return digest.hexdigest()


def decode_video(path: Path, class_index: int, video_format: VideoFormat) -> DecodedVideo:
    """Decode one video and compute its flow.

    Args:
        path: of the video.
        class_index: of its class.
        video_format: size, rate and method of flow.

    Raises:
        VideoError: it cannot be used.
    """
    return decode_timed_video(path, class_index, video_format)[0]


def decode_timed_video(path: Path, class_index: int, video_format: VideoFormat) -> tuple[DecodedVideo, list[float]]:
    """Decode one video and compute its flow; also returns the time of each frame in seconds. Raises VideoError."""
    times, images = zip(*read_frames(path, fps=video_format.fps, size=video_format.size), strict=True)
    frames = np.stack(images)
    flow = optical_flow(frames, video_format.flow, workers=1).astype(np.float16)
    return DecodedVideo(path.name, class_index, frames, flow), list(times)


class VideoSource:
    """Videos as they are on disk. Each is decoded when it is first read, and then kept in the user's cache folder.

    The cache is read through the page cache of the system, so a set that fits into memory is read from memory. It can
    be deleted at any time; a video that changed, or whose entry is damaged, is decoded again.
    """

    def __init__(self, dataset: VideoDataset, video_format: VideoFormat, cache: Path | None = None) -> None:
        """`cache` is where decoded videos are kept, by default below `ACTIONZOO_CACHE`."""
        self.classes, self.videos, self.video_format = dataset.classes, dataset.videos, video_format
        others = cache_folders("recordings")[:-1] if cache is None else ()
        self._cache = DecodedVideoCache(cache or cache_folder("recordings"), others)

    def __len__(self) -> int:
        return len(self.videos)

    def read(self, index: int) -> DecodedVideo:
        """The decoded `videos[index]`. Raises VideoError, and OutputError if the cache cannot be written."""
        video = self.videos[index]
        name, key = video.path.name, self._key(video.path)
        arrays = self._cache.load(key, name)
        if arrays is None:
            made = decode_video(video.path, video.class_index, self.video_format)
            arrays = self._cache.store(key, name, made.frames, made.flow)
        return DecodedVideo(name, video.class_index, *arrays)

    def digest(self, index: int) -> str | None:
        """A digest of the content of `videos[index]`; `None` if it cannot be read."""
        try:
            return content_digest(self.videos[index].path)
        except OSError:
            return None

    def prepare(
        self, progress: Progress | None = None, indices: Sequence[int] | None = None
    ) -> list[tuple[LabeledVideo, str]]:
        """Decode videos now, those of `indices` or all, a thread a core; those that cannot be used, with the reason."""
        chosen = range(len(self)) if indices is None else indices
        broken = []
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            for done, reason in enumerate(threads.map(self._problem, chosen), start=1):
                if reason is not None:
                    broken.append((self.videos[chosen[done - 1]], reason))
                if progress is not None:
                    progress(done, len(chosen))
        return broken

    def _problem(self, index: int) -> str | None:
        try:
            self.read(index)
        except VideoError as error:
            return error.reason
        return None

    def _key(self, path: Path) -> str:
        facts: Any = None
        with contextlib.suppress(OSError):  # that it is missing, the reader says
            facts = path.stat()
        state = [facts.st_size, facts.st_mtime_ns] if facts else []
        text = json.dumps([LAYOUT, str(path.resolve()), state, asdict(self.video_format)], sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


class Subset:
    """Some of the videos of a source, in the order of `indices`."""

    def __init__(self, source: Source, indices: Sequence[int]) -> None:
        self._source, self._indices = source, tuple(indices)
        self.classes, self.video_format = source.classes, source.video_format
        self.videos = tuple(source.videos[index] for index in self._indices)

    def __len__(self) -> int:
        return len(self._indices)

    def read(self, index: int) -> DecodedVideo:
        """The decoded `videos[index]`. Raises what the source raises."""
        return self._source.read(self._indices[index])

    def digest(self, index: int) -> str | None:
        """What the source says."""
        return self._source.digest(self._indices[index])
