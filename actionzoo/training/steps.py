"""A training step and a test step on all replicas of a strategy.

Keras' own `fit` fails under MultiWorkerMirroredStrategy. Here a step is `strategy.run` of gradients and their
application, which adds them up over the replicas, so the loss of a clip is divided by the size of the whole batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from actionzoo.models.graph import with_towers
from actionzoo.training.norm import FusedBatchNormalization
from actionzoo.training.optimizer import GroupedOptimizer
from actionzoo.training.recipe import Recipe


class DistributedSteps:
    """The steps of a training. Created within the scope of its strategy, as the network is.

    A step takes one element of a `ClipDataset`: clips, class indices `(batch,)` and weights `(batch,)`, which sum to 1
    over the batch of all replicas; clips of weight 0 fill up a batch. It returns the loss, the number of correct
    answers and the number of clips, over all replicas.

    Attributes:
        model: the network.
        strategy: of its variables.
        optimizer: of its weights.
        variables: the state of the training: variables of the network and of the optimizer.
    """

    def __init__(self, model: keras.Model, recipe: Recipe, steps: int, strategy: tf.distribute.Strategy) -> None:
        """`model` is all trainable, `recipe` a fitted one, `steps` the number of steps of the whole training."""
        self.model, self.strategy = model, strategy
        self.optimizer = GroupedOptimizer(model, recipe, steps)
        self.variables: list[Any] = [*model.variables, *self.optimizer.variables]
        self._towers = with_towers(model)
        self._losses = [name for name in self._towers.output if name != "answer"] or ["answer"]
        self._loss = keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=recipe.label_smoothing, reduction=None
        )
        self._norms = [layer for layer in model.layers if isinstance(layer, FusedBatchNormalization)]
        self._test = _traced(self._test_step)

    def train(self, element: Sequence[Any]) -> tuple[float, int, int]:
        """Update the weights by a batch. Traced anew where `model.train_function` is `None`, as Keras' `fit` does."""
        if self.model.train_function is None:
            self.model.train_function = _traced(self._train_step)
        return _numbers(self.model.train_function(*element))

    def test(self, element: Sequence[Any]) -> tuple[float, int, int]:
        """Evaluate the network on a batch."""
        return _numbers(self._test(*element))

    def _train_step(self, clips: Any, labels: Any, weights: Any) -> Any:
        sums, moments = self.strategy.run(self._train_replica, (clips, labels, weights))
        for norm in self._norms:
            if norm.name in moments:
                norm.move(*(self._local(moment) for moment in moments[norm.name]))
        return self._local(sums)

    def _test_step(self, clips: Any, labels: Any, weights: Any) -> Any:
        sums = self.strategy.run(self._test_replica, (clips, labels, weights))
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, sums, axis=None)

    def _local(self, value: Any) -> Any:
        """What is the same on all replicas, from one of them."""
        return self.strategy.experimental_local_results(value)[0]

    def _train_replica(self, clips: Any, labels: Any, weights: Any) -> Any:
        trained = self.model.trainable_weights
        with tf.GradientTape() as tape:
            scores = self._towers(clips, training=True)
            loss = self._total_loss(scores, labels, weights)
        gradients = tape.gradient(
            loss, [weight.value for weight in trained], unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        self.optimizer.apply(gradients, trained)
        return self._over_replicas(_sums(loss, scores, labels, weights))

    def _test_replica(self, clips: Any, labels: Any, weights: Any) -> Any:
        scores = self._towers(clips, training=False)
        return _sums(self._total_loss(scores, labels, weights), scores, labels, weights)

    def _over_replicas(self, sums: Any) -> tuple[Any, dict[str, Any]]:
        """Sums over all replicas, and the mean and variance for each batch norm in training, in one message."""
        found = {}
        for norm in self._norms:
            if norm.batch is not None:
                found[norm.name], norm.batch = norm.batch, None
        replica = tf.distribute.get_replica_context()
        total, *flat = replica.all_reduce(tf.distribute.ReduceOp.SUM, [sums, *tf.nest.flatten(found)])
        means = [moment / self.strategy.num_replicas_in_sync for moment in flat]
        return total, dict(tf.nest.pack_sequence_as(found, means))

    def _total_loss(self, scores: Any, labels: Any, weights: Any) -> Any:
        """The sum of the towers' losses, each a weighted sum over the clips of this replica."""
        wanted = tf.one_hot(labels, self.model.output.shape[-1])
        losses = [self._loss(wanted, scores[name]) for name in self._losses]
        return tf.add_n([tf.reduce_sum(loss * tf.cast(weights, loss.dtype)) for loss in losses])


def _traced(step: Any) -> Any:
    return tf.function(step, reduce_retracing=True, autograph=False)


def _sums(loss: Any, scores: Any, labels: Any, weights: Any) -> Any:
    """The loss, correct answers and clips, `(3,)`, without those that fill up a batch."""
    real = tf.cast(weights > 0, loss.dtype)
    correct = tf.cast(tf.equal(tf.argmax(scores["answer"], -1, tf.int32), labels), loss.dtype)
    return tf.stack([loss, tf.reduce_sum(correct * real), tf.reduce_sum(real)])


def _numbers(sums: Any) -> tuple[float, int, int]:
    loss, correct, clips = sums.numpy().tolist()
    return loss, int(correct), int(clips)
