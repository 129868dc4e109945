"""Scores of videos: what a network said about each, kept as NPZ, and joined with what others said."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actionzoo.errors import DataError

ANSWER = "answer"
AVERAGES = ("logits", "softmax")
_TEXTS = ("classes", "paths", "groups")


@dataclass(frozen=True)
class Scores:
    """What a network said about labelled videos.

    Attributes:
        classes: names by index.
        paths: of the videos.
        labels: `(videos,)`.
        groups: `(videos,)` names; empty for a video whose group nobody knows.
        logits: by name, `(videos, classes)`: "answer", and "appearance" and "motion" where streams have scores.
    """

    classes: tuple[str, ...]
    paths: tuple[str, ...]
    labels: NDArray[np.int64]
    groups: tuple[str, ...]
    logits: Mapping[str, NDArray[np.float32]]

    @property
    def answers(self) -> NDArray[np.int64]:
        """`(videos,)`: the class with the highest score; of equal ones the first."""
        return np.asarray(self.logits[ANSWER].argmax(axis=1), np.int64)

    @property
    def clusters(self) -> NDArray[np.int64]:
        """`(videos,)`: a number for each group; a video without one is its own."""
        names = [group or f"\0{path}" for group, path in zip(self.groups, self.paths, strict=True)]
        return np.asarray(np.unique(names, return_inverse=True)[1], np.int64)

    def to_npz(self) -> bytes:
        """The content of an NPZ file, without pickles."""
        arrays: dict[str, Any] = {name: np.array(getattr(self, name), dtype=np.str_) for name in _TEXTS}
        arrays |= {f"logits_{name}": logits for name, logits in self.logits.items()}
        file = io.BytesIO()
        np.savez(file, labels=self.labels, **arrays)
        return file.getvalue()


def read_scores(path: str | Path) -> Scores:
    """Scores of an NPZ file. Raises DataError if it is none, or its parts do not fit together."""
    try:
        with open(path, "rb") as content, np.load(content, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        texts = {name: tuple(str(text) for text in arrays[name]) for name in _TEXTS}
        logits = {
            name.removeprefix("logits_"): array.astype(np.float32)
            for name, array in arrays.items()
            if name.startswith("logits_")
        }
        scores = Scores(labels=arrays["labels"].astype(np.int64), logits=logits, **texts)
        shape = len(scores.paths), len(scores.classes)
        fits = ANSWER in logits and all(array.shape == shape for array in logits.values())
        fits = fits and len(scores.labels) == len(scores.groups) == len(scores.paths) > 0
        if not fits or not np.isin(scores.labels, range(len(scores.classes))).all():
            raise ValueError("its parts do not fit together")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} holds no scores ({error}); give a scores.npz of `actionzoo evaluate`") from error
    return scores


def fuse(many: Sequence[Scores], weights: Sequence[float], average: str = "logits") -> Scores:
    """Weighted mean of what several networks said about the same videos (late fusion, NIPS'14).

    Args:
        many: scores of the same videos, in any order.
        weights: one for each of them.
        average: "logits", or "softmax" for probabilities, whose logarithms are the result then.

    Raises:
        DataError: they are about other videos, labels or classes.

    >>> one, two = (Scores(("a", "b"), ("v",), np.array([1]), ("",), {"answer": np.array([[x, 0.0]])}) for x in (1, -3))
    >>> fuse([one, two], [1, 1]).answers
    array([1])
    """
    first = many[0]
    places = []
    for number, scores in enumerate(many, start=1):
        if scores.classes != first.classes:
            raise DataError(f"scores 1 and {number} are of other classes; evaluate both models on the same data")
        if sorted(scores.paths) != sorted(first.paths):
            raise DataError(f"scores 1 and {number} are of other videos; evaluate both models on the same data")
        order = {path: place for place, path in enumerate(scores.paths)}
        places.append([order[path] for path in first.paths])
        if (scores.labels[places[-1]] != first.labels).any():
            raise DataError(f"scores 1 and {number} disagree on labels; evaluate both models on the same data")
    parts = np.stack([scores.logits[ANSWER][order] for scores, order in zip(many, places, strict=True)])
    shares = np.asarray(weights, np.float64)[:, None, None] / np.sum(weights)
    if average == "softmax":
        total = np.log((shares * softmax(parts)).sum(axis=0) + 1e-30)
    else:
        total = (shares * parts).sum(axis=0)
    return Scores(first.classes, first.paths, first.labels, first.groups, {ANSWER: total.astype(np.float32)})


def softmax(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Probabilities over the last axis."""
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float64)
