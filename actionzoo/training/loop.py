"""One training loop for one device, several, and several machines.

Keras' own `fit` fails under MultiWorkerMirroredStrategy. Here a step is `strategy.run` of gradients and their
application, which adds them up over the replicas, so the loss of a clip is divided by the size of the whole batch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from actionzoo.data.pipeline import ClipDataset
from actionzoo.errors import ActionzooError, TrainingError
from actionzoo.models.graph import with_towers
from actionzoo.training.network import Freezer
from actionzoo.training.norm import FusedBatchNormalization
from actionzoo.training.optimizer import GroupedOptimizer
from actionzoo.training.recipe import Recipe


@dataclass(frozen=True)
class StepMetrics:
    """What some steps gave, over all replicas.

    Attributes:
        steps: how many.
        loss: mean over the steps.
        clips: shown.
        right: of them.
        seconds: passed.
        waited: of them, for clips.
    """

    steps: int
    loss: float
    clips: int
    right: int
    seconds: float
    waited: float


class Loop:
    """Trains a network. Made within the scope of its strategy, as the network is.

    Attributes:
        model: the network.
        learner: its optimizers.
        state: all that changes, for a checkpoint.
    """

    def __init__(self, model: keras.Model, recipe: Recipe, steps: int, strategy: Any) -> None:
        """`steps` is the length of the whole training, `recipe` a fitted one."""
        self.model, self.recipe, self.strategy, self.steps = model, recipe, strategy, steps
        self.learner = GroupedOptimizer(model, recipe, steps)
        self._freezer = Freezer(model, recipe.frozen, recipe.unfreeze, recipe.batch_norm)
        self._network = with_towers(model)
        self._norms = [layer for layer in model.layers if isinstance(layer, FusedBatchNormalization)]
        self._losses = [name for name in self._network.output if name != "answer"] or ["answer"]
        self._loss = keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=recipe.label_smoothing, reduction=None
        )
        self._classes = int(model.output.shape[-1])
        self._learn: Any = None
        self._test = tf.function(self._tested, reduce_retracing=True, autograph=False)

    @property
    def state(self) -> list[Any]:
        return [*self.model.variables, *self.learner.variables]

    def train(self, batches: ClipDataset, steps: range, done: Callable[[int, StepMetrics], bool]) -> None:
        """Learn from the batches of these steps. `done` gets each step and what it gave, and says whether to stop.

        Raises TrainingError if the loss is no number any more, and what a video raises that cannot be read.
        """
        since = time.perf_counter()
        for step, element, waited in self._elements(batches, steps):
            if self._freezer.update(step / self.steps) or self._learn is None:
                self._learn = tf.function(self._learned, reduce_retracing=True, autograph=False)
            loss, right, clips = (float(value) for value in self._learn(*element))
            now = time.perf_counter()
            sums = StepMetrics(1, loss, int(clips), int(right), now - since, waited)
            since = now
            if not math.isfinite(loss):
                raise _no_numbers("loss is", f"step {step}")
            if done(step, sums):
                return

    def check_weights(self, epoch: int) -> None:
        """Raises TrainingError if a weight is no number: such weights must not take the place of good ones."""
        if not all(np.isfinite(np.asarray(weight)).all() for weight in self.model.weights):
            raise _no_numbers("weights are", f"epoch {epoch + 1}")

    def validate(self, batches: ClipDataset) -> StepMetrics:
        """What the network makes of clips that it does not learn from. Raises as `train`."""
        since, waiting = time.perf_counter(), 0.0
        rows = []
        for _, element, waited in self._elements(batches, range(batches.schedule.steps_per_epoch)):
            rows.append([float(value) for value in self._test(*element)])
            waiting += waited
        losses, right, clips = np.array(rows).T
        loss = float((losses * clips).sum() / clips.sum())  # every clip counts alike, also those of a small last batch
        return StepMetrics(len(rows), loss, int(clips.sum()), int(right.sum()), time.perf_counter() - since, waiting)

    def _elements(self, batches: ClipDataset, steps: range) -> Iterator[tuple[int, Any, float]]:
        """Each step with its clips on their devices, and the seconds that it took to get them."""
        size = batches.schedule.batch_size // self.strategy.num_replicas_in_sync

        def for_worker(context: Any) -> Any:
            own = batches.schedule.batch_size // context.num_input_pipelines
            first = context.input_pipeline_id * own
            return batches.dataset(steps, range(first, first + own), size)

        iterator = iter(self.strategy.distribute_datasets_from_function(for_worker))
        for step in steps:
            since = time.perf_counter()
            try:
                element = next(iterator)
            except tf.errors.OpError as error:
                if isinstance(batches.error, ActionzooError):
                    raise batches.error from error
                raise
            yield step, element, time.perf_counter() - since

    def _learned(self, clips: Any, labels: Any, shares: Any) -> Any:
        *results, moments = self.strategy.run(self._replica_learns, (clips, labels, shares))
        for norm in self._norms:
            if norm.name in moments:
                norm.move(*(self.strategy.experimental_local_results(moment)[0] for moment in moments[norm.name]))
        return self._summed(results)

    def _tested(self, clips: Any, labels: Any, shares: Any) -> Any:
        return self._summed(self.strategy.run(self._replica_tests, (clips, labels, shares)))

    def _summed(self, results: Any) -> Any:
        return [self.strategy.reduce(tf.distribute.ReduceOp.SUM, result, axis=None) for result in results]

    def _replica_learns(self, clips: Any, labels: Any, shares: Any) -> Any:
        weights = self.model.trainable_weights
        with tf.GradientTape() as tape:
            scores = self._network(clips, training=True)
            loss = self._total(scores, labels, shares)
        gradients = tape.gradient(
            loss, [weight.value for weight in weights], unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        self.learner.apply(gradients, weights)
        return loss, *self._counts(scores, labels, shares), self._moments()

    def _moments(self) -> dict[str, Any]:
        """Mean and variance of the batch for each batch norm that learns: over all replicas, in one message."""
        found = {}
        for norm in self._norms:
            if norm.batch is not None:
                found[norm.name], norm.batch = norm.batch, None
        if not found:
            return found
        replica = tf.distribute.get_replica_context()
        flat = replica.all_reduce(tf.distribute.ReduceOp.MEAN, tf.nest.flatten(found))
        return dict(tf.nest.pack_sequence_as(found, flat))

    def _replica_tests(self, clips: Any, labels: Any, shares: Any) -> Any:
        scores = self._network(clips, training=False)
        return self._total(scores, labels, shares), *self._counts(scores, labels, shares)

    def _total(self, scores: Any, labels: Any, shares: Any) -> Any:
        """The losses of the towers, each a mean over the whole batch of which these clips are a part."""
        wanted = tf.one_hot(labels, self._classes)
        losses = [self._loss(wanted, scores[name]) for name in self._losses]
        return tf.add_n([tf.reduce_sum(loss * tf.cast(shares, loss.dtype)) for loss in losses])

    @staticmethod
    def _counts(scores: Any, labels: Any, shares: Any) -> tuple[Any, Any]:
        """Right answers and clips, those that fill up a batch left out."""
        real = tf.cast(shares > 0, tf.float32)
        right = tf.cast(tf.equal(tf.argmax(scores["answer"], -1, tf.int32), labels), tf.float32)
        return tf.reduce_sum(right * real), tf.reduce_sum(real)


def _no_numbers(what: str, where: str) -> TrainingError:
    return TrainingError(
        f"the {what} not a number any more ({where}); the run folder keeps the weights of before; take a lower "
        "--learning-rate"
    )
