"""The script that makes `mini`: what it feeds, and how it counts."""

from __future__ import annotations

import numpy as np
import pytest

from actionzoo.weights import train_mini
from actionzoo.weights.card import card
from actionzoo.weights.ut_interaction import FOLDS


def decoded(name: str, label: int) -> train_mini.DecodedVideo:
    rng = np.random.default_rng(label)
    frames = rng.integers(0, 256, (30, 56, 72, 3)).astype(np.uint8)
    return train_mini.DecodedVideo(name, label, frames, rng.normal(0, 1, (29, 56, 72, 2)).astype(np.float16))


def test_batches_are_shared_out_and_do_not_depend_on_the_order_of_asking() -> None:
    real, puppets = [decoded(f"{i}_1_{i}.avi", i) for i in range(3)], [decoded("p", 5)]
    draws = train_mini.draws([(real, 3), (puppets, 1)], steps=4, seed=0)
    later = draws[2]
    first = [draws[i] for i in range(4)]
    np.testing.assert_array_equal(later[0]["motion"], first[2][0]["motion"])
    for inputs, (labels, again) in first:
        assert inputs["appearance"].shape == (4, 6, 112, 144, 3)
        assert sorted(labels.argmax(1)) == [0, 1, 2, 5]
        assert labels is again


def test_folds_leave_every_sequence_out_once() -> None:
    sequences = [number for fold in FOLDS for number in fold]
    assert sorted(sequences) == [1, 2, 3, 6, 7, 8, 10, 11, 12, 13, 16, 17, 18, 20]


def test_summary_counts_and_names() -> None:
    point = train_mini.ACTIONS.index("point")
    clips = [("0_1_0.avi", 0), ("1_1_3.avi", point), ("2_2_1.avi", 1), ("3_2_3.avi", point)]
    real = [decoded(*clip) for clip in clips]
    logits = np.zeros((4, 3, 6))
    for row, answers in enumerate([(0, 1, 0), (point, point, point), (0, 0, 0), (point, 0, point)]):
        logits[row, range(3), answers] = 1
    result = train_mini.summary(logits, real)
    accuracy = result["accuracy"]
    assert accuracy["appearance_all"]["accuracy"] == 0.75
    assert accuracy["motion_all"]["accuracy"] == 0.25
    assert accuracy["fused_without_point"] == {"accuracy": 0.5, "standard_error": pytest.approx(0.5), "clips": 2}
    assert accuracy["appearance_all"]["standard_error"] == pytest.approx(0.25)  # sequences: 1 and 0.5
    assert result["wrong"] == [{"clip": "hug/2_2_1.avi", "answer": "handshake"}]
    assert np.trace(np.array(result["confusion"])) == 3

    results = dict.fromkeys(("none", "residual", "none_puppets_only", "residual_puppets_only"), result)
    results |= {"connection": "none", "seed": 0}
    facts = dict.fromkeys(
        ("num_frames", "height", "width", "fps", "stride", "stack_length", "flow", "span", "span_s"), 1
    )
    facts |= dict.fromkeys(("parameters", "puppets", "puppets_a_class"), 1)
    text = card(results, facts | {"classes": train_mini.ACTIONS})
    assert "| appearance alone | 75.0 ± 25.0 | 50.0 ± 50.0 |" in text
    assert "| both, late fusion (shipped) |" in text
    assert "hug/2_2_1.avi taken for handshake" in text
    assert "$" not in text
