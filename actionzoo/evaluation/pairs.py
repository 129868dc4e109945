"""Pairs of classes that are confused with each other, and what separates them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from actionzoo.evaluation.metrics import area, confusion
from actionzoo.evaluation.scores import Scores


@dataclass(frozen=True)
class Pair:
    """Two classes, some of whose videos are mistaken for the other's.

    Attributes:
        first, second: their indices, the lower first.
        taken: videos of the first that were taken for the second, and the other way round.
        videos: of the first and of the second.
        separation: by the name of scores or of a trait: how probable it is that of a video of each, drawn at random,
            the one with the higher value is of the first class (the area under the ROC curve). Of scores the value is
            the first class's less the second's: 1 is perfect, 0.5 is chance.
        medians: of each trait, of the first and of the second class.
        wrong: places of the videos that were mistaken, the surest mistake first.
    """

    first: int
    second: int
    taken: tuple[int, int]
    videos: tuple[int, int]
    separation: dict[str, float]
    medians: dict[str, tuple[float, float]]
    wrong: tuple[int, ...]

    @property
    def share(self) -> float:
        """The larger share of a class's videos that was taken for the other class."""
        return max(count / max(of, 1) for count, of in zip(self.taken, self.videos, strict=True))


def confused_pairs(scores: Scores, traits: Mapping[str, NDArray[np.float32]]) -> list[Pair]:
    """All pairs that were confused, the most confused first."""
    table = confusion(scores)
    both = np.triu(table + table.T, 1)
    pairs = [_pair(scores, traits, table, int(first), int(second)) for first, second in np.argwhere(both)]
    return sorted(pairs, key=lambda pair: (-sum(pair.taken), -pair.share, pair.first, pair.second))


def _pair(
    scores: Scores, traits: Mapping[str, NDArray[np.float32]], table: NDArray[np.int64], first: int, second: int
) -> Pair:
    one, other = scores.labels == first, scores.labels == second
    answers = scores.answers
    wrong = np.flatnonzero((one & (answers == second)) | (other & (answers == first)))
    margins = scores.logits["answer"].max(axis=1) - scores.logits["answer"][np.arange(len(answers)), scores.labels]
    values = {name: logits[:, first] - logits[:, second] for name, logits in scores.logits.items()}
    values |= dict(traits)
    return Pair(
        first,
        second,
        (int(table[first, second]), int(table[second, first])),
        (int(one.sum()), int(other.sum())),
        {name: area(value[one], value[other]) for name, value in values.items()} if one.any() and other.any() else {},
        {name: (_median(value[one]), _median(value[other])) for name, value in traits.items()},
        tuple(int(place) for place in wrong[np.argsort(-margins[wrong], kind="stable")]),
    )


def _median(values: NDArray[np.float32]) -> float:
    return float(np.median(values)) if len(values) else float("nan")
