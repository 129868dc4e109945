"""Which videos a model may be tested on: never those that it learned from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from actionzoo.data.annotations import TEST, TRAIN, Annotated, Annotations, read_annotations
from actionzoo.errors import DataError
from actionzoo.hub.resolve import ModelFiles

SPLIT = "split.csv"
LEARNED_FROM = (TRAIN, "val")
ALL = "all"


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
    if part == ALL:
        chosen, text = annotations, f"all {len(annotations.videos)} videos"
    elif part is not None or any(video.split for video in annotations.videos):
        chosen = annotations.part(part or TEST)
        text = f"{len(chosen.videos)} videos of the part {part or TEST!r}"
    else:
        parts = {_key(video): video.split for video in trained}
        known = [replace(video, split=parts.get(_key(video))) for video in annotations.videos]
        kept = tuple(video for video in known if video.split == TEST)
        if kept:
            chosen, text = replace(annotations, videos=kept), f"{len(kept)} videos that the training kept for a test"
        else:
            chosen, text = annotations, f"all {len(annotations.videos)} videos"
    seen = {_key(video) for video in trained if video.split in LEARNED_FROM}
    seen_files = {_facts(video) for video in trained if video.split in LEARNED_FROM} - {None}
    learned = [video for video in chosen.videos if _key(video) in seen or _facts(video) in seen_files]
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
    return read_annotations(files.path.parent / SPLIT).videos


def _key(video: Annotated) -> Path:
    return video.path.resolve()


def _facts(video: Annotated) -> tuple[str, int] | None:
    """What a copy of a file has in common with it."""
    try:
        return video.path.name, video.path.stat().st_size
    except OSError:
        return None
