"""Videos into shards, on several cores or machines, with nothing lost when it is interrupted.

What is to be built is written down first, as `plan.json`. Each shard is made in memory and written whole, and its facts
behind it; a build that is started again makes only shards that are missing or not what their facts say. The manifest
comes last.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from actionzoo.data.dataset import LabeledVideo, VideoDataset
from actionzoo.data.decoded import DecodedVideo, Progress, decode_timed_video
from actionzoo.data.shards import (
    MANIFEST,
    PLAN,
    encode_record,
    flow_bound,
    manifest_text,
    record_facts,
    sealed,
    unsealed,
)
from actionzoo.data.spread import spread
from actionzoo.data.storage import Storage, in_bytes, is_address, open_storage
from actionzoo.data.tfrecord import FOOTER, frame_records
from actionzoo.errors import DataError, OutputError, VideoError
from actionzoo.files import make_folder
from actionzoo.video.spec import VideoFormat

logger = logging.getLogger("actionzoo")

SHARD_BYTES = 64 << 20
"""About so large is a shard at most."""

SHARDS = 128
"""At least so many there are, if there are as many videos: for workers to share."""

SAMPLES, TRIED = 3, 20
"""Videos that are encoded to tell how long it will take and how much room, and how many are tried to find so many."""


@dataclass(frozen=True)
class Estimate:
    """What a build will take: bytes, and seconds of one worker."""

    size: int
    seconds: float


@dataclass(frozen=True)
class Built:
    """What a build gave: the shards' place, how many there are, videos in them, and those that could not be read."""

    place: str
    shards: int
    videos: int
    size: int
    failed: tuple[tuple[Path, str], ...]


@dataclass(frozen=True)
class _Task:
    """All that a worker must know to make one shard."""

    place: str
    name: str
    videos: tuple[LabeledVideo, ...]
    classes: tuple[str, ...]
    video_format: VideoFormat


def build(
    dataset: VideoDataset,
    out: str | Path,
    video_format: VideoFormat,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    estimated: Callable[[Estimate], None] | None = None,
    progress: Progress | None = None,
) -> Built:
    """Build shards, or go on with a build that was interrupted.

    Args:
        dataset: the videos.
        out: a folder, or an address such as `s3://bucket/path` (`actionzoo.data.storage.OBJECT_STORES`).
        video_format: size, rate and flow of what is kept.
        workers: processes on this machine; more than one need Dask.
        scheduler: address of a Dask cluster to use instead, whose machines see the same files.
        estimated: called with the estimate before the work begins.
        progress: called with the number of shards that are there, and of all.

    Raises:
        DataError: none of the videos can be read, or `out` holds a build of other videos or of another format.
        OutputError: `out` cannot be written or has no room; Dask is missing or does not answer.
    """
    storage = open_storage(out)
    with _alone(storage):
        before = storage.names()
        tasks = _plan(storage, dataset, video_format, estimated)
        with spread(workers, scheduler) as run:
            if progress is not None:
                progress(0, len(tasks))
            for done, (name, made) in enumerate(run(ensure_shard, tasks), start=1):
                if made and _facts_name(name) in before:
                    logger.warning("%s/%s was damaged or missing; it was made again", storage.place, name)
                if progress is not None:
                    progress(done, len(tasks))
        facts = [unsealed(storage.read(_facts_name(task.name))) for task in tasks]
        built = _built(storage.place, facts)
        storage.write(MANIFEST, manifest_text(dataset.classes, video_format, flow_bound(video_format), facts))
    return built


def ensure_shard(task: _Task) -> tuple[str, bool]:
    """Make one shard and write it with its facts, unless they are there and whole.

    Returns:
        Its name, and whether it was made.

    Raises:
        OutputError: it cannot be written.
    """
    made = not _is_whole(open_storage(task.place), task)
    if made:
        _build_shard(task)
    return task.name, made


def _is_whole(storage: Storage, task: _Task) -> bool:
    """Whether a shard is there and is, byte for byte, what its facts say."""
    try:
        facts = unsealed(storage.read(_facts_name(task.name)))
        content = storage.read(task.name)
    except (DataError, ValueError):
        return False
    return facts["file"] == task.name and facts["sha256"] == hashlib.sha256(content).hexdigest()


def _build_shard(task: _Task) -> None:
    offset = 0
    encoded, records, failed = [], [], []
    for video in task.videos:
        try:
            data, decoded, times = _encoded(video, task.classes, task.video_format)
        except VideoError as error:
            failed.append([str(video.path), error.reason])
            continue
        facts = record_facts(data, offset, decoded, times, video)
        offset = facts.offset + facts.length + FOOTER
        encoded.append(data)
        records.append(asdict(facts))
    content = frame_records(encoded)
    storage, digest = open_storage(task.place), hashlib.sha256(content).hexdigest()
    shard = {"file": task.name, "bytes": len(content), "sha256": digest, "records": records, "failed": failed}
    storage.write(task.name, content)
    storage.write(_facts_name(task.name), sealed(shard))


def _encoded(
    video: LabeledVideo, classes: tuple[str, ...], video_format: VideoFormat
) -> tuple[bytes, DecodedVideo, list[float]]:
    """The record of a video, and what is in it. Raises VideoError."""
    decoded, times = decode_timed_video(video.path, video.class_index, video_format)
    try:
        return encode_record(decoded, times, video, classes, flow_bound(video_format)), decoded, times
    except ValueError as error:  # protobuf's limit of 2 GB
        raise VideoError(video.path, "is too long for one record; cut it into pieces") from error


def _facts_name(shard: str) -> str:
    return f"{Path(shard).stem}.json"


def _plan(
    storage: Storage, dataset: VideoDataset, video_format: VideoFormat, estimated: Callable[[Estimate], None] | None
) -> tuple[_Task, ...]:
    """The shards to make: as planned before, or as planned now, and written down."""
    identity, there = _identity(dataset, video_format), storage.names()
    if PLAN in there:
        plan = _read_plan(storage)
        if plan["identity"] != identity:
            raise DataError(
                f"{storage.place} holds shards of other videos, or of another format; give another place, or remove it"
            )
    elif MANIFEST in there:
        raise DataError(f"{storage.place} holds shards whose plan is lost; give another place")
    else:
        size = _estimate(storage, dataset, video_format, estimated).size // len(dataset.videos)
        step = max(1, min(SHARD_BYTES // size, math.ceil(len(dataset.videos) / SHARDS)))
        plan = {"identity": identity, "videos_a_shard": step}
        storage.write(PLAN, sealed(plan))
    step, videos = int(plan["videos_a_shard"]), dataset.videos
    return tuple(
        _Task(
            storage.place, f"shard-{number:05d}.tfrecord", videos[begin : begin + step], dataset.classes, video_format
        )
        for number, begin in enumerate(range(0, len(videos), step))
    )


def _read_plan(storage: Storage) -> dict[str, Any]:
    try:
        return unsealed(storage.read(PLAN))
    except ValueError as error:
        raise DataError(
            f"{storage.place}/{PLAN} is damaged ({error}); remove {storage.place}, or give another place"
        ) from error


def _estimate(
    storage: Storage, dataset: VideoDataset, video_format: VideoFormat, estimated: Callable[[Estimate], None] | None
) -> Estimate:
    """What the build will take, by trying a few videos. Raises OutputError if there is no room for it."""
    size, seconds = _sampled(dataset, video_format)
    found = Estimate(size * len(dataset.videos), seconds * len(dataset.videos))
    if estimated is not None:
        estimated(found)
    free = storage.free()
    if free is not None and found.size > free:
        room = f"about {in_bytes(found.size)} are needed and {in_bytes(free)} free"
        raise OutputError(f"{storage.place} has no room for these shards: {room}; make room, or give another place")
    return found


def _identity(dataset: VideoDataset, video_format: VideoFormat) -> str:
    """What is to be built, in a few letters: another set, another format or a changed file have others."""
    rows = [
        [str(video.path), video.class_index, video.group, video.split, *_state(video.path)] for video in dataset.videos
    ]
    text = json.dumps([dataset.classes, asdict(video_format), rows])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _state(path: Path) -> list[int]:
    try:
        facts = path.stat()
    except OSError:
        return []
    return [facts.st_size, facts.st_mtime_ns]


def _sampled(dataset: VideoDataset, video_format: VideoFormat) -> tuple[int, float]:
    """Bytes and seconds a video, by trying a few. Raises DataError if none of many can be read."""
    videos = dataset.videos
    spread = np.random.default_rng(0).permutation(len(videos))[:TRIED]
    sizes, seconds, reason = [], [], ""
    for video in (videos[int(place)] for place in spread):
        since = time.perf_counter()
        try:
            sizes.append(len(_encoded(video, dataset.classes, video_format)[0]))
        except VideoError as error:
            reason = f"{video.path}: {error.reason}"
            continue
        seconds.append(time.perf_counter() - since)
        if len(sizes) == SAMPLES:
            break
    if not sizes:
        raise DataError(f"none of {len(spread)} videos that were tried can be read; {reason}")
    return max(1, sum(sizes) // len(sizes)), sum(seconds) / len(seconds)


def _built(place: str, facts: Sequence[dict[str, Any]]) -> Built:
    failed = tuple((Path(path), reason) for shard in facts for path, reason in shard["failed"])
    videos = sum(len(shard["records"]) for shard in facts)
    if not videos:
        raise DataError(f"none of {len(failed)} videos can be read; the first is {failed[0][0]}: {failed[0][1]}")
    return Built(place, len(facts), videos, sum(shard["bytes"] for shard in facts), failed)


@contextlib.contextmanager
def _alone(storage: Storage) -> Iterator[None]:
    """Keeps a second build out of a folder. Object stores have no such lock."""
    if is_address(storage.place):
        yield
        return
    make_folder(Path(storage.place))
    try:
        with filelock.FileLock(Path(storage.place) / ".lock", timeout=0):
            yield
    except filelock.Timeout:
        raise OutputError(f"another build is at work in {storage.place}; wait for it, or give another folder") from None
