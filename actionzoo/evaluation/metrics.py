"""How good scores are: accuracies with their uncertainty, per class, confusion, calibration. All of it numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actionzoo.evaluation.intervals import share_interval
from actionzoo.evaluation.scores import ANSWER, STREAMS, Scores, softmax

BINS = 10


@dataclass(frozen=True)
class ClassResult:
    """A row of the per-class table.

    Attributes:
        name: of the class.
        videos: of it.
        right: of them.
        recall: right of its videos; `None` where it has none.
        recall_interval: 95 % confidence interval of the recall, `None` likewise.
        precision: right of the videos that were taken for it; `None` where none was.
        confused_with: the class that its videos are most often mistaken for, or `None`.
    """

    name: str
    videos: int
    right: int
    recall: float | None
    recall_interval: tuple[float, float] | None
    precision: float | None
    confused_with: str | None


@dataclass(frozen=True)
class Metrics:
    """What scores are worth. Shares are from 0 to 1.

    Attributes:
        videos: how many.
        groups: of how many groups.
        top1: share whose label has the highest score.
        top1_interval: 95 % confidence interval of `top1`, by groups (`share_interval`).
        top5: share whose label is among the five highest.
        mean_class: mean recall of the classes that have videos.
        streams: top-1 of the streams' own scores.
        log_loss: mean negative logarithm of the label's probability.
        calibration_error: expected difference of probability and accuracy, over ten bins.
        per_class: a row for every class.
        confusion: `(classes, classes)` videos, by label and answer.
        reliability: rows (mean probability of the answer, share right, videos) of bins that are not empty.
    """

    videos: int
    groups: int
    top1: float
    top1_interval: tuple[float, float]
    top5: float
    mean_class: float
    streams: dict[str, float]
    log_loss: float
    calibration_error: float
    per_class: tuple[ClassResult, ...]
    confusion: tuple[tuple[int, ...], ...]
    reliability: tuple[tuple[float, float, int], ...]


def measure(scores: Scores) -> Metrics:
    """All numbers about scores.

    >>> logits = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]])
    >>> found = measure(Scores(("a", "b"), ("1", "2", "3"), np.array([0, 1, 1]), ("", "", ""), {"answer": logits}))
    >>> round(found.top1, 3), found.mean_class
    (0.667, 0.75)
    """
    logits, labels, clusters = scores.logits[ANSWER], scores.labels, scores.clusters
    right = scores.answers == labels
    table = confusion(scores)
    intervals = [
        share_interval(right[labels == index], clusters[labels == index]) for index in range(len(scores.classes))
    ]
    rows = tuple(_class_result(scores.classes, table, index, own) for index, own in enumerate(intervals))
    reliability = reliability_bins(logits, labels)
    certain = softmax(logits)[np.arange(len(labels)), labels]
    return Metrics(
        videos=len(labels),
        groups=len(np.unique(clusters)),
        top1=float(right.mean()),
        top1_interval=share_interval(right, clusters),
        top5=top_k(logits, labels, 5),
        mean_class=float(np.mean([row.recall for row in rows if row.recall is not None])),
        streams={name: top_k(scores.logits[name], labels, 1) for name in STREAMS if name in scores.logits},
        log_loss=float(-np.log(np.maximum(certain, 1e-30)).mean()),
        calibration_error=sum(abs(sure - good) * count for sure, good, count in reliability) / len(labels),
        per_class=rows,
        confusion=tuple(tuple(int(count) for count in row) for row in table),
        reliability=reliability,
    )


def top_k(logits: NDArray[np.float32], labels: NDArray[np.int64], k: int) -> float:
    """Share of videos with fewer than k classes that score higher than the label, or as high and come before it."""
    own = logits[np.arange(len(labels)), labels][:, None]
    before = np.arange(logits.shape[1]) < labels[:, None]
    ahead = (logits > own) | ((logits == own) & before)
    return float((ahead.sum(axis=1) < k).mean())


def confusion(scores: Scores) -> NDArray[np.int64]:
    """Videos by label (rows) and answer (columns), `(classes, classes)`."""
    table = np.zeros((len(scores.classes),) * 2, np.int64)
    np.add.at(table, (scores.labels, scores.answers), 1)
    return table


def reliability_bins(
    logits: NDArray[np.float32], labels: NDArray[np.int64], bins: int = BINS
) -> tuple[tuple[float, float, int], ...]:
    """How often answers are right by how probable they were said to be (Guo et al. 2017), in bins of equal width."""
    chances = softmax(logits)
    sure, right = chances.max(axis=1), chances.argmax(axis=1) == labels
    which = np.minimum((sure * bins).astype(int), bins - 1)
    return tuple(
        (float(sure[which == bin].mean()), float(right[which == bin].mean()), int((which == bin).sum()))
        for bin in np.unique(which)
    )


def _class_result(
    classes: tuple[str, ...], table: NDArray[np.int64], index: int, interval: tuple[float, float]
) -> ClassResult:
    right, videos, taken = int(table[index, index]), int(table[index].sum()), int(table[:, index].sum())
    others = table[index].copy()
    others[index] = 0
    wrong = int(others.argmax())
    return ClassResult(
        classes[index],
        videos,
        right,
        right / videos if videos else None,
        interval if videos else None,
        right / taken if taken else None,
        classes[wrong] if others[wrong] else None,
    )


def summary(metrics: Metrics) -> str:
    """The result in one line."""
    low, high = (_percent(share) for share in metrics.top1_interval)
    interval = f"{low} to {high}: 95 %, over {metrics.groups} groups"
    text = f"{_percent(metrics.top1)} % of {metrics.videos} videos right ({interval})"
    text += f", mean of classes {_percent(metrics.mean_class)} %"
    if len(metrics.per_class) > 5:
        text += f", top 5 {_percent(metrics.top5)} %"
    streams = ", ".join(f"{name} {_percent(share)} %" for name, share in metrics.streams.items())
    return text + (f"; alone: {streams}" if len(metrics.streams) > 1 else "")


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
