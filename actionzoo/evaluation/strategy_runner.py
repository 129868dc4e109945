"""Runs a network on all devices of this machine and beside other machines, by tf.distribute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from actionzoo.evaluation.protocol import Clip, Protocol
from actionzoo.names import ANSWER, STREAMS

BATCH = 8
"""Clips that a device takes at once."""


class StrategyRunner:
    """A network under a strategy, whose replicas on this machine share the clips of a video. See `scoring.Runner`.

    Args:
        model: the network, which is left as it is.
        strategy: its machines share the videos.
        protocol: what the network is shown.

    Raises:
        ModelError: the protocol's clips are too short for it.
    """

    def __init__(self, model: keras.Model, strategy: tf.distribute.Strategy, protocol: Protocol) -> None:
        with strategy.scope():
            network = protocol.network(model)
        self.names, self.classes = tuple(network.output), int(network.output[ANSWER].shape[-1])
        self.worker, self.workers = _worker(strategy)
        self._inputs, self._strategy = tuple(network.input), strategy
        self._devices = strategy.num_replicas_in_sync // self.workers
        # Clips of whole frames are large: one for each device at a time.
        self.batch = self._devices * (1 if protocol.name == "papers" else BATCH)

        def outputs(clips: Any) -> Any:
            scores = network(clips, training=False)
            return tf.stack([scores[name] for name in self.names], axis=1)

        # Keras' own predict would gather what the other machines compute for other videos.
        self._forward = tf.function(
            lambda clips: strategy.run(outputs, args=(clips,)), reduce_retracing=True, autograph=False
        )

    def run(self, clips: Sequence[Clip]) -> NDArray[np.float32]:
        """`(clips, outputs, classes)`: each device sees as many clips, the last of which may be there twice."""
        both = dict(zip(STREAMS, zip(*clips, strict=True), strict=True))
        inputs = {name: np.stack(both[name]).astype(np.float32) for name in self._inputs}
        each = -(-len(clips) // self._devices)
        places = np.arange(each * self._devices) % len(clips)

        def part(context: Any) -> dict[str, Any]:
            first = context.replica_id_in_sync_group % self._devices * each
            return {name: tf.constant(array[places[first : first + each]]) for name, array in inputs.items()}

        given = self._strategy.experimental_distribute_values_from_function(part)
        scores = self._strategy.experimental_local_results(self._forward(given))
        return np.concatenate([np.asarray(part, np.float32) for part in scores])[: len(clips)]

    def sum(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """The sum of the arrays of all machines."""
        mine, strategy = tf.constant(array / self._devices), self._strategy
        total = tf.function(
            lambda: strategy.reduce("SUM", strategy.run(lambda: tf.identity(mine)), axis=None), autograph=False
        )()
        return np.asarray(total, np.float32)


def _worker(strategy: tf.distribute.Strategy) -> tuple[int, int]:
    """Which of the machines this one is, from 0, and how many there are."""
    if (resolver := strategy.cluster_resolver) is None:
        return 0, 1
    return int(resolver.task_id or 0), len(resolver.cluster_spec().as_dict().get("worker", [0]))
