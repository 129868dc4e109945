"""Metrics of scores: accuracies with confidence intervals, per class, confusion, calibration. All of it NumPy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import log_softmax, softmax

from actionzoo.evaluation.intervals import share_interval
from actionzoo.evaluation.scores import Scores
from actionzoo.names import ANSWER, STREAMS

BINS = 10

HITS = 0.95
"""The share of known videos that are taken for known where `false_alarms` are counted."""


@dataclass(frozen=True)
class ClassResult:
    """The metrics of a class.

    Attributes:
        name: of the class.
        videos: with this label.
        correct: of these, those that were answered correctly.
        recall: correct answers / videos; `None` where it has no videos.
        recall_interval: 95 % confidence interval of the recall, `None` likewise.
        precision: correct answers / all answers of this class; `None` where there is no such answer.
        confused_with: the class that its videos are most often mistaken for, or `None`.
    """

    name: str
    videos: int
    correct: int
    recall: float | None
    recall_interval: tuple[float, float] | None
    precision: float | None
    confused_with: str | None


@dataclass(frozen=True)
class Metrics:
    """The metrics of scores. Shares are from 0 to 1.

    Attributes:
        videos: how many.
        groups: of how many groups.
        top1: top-1 accuracy.
        top1_interval: 95 % confidence interval of `top1`, by groups (`share_interval`).
        top5: top-5 accuracy.
        mean_class: mean recall of the classes that have videos.
        streams: top-1 accuracy of the streams' own scores.
        log_loss: mean negative logarithm of the label's probability.
        calibration_error: expected calibration error, over ten bins.
        per_class: a row for every class.
        confusion: `(classes, classes)` videos, by label and answer.
        reliability: rows (mean probability of the answer, accuracy, videos) of bins that are not empty.
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
    """All metrics of scores.

    >>> logits = np.array([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]])
    >>> found = measure(Scores(("a", "b"), ("1", "2", "3"), np.array([0, 1, 1]), ("", "", ""), {"answer": logits}))
    >>> round(found.top1, 3), found.mean_class
    (0.667, 0.75)
    """
    logits, labels, clusters = scores.logits[ANSWER], scores.labels, scores.clusters
    correct = scores.answers == labels
    table = confusion(scores)
    of_class = [labels == index for index in range(len(scores.classes))]
    intervals = [share_interval(correct[own], clusters[own]) for own in of_class]
    rows = tuple(_class_result(scores.classes, table, index, interval) for index, interval in enumerate(intervals))
    reliability = reliability_bins(logits, labels)
    return Metrics(
        videos=len(labels),
        groups=len(np.unique(clusters)),
        top1=float(correct.mean()),
        top1_interval=share_interval(correct, clusters),
        top5=top_k(logits, labels, 5),
        mean_class=float(np.mean([row.recall for row in rows if row.recall is not None])),
        streams={name: top_k(scores.logits[name], labels, 1) for name in STREAMS if name in scores.logits},
        log_loss=float(-log_softmax(logits.astype(np.float64), axis=1)[np.arange(len(labels)), labels].mean()),
        calibration_error=sum(abs(sure - good) * count for sure, good, count in reliability) / len(labels),
        per_class=rows,
        confusion=tuple(tuple(int(count) for count in row) for row in table),
        reliability=reliability,
    )


def top_k(logits: NDArray[np.float32], labels: NDArray[np.int64], k: int) -> float:
    """Top-k accuracy: the share of videos whose label is among the k highest scores; of equal ones the first count."""
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
    """`Metrics.reliability`: accuracy by the probability of the answer (Guo et al. 2017), in bins of equal width."""
    chances = softmax(logits.astype(np.float64), axis=1)
    sure, correct = chances.max(axis=1), chances.argmax(axis=1) == labels
    which = np.minimum((sure * bins).astype(int), bins - 1)
    return tuple(
        (float(sure[which == bin].mean()), float(correct[which == bin].mean()), int((which == bin).sum()))
        for bin in np.unique(which)
    )


def area(higher: NDArray[np.floating], lower: NDArray[np.floating]) -> float:
    """The area under the ROC curve: how often a value of the first is the higher one; a tie counts half.

    >>> area(np.array([3, 2]), np.array([2, 1]))
    0.875
    """
    return float(stats.mannwhitneyu(higher, lower, method="asymptotic").statistic) / (len(higher) * len(lower))


def false_alarms(known: NDArray[np.floating], unknown: NDArray[np.floating]) -> float:
    """The share of unknown videos whose value is at least the one that `HITS` of the known ones reach.

    >>> false_alarms(np.arange(100.0), np.array([3.0, 5.0, 50.0, 70.0]))
    0.75
    """
    return float((unknown >= np.quantile(known, 1 - HITS, method="lower")).mean())


def _class_result(
    classes: tuple[str, ...], table: NDArray[np.int64], index: int, interval: tuple[float, float]
) -> ClassResult:
    correct, videos, answers = int(table[index, index]), int(table[index].sum()), int(table[:, index].sum())
    others = table[index].copy()
    others[index] = 0
    wrong = int(others.argmax())
    return ClassResult(
        classes[index],
        videos,
        correct,
        correct / videos if videos else None,
        interval if videos else None,
        correct / answers if answers else None,
        classes[wrong] if others[wrong] else None,
    )


def summary(metrics: Metrics) -> str:
    """The result in one line."""
    low, high = (percent(share) for share in metrics.top1_interval)
    text = f"top-1 accuracy {percent(metrics.top1)} % of {metrics.videos} videos"
    text += f" (95 % interval {low} to {high}, over {metrics.groups} groups)"
    if len(metrics.per_class) > 5:
        text += f", top-5 {percent(metrics.top5)} %"
    text += f", mean recall {percent(metrics.mean_class)} %"
    streams = ", ".join(f"{name} {percent(share)} %" for name, share in metrics.streams.items())
    return text + (f"; single streams: {streams}" if len(metrics.streams) > 1 else "")


def percent(share: float | None) -> str:
    """A share from 0 to 1 in percent.

    >>> percent(0.9534), percent(1.0), percent(None)
    ('95.3', '100.0', '-')
    """
    return "-" if share is None else f"{100 * share:.1f}"
