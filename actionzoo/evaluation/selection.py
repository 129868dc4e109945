"""Which videos a model may be tested on: never those that it learned from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from actionzoo.data.annotations import TEST, TRAIN, Annotated, Annotations, read_annotations
from actionzoo.data.recordings import Form, Source, Subset, describe
from actionzoo.data.shards import ShardSource
from actionzoo.errors import DataError
from actionzoo.hub.resolve import ModelFiles

SPLIT = "split.csv"
LEARNED_FROM = (TRAIN, "val")
ALL = "all"


def source_of(shards: ShardSource, chosen: Annotations, form: Form) -> Source:
    """The chosen videos of shards. Raises DataError if these are not in the form that a test wants."""
    if replace(form, fps=shards.form.fps) != shards.form:
        raise DataError(
            f"the shards are {describe(shards.form)}, the test wants {describe(form)}; give the videos, or build "
            "others with --model"
        )
    wanted = {video.path for video in chosen.videos}
    return Subset(shards, [index for index, video in enumerate(shards.videos) if video.path in wanted])


def choose(
    annotations: Annotations, files: ModelFiles, part: str | None = None, *, force: bool = False
) -> tuple[Annotations, str]:
    """The videos to test a model on, and a line that says which.

    Args:
        annotations: the set.
        files: the model; beside one that was trained here lies the split it was trained with.
        part: "test", another part's name, or "all"; by default the part "test", of the set or, where that names no
            parts, of the model's training.
        force: also take videos that the model has learned from.

    Raises:
        DataError: the model has learned from some of them, or there is no such part.
    """
    trained = _trained_with(files)
    whole = len(annotations.videos)
    own = any(video.split for video in annotations.videos)
    if not own:
        parts = {_key(video): video.split for video in trained}
        annotations = replace(
            annotations, videos=tuple(replace(video, split=parts.get(_key(video))) for video in annotations.videos)
        )
    kept = any(video.split == TEST for video in annotations.videos)
    if part == ALL or (part is None and not own and not kept):
        chosen, text = annotations, f"all {whole} videos"
    else:
        chosen = annotations.part(part or TEST)
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


def _trained_with(files: ModelFiles) -> tuple[Annotated, ...]:
    """The videos of the training that made a model, with their parts; none where nobody knows."""
    if files.path is None or not (files.path.parent / SPLIT).is_file():
        return ()
    return read_annotations(files.path.parent / SPLIT, missing_ok=True).videos


def _key(video: Annotated) -> Path:
    return video.path.resolve()


class _Known:
    """Recognises videos: by their place, a copy by its name and size, and one in a shard or gone by its name."""

    def __init__(self, videos: Iterable[Annotated]) -> None:
        videos = list(videos)
        self._places = {_key(video) for video in videos}
        self._copies = {(video.path.name, _size(video)) for video in videos}
        self._names = {name for name, _ in self._copies}

    def __contains__(self, video: Annotated) -> bool:
        name, size = video.path.name, _size(video)
        if _key(video) in self._places or (name, size) in self._copies:
            return True
        return (name, None) in self._copies or (size is None and name in self._names)


def _size(video: Annotated) -> int | None:
    try:
        return video.path.stat().st_size
    except OSError:
        return None
