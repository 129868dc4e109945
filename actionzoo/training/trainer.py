"""One training from its data to the files of its run folder.

All that a run folder holds of what was learned comes from its checkpoint: a training that goes on writes the model and
the history anew before anything else, so that they are those of the checkpoint wherever it was killed.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
from numpy.typing import NDArray

from actionzoo.data.augment import Augmentation, papers
from actionzoo.data.dataset import TRAIN, VideoDataset, write_csv
from actionzoo.data.decoded import Source, Subset
from actionzoo.data.pipeline import BatchSchedule, ClipDataset
from actionzoo.errors import TrainingError
from actionzoo.hub.keras_models import save_model
from actionzoo.hub.loading import load_arrays, named_weights
from actionzoo.training.checkpoint import assign, load_checkpoint, save_checkpoint
from actionzoo.training.initialization import start_network
from actionzoo.training.loop import Loop, StepMetrics
from actionzoo.training.network import rebuilt
from actionzoo.training.norm import FusedBatchNormalization
from actionzoo.training.recipe import Recipe
from actionzoo.training.run import ENVIRONMENT, LOGS, METRICS, RECIPE, SPLIT, Run, environment, fingerprint
from actionzoo.training.tensorboard import Board
from actionzoo.video.spec import InputSpec

VALIDATION = "val"
SAVE_EVERY_S = 60.0
"""Seconds between two checkpoints, which are written at ends of epochs; the first and the last always have one."""

STATE, BEST = "state/", "best/"
"""What names in a checkpoint begin with: all that changes, by its place; the best epoch's weights, by their names."""


class Training:
    """One training from its data to its files."""

    def __init__(
        self,
        run: Run,
        source: Source,
        spec: InputSpec,
        recipe: Recipe,
        strategy: Any,
        callbacks: Sequence[keras.callbacks.Callback],
    ) -> None:
        train, held = (Subset(source, _indices(source, name)) for name in (TRAIN, VALIDATION))
        self._files, self._source, self.spec, self._strategy = run, source, spec, strategy
        fitted = recipe.fitted(len(train), strategy.num_replicas_in_sync)
        self.recipe = replace(fitted, num_frames=spec.num_frames, stride=spec.stride, fps=spec.fps)
        self._data = fingerprint(source)
        keras.utils.set_random_seed(self.recipe.seed)
        with strategy.scope():
            base = start_network(self.recipe, spec)
            synchronized = recipe.batch_norm == "synchronized"
            self._network = rebuilt(
                base,
                norm=keras.layers.BatchNormalization if synchronized else FusedBatchNormalization,
                synchronized=synchronized,
                dtype="mixed_bfloat16" if recipe.mixed_precision else None,
            )
            self._batches = self._clips(train, augmentation(self.recipe), self.recipe.seed)
            self._validation = self._clips(held, None, 0) if len(held) else None
            self._epoch_steps = self._batches.schedule.steps_per_epoch
            self._steps = self.recipe.epochs * self._epoch_steps
            self._loop = Loop(self._network, self.recipe, self._steps, strategy)
        self._history: list[dict[str, Any]] = []
        self._best_weights: dict[str, NDArray[Any]] = {}
        self._sums: list[StepMetrics] = []
        self._saved = -math.inf
        params = {"epochs": self.recipe.epochs, "steps": self._epoch_steps}
        told = [*callbacks, *([Board(run.folder / LOGS)] if run.writes else [])]
        self._callbacks = keras.callbacks.CallbackList(told, model=self._network, **params)

    def run(self) -> dict[str, Any]:
        """Learn, to the end; the numbers that came out."""
        first = self._resume() if self._files.resumes else self._begin()
        self._callbacks.on_train_begin()
        if first < self._steps and not self._stops():
            self._callbacks.on_epoch_begin(first // self._epoch_steps)
            self._loop.train(self._batches, range(first, self._steps), self._after_step)
        self._callbacks.on_train_end()
        return self._end()

    def _clips(self, source: Source, how: Augmentation | None, seed: int) -> ClipDataset:
        spec = self.spec
        clip_spec = spec.clip
        plan = BatchSchedule(len(source), self.recipe.batch_size, seed, shuffled=how is not None)
        streams = tuple(self._network.input)
        return ClipDataset(source, clip_spec, (spec.height, spec.width), plan, how, streams)

    def _begin(self) -> int:
        """Write what the training begins with; its first step, 0."""
        files = self._files
        files.write(RECIPE, self.recipe.to_toml())
        if files.writes:
            write_csv(VideoDataset(self._source.classes, self._source.videos), files.folder / SPLIT)
        files.write(ENVIRONMENT, json.dumps(environment(self._strategy), indent=1) + "\n")
        self._save_checkpoint(0)
        return 0

    def _resume(self) -> int:
        """Go back to the checkpoint; the step behind it."""
        path = self._files.checkpoint
        arrays, facts = load_checkpoint(path)
        if facts["data"] != self._data:
            raise TrainingError(
                f"{self._files.folder} was begun with other videos than these; give the same, or a new run"
            )
        assign(self._loop.state, [arrays[name] for name in sorted(arrays) if name.startswith(STATE)], path)
        self._best_weights = {name[len(BEST) :]: array for name, array in arrays.items() if name.startswith(BEST)}
        self._history = facts["history"]
        if facts["step"]:
            self._save_model()
            self._files.write_history(self._history)
        return int(facts["step"])

    def _after_step(self, step: int, sums: StepMetrics) -> bool:
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
        if self._files.writes and self._validation is not None and self._best() == epoch:
            self._best_weights = {name: weight.numpy() for name, weight in named_weights(self._network).items()}
        done = (epoch + 1) * self._epoch_steps
        last = done == self._steps or self._stops() or bool(getattr(self._network, "stop_training", False))
        if last or time.monotonic() - self._saved > SAVE_EVERY_S:
            self._save_model()
            self._save_checkpoint(done)
            self._saved = time.monotonic()
        if not last:
            self._callbacks.on_epoch_begin(epoch + 1)
        return last

    def _best(self) -> int:
        """The epoch with the lowest validation loss, counted from 0."""
        losses = [math.inf if math.isnan(row["val_loss"]) else row["val_loss"] for row in self._history]
        return losses.index(min(losses))

    def _stops(self) -> bool:
        """Whether the validation has not become better for as long as the recipe waits."""
        waits = self.recipe.patience
        return bool(waits and self._validation is not None and self._history) and (
            len(self._history) - 1 - self._best() >= waits
        )

    def _save_checkpoint(self, step: int) -> None:
        if not self._files.writes:
            return
        arrays = {f"{STATE}{index:05d}": variable.numpy() for index, variable in enumerate(self._loop.state)}
        arrays |= {BEST + name: array for name, array in self._best_weights.items()}
        facts = {"step": step, "epochs": self.recipe.epochs, "history": self._history, "data": self._data}
        save_checkpoint(self._files.checkpoint, arrays, facts)
        self._files.write_history(self._history)

    def _save_model(self) -> None:
        """The network of the best epoch where a validation chooses it, or else as it is now."""
        self._write_network(self._files.model, self._best_weights)

    def _write_network(self, path: Path, weights: dict[str, NDArray[Any]]) -> None:
        """The network with these weights or, without any, its own: in full precision, everything trainable again."""
        if not self._files.writes:
            return
        network = rebuilt(self._network)
        if weights:
            load_arrays(network, weights, source=str(self._files.checkpoint))
        save_model(network, self.spec, path)

    def _end(self) -> dict[str, Any]:
        if self._validation is not None:
            self._write_network(self._files.last, {})
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


def _logs(rows: Sequence[StepMetrics]) -> dict[str, float]:
    """Means over steps: loss, accuracy, clips a second, and the share of the time that was waited for clips."""
    clips, seconds = sum(row.clips for row in rows), sum(row.seconds for row in rows)
    return {
        "loss": sum(row.loss * row.clips for row in rows) / clips,
        "accuracy": sum(row.right for row in rows) / clips,
        "clips_a_second": clips / seconds,
        "seconds": seconds,
        "waited": sum(row.waited for row in rows) / seconds,
    }
