from __future__ import annotations

import pytest

from actionzoo.inference import Prediction, Window, merge_segments


def window(start_s: float, end_s: float, **scores: float) -> Window:
    indices = {"push": 0, "hug": 1, "kick": 2}
    predictions = [Prediction(label, indices[label], score) for label, score in scores.items()]
    return Window(start_s, end_s, tuple(sorted(predictions, key=lambda p: -p.score)))


def test_neighbours_of_the_same_label_become_one_segment() -> None:
    segments = merge_segments(
        [
            window(0, 2, push=0.9, hug=0.1),
            window(2, 4, push=0.7, hug=0.3),
            window(4, 6, hug=0.8),
            window(6, 8, push=0.6),
        ]
    )
    assert [(s.start_s, s.end_s, s.label) for s in segments] == [(0, 4, "push"), (4, 6, "hug"), (6, 8, "push")]
    assert segments[0].score == pytest.approx(0.8)
    assert segments[0].predictions[1] == Prediction("hug", 1, pytest.approx(0.2))


def test_scores_are_weighted_by_length() -> None:
    (segment,) = merge_segments([window(0, 3, push=1.0), window(3, 4, push=0.6)])
    assert segment.score == pytest.approx(0.9)


def test_a_class_that_not_all_windows_list_is_left_out() -> None:
    (segment,) = merge_segments([window(0, 1, push=0.8, hug=0.1), window(1, 2, push=0.8, kick=0.1)])
    assert [p.label for p in segment.predictions] == ["push"]


def test_overlapping_segments_meet_in_the_middle() -> None:
    segments = merge_segments([window(0, 4, push=0.9), window(2, 6, push=0.9), window(4, 8, hug=0.9)])
    assert [(s.start_s, s.end_s) for s in segments] == [(0, 5), (5, 8)]


def test_segments_stay_in_order_where_many_windows_overlap() -> None:
    labels = ["push", "hug", "push", "push", "hug", "kick"]
    segments = merge_segments([window(k, k + 10, **{label: 0.9}) for k, label in enumerate(labels)])
    edges = [edge for s in segments for edge in (s.start_s, s.end_s)]
    assert edges == sorted(edges)
    assert (edges[0], edges[-1]) == (0, 15)


def test_windows_of_none_of_these_are_joined_and_stay_so() -> None:
    none = [Prediction("none of these", -1, 0.95), Prediction("none of these", -1, 0.98)]
    sure = Prediction("push", 0, 0.999)
    windows = [
        Window(0, 1, (none[0], sure), 0.05),
        Window(1, 4, (none[1], sure), 0.02),
        Window(4, 5, (sure, Prediction("hug", 1, 0.001)), 0.7),
    ]
    first, second = merge_segments(windows)
    assert (first.start_s, first.end_s, first.label, second.label) == (0, 4, "none of these", "push")
    assert first.predictions == (Prediction("none of these", -1, pytest.approx(0.9725)), Prediction("push", 0, 0.999))
    assert (first.known, second.known) == (pytest.approx(0.0275), 0.7)
    assert merge_segments([window(0, 1, push=1.0)])[0].known is None


def test_nothing_gives_nothing() -> None:
    assert merge_segments([]) == ()


def test_windows_with_time_between_them_stay_apart() -> None:
    segments = merge_segments([window(0, 1, push=0.9), window(3, 4, push=0.7)])
    assert [(segment.start_s, segment.end_s) for segment in segments] == [(0, 1), (3, 4)]
