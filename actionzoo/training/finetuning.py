"""From labelled videos to a trained network in a run folder."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras

from actionzoo.data.annotations import TEST, TRAIN, Annotations, read_annotations, split_by_group
from actionzoo.data.layouts.found import PARTS, unknown_part
from actionzoo.data.recordings import Progress, Source, Subset, VideoSource, describe
from actionzoo.data.shards import open_shards
from actionzoo.errors import DataError
from actionzoo.hub.record import InputRecord
from actionzoo.training.meeting import WAIT_S
from actionzoo.training.recipe import Recipe, change, read_recipe, settled
from actionzoo.training.run import RECIPE, SKIPPED, Run
from actionzoo.training.start import lengths_of, start_record, training_form
from actionzoo.training.strategy import explained_loss, is_chief, make_strategy
from actionzoo.training.trainer import VALIDATION, Training

SHOWN = 3


@dataclass(frozen=True)
class Finished:
    """What a training gave.

    Attributes:
        folder: the run folder.
        record: the input record of its model.
        metrics: its numbers, as in `metrics.json`.
        parts: how many videos each part has.
        waited: share of the time that was waited for clips.
        skipped: videos that could not be read and were left out, with their reasons.
    """

    folder: Path
    record: InputRecord
    metrics: dict[str, Any]
    parts: dict[str, int]
    waited: float
    skipped: tuple[tuple[Path, str], ...] = ()


def finetune(
    data: str | Path,
    output: str | Path,
    recipe: Recipe | None = None,
    *,
    strategy: str = "auto",
    wait: float = WAIT_S,
    resume: bool = False,
    skip_broken: bool = False,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    preparing: Progress | None = None,
) -> Finished:
    """Train a network on labelled videos.

    Args:
        data: class folders, a CSV, UCF101 or HMDB51 with their lists, or shards of `actionzoo data build`.
        output: the run folder, which holds all that came out. `actionzoo.predict(..., model=output)` takes it.
        recipe: how to learn; by default `mini` on a small set.
        strategy: "auto", "mirrored" or "multiworker" (`actionzoo.training.strategy`).
        wait: seconds to wait for the other machines of "multiworker".
        resume: go on with the training in `output`, with the recipe that it was begun with.
        skip_broken: leave out videos that cannot be read, and list them, instead of stopping.
        callbacks: of Keras; they get `loss`, `accuracy` and, with a validation, `val_loss` and `val_accuracy`.
        preparing: called with the number of videos that are decoded, and of all.

    Raises:
        DataError: the set cannot be learned from; some of its videos cannot be read.
        TrainingError: the recipe does not fit; the loss is no number any more; another worker does not come or is
            gone; there is nothing to resume, or it was begun with other data; Keras is not on TensorFlow.
        OutputError: the run folder cannot be written, or holds another training.
        ModelError: the network to begin with cannot be found.

    >>> finished = finetune("my_videos", "run", Recipe(test=0.25))                                # doctest: +SKIP
    >>> actionzoo.predict("new.mp4", model="run")                                                 # doctest: +SKIP
    """
    devices = make_strategy(strategy, wait)
    folder = Path(output)
    with Run(folder, resume=resume, writes=is_chief(devices)) as run:
        if resume:
            recipe = change(Recipe(), read_recipe(folder / RECIPE), str(folder / RECIPE))
        recipe = settled(recipe or Recipe())
        source, record, skipped = _opened(data, recipe, skip_broken, preparing)
        if skipped:
            run.write(SKIPPED, "".join(f"{json.dumps(str(path))},{json.dumps(reason)}\n" for path, reason in skipped))
        with explained_loss():
            training = Training(run, source, record, recipe, devices, callbacks)
            metrics = training.run()
    parts = Counter(str(video.split) for video in source.videos)
    return Finished(folder, record, metrics, dict(parts), training.waited, skipped)


def _opened(
    data: str | Path, recipe: Recipe, skip_broken: bool, preparing: Progress | None
) -> tuple[Source, InputRecord, tuple[tuple[Path, str], ...]]:
    """The videos in their parts, what the network will look at in them, and what could not be read."""
    shards = open_shards(data)
    if shards is not None:
        annotations = divided(Annotations(shards.classes, shards.videos), recipe)
        record = start_record(recipe, shards.classes, shards.lengths)
        wanted = training_form(recipe, record)
        if replace(wanted, fps=shards.form.fps) != shards.form:
            raise DataError(
                f"the shards in {data} are {describe(shards.form)}, but {recipe.model} learns from {describe(wanted)}; "
                f"build them with --model"
            )
        shards.videos = annotations.videos
        return shards, record, ()
    annotations = divided(read_annotations(data, split=recipe.split, group=recipe.group or None), recipe)
    learned_from = [video.path for video in annotations.videos if video.split == TRAIN]
    record = start_record(recipe, annotations.classes, lengths_of(learned_from))
    source, skipped = _readable(VideoSource(annotations, training_form(recipe, record)), skip_broken, preparing)
    return source, record, skipped


def divided(annotations: Annotations, recipe: Recipe) -> Annotations:
    """Every video in a part: "train", "val" or "test"; those that the set puts into no part are learned from.

    Raises DataError if the set has another part, groups cannot be shared out, or a class has nothing to learn from.
    """
    for name in {video.split for video in annotations.videos if video.split} - set(PARTS):
        raise unknown_part("the set", name)
    if any(video.split for video in annotations.videos):
        named = [video if video.split else replace(video, split=TRAIN) for video in annotations.videos]
        annotations = replace(annotations, videos=tuple(named))
    elif recipe.test:
        annotations = split_by_group(annotations, test=recipe.test, seed=recipe.seed)
    else:
        annotations = replace(annotations, videos=tuple(replace(video, split=TRAIN) for video in annotations.videos))
    there = {video.split for video in annotations.videos}
    if recipe.validation and VALIDATION not in there:
        part = split_by_group(annotations.part(TRAIN), test=recipe.validation, seed=recipe.seed)
        chosen = {video.path for video in part.videos if video.split == TEST}
        videos = (replace(video, split=VALIDATION) if video.path in chosen else video for video in annotations.videos)
        annotations = replace(annotations, videos=tuple(videos))
    learned = {video.label for video in annotations.videos if video.split == TRAIN}
    if lacking := [name for label, name in enumerate(annotations.classes) if label not in learned]:
        raise DataError(
            f"no videos of {', '.join(lacking[:SHOWN])} are in the part 'train'; there is nothing to learn from"
        )
    return annotations


def _readable(
    source: VideoSource, skip: bool, progress: Progress | None
) -> tuple[Source, tuple[tuple[Path, str], ...]]:
    """Decode what will be learned from; the source without what cannot be read, and the list of that."""
    used = [index for index, video in enumerate(source.videos) if video.split in (TRAIN, VALIDATION)]
    broken = source.prepare(progress, indices=used)
    if not broken:
        return source, ()
    reasons = tuple((video.path, reason) for video, reason in broken)
    if not skip:
        first = "; ".join(f"{path}: {reason}" for path, reason in reasons[:SHOWN])
        more = f" and {len(reasons) - SHOWN} more" if len(reasons) > SHOWN else ""
        raise DataError(f"{len(reasons)} videos cannot be read: {first}{more}; remove them, or add --skip-broken")
    gone = {path for path, _ in reasons}
    kept = [index for index, video in enumerate(source.videos) if video.path not in gone]
    return Subset(source, kept), reasons
