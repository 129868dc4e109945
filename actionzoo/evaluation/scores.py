"""A network's scores of labelled videos: kept as NPZ, and fused with those of other networks."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp

from actionzoo.errors import UNREADABLE_NPZ, DataError
from actionzoo.names import ANSWER

_TEXTS = ("classes", "paths", "groups")


@dataclass(frozen=True)
class Scores:
    """A network's scores of labelled videos.

    Attributes:
        classes: names by index.
        paths: of the videos.
        labels: `(videos,)` the index of each video's class.
        groups: `(videos,)` names; empty for a video whose group is unknown.
        logits: by name, `(videos, classes)`: "answer"; "appearance" and "motion" where the streams have classifiers of
            their own; and the answers to control videos, "background" and "shape", where these were scored.
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
    """The scores in an NPZ file.

    Raises:
        DataError: it is none, or its arrays do not fit together.
    """
    try:
        with open(path, "rb") as content:
            return _from_arrays(_arrays(content))
    except UNREADABLE_NPZ as error:
        raise DataError(
            f"{path} holds no scores ({_reason(error)}); give a scores.npz of `actionzoo evaluate`"
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"there is no {error}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "it is no NPZ file" if "pickle" in str(error) else str(error)  # numpy's words for whatever it does not know


def _arrays(content: IO[bytes]) -> dict[str, NDArray[Any]]:
    file = np.load(content, allow_pickle=False)
    if not isinstance(file, np.lib.npyio.NpzFile):
        raise ValueError("it is one array")
    with file:
        arrays = {name: file[name] for name in file.files}
    if strange := [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]:
        raise ValueError(f"its {strange[0]} is no array")
    return arrays


def _from_arrays(arrays: Mapping[str, NDArray[Any]]) -> Scores:
    """Scores of the arrays of a file. Raises KeyError for a missing one, ValueError for one that cannot be meant."""
    texts, labels = {name: arrays[name] for name in _TEXTS}, arrays["labels"]
    logits = {name.removeprefix("logits_"): array for name, array in arrays.items() if name.startswith("logits_")}
    if any(array.ndim != 1 or array.dtype.kind != "U" for array in texts.values()) or labels.dtype.kind not in "iu":
        raise ValueError("its names are not text, or its labels are not integers")
    if any(array.dtype.kind != "f" or not np.isfinite(array).all() for array in logits.values()):
        raise ValueError("its scores are not finite floating-point numbers")
    videos, classes = len(texts["paths"]), len(texts["classes"])
    fits = ANSWER in logits and all(array.shape == (videos, classes) for array in logits.values())
    fits = fits and videos > 0 and labels.shape == texts["groups"].shape == (videos,)
    if not fits or not np.isin(labels, range(classes)).all():
        raise ValueError("the shapes of its arrays do not fit together")
    for name in ("classes", "paths"):
        if len(set(texts[name].tolist())) < len(texts[name]):
            raise ValueError(f"some of its {name} are there twice")
    return Scores(
        labels=labels.astype(np.int64),
        logits={name: array.astype(np.float32) for name, array in logits.items()},
        **{name: tuple(array.tolist()) for name, array in texts.items()},
    )


def fuse(many: Sequence[Scores], weights: Sequence[float], average: str = "logits") -> Scores:
    """The weighted mean of several networks' scores of the same videos (late fusion, NIPS'14).

    Args:
        many: scores of the same videos, in any order. The folders of the videos may differ, not their names: if the
            paths are not equal, they are compared below the folder that all videos of an evaluation share.
        weights: one for each of them, none below 0 and not all 0.
        average: "logits", or "softmax" for probabilities, whose logarithms are the result then.

    Returns:
        Scores with the logits "answer", and the videos in the order of the first.

    Raises:
        DataError: they are of other videos, labels or classes.
        ValueError: the weights do not make a mean.

    >>> one, two = (Scores(("a", "b"), ("v",), np.array([1]), ("",), {"answer": np.array([[x, 0.0]])}) for x in (1, -3))
    >>> fuse([one, two], [1, 1]).answers
    array([1])
    """
    if len(weights) != len(many) or not all(0 <= weight < math.inf for weight in weights) or not sum(weights):
        raise ValueError(
            f"weights are {len(many)} finite numbers, none below 0 and not all 0. Received: {list(weights)}"
        )
    first = many[0]
    places = []
    for number, scores in enumerate(many, start=1):
        if scores.classes != first.classes:
            raise DataError(f"scores 1 and {number} are of other classes; evaluate both models on the same data")
        names, wanted = _same_names(scores.paths, first.paths)
        if sorted(names) != sorted(wanted):
            raise DataError(f"scores 1 and {number} are of other videos; evaluate both models on the same data")
        order = {name: place for place, name in enumerate(names)}
        places.append([order[name] for name in wanted])
        if (scores.labels[places[-1]] != first.labels).any():
            raise DataError(f"scores 1 and {number} disagree on labels; evaluate both models on the same data")
    parts = np.stack([scores.logits[ANSWER][order] for scores, order in zip(many, places, strict=True)])
    shares = np.asarray(weights, np.float64)[:, None, None] / np.sum(weights)
    if average == "softmax":
        total = logsumexp(log_softmax(parts.astype(np.float64), axis=-1), axis=0, b=shares)
    else:
        total = (shares * parts).sum(axis=0)
    return Scores(first.classes, first.paths, first.labels, first.groups, {ANSWER: total.astype(np.float32)})


def _same_names(paths: tuple[str, ...], others: tuple[str, ...]) -> tuple[Sequence[str], Sequence[str]]:
    """Names by which two evaluations' videos can be compared: their paths, or those below the folder that all share.

    >>> _same_names(("set/hug/1.avi", "set/kick/1.avi"), ("/copy/kick/1.avi", "/copy/hug/1.avi"))
    (['hug/1.avi', 'kick/1.avi'], ['kick/1.avi', 'hug/1.avi'])
    """
    return (paths, others) if set(paths) == set(others) else (_below(paths), _below(others))


def _below(paths: tuple[str, ...]) -> list[str]:
    places = [os.path.abspath(path) for path in paths]
    shared = os.path.commonpath([os.path.dirname(place) for place in places])
    return [os.path.relpath(place, shared).replace(os.sep, "/") for place in places]
