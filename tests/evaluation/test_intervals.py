"""Intervals of shares, against scipy and against how often they hold the true share."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from actionzoo.evaluation.intervals import share_interval


@pytest.mark.parametrize(("right", "videos"), [(0, 1), (1, 1), (0, 20), (20, 20), (320, 400), (399, 400), (3, 7)])
def test_independent_videos_have_wilsons_interval(right: int, videos: int) -> None:
    expected = stats.binomtest(right, videos).proportion_ci(method="wilson")
    found = share_interval(np.arange(videos) < right, np.arange(videos) + 5)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize("right", [0, 60])
def test_where_all_or_none_are_right_each_group_counts_once(right: int) -> None:
    expected = stats.binomtest(right // 10, 6).proportion_ci(method="wilson")
    found = share_interval(np.arange(60) < right, np.arange(60) % 6)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_a_large_group_among_small_ones_counts_for_little_more() -> None:
    """Kish's number of groups: of 100, 1 and 1 videos it is hardly more than one."""
    low, high = share_interval(np.ones(102, bool), np.array([0] * 100 + [1, 2]))
    assert low < stats.binomtest(2, 2).proportion_ci(method="wilson").low
    assert high == 1


def test_copies_are_no_news() -> None:
    """Ten copies of every video: the interval of the videos, not one that is three times narrower."""
    right = np.arange(100) % 5 > 0
    alone = share_interval(right, np.arange(100))
    copies = share_interval(np.repeat(right, 10), np.repeat(np.arange(100), 10))
    assert copies == pytest.approx(alone, abs=0.01)


def test_a_single_group_tells_nothing() -> None:
    assert share_interval(np.arange(100) % 5 > 0, np.zeros(100, int)) == (0.0, 1.0)


def test_groups_that_agree_are_not_better_than_independent_videos() -> None:
    right, groups = np.arange(100) % 5 > 0, np.arange(100) // 10  # 8 of 10 in each
    assert share_interval(right, groups) == share_interval(right, np.arange(100))


@pytest.mark.parametrize("share", [0.8, 0.97])
def test_the_interval_holds_the_true_share(share: float) -> None:
    """Twelve groups whose own shares vary: 95 of 100 intervals hold the true one, of a binomial's far fewer."""
    rng = np.random.default_rng(0)
    groups = np.arange(180) // 15
    held, naive = [], []
    for _ in range(400):
        own = rng.beta(3 * share, 3 * (1 - share), 12)
        right = rng.random(180) < own[groups]
        for held_by, clusters in ((held, groups), (naive, np.arange(180))):
            low, high = share_interval(right, clusters)
            held_by.append(low <= share <= high)
    assert np.mean(held) > 0.91
    assert np.mean(naive) < 0.8
