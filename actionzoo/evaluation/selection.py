"""Which videos a model may be tested on: never those that it learned from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from actionzoo.data.dataset import TEST, TRAIN, LabeledVideo, VideoDataset, read_dataset
from actionzoo.data.decoded import Source, Subset
from actionzoo.data.shards import ShardSource
from actionzoo.errors import DataError
from actionzoo.hub.resolve import ModelFiles
from actionzoo.video.spec import VideoFormat

SPLIT = "split.csv"
LEARNED_FROM = (TRAIN, "val")
ALL = "all"


def source_of(shards: ShardSource, chosen: VideoDataset, video_format: VideoFormat) -> Source:
    """The chosen videos of shards. Raises DataError if these are not in the form that a test wants."""
    if replace(video_format, fps=shards.video_format.fps) != shards.video_format:
        raise DataError(
            f"the shards are {shards.video_format}, the test wants {video_format}; give the videos, or build "
            "others with --model"
        )
    wanted = {video.path for video in chosen.videos}
    return Subset(shards, [index for index, video in enumerate(shards.videos) if video.path in wanted])


def choose(
    dataset: VideoDataset, files: ModelFiles, part: str | None = None, *, force: bool = False
) -> tuple[VideoDataset, str]:
    """The videos to test a model on, and a line that says which.

    Args:
        dataset: the set.
        files: the model; beside one that was trained here lies the split it was trained with.
        part: "test", another part's name, or "all"; by default the part "test", of the set or, where that names no
            parts, of the model's training.
        force: also take videos that the model has learned from.

    Raises:
        DataError: the model has learned from some of them, or there is no such part.
    """
    trained = _trained_with(files)
    whole = len(dataset.videos)
    own = any(video.split for video in dataset.videos)
    if not own:
        parts = {_key(video): video.split for video in trained}
        dataset = replace(
            dataset, videos=tuple(replace(video, split=parts.get(_key(video))) for video in dataset.videos)
        )
    kept = any(video.split == TEST for video in dataset.videos)
    if part == ALL or (part is None and not own and not kept):
        chosen, text = dataset, f"all {whole} videos"
    else:
        chosen = dataset.in_split(part or TEST)
        text = f"{len(chosen.videos)} of {whole} videos: the part {part or TEST!r}"
        text += "" if own else f" that {files.name} was trained with"
    seen = _Known(video for video in trained if video.split in LEARNED_FROM)
    learned = [video for video in chosen.videos if video in seen]
    if learned and not force:
        raise DataError(
            f"{files.name} has learned from {len(learned)} of these videos, such as {learned[0].path}: a test on them "
            "would tell nothing; take others, or --force"
        )
    return chosen, text


def _trained_with(files: ModelFiles) -> tuple[LabeledVideo, ...]:
    """The videos of the training that made a model, with their parts; none where nobody knows."""
    if files.path is None or not (files.path.parent / SPLIT).is_file():
        return ()
    return read_dataset(files.path.parent / SPLIT, missing_ok=True).videos


def _key(video: LabeledVideo) -> Path:
    return video.path.resolve()


class _Known:
    """Recognises videos: by their place, a copy by its name and size, and one in a shard or gone by its name."""

    def __init__(self, videos: Iterable[LabeledVideo]) -> None:
        videos = list(videos)
        self._places = {_key(video) for video in videos}
        self._copies = {(video.path.name, _size(video)) for video in videos}
        self._names = {name for name, _ in self._copies}

    def __contains__(self, video: LabeledVideo) -> bool:
        name, size = video.path.name, _size(video)
        if _key(video) in self._places or (name, size) in self._copies:
            return True
        return (name, None) in self._copies or (size is None and name in self._names)


def _size(video: LabeledVideo) -> int | None:
    try:
        return video.path.stat().st_size
    except OSError:
        return None
