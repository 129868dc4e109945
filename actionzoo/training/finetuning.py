"""From labelled videos to a trained network in a run folder."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras

from actionzoo.data.dataset import TEST, TRAIN, VideoDataset, read_dataset, split_by_group
from actionzoo.data.decoded import Progress, Source, Subset, VideoSource
from actionzoo.data.layouts.found import VALIDATION, shortened, split_of, unknown_split
from actionzoo.data.shards import ShardSource, open_shards
from actionzoo.errors import DataError
from actionzoo.inference.model import Model
from actionzoo.training.calibration import calibrate
from actionzoo.training.initialization import initial_model, initial_spec, probe_lengths, training_format
from actionzoo.training.recipe import Recipe, read_recipe
from actionzoo.training.run import RECIPE, SKIPPED, Run
from actionzoo.training.strategy import WAIT_S, explain_lost_worker, is_chief, make_strategy
from actionzoo.training.trainer import train
from actionzoo.video.spec import InputSpec

Skipped = tuple[tuple[Path, str], ...]
"""Unreadable videos with their reasons."""


@dataclass(frozen=True)
class TrainingResult:
    """The result of a training.

    Attributes:
        folder: the run folder.
        spec: of the trained model.
        metrics: of the best epoch, as in `metrics.json`.
        num_videos: by split.
        waited: fraction of time spent waiting for input.
        skipped: unreadable videos that were left out, with their reasons.
        calibration: what the model was calibrated on to tell what is none of its classes, or why it cannot, in words.
    """

    folder: Path
    spec: InputSpec
    metrics: dict[str, float]
    num_videos: dict[str, int]
    waited: float
    skipped: Skipped = ()
    calibration: str = ""


def finetune(
    data: str | os.PathLike[str] | VideoDataset | ShardSource,
    output: str | os.PathLike[str],
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

    Videos that are held out for validation or, where there are none, for a test then calibrate it, if they are enough:
    its answers say when a video is none of its classes (`actionzoo.training.calibration`).

    Args:
        data: class folders, a CSV, UCF101 or HMDB51 with their lists, or shards of `actionzoo data build`; also what
            `read_dataset` or `open_shards` returned.
        output: the run folder, which holds all results. `actionzoo.predict(..., model=output)` takes it.
        recipe: the settings; by default those for small sets, starting from `mini`.
        strategy: "auto", "mirrored" or "multiworker" (`actionzoo.training.strategy`).
        wait: seconds to wait for the other machines of "multiworker".
        resume: continue the training in `output`, with the recipe that it was begun with.
        skip_broken: leave out unreadable videos, and list them, instead of stopping.
        callbacks: Keras callbacks; they get `loss`, `accuracy` and, with a validation, `val_loss` and `val_accuracy`.
        preparing: called with the number of decoded videos, and of all: before the training, and of those that
            calibrate it.

    Returns:
        The metrics, and what they are of.

    Raises:
        DataError: the set cannot be used for training; some of its videos are unreadable.
        TrainingError: the recipe does not fit; the loss is non-finite; another worker does not answer or is gone; there
            is nothing to resume, or it was begun with other data; Keras is not on TensorFlow.
        OutputError: the run folder cannot be written, or holds another training.
        ModelError: the model to start from cannot be loaded.

    >>> result = finetune("my_videos", "run", Recipe(test=0.25))                                  # doctest: +SKIP
    >>> actionzoo.predict("new.mp4", model="run")                                                 # doctest: +SKIP
    """
    devices = make_strategy(strategy, wait)
    folder = Path(output)
    with Run(folder, resume=resume, writes=is_chief(devices)) as run:
        recipe = (read_recipe(folder / RECIPE) if resume else recipe or Recipe()).with_init()
        model = initial_model(recipe)
        opened = open_data(data, recipe)
        source, spec, skipped = _open_source(opened, recipe, model, skip_broken, preparing)
        if skipped:
            run.write(SKIPPED, "".join(f"{json.dumps(str(path))},{json.dumps(reason)}\n" for path, reason in skipped))
        num_videos = Counter(str(video.split) for video in source.videos)
        recipe = recipe.fitted(num_videos[TRAIN], devices.num_replicas_in_sync)
        recipe = replace(recipe, num_frames=spec.num_frames, stride=spec.stride, fps=spec.fps)
        with explain_lost_worker():
            history = train(run, source, recipe, model, spec, devices, callbacks)
        spec, calibration = calibrate(run, source, spec, preparing, shards=isinstance(opened, ShardSource))
    return TrainingResult(folder, spec, history.metrics, dict(num_videos), history.waited, skipped, calibration)


def open_data(data: str | os.PathLike[str] | VideoDataset | ShardSource, recipe: Recipe) -> VideoDataset | ShardSource:
    """Read a set of videos as `finetune` does, unless it was read already. Raises DataError."""
    if isinstance(data, VideoDataset | ShardSource):
        return data
    shards = open_shards(os.fspath(data))
    if shards is not None:
        return shards
    return read_dataset(os.fspath(data), official_split=recipe.official_split, group=recipe.group or None)


def _open_source(
    data: VideoDataset | ShardSource, recipe: Recipe, model: Model | None, skip_broken: bool, preparing: Progress | None
) -> tuple[Source, InputSpec, Skipped]:
    """The videos in their splits, the spec of the network, and the unreadable videos."""
    if isinstance(data, ShardSource):
        dataset = assign_splits(VideoDataset(data.classes, data.videos), recipe)
        spec = initial_spec(recipe, model, data.classes, data.lengths)
        wanted = training_format(recipe, spec)
        if replace(wanted, fps=data.video_format.fps) != data.video_format:
            raise DataError(
                f"the shards hold videos as {data.video_format}, but {recipe.model} is trained on {wanted}; build them "
                "with --model"
            )
        shards = Subset(data, range(len(data)))
        shards.videos = dataset.videos
        return shards, spec, ()
    dataset = assign_splits(data, recipe)
    lengths = probe_lengths([video.path for video in dataset.videos if video.split == TRAIN])
    spec = initial_spec(recipe, model, dataset.classes, lengths)
    videos = VideoSource(dataset, training_format(recipe, spec))
    used = [index for index, video in enumerate(videos.videos) if video.split in (TRAIN, VALIDATION)]
    broken = {video.path: reason for video, reason in videos.prepare(preparing, indices=used)}
    if broken and not skip_broken:
        listed = shortened([f"{path}: {reason}" for path, reason in broken.items()])
        raise DataError(f"{len(broken)} videos cannot be read: {listed}; remove them, or add --skip-broken")
    kept = [index for index, video in enumerate(videos.videos) if video.path not in broken]
    return Subset(videos, kept), spec, tuple(broken.items())


def assign_splits(dataset: VideoDataset, recipe: Recipe) -> VideoDataset:
    """Every video in a split: "train", "val" or "test". Videos to which the set gives none are for training.

    Raises DataError if the set names another split, groups cannot be divided, or a class has no training videos.
    """
    if recipe.test and not any(video.split for video in dataset.videos):
        dataset = split_by_group(dataset, test=recipe.test, seed=recipe.seed)
    else:
        dataset = replace(dataset, videos=tuple(replace(v, split=_split(v.split)) for v in dataset.videos))
    if recipe.validation and not any(video.split == VALIDATION for video in dataset.videos):
        divided = split_by_group(dataset.in_split(TRAIN), test=recipe.validation, seed=recipe.seed)
        chosen = {video.path for video in divided.videos if video.split == TEST}
        videos = tuple(replace(v, split=VALIDATION) if v.path in chosen else v for v in dataset.videos)
        dataset = replace(dataset, videos=videos)
    trained = {video.class_index for video in dataset.videos if video.split == TRAIN}
    if lacking := [name for index, name in enumerate(dataset.classes) if index not in trained]:
        raise DataError(f"no videos of {shortened(lacking)} are in the split 'train'; add some, or remove the class")
    return dataset


def _split(name: str | None) -> str:
    """The split of a video by the name that its set gives it. Raises DataError for an unknown one."""
    split = split_of(name) if name else TRAIN
    if split is None:
        raise unknown_split("the set", str(name))
    return split
