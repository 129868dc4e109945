"""Numbers about scores, against formulas of their own and scipy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.special import log_softmax

from actionzoo.evaluation.metrics import measure, reliability_bins, summary, top_k
from actionzoo.evaluation.scores import Scores, fuse

CLASSES = ("a", "b", "c", "d", "e", "f", "g")


@pytest.fixture
def scores() -> Scores:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 6, 60)  # no video of "g"
    logits = rng.normal(size=(60, 7)).astype(np.float32)
    logits[np.arange(60), labels] += 1.5
    groups = tuple(f"p{number % 9}" for number in range(60))
    motion = rng.normal(size=(60, 7)).astype(np.float32)
    return Scores(CLASSES, tuple(map(str, range(60))), labels, groups, {"answer": logits, "motion": motion})


def test_accuracies_against_sorting(scores: Scores) -> None:
    found = measure(scores)
    logits, labels = scores.logits["answer"], scores.labels
    order = np.argsort(-logits, axis=1)
    assert found.top1 == np.mean(order[:, 0] == labels)
    assert found.top5 == np.mean([label in row[:5] for label, row in zip(labels, order, strict=True)])
    recalls = [np.mean(order[labels == label, 0] == label) for label in np.unique(labels)]
    assert found.mean_class == pytest.approx(np.mean(recalls))
    assert found.streams == {"motion": np.mean(scores.logits["motion"].argmax(axis=1) == labels)}
    assert found.log_loss == pytest.approx(-log_softmax(logits, axis=1)[np.arange(60), labels].mean(), rel=1e-5)
    assert (found.videos, found.groups) == (60, 9)


def test_confusion_and_classes(scores: Scores) -> None:
    found = measure(scores)
    table = np.array(found.confusion)
    assert table.sum() == 60
    for label in range(7):
        row = found.per_class[label]
        answers = scores.answers[scores.labels == label]
        assert (row.videos, row.correct) == (len(answers), (answers == label).sum())
        wrong = answers[answers != label]
        if len(wrong):
            assert row.confused_with is not None
            assert (wrong == CLASSES.index(row.confused_with)).sum() == np.bincount(wrong).max()
    assert found.per_class[6].recall is None
    taken = scores.labels[scores.answers == 2]
    assert found.per_class[2].precision == pytest.approx(np.mean(taken == 2))


def test_ties_go_to_the_first_class() -> None:
    logits, labels = np.zeros((2, 6), np.float32), np.array([0, 5])
    assert top_k(logits, labels, 1) == 0.5
    assert top_k(logits, labels, 5) == 0.5


def test_calibration_of_a_network_that_knows_how_good_it_is() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (40_000, 3)).astype(np.float32)
    chances = np.exp(log_softmax(logits, axis=1))
    labels = (chances.cumsum(axis=1) < rng.random((40_000, 1))).sum(axis=1)
    for sure, accuracy, count in reliability_bins(logits, labels):
        assert abs(sure - accuracy) < 4 * np.sqrt(sure * (1 - sure) / count) + 1e-3
    overconfident = reliability_bins(3 * logits, labels)
    assert sum(abs(sure - accuracy) * count for sure, accuracy, count in overconfident) / 40_000 > 0.1


def test_videos_without_a_group_are_their_own(scores: Scores) -> None:
    assert measure(replace(scores, groups=("",) * 60)).groups == 60


def test_fusion_of_scores_is_their_weighted_mean(scores: Scores) -> None:
    rng = np.random.default_rng(1)
    order = rng.permutation(60)
    other = Scores(
        CLASSES,
        tuple(scores.paths[place] for place in order),
        scores.labels[order],
        scores.groups,
        {"answer": rng.normal(size=(60, 7)).astype(np.float32)},
    )
    fused = fuse([scores, other], [3, 1])
    expected = 0.75 * scores.logits["answer"][order] + 0.25 * other.logits["answer"]
    np.testing.assert_allclose(fused.logits["answer"][order], expected, rtol=1e-5, atol=1e-6)
    chances = 0.75 * np.exp(log_softmax(scores.logits["answer"][order], axis=1))
    chances += 0.25 * np.exp(log_softmax(other.logits["answer"], axis=1))
    by_chance = fuse([scores, other], [3, 1], "softmax").logits["answer"][order]
    np.testing.assert_allclose(np.exp(by_chance), chances, rtol=1e-4, atol=1e-6)
    alone = fuse([scores, other], [1, 0], "softmax").logits["answer"]
    np.testing.assert_allclose(alone, log_softmax(scores.logits["answer"], axis=1), rtol=1e-5)


def test_every_interval_is_there_where_all_are_correct(scores: Scores) -> None:
    """A bootstrap says 100.0 to 100.0."""
    logits = 5 * np.eye(7, dtype=np.float32)[scores.labels]
    found = measure(replace(scores, logits={"answer": logits}, groups=("",) * 60))
    expected = stats.binomtest(60, 60).proportion_ci(method="wilson")
    assert found.top1_interval == pytest.approx((expected.low, 1.0))
    interval = f"(95 % interval {100 * expected.low:.1f} to 100.0, over 60 groups)"
    assert summary(found).startswith(f"top-1 accuracy 100.0 % of 60 videos {interval}, top-5 100.0 %, mean recall 100")
    for row in found.per_class[:6]:
        own = stats.binomtest(row.correct, row.videos).proportion_ci(method="wilson")
        assert row.recall_interval == pytest.approx((own.low, own.high))
    assert found.per_class[6].recall_interval is None
