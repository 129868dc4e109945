"""95 % confidence intervals of a share of videos, also of videos in groups, and of all or none of them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CONFIDENCE = 0.95


def share_interval(values: NDArray[np.bool_], clusters: NDArray[np.int64]) -> tuple[float, float]:
    """Wilson's score interval of a share of videos; videos of a group count for less than they are.

    Videos that are each their own group are independent: the interval is Wilson's (1927). Videos of a group are alike,
    so the number of videos is replaced by an effective one (Korn and Graubard 1998; with Wilson's interval: Dean and
    Pagano 2015): that of independent videos whose share would vary as much as this one does between groups, less what
    few groups leave unknown (Student's t). It is at most the number of videos, and at least the effective number of
    groups (Kish 1965), as if all videos of a group always had the same result. That is also what is taken where the
    share is 1 or 0, as groups then show no variation. A single group of several videos tells nothing: (0, 1).

    >>> share_interval(np.ones(36, bool), np.arange(36))
    (0.9035..., 1.0)
    >>> share_interval(np.ones(36, bool), np.arange(36) // 6)
    (0.6096..., 1.0)

    Args:
        values: `(videos,)` whether each counts, as correct answers do.
        clusters: `(videos,)` a number for each group.
    """
    if not len(values):
        return 0.0, 1.0
    _, groups = np.unique(clusters, return_inverse=True)
    sizes = np.bincount(groups)
    if len(sizes) == 1 < len(values):
        return 0.0, 1.0
    return wilson(float(values.mean()), _effective_number(values, groups, sizes))


def wilson(share: float, number: float) -> tuple[float, float]:
    """Wilson's score interval of a share of a number of independent trials, which need not be whole.

    >>> wilson(0.5, 10)
    (0.236..., 0.763...)
    """
    z = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
    centre = (share + z * z / (2 * number)) / (1 + z * z / number)
    half = z / (1 + z * z / number) * math.sqrt(share * (1 - share) / number + (z / (2 * number)) ** 2)
    low = 0.0 if share == 0 else max(0.0, centre - half)
    return low, 1.0 if share == 1 else min(1.0, centre + half)


def _effective_number(values: NDArray[np.bool_], groups: NDArray[np.int64], sizes: NDArray[np.int64]) -> float:
    """How many independent videos tell as much about the share as these."""
    videos, count = len(values), len(sizes)
    if count == videos:
        return float(videos)
    share = float(values.mean())
    fewest = videos**2 / float((sizes**2).sum())
    deviations = np.bincount(groups, values - share, minlength=count) / videos
    variance = count / (count - 1) * float((deviations**2).sum())
    if share in (0.0, 1.0):
        return fewest
    if not variance:  # the same share in every group
        return float(videos)
    lost = (stats.norm.ppf((1 + CONFIDENCE) / 2) / stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) ** 2
    return float(np.clip(lost * share * (1 - share) / variance, fewest, videos))
