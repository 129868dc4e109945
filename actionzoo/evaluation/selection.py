"""Which videos a model may be evaluated on: never those that it has learned from."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from actionzoo.data.dataset import TEST, TRAIN, LabeledVideo, VideoDataset, read_dataset
from actionzoo.data.decoded import Source, Subset, VideoSource
from actionzoo.data.shards import open_shards
from actionzoo.errors import DataError
from actionzoo.inference.model import Model
from actionzoo.video.spec import VideoFormat

SPLIT = "split.csv"
LEARNED_FROM = (TRAIN, "val")
ALL = "all"


def open_data(
    data: str | os.PathLike[str] | VideoDataset | Source, official_split: int, group: str | None
) -> VideoDataset | Source:
    """The shards or the data set at a place; what is one already is given back. Raises DataError."""
    if not isinstance(data, str | os.PathLike):
        return data
    shards = open_shards(os.fspath(data))
    return read_dataset(os.fspath(data), official_split=official_split, group=group) if shards is None else shards


def source_of(opened: VideoDataset | Source, chosen: VideoDataset, video_format: VideoFormat) -> Source:
    """A source of the chosen videos of opened data.

    Raises:
        DataError: they are decoded already, in another format.
    """
    if isinstance(opened, VideoDataset):
        return VideoSource(chosen, video_format)
    if replace(video_format, fps=opened.video_format.fps) != opened.video_format:
        raise DataError(
            f"the shards are {opened.video_format}, the protocol wants {video_format}; give the videos, or build "
            "others with --model"
        )
    wanted = {video.path for video in chosen.videos}
    return Subset(opened, [index for index, video in enumerate(opened.videos) if video.path in wanted])


def choose(
    dataset: VideoDataset, model: Model, split: str | None = None, *, force: bool = False
) -> tuple[VideoDataset, str]:
    """The videos to evaluate a model on, and a line that says which.

    Args:
        dataset: the set.
        model: beside the file of one that was trained here lies the split of its training.
        split: "test", another split's name, or "all"; by default the test split, of the set or, where that names no
            splits, of the model's training.
        force: also take videos that the model has learned from.

    Raises:
        DataError: the model has learned from some of them, or there is no such split.
    """
    trained = _trained_with(model)
    own = any(video.split for video in dataset.videos)
    if not own:
        splits = {_key(video): video.split for video in trained}
        videos = (replace(video, split=splits.get(_key(video))) for video in dataset.videos)
        dataset = replace(dataset, videos=tuple(videos))
    kept = any(video.split == TEST for video in dataset.videos)
    whole = len(dataset.videos)
    if split == ALL or (split is None and not own and not kept):
        chosen, text = dataset, f"all {whole} videos"
    else:
        chosen = dataset.in_split(split or TEST)
        text = f"{len(chosen.videos)} of {whole} videos: the split {split or TEST!r}"
        text += "" if own else f" that {model.name} was trained with"
    learned = _learned(chosen, (video for video in trained if video.split in LEARNED_FROM))
    if learned and not force:
        raise DataError(
            f"{model.name} has learned from {len(learned)} of these videos, such as {learned[0].path}, which "
            "would make its accuracy too high; take others, or add --force"
        )
    return chosen, text


def _trained_with(model: Model) -> tuple[LabeledVideo, ...]:
    """The videos of a model's training with their splits; none where that is not known."""
    path = model.files.path
    if path is None or not (path.parent / SPLIT).is_file():
        return ()
    return read_dataset(path.parent / SPLIT, missing_ok=True).videos


def _key(video: LabeledVideo) -> Path:
    return video.path.resolve()


def _learned(chosen: VideoDataset, trained: Iterable[LabeledVideo]) -> list[LabeledVideo]:
    """The chosen videos that were trained with: known by their place, a copy by its name and size where it has one."""
    places, sizes = set(), defaultdict(set)
    for video in trained:
        places.add(_key(video))
        sizes[video.path.name].add(_size(video))
    found = []
    for video in chosen.videos:
        size, known = _size(video), sizes.get(video.path.name, set())
        if _key(video) in places or size in known or None in known or (size is None and known):
            found.append(video)
    return found


def _size(video: LabeledVideo) -> int | None:
    """In bytes; `None` for a video in a shard, or one that is gone."""
    try:
        return video.path.stat().st_size
    except OSError:
        return None
