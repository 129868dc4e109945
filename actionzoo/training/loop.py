"""The training loop: epochs of steps, each followed by the validation, with Keras callbacks for everything else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any

import keras
import tensorflow as tf

from actionzoo.data.pipeline import ClipDataset
from actionzoo.errors import ActionzooError
from actionzoo.training.steps import DistributedSteps


@dataclass(frozen=True)
class StepMetrics:
    """Sums over steps, of all replicas; `+` adds those of other steps.

    Attributes:
        loss: summed over the clips.
        correct: number of correct answers.
        clips: number of clips.
        seconds: duration.
        waited: seconds of it spent waiting for input.
    """

    loss: float = 0.0
    correct: int = 0
    clips: int = 0
    seconds: float = 0.0
    waited: float = 0.0

    def __add__(self, other: StepMetrics) -> StepMetrics:
        return StepMetrics(*(one + more for one, more in zip(astuple(self), astuple(other), strict=True)))

    def logs(self) -> dict[str, float]:
        """Mean loss, top-1 accuracy, clips a second, seconds, and the fraction of them spent waiting for input."""
        return {
            "loss": self.loss / self.clips,
            "accuracy": self.correct / self.clips,
            "clips_a_second": self.clips / self.seconds,
            "seconds": self.seconds,
            "waited": self.waited / self.seconds,
        }


def fit(
    steps: DistributedSteps,
    clips: ClipDataset,
    validation: ClipDataset | None,
    epochs: range,
    callbacks: keras.callbacks.CallbackList,
) -> None:
    """Train for some epochs, or until a callback sets `model.stop_training`.

    Callbacks are called as by Keras' `fit`. They get `loss`, `accuracy`, `clips_a_second`, `seconds` and `waited` as
    means or sums over the epoch so far, and at its end `val_loss` and `val_accuracy` where there is a validation.

    Args:
        steps: the network with its training and test step.
        clips: training clips.
        validation: held-out clips.
        epochs: counted from 0; those before were trained already.
        callbacks: of Keras.
    """
    count = clips.schedule.steps_per_epoch
    steps.model.stop_training = False
    callbacks.on_train_begin()
    batches = _batches(steps, clips, range(epochs.start * count, epochs.stop * count))
    for epoch in epochs:
        if steps.model.stop_training:
            break
        callbacks.on_epoch_begin(epoch)
        total = StepMetrics()
        for batch in range(count):
            callbacks.on_train_batch_begin(batch)
            total += _timed(steps.train, batches)
            callbacks.on_train_batch_end(batch, total.logs())
        logs = total.logs()
        if validation is not None:
            seen = _tested(steps, validation).logs()
            logs |= {"val_loss": seen["loss"], "val_accuracy": seen["accuracy"]}
        callbacks.on_epoch_end(epoch, logs)
    callbacks.on_train_end()


def _tested(steps: DistributedSteps, clips: ClipDataset) -> StepMetrics:
    """The metrics of all clips; each counts alike, also those of a last batch that is smaller."""
    count = clips.schedule.steps_per_epoch
    batches = _batches(steps, clips, range(count))
    return sum((_timed(steps.test, batches) for _ in range(count)), StepMetrics())


def _timed(step: Any, batches: Iterator[Any]) -> StepMetrics:
    """One step on the next batch."""
    begun = time.perf_counter()
    element = next(batches)
    ready = time.perf_counter()
    loss, correct, clips = step(element)
    return StepMetrics(loss * clips, correct, clips, time.perf_counter() - begun, ready - begun)


def _batches(steps: DistributedSteps, clips: ClipDataset, places: range) -> Iterator[Any]:
    """The batches of these steps, on their devices. Raises what reading a video raised, which tf.data would hide."""
    strategy, batch_size = steps.strategy, clips.schedule.batch_size

    def for_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        own = batch_size // context.num_input_pipelines
        first = context.input_pipeline_id * own
        return clips.dataset(places, range(first, first + own), batch_size // strategy.num_replicas_in_sync)

    try:
        yield from strategy.distribute_datasets_from_function(for_worker)
    except tf.errors.OpError as error:
        if isinstance(clips.error, ActionzooError):
            raise clips.error from error
        raise
