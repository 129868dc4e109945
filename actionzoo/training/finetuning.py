"""From labelled videos to a trained network in a run folder."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras

from actionzoo.data.annotations import TEST, TRAIN, Annotations, read_annotations, split_by_group, write_csv
from actionzoo.data.augment import Augmentation, papers
from actionzoo.data.layouts.found import PARTS, unknown_part
from actionzoo.data.pipeline import Batches, Plan
from actionzoo.data.recordings import Progress, Source, Subset, VideoSource, describe
from actionzoo.data.shards import open_shards
from actionzoo.errors import DataError, TrainingError
from actionzoo.hub.bundle import save_model
from actionzoo.hub.record import InputRecord
from actionzoo.training.board import Board
from actionzoo.training.checkpoint import load_facts, load_state, save_state
from actionzoo.training.loop import Loop, Sums
from actionzoo.training.network import rebuilt
from actionzoo.training.norm import FusedBatchNormalization
from actionzoo.training.recipe import Recipe, change, read_recipe
from actionzoo.training.run import ENVIRONMENT, LOGS, METRICS, RECIPE, SKIPPED, SPLIT, Run, environment, fingerprint
from actionzoo.training.start import lengths_of, start_network, start_record, training_form
from actionzoo.training.strategy import explained_loss, is_chief, make_strategy
from actionzoo.video.sampling import ClipSpec

VALIDATION = "val"
SAVE_EVERY_S = 60.0
"""Seconds between two checkpoints, which are written at ends of epochs; the last epoch always has one."""

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
        resume: go on with the training in `output`, with the recipe that it was begun with.
        skip_broken: leave out videos that cannot be read, and list them, instead of stopping.
        callbacks: of Keras; they get `loss`, `accuracy` and, with a validation, `val_loss` and `val_accuracy`.
        preparing: called with the number of videos that are decoded, and of all.

    Raises:
        DataError: the set cannot be learned from; some of its videos cannot be read.
        TrainingError: the recipe does not fit; the loss is no number any more; another worker is gone; there is
            nothing to resume, or it was begun with other data.
        OutputError: the run folder cannot be written, or holds another training.
        ModelError: the network to begin with cannot be found.

    >>> finished = finetune("my_videos", "run", Recipe(test=0.25))                                # doctest: +SKIP
    >>> actionzoo.predict("new.mp4", model="run")                                                 # doctest: +SKIP
    """
    devices = make_strategy(strategy)
    folder = Path(output)
    with Run(folder, resume=resume, writes=is_chief(devices)) as run:
        if resume:
            recipe = change(Recipe(), read_recipe(folder / RECIPE), str(folder / RECIPE))
        recipe = recipe or Recipe()
        source, record, skipped = _opened(data, recipe, skip_broken, preparing)
        if skipped:
            run.write(SKIPPED, "".join(f"{json.dumps(str(path))},{json.dumps(reason)}\n" for path, reason in skipped))
        with explained_loss():
            training = Training(run, source, record, recipe, devices, callbacks, resume=resume)
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


class Training:
    """One training from its data to its files."""

    def __init__(
        self,
        run: Run,
        source: Source,
        record: InputRecord,
        recipe: Recipe,
        strategy: Any,
        callbacks: Sequence[keras.callbacks.Callback],
        *,
        resume: bool,
    ) -> None:
        train, held = (Subset(source, _indices(source, name)) for name in (TRAIN, VALIDATION))
        self._files, self._source, self.record, self._strategy, self._resume = run, source, record, strategy, resume
        fitted = recipe.fitted(len(train), strategy.num_replicas_in_sync)
        self.recipe = replace(fitted, num_frames=record.num_frames, stride=record.stride, fps=record.fps)
        self._data = fingerprint(source)
        keras.utils.set_random_seed(self.recipe.seed)
        with strategy.scope():
            base = start_network(self.recipe, record)
            synchronized = recipe.batch_norm == "synchronized"
            self._network = rebuilt(
                base,
                norm=keras.layers.BatchNormalization if synchronized else FusedBatchNormalization,
                synchronized=synchronized,
                dtype="mixed_bfloat16" if recipe.mixed_precision else None,
            )
            self._batches = self._clips(train, augmentation(self.recipe), self.recipe.seed)
            self._validation = self._clips(held, None, 0) if len(held) else None
            self._epoch_steps = self._batches.plan.steps_an_epoch
            self._steps = self.recipe.epochs * self._epoch_steps
            self._loop = Loop(self._network, self.recipe, self._steps, strategy)
        self._history: list[dict[str, Any]] = []
        self._sums: list[Sums] = []
        self._saved = 0.0
        params = {"epochs": self.recipe.epochs, "steps": self._epoch_steps}
        told = [*callbacks, *([Board(run.folder / LOGS)] if run.writes else [])]
        self._callbacks = keras.callbacks.CallbackList(told, model=self._network, **params)

    def run(self) -> dict[str, Any]:
        """Learn, to the end; the numbers that came out."""
        first = self._begin()
        self._callbacks.on_train_begin()
        if first < self._steps and not self._stops():
            self._callbacks.on_epoch_begin(first // self._epoch_steps)
            self._loop.train(self._batches, range(first, self._steps), self._after_step)
        self._callbacks.on_train_end()
        return self._end()

    def _clips(self, source: Source, how: Augmentation | None, seed: int) -> Batches:
        record = self.record
        spec = ClipSpec(record.num_frames, record.stride, record.stack_length)
        plan = Plan(len(source), self.recipe.batch_size, seed, shuffled=how is not None)
        streams = tuple(self._network.input)
        return Batches(source, spec, (record.height, record.width), plan, how, streams)

    def _begin(self) -> int:
        """The first step: 0, or where the checkpoint is."""
        if not self._resume:
            self._write_beginnings()
            self._save(0)
            return 0
        facts = load_facts(self._files.checkpoint)
        if facts["data"] != self._data:
            raise TrainingError(
                f"{self._files.folder} was begun with other videos than these; give the same, or a new run"
            )
        load_state(self._files.checkpoint, self._loop.state)
        self._history = facts["history"]
        return int(facts["step"])

    def _write_beginnings(self) -> None:
        files = self._files
        files.write(RECIPE, self.recipe.to_toml())
        if files.writes:
            write_csv(Annotations(self._source.classes, self._source.videos), files.folder / SPLIT)
        files.write(ENVIRONMENT, json.dumps(environment(self._strategy), indent=1) + "\n")

    def _after_step(self, step: int, sums: Sums) -> bool:
        """What happens behind each step, and behind the last of each epoch. Whether to stop."""
        self._sums.append(sums)
        place = step % self._epoch_steps
        self._callbacks.on_train_batch_end(place, _logs(self._sums))
        return place == self._epoch_steps - 1 and self._after_epoch(step // self._epoch_steps)

    def _after_epoch(self, epoch: int) -> bool:
        logs = _logs(self._sums)
        self._sums = []
        if self._validation is not None:
            seen = self._loop.validate(self._validation)
            logs |= {"val_loss": seen.loss, "val_accuracy": seen.right / seen.clips}
        self._loop.check_weights(epoch)
        self._history.append({"epoch": epoch + 1, **logs})
        self._callbacks.on_epoch_end(epoch, logs)
        if self._validation is not None and self._best() == epoch:
            self._save_model(self._files.model)
        done = (epoch + 1) * self._epoch_steps
        last = done == self._steps or self._stops() or bool(getattr(self._network, "stop_training", False))
        if last or time.monotonic() - self._saved > SAVE_EVERY_S:
            self._save(done)
        if not last:
            self._callbacks.on_epoch_begin(epoch + 1)
        return last

    def _best(self) -> int:
        """The epoch with the lowest validation loss, counted from 0."""
        losses = [row["val_loss"] for row in self._history]
        return losses.index(min(losses))

    def _stops(self) -> bool:
        """Whether the validation has not become better for as long as the recipe waits."""
        waits = self.recipe.patience
        return bool(waits and self._validation is not None and self._history) and (
            len(self._history) - 1 - self._best() >= waits
        )

    def _save(self, step: int) -> None:
        self._saved = time.monotonic()
        if not self._files.writes:
            return
        self._files.write_history(self._history)
        facts = {"step": step, "history": self._history, "data": self._data}
        save_state(self._files.checkpoint, self._loop.state, facts)
        if self._validation is None:
            self._save_model(self._files.model)

    def _save_model(self, path: Path) -> None:
        """The network as it is now, in full precision, with everything trainable again."""
        if self._files.writes:
            save_model(rebuilt(self._network), self.record, path)

    def _end(self) -> dict[str, Any]:
        if self._validation is not None:
            self._save_model(self._files.last)
        row = self._history[self._best() if self._validation is not None else -1]
        metrics = {f"training_{name}": row[name] for name in ("loss", "accuracy")}
        if self._validation is not None:
            metrics |= {f"validation_{name}": row[f"val_{name}"] for name in ("loss", "accuracy")}
        metrics["epochs"] = len(self._history)
        self._files.write(METRICS, json.dumps(metrics, indent=1) + "\n")
        return metrics

    @property
    def waited(self) -> float:
        """The share of the time that was waited for clips."""
        seconds = sum(row["seconds"] for row in self._history)
        return float(sum(row["waited"] * row["seconds"] for row in self._history) / seconds)


def _indices(source: Source, part: str) -> list[int]:
    return [index for index, video in enumerate(source.videos) if video.split == part]


def augmentation(recipe: Recipe) -> Augmentation | None:
    """What the recipe's `crop` stands for."""
    if recipe.crop == "none":
        return None
    if recipe.crop == "zoom":
        return Augmentation(stride=recipe.stride_range)
    return papers(recipe.crop, recipe.stride_range)


def _logs(rows: Sequence[Sums]) -> dict[str, float]:
    """Means over steps: loss, accuracy, clips a second, and the share of the time that was waited for clips."""
    clips, seconds = sum(row.clips for row in rows), sum(row.seconds for row in rows)
    return {
        "loss": sum(row.loss * row.clips for row in rows) / clips,
        "accuracy": sum(row.right for row in rows) / clips,
        "clips_a_second": clips / seconds,
        "seconds": seconds,
        "waited": sum(row.waited for row in rows) / seconds,
    }
