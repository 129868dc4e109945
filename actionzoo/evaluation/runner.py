"""Runs a network over the clips of videos, on all devices of this machine and beside other machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp

from actionzoo.data.decoded import DecodedVideo, Progress, Source
from actionzoo.errors import VideoError
from actionzoo.evaluation.controls import CONTROLS, TRAITS, control_videos, traits
from actionzoo.evaluation.protocol import Clip, Protocol
from actionzoo.evaluation.scores import ANSWER

if TYPE_CHECKING:
    import tensorflow as tf

BATCH = 8
"""Clips that a device takes at once."""


class NetworkRunner:
    """Gives a network's scores of videos.

    Args:
        network: of `Protocol.network`, made in the strategy's scope.
        strategy: its replicas on this machine share the clips of a video.
        protocol: what the network is shown.

    Attributes:
        names: of the network's outputs.
    """

    def __init__(self, network: keras.Model, strategy: tf.distribute.Strategy, protocol: Protocol) -> None:
        import tensorflow as tf

        self.names = tuple(network.output)
        self._network, self._strategy, self._protocol = network, strategy, protocol
        self._worker, self._workers = _worker(strategy)
        self._devices = strategy.num_replicas_in_sync // self._workers
        # Clips of whole frames are large: one for each device at a time.
        self._batch = self._devices * (1 if protocol.name == "papers" else BATCH)

        def outputs(clips: Any) -> Any:
            scores = network(clips, training=False)
            return tf.stack([scores[name] for name in self.names], axis=1)

        # Keras' own predict would gather what the other machines compute for other videos.
        self._forward = tf.function(
            lambda clips: strategy.run(outputs, args=(clips,)), reduce_retracing=True, autograph=False
        )

    def score_all(
        self, source: Source, controls: bool, progress: Progress | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], dict[int, str]]:
        """Scores of all videos, of which each machine reads its share.

        Returns:
            Scores `(videos, outputs, classes)` as of `scores`; traits `(videos, traits)` in the order of `TRAITS`; and
            by index of the video, why one could not be read, whose rows are 0.
        """
        classes = int(self._network.output[ANSWER].shape[-1])
        rows = np.zeros((len(source), len(self.names) + len(CONTROLS) * controls, classes), np.float32)
        facts = np.zeros((len(source), len(TRAITS)), np.float32)
        failed = np.zeros(len(source), np.float32)
        reasons: dict[int, str] = {}
        own = range(self._worker, len(source), self._workers)
        for done, index in enumerate(own, start=1):
            try:
                decoded = source.read(index)
                rows[index] = self.scores(decoded, controls)
                facts[index] = traits(decoded)
            except VideoError as error:
                failed[index], reasons[index] = 1, error.reason
            if progress is not None:
                progress(done, len(own))
        if self._workers > 1:
            rows, facts, failed = (self._sum(array) for array in (rows, facts, failed))
        unread = (int(index) for index in np.flatnonzero(failed))
        return rows, facts, {index: reasons.get(index, "another worker could not read it") for index in unread}

    def scores(self, decoded: DecodedVideo, controls: bool = False) -> NDArray[np.float32]:
        """A video's scores, averaged over its clips and views.

        Args:
            decoded: the video, in the protocol's format.
            controls: also score the control videos of `CONTROLS`.

        Returns:
            `(outputs, classes)` in the order of `names`, then the answer to each control.
        """
        scores = self._mean(self._protocol.clips(decoded))
        if not controls:
            return scores
        answer = self.names.index(ANSWER)
        stills = control_videos(decoded)
        # All clips of what does not move are the same, but for their views.
        first = (islice(self._protocol.clips(stills[name]), self._protocol.views) for name in CONTROLS)
        return np.concatenate([scores, *(self._mean(clips)[answer : answer + 1] for clips in first)])

    def _mean(self, clips: Iterator[Clip]) -> NDArray[np.float32]:
        parts = []
        while batch := list(islice(clips, self._batch)):  # a long video has more clips than fit into memory
            parts.append(self._run(batch))
        scores = np.concatenate(parts)
        if self._protocol.average == "logits":
            return np.asarray(scores.mean(axis=0), np.float32)
        chances = log_softmax(scores.astype(np.float64), axis=-1)
        return np.asarray(logsumexp(chances, axis=0, b=1 / len(scores)), np.float32)

    def _run(self, clips: Sequence[Clip]) -> NDArray[np.float32]:
        """`(clips, outputs, classes)`: each device sees as many clips, the last of which may be there twice."""
        import tensorflow as tf

        both = dict(zip(("appearance", "motion"), zip(*clips, strict=True), strict=True))
        inputs = {name: np.stack(both[name]).astype(np.float32) for name in self._network.input}
        each = -(-len(clips) // self._devices)
        places = np.arange(each * self._devices) % len(clips)

        def part(context: Any) -> dict[str, Any]:
            first = context.replica_id_in_sync_group % self._devices * each
            return {name: tf.constant(array[places[first : first + each]]) for name, array in inputs.items()}

        given = self._strategy.experimental_distribute_values_from_function(part)
        scores = self._strategy.experimental_local_results(self._forward(given))
        return np.concatenate([np.asarray(part, np.float32) for part in scores])[: len(clips)]

    def _sum(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """The sum of the arrays of all machines."""
        import tensorflow as tf

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
