"""`evaluate`: a model's scores on labelled videos that it has not learned from."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from actionzoo.data.dataset import VideoDataset
from actionzoo.data.decoded import Progress, Source
from actionzoo.errors import DataError, ModelError, did_you_mean
from actionzoo.evaluation.controls import CONTROLS, TRAITS
from actionzoo.evaluation.metrics import Metrics, measure
from actionzoo.evaluation.protocol import PAPERS_FRAMES, Protocol
from actionzoo.evaluation.scores import Scores
from actionzoo.evaluation.scoring import EngineRunner, Runner, Scorer
from actionzoo.evaluation.selection import choose, open_data, source_of
from actionzoo.evaluation.unknown import Unknown, compare, familiarities, refused_share, unknown_source
from actionzoo.hub.keras_models import silent
from actionzoo.inference.model import Model, load_model

if TYPE_CHECKING:
    import tensorflow as tf

SHOWN = 3

AS_PREDICTED = "windows", "logits"
"""Protocol and average of `predict`."""

ACCELERATORS = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd")
"""Device files of GPUs that TensorFlow may use, by the drivers of NVIDIA, of WSL and of AMD."""


@dataclass(frozen=True)
class EvaluationResult:
    """What came out of an evaluation.

    Attributes:
        model: that was evaluated.
        data: what it was evaluated on, as it was given.
        selection: which videos of the data, in words.
        source: of these videos.
        protocol: "papers" or "windows".
        average: "logits" or "softmax".
        scores: of the videos that could be read.
        traits: of the same videos, `(videos,)` by name (`actionzoo.evaluation.controls`).
        broken: videos that could not be read, with the reasons.
        chief: whether this process is the first of the machines that evaluated, or the only one.
        unknown: what the model makes of videos that show none of its classes, where some were given.
    """

    model: Model
    data: str
    selection: str
    source: Source
    protocol: str
    average: str
    scores: Scores
    traits: dict[str, NDArray[np.float32]]
    broken: tuple[tuple[Path, str], ...] = ()
    chief: bool = True
    unknown: Unknown | None = None

    @cached_property
    def metrics(self) -> Metrics:
        """Accuracies with their intervals, per class, confusion, calibration."""
        return measure(self.scores)

    @cached_property
    def refused(self) -> float | None:
        """The share of the videos that a calibrated model wrongly calls none of these.

        `None` of any other model, and where videos are not scored as `predict` does: by windows, averaging logits.
        """
        if not self.model.spec.known or (self.protocol, self.average) != AS_PREDICTED:
            return None
        return refused_share(familiarities(self.scores.logits), self.model.spec.known)

    def to_dict(self) -> dict[str, Any]:
        """What `metrics.json` and `actionzoo evaluate --json` say."""
        facts: dict[str, Any] = {"model": self.model.name, "data": self.data, "which": self.selection}
        facts |= {"protocol": self.protocol, "average": self.average}
        facts |= {"broken": [[str(path), reason] for path, reason in self.broken]} if self.broken else {}
        facts |= {} if self.refused is None else {"refused": self.refused}
        facts |= {} if self.unknown is None else {"unknown": asdict(self.unknown)}
        return facts | asdict(self.metrics)


def evaluate(
    model: str | os.PathLike[str] | Model,
    data: str | os.PathLike[str] | VideoDataset | Source,
    *,
    protocol: str = "auto",
    num_frames: int = PAPERS_FRAMES,
    views: int | None = None,
    average: str = "logits",
    split: str | None = None,
    official_split: int = 1,
    group: str | None = None,
    force: bool = False,
    controls: bool = False,
    unknown: str | os.PathLike[str] | None = None,
    strategy: str | tf.distribute.Strategy = "auto",
    offline: bool = False,
    note: Callable[[str], None] = lambda text: None,
    progress: Progress | None = None,
) -> EvaluationResult:
    r"""Evaluate a model on labelled videos.

    Args:
        model: a name of the catalog, a `.keras` file, a run folder, `hf://user/repo[@revision]`, or a `Model`.
        data: what `read_dataset` takes, or shards of `actionzoo data build`; or a data set or source of videos. Its
            classes are those of the model, or some of them.
        protocol: "papers", "windows" or "auto"; `Protocol` says what they are, and takes the next three as well.
        num_frames: of the papers' clip.
        views: 1, 2 or 10 of each clip.
        average: "logits" or "softmax".
        split: "test", another split, or "all"; by default the test split of the data or, where that names no splits,
            of the model's training.
        official_split: 1 to 3, of UCF101 and HMDB51.
        group: a regular expression for the path of a video; what is in its parentheses is the video's group.
        force: also take videos that the model has learned from.
        controls: also score the background and the shape of each video (`actionzoo.evaluation.controls`), which a
            report looks for shortcuts in.
        unknown: a folder of videos that show none of the model's classes: how well it tells them from the others.
        strategy: "auto", "mirrored" or "multiworker" (`actionzoo.training.strategy`), or a strategy: its replicas share
            the clips of a video, its machines the videos. By "auto", a model that OpenVINO reads as it is runs there,
            as in `predict`, if this is one machine without an accelerator and the protocol is "windows".
        offline: never download the model.
        note: called with a line about the data, and with one about the selected videos.
        progress: called with the number of videos that are done, and of all.

    Returns:
        Scores and metrics; `actionzoo.report.write_report` makes files and a page of them.

    Raises:
        DataError: the data cannot be used, the model has learned from it or does not know one of its classes, or no
            video can be read.
        VideoNotFoundError: there are no videos in the folder `unknown`.
        ModelError: the model cannot be loaded, pools over more frames than a clip has, or gives non-finite scores.
        TrainingError: Keras is not on TensorFlow, or other machines do not come.
        ValueError: as `Protocol`.

    >>> evaluate("run", "my_videos", group=r"(person\d+)").metrics.top1                           # doctest: +SKIP
    0.903
    """
    if isinstance(strategy, str) and (strategy != "auto" or "TF_CONFIG" in os.environ):
        strategy = _strategy(strategy)  # workers that do not come are told before any video is read
    model = load_model(model, offline=offline)
    how = Protocol(model.spec, protocol, num_frames=num_frames, views=views, average=average)
    opened = open_data(data, official_split, group)
    dataset = opened if isinstance(opened, VideoDataset) else VideoDataset(opened.classes, opened.videos)
    note(dataset.summary())
    chosen, selection = choose(dataset, model, split, force=force)
    source = source_of(opened, chosen, how.video_format)
    others = None if unknown is None else unknown_source(unknown, how.video_format)
    indices = known_classes(source.classes, model)
    note(f"{selection}; protocol {how.name}")
    runner = _runner(model, how, strategy)
    rows, facts, good, broken = _score(model, Scorer(runner, how), source, controls, progress)
    names = (*runner.names, *(CONTROLS if controls else ()))
    scores = Scores(
        model.spec.classes,
        tuple(str(source.videos[index].path) for index in good),
        np.array([indices[source.videos[index].class_index] for index in good]),
        tuple(source.videos[index].group or "" for index in good),
        {name: rows[good, place] for place, name in enumerate(names)},
    )
    by_name = {name: facts[good, place] for place, name in enumerate(TRAITS)}
    given = str(data) if isinstance(data, str | os.PathLike) else "videos"
    found = None
    if others is not None:
        strange, _, readable, unread = _score(model, Scorer(runner, how), others, False, progress)
        logits = {name: strange[readable, place] for place, name in enumerate(runner.names)}
        held_out = model.spec.known if (how.name, average) == AS_PREDICTED else ()
        found = compare(familiarities(scores.logits), familiarities(logits), held_out)
        broken += unread
    chief = runner.worker == 0
    return EvaluationResult(model, given, selection, source, how.name, average, scores, by_name, broken, chief, found)


def _score(
    model: Model, scorer: Scorer, source: Source, controls: bool, progress: Progress | None
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64], tuple[tuple[Path, str], ...]]:
    """What `Scorer.score_all` gives, the indices of the videos that could be read, and the others with the reasons.

    Raises:
        DataError: no video can be read.
        ModelError: the scores of one are not finite.
    """
    rows, facts, reasons = scorer.score_all(source, controls, progress)
    good = np.array([index for index in range(len(source)) if index not in reasons], np.int64)
    broken = tuple((source.videos[index].path, reason) for index, reason in reasons.items())
    if not len(good):
        raise DataError(f"none of {len(source)} videos can be read; the first is {broken[0][0]}: {broken[0][1]}")
    # No accuracy for non-finite scores: argmax would call them correct or not by the order of the classes.
    if len(lost := [index for index in good if not np.isfinite(rows[index]).all()]):
        raise ModelError(
            f"{model.name} gives non-finite scores for {len(lost)} of {len(good)} videos, such as "
            f"{source.videos[lost[0]].path}; its training diverged, or its weights are damaged: train it again"
        )
    return rows, facts, good, broken


def _runner(model: Model, how: Protocol, strategy: str | tf.distribute.Strategy) -> Runner:
    alone = isinstance(strategy, str) and not any(map(os.path.exists, ACCELERATORS))
    if alone and how.name == "windows" and not model.needs_keras and set(model.outputs) >= model.files.towers:
        return EngineRunner(model)
    devices = _strategy(strategy) if isinstance(strategy, str) else strategy
    with silent():
        from actionzoo.evaluation.strategy_runner import StrategyRunner
    return StrategyRunner(model.network, devices, how)


def _strategy(name: str) -> tf.distribute.Strategy:
    with silent():
        from actionzoo.training.strategy import make_strategy
    return make_strategy(name)


def known_classes(classes: Sequence[str], model: Model) -> list[int]:
    """The model's index of each class of a data set. Raises DataError for one that the model does not know."""
    known = model.spec.classes
    unknown = [name for name in classes if name not in known]
    if unknown:
        hint = did_you_mean(unknown[0], known) or f"; it knows {', '.join(known[:SHOWN]) or 'no names'}"
        raise DataError(f"{model.name} does not know the class {unknown[0]!r} of the videos{hint}")
    return [known.index(name) for name in classes]
