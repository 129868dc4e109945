"""Shortcuts in a data set: classes that can be told by something other than the action.

A sign of a class is worth its informedness (Youden's J): the share of the class's videos that have it, less the share
of the others. A network's answer to the appearance alone or to a control video (`actionzoo.evaluation.controls`) is
such a sign, and so is a trait of a video on one side of the best limit; there J is the statistic of Kolmogorov and
Smirnov. A shortcut has a J of at least `ENOUGH`, and chance would give one in a hundred such reports (Fisher's exact
test, or Kolmogorov's; Bonferroni).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from actionzoo.evaluation.controls import CONTROLS
from actionzoo.evaluation.scores import Scores

ENOUGH = 0.75
RISK = 0.01

GIVEAWAYS = ("aspect", "frames", "brightness")
"""Traits that have nothing to do with an action."""


@dataclass(frozen=True)
class Shortcut:
    """A sign of a class other than its action.

    Attributes:
        class_index: of the class.
        sign: "appearance", a control or a trait.
        informedness: 0 to 1.
        hits: share of the class's videos that have the sign.
        others: share of the other videos that have it.
        limit: of a trait: the class lies at or above it if `above`, else below.
        above: see `limit`.
    """

    class_index: int
    sign: str
    informedness: float
    hits: float
    others: float
    limit: float | None = None
    above: bool = False


def find_shortcuts(scores: Scores, traits: Mapping[str, NDArray[np.float32]]) -> list[Shortcut]:
    """All shortcuts in a data set, by class, the highest informedness first.

    Appearance alone counts where motion alone does not tell the class as well.

    Args:
        scores: of the videos, with the logits of controls, and of the streams where the network has them.
        traits: by name, `(videos,)`.
    """
    classes = np.unique(scores.labels)
    signs = [name for name in ("appearance", *CONTROLS) if name in scores.logits]
    risk = RISK / max(1, len(classes) * (len(signs) + len(GIVEAWAYS)))
    found = []
    for index in classes:
        own = scores.labels == index
        if own.all():
            continue
        candidates = [_answered(scores, name, int(index), own) for name in signs]
        candidates += [_limited(traits[name], name, int(index), own) for name in GIVEAWAYS if name in traits]
        found += [shortcut for shortcut, chance in candidates if shortcut.informedness >= ENOUGH and chance <= risk]
    found = [each for each in found if each.sign != "appearance" or _alone(scores, each)]
    return sorted(found, key=lambda each: (each.class_index, -each.informedness))


def _answered(scores: Scores, name: str, index: int, own: NDArray[np.bool_]) -> tuple[Shortcut, float]:
    """The sign that some scores answer the class."""
    named = scores.logits[name].argmax(axis=1) == index
    hits, others = float(named[own].mean()), float(named[~own].mean())
    table = [[np.sum(named & own), np.sum(~named & own)], [np.sum(named & ~own), np.sum(~named & ~own)]]
    chance = float(stats.fisher_exact(table, alternative="greater")[1])
    return Shortcut(index, name, hits - others, hits, others), chance


def _limited(values: NDArray[np.float32], name: str, index: int, own: NDArray[np.bool_]) -> tuple[Shortcut, float]:
    """The sign that a trait is beyond the best limit."""
    test = stats.ks_2samp(values[own], values[~own])
    limit = float(test.statistic_location)
    above = bool(test.statistic_sign < 0)  # fewer of the class's values lie at or below the limit
    beyond = values > limit if above else values <= limit
    hits, others = float(beyond[own].mean()), float(beyond[~own].mean())
    return Shortcut(index, name, hits - others, hits, others, limit, above), float(test.pvalue)


def _alone(scores: Scores, shortcut: Shortcut) -> bool:
    """Whether motion alone does not tell the class as well."""
    if "motion" not in scores.logits:
        return False  # a network of one stream: there is nothing to compare it with
    own = scores.labels == shortcut.class_index
    return _answered(scores, "motion", shortcut.class_index, own)[0].informedness < shortcut.informedness
