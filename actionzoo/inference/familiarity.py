"""Whether a video shows one of a network's classes at all, by how familiar it looks: a conformal test.

Videos of the classes that the network has not learned from say how familiar what it knows looks (`InputSpec.known`).
A new video is "none of these" if hardly any of them looks as unfamiliar: of videos of the network's own classes, of the
kind that it was calibrated with, that wrongly happens to at most the share `THRESHOLD` (Vovk, Gammerman and Shafer
2005, *Algorithmic Learning in a Random World*). How many other videos it happens to depends on the network.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from actionzoo.inference.answer import Prediction
from actionzoo.video.spec import InputSpec

Array = npt.NDArray[np.float32]

NONE_OF_THESE = "none of these"
NO_CLASS = -1
"""The label and index of the prediction that a video shows none of the classes."""

THRESHOLD = 0.05
"""A p value up to which a video is none of these, unless another one is asked for."""

FEWEST = 19
"""Held-out videos below which no p value is as low as `THRESHOLD`."""

MOST = 99
"""Familiarities that are kept of more held-out videos."""


def familiarity(logits: Array) -> float:
    """How familiar a video looks: how sure both streams are, each by itself, of the class that they agree on best.

    It is the product of the streams' probabilities of a class, the highest of all classes; of a network without
    classifiers of its streams the highest probability. Of seven such scores this one told videos of known classes from
    others best (`python -m benchmarks.unknown`).

    Args:
        logits: `(outputs, classes)`: the answer's, then those of each stream that has a classifier of its own, as of
            `Model.scores`; means over the clips of a video.

    >>> agree, differ = [[3, 0], [4, 0], [4, 0]], [[3, 0], [4, 0], [0, 4]]
    >>> round(familiarity(np.array(agree)), 3), round(familiarity(np.array(differ)), 3)
    (0.964, 0.018)
    """
    streams = logits[1:] if len(logits) > 1 else logits
    return float(softmax(streams).prod(axis=0).max())


def kept(familiarities: Sequence[float]) -> tuple[float, ...]:
    """What `InputSpec.known` keeps of the familiarities of held-out videos: all, or `MOST` of them.

    Those that are kept of more lie evenly in their order, so that a p value is the exact one rounded up to a percent.

    >>> kept([0.9, 0.2, 0.4])
    (0.2, 0.4, 0.9)
    """
    ordered = sorted(familiarities)
    if len(ordered) > MOST:
        ordered = [ordered[rank * (len(ordered) + 1) // (MOST + 1) - 1] for rank in range(1, MOST + 1)]
    return tuple(ordered)


def p_value(value: float, known: Sequence[float]) -> float:
    """How probable it is that a video of the known classes looks no more familiar than this one.

    It is (1 + the number of held-out videos that are at most as familiar) / (1 + the number of them).

    Args:
        value: the video's `familiarity`.
        known: of the held-out videos, ascending: `InputSpec.known`.

    >>> p_value(0.3, (0.2, 0.4, 0.9))
    0.5
    """
    return (1 + int(np.searchsorted(known, value, side="right"))) / (1 + len(known))


def ranked(
    logits: Array, spec: InputSpec, top_k: int, threshold: float | None = None
) -> tuple[tuple[Prediction, ...], float | None]:
    """The predictions for a video, best first, and its p value if the network is calibrated.

    Args:
        logits: `(outputs, classes)`, as for `familiarity`.
        spec: of the network.
        top_k: predictions in all.
        threshold: a p value up to which the first prediction is "none of these", with the index -1 and 1 - p as its
            score: the share of held-out videos that look more familiar. `THRESHOLD` by default; 0 for never.

    >>> spec = InputSpec(("push", "hug"), known=tuple(0.8 + 0.01 * number for number in range(19)))
    >>> ranked(np.array([[1.0, 0.0], [4.0, 0.0], [0.0, 4.0]]), spec, top_k=2)[0][0]
    Prediction(label='none of these', index=-1, score=0.95)
    """
    scores = softmax(logits[0])
    order = np.argsort(-scores, kind="stable")[:top_k]
    classes = tuple(Prediction(spec.label(int(index)), int(index), float(scores[index])) for index in order)
    if not spec.known:
        return classes, None
    p = p_value(familiarity(logits), spec.known)
    if p > (THRESHOLD if threshold is None else threshold):
        return classes, p
    return (Prediction(NONE_OF_THESE, NO_CLASS, 1 - p), *classes[: top_k - 1]), p


def check_threshold(threshold: float | None, model: str, spec: InputSpec) -> None:
    """Raises ValueError for a threshold that is none, or that the network cannot be asked for."""
    if threshold is None:
        return
    if not 0 <= threshold <= 1:  # also of NaN
        raise ValueError(f"a threshold is a p value from 0 to 1, not {threshold}")
    if threshold and not spec.known:
        raise ValueError(
            f"{model} is not calibrated and cannot tell what is none of its classes: leave the threshold out, or "
            f"fine-tune the model with at least {FEWEST} videos held out"
        )


def softmax(logits: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Probabilities over the last axis, in double precision; importing scipy's would slow the start."""
    powers = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
