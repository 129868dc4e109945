"""Idiosyncrasies of a set: classes that something other than the action gives away.

A sign of a class is worth its informedness (Youden's J): the share of the class's videos that have it, less the share
of the others. What a network says of the appearance alone or of a control clip (`actionzoo.evaluation.controls`) is
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
    """A sign that gives a class away.

    Attributes:
        label: the class's index.
        sign: "appearance", a control or a trait.
        informedness: 0 to 1.
        hits: share of the class's videos that have the sign.
        others: share of the other videos that have it.
        limit: of a trait: the class lies at or above it if `above`, else below.
        above: see `limit`.
    """

    label: int
    sign: str
    informedness: float
    hits: float
    others: float
    limit: float | None = None
    above: bool = False


def find_shortcuts(scores: Scores, traits: Mapping[str, NDArray[np.float32]]) -> list[Shortcut]:
    """All shortcuts of a set, by class, the surest first.

    Args:
        scores: of the videos, with the logits of controls, and of the streams where the network has them.
        traits: by name, `(videos,)`.

    Appearance alone counts where motion alone does not tell the class as well.
    """
    classes = np.unique(scores.labels)
    signs = [name for name in ("appearance", *CONTROLS) if name in scores.logits]
    risk = RISK / max(1, len(classes) * (len(signs) + len(GIVEAWAYS)))
    found = []
    for label in classes:
        own = scores.labels == label
        if own.all():
            continue
        candidates = [_said(scores, name, int(label), own) for name in signs]
        candidates += [_limited(traits[name], name, int(label), own) for name in GIVEAWAYS if name in traits]
        found += [shortcut for shortcut, chance in candidates if shortcut.informedness >= ENOUGH and chance <= risk]
    found = [each for each in found if each.sign != "appearance" or _alone(scores, each)]
    return sorted(found, key=lambda each: (each.label, -each.informedness))


def _said(scores: Scores, name: str, label: int, own: NDArray[np.bool_]) -> tuple[Shortcut, float]:
    """The sign that some scores name the class."""
    named = scores.logits[name].argmax(axis=1) == label
    hits, others = float(named[own].mean()), float(named[~own].mean())
    table = [[np.sum(named & own), np.sum(~named & own)], [np.sum(named & ~own), np.sum(~named & ~own)]]
    chance = float(stats.fisher_exact(table, alternative="greater")[1])
    return Shortcut(label, name, hits - others, hits, others), chance


def _limited(values: NDArray[np.float32], name: str, label: int, own: NDArray[np.bool_]) -> tuple[Shortcut, float]:
    """The sign that a trait is beyond the best limit."""
    test = stats.ks_2samp(values[own], values[~own])
    limit = float(test.statistic_location)
    above = bool(test.statistic_sign < 0)  # fewer of the class's values lie at or below the limit
    beyond = values > limit if above else values <= limit
    hits, others = float(beyond[own].mean()), float(beyond[~own].mean())
    return Shortcut(label, name, hits - others, hits, others, limit, above), float(test.pvalue)


def _alone(scores: Scores, shortcut: Shortcut) -> bool:
    """Whether motion alone does not tell the class as well."""
    if "motion" not in scores.logits:
        return False  # a network of one stream: there is nothing to compare it with
    own = scores.labels == shortcut.label
    return _said(scores, "motion", shortcut.label, own)[0].informedness < shortcut.informedness
