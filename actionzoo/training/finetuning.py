"""From labelled videos to a trained network in a run folder."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras

from actionzoo.data.dataset import TEST, TRAIN, VideoDataset, read_dataset, split_by_group
from actionzoo.data.decoded import Progress, Source, Subset, VideoSource
from actionzoo.data.layouts.found import split_of, unknown_split
from actionzoo.data.shards import open_shards
from actionzoo.errors import DataError
from actionzoo.training.initialization import initial_spec, lengths_of, training_format
from actionzoo.training.meeting import WAIT_S
from actionzoo.training.recipe import Recipe, change, read_recipe, settled
from actionzoo.training.run import RECIPE, SKIPPED, Run
from actionzoo.training.strategy import explain_lost_worker, is_chief, make_strategy
from actionzoo.training.trainer import VALIDATION, Training
from actionzoo.video.spec import InputSpec

SHOWN = 3


@dataclass(frozen=True)
class TrainingResult:
    """What a training gave.

    Attributes:
        folder: the run folder.
        spec: the input record of its model.
        metrics: its numbers, as in `metrics.json`.
        parts: how many videos each part has.
        waited: share of the time that was waited for clips.
        skipped: videos that could not be read and were left out, with their reasons.
    """

    folder: Path
    spec: InputSpec
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
) -> TrainingResult:
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
        source, spec, skipped = _opened(data, recipe, skip_broken, preparing)
        if skipped:
            run.write(SKIPPED, "".join(f"{json.dumps(str(path))},{json.dumps(reason)}\n" for path, reason in skipped))
        with explain_lost_worker():
            training = Training(run, source, spec, recipe, devices, callbacks)
            metrics = training.run()
    parts = Counter(str(video.split) for video in source.videos)
    return TrainingResult(folder, spec, metrics, dict(parts), training.waited, skipped)


def _opened(
    data: str | Path, recipe: Recipe, skip_broken: bool, preparing: Progress | None
) -> tuple[Source, InputSpec, tuple[tuple[Path, str], ...]]:
    """The videos in their parts, what the network will look at in them, and what could not be read."""
    shards = open_shards(data)
    if shards is not None:
        dataset = divided(VideoDataset(shards.classes, shards.videos), recipe)
        spec = initial_spec(recipe, shards.classes, shards.lengths)
        wanted = training_format(recipe, spec)
        if replace(wanted, fps=shards.video_format.fps) != shards.video_format:
            raise DataError(
                f"the shards in {data} are {shards.video_format}, but {recipe.model} learns from {wanted}; "
                f"build them with --model"
            )
        shards.videos = dataset.videos
        return shards, spec, ()
    dataset = divided(read_dataset(data, official_split=recipe.split, group=recipe.group or None), recipe)
    learned_from = [video.path for video in dataset.videos if video.split == TRAIN]
    spec = initial_spec(recipe, dataset.classes, lengths_of(learned_from))
    source, skipped = _readable(VideoSource(dataset, training_format(recipe, spec)), skip_broken, preparing)
    return source, spec, skipped


def _part(name: str | None) -> str:
    """The part of a video by the name that its set gives. Raises DataError for one that no part goes by."""
    part = split_of(name) if name else TRAIN
    if part is None:
        raise unknown_split("the set", str(name))
    return part


def divided(dataset: VideoDataset, recipe: Recipe) -> VideoDataset:
    """Every video in a part: "train", "val" or "test"; those that the set puts into no part are learned from.

    Raises DataError if the set has another part, groups cannot be shared out, or a class has nothing to learn from.
    """
    if any(video.split for video in dataset.videos):
        named = [replace(video, split=_part(video.split)) for video in dataset.videos]
        dataset = replace(dataset, videos=tuple(named))
    elif recipe.test:
        dataset = split_by_group(dataset, test=recipe.test, seed=recipe.seed)
    else:
        dataset = replace(dataset, videos=tuple(replace(video, split=TRAIN) for video in dataset.videos))
    there = {video.split for video in dataset.videos}
    if recipe.validation and VALIDATION not in there:
        part = split_by_group(dataset.in_split(TRAIN), test=recipe.validation, seed=recipe.seed)
        chosen = {video.path for video in part.videos if video.split == TEST}
        videos = (replace(video, split=VALIDATION) if video.path in chosen else video for video in dataset.videos)
        dataset = replace(dataset, videos=tuple(videos))
    learned = {video.class_index for video in dataset.videos if video.split == TRAIN}
    if lacking := [name for label, name in enumerate(dataset.classes) if label not in learned]:
        raise DataError(
            f"no videos of {', '.join(lacking[:SHOWN])} are in the part 'train'; there is nothing to learn from"
        )
    return dataset


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
