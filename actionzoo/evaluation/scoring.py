"""Scores of videos: read ahead, shown to a network clip by clip, and averaged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Protocol as Interface

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp

from actionzoo.data.decoded import DecodedVideo, Progress, Source
from actionzoo.errors import VideoError
from actionzoo.evaluation.controls import CONTROLS, TRAITS, control_videos, traits
from actionzoo.evaluation.protocol import Clip, Protocol
from actionzoo.inference.model import Model
from actionzoo.inference.prefetch import Prefetch
from actionzoo.names import ANSWER


class Runner(Interface):
    """What runs a network over clips, perhaps beside other machines.

    Attributes:
        names: of the network's outputs.
        classes: how many.
        batch: clips that it takes at once.
        worker: which of the machines this one is, from 0.
        workers: how many machines there are, which share the videos.
    """

    names: tuple[str, ...]
    classes: int
    batch: int
    worker: int
    workers: int

    def run(self, clips: Sequence[Clip]) -> NDArray[np.float32]:
        """The logits of clips, `(clips, outputs, classes)`."""

    def sum(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """The sum of the arrays of all machines."""


class EngineRunner:
    """A model on the engine that predicts: without TensorFlow, on this machine's processor."""

    batch = 2
    worker, workers = 0, 1

    def __init__(self, model: Model) -> None:
        self.names, self.classes, self._model = model.outputs, len(model.labels), model

    def run(self, clips: Sequence[Clip]) -> NDArray[np.float32]:
        """See `Runner`."""
        appearance, motion = zip(*clips, strict=True)
        return self._model.scores(np.stack(appearance), np.stack(motion))

    def sum(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Runner`."""
        return array


class Scorer:
    """Gives a network's scores of videos.

    Args:
        runner: of the network.
        protocol: what the network is shown.
    """

    def __init__(self, runner: Runner, protocol: Protocol) -> None:
        self._runner, self._protocol = runner, protocol

    def score_all(
        self, source: Source, controls: bool, progress: Progress | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], dict[int, str]]:
        """Scores of all videos, of which each machine reads its share; the next is read while one is scored.

        Returns:
            Scores `(videos, outputs, classes)` as of `scores`; traits `(videos, traits)` in the order of `TRAITS`; and
            by index of the video, why one could not be read, whose rows are 0.
        """
        runner = self._runner
        rows = np.zeros((len(source), len(runner.names) + len(CONTROLS) * controls, runner.classes), np.float32)
        facts = np.zeros((len(source), len(TRAITS)), np.float32)
        failed = np.zeros(len(source), np.float32)
        reasons: dict[int, str] = {}
        own = range(runner.worker, len(source), runner.workers)
        with Prefetch(lambda: (_read(source, index) for index in own), ahead=1) as videos:
            for done, (index, decoded) in enumerate(zip(own, videos, strict=True), start=1):
                if isinstance(decoded, VideoError):
                    failed[index], reasons[index] = 1, decoded.reason
                else:
                    rows[index] = self.scores(decoded, controls)
                    facts[index] = traits(decoded)
                if progress is not None:
                    progress(done, len(own))
        if runner.workers > 1:
            rows, facts, failed = (runner.sum(array) for array in (rows, facts, failed))
        unread = (int(index) for index in np.flatnonzero(failed))
        return rows, facts, {index: reasons.get(index, "another worker could not read it") for index in unread}

    def scores(self, decoded: DecodedVideo, controls: bool = False) -> NDArray[np.float32]:
        """A video's scores, averaged over its clips and views.

        Args:
            decoded: the video, in the protocol's format.
            controls: also score the control videos of `CONTROLS`.

        Returns:
            `(outputs, classes)` in the order of the runner's names, then the answer to each control.
        """
        scores = self._mean(self._protocol.clips(decoded))
        if not controls:
            return scores
        answer = self._runner.names.index(ANSWER)
        stills = control_videos(decoded)
        # All clips of what does not move are the same, but for their views.
        first = (islice(self._protocol.clips(stills[name]), self._protocol.views) for name in CONTROLS)
        return np.concatenate([scores, *(self._mean(clips)[answer : answer + 1] for clips in first)])

    def _mean(self, clips: Iterator[Clip]) -> NDArray[np.float32]:
        parts = []
        while batch := list(islice(clips, self._runner.batch)):  # a long video has more clips than fit into memory
            parts.append(self._runner.run(batch))
        scores = np.concatenate(parts)
        if self._protocol.average == "logits":
            return np.asarray(scores.mean(axis=0), np.float32)
        chances = log_softmax(scores.astype(np.float64), axis=-1)
        return np.asarray(logsumexp(chances, axis=0, b=1 / len(scores)), np.float32)


def _read(source: Source, index: int) -> DecodedVideo | VideoError:
    try:
        return source.read(index)
    except VideoError as error:
        return error
