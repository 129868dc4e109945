"""Actions as formulas: what moves, how far, and that feet keep to the ground."""

from __future__ import annotations

import numpy as np
import pytest

from actionzoo.motion.recording import INDEX, Array, MotionRecording
from actionzoo.weights import plays


def places(recording: MotionRecording, name: str) -> Array:
    return recording.joints[:, 0, INDEX[name]]


def lower_ankle(recording: MotionRecording) -> Array:
    return np.minimum(places(recording, "left_ankle")[:, 2], places(recording, "right_ankle")[:, 2])


def both(recording: MotionRecording, name: str) -> Array:
    return np.stack([places(recording, f"{side}_{name}") for side in ("left", "right")])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("running", [False, True])
def test_who_walks_or_runs_stands_on_the_foot_that_is_down(running: bool, seed: int) -> None:
    recording = plays.gait(np.random.default_rng(seed), running)
    ankles = both(recording, "ankle")
    speed = -np.gradient(places(recording, "pelvis")[:, 1]).mean() * plays.FPS
    assert 2.0 < speed < 7.0 if running else 0.8 < speed < 2.2
    down = ankles[:, :, 2].argmin(0)
    moves = np.abs(np.gradient(ankles[:, :, 1], axis=1)) * plays.FPS
    assert np.median(moves[down, np.arange(len(down))]) < 0.4 * speed
    off = lower_ankle(recording) - lower_ankle(recording).min()
    assert off.max() > 0.02 if running else off.max() < 1e-9


@pytest.mark.parametrize("one_leg", [False, True])
def test_hops_fly_and_land(one_leg: bool) -> None:
    recording = plays.hop(np.random.default_rng(3), 1.6, one_leg)
    height = lower_ankle(recording) - 0.08
    assert height.min() == pytest.approx(0.0, abs=1e-9)
    assert 0.06 < height.max() < 0.25
    seconds = (len(height) - 1) / plays.FPS
    assert 1.2 * seconds < -(places(recording, "pelvis")[-1, 1] - places(recording, "pelvis")[0, 1]) < 2.0 * seconds
    apart = np.abs(np.diff(both(recording, "ankle")[:, :, 2], axis=0))
    assert apart.min() > 0.1 if one_leg else apart.max() < 1e-6  # one foot stays up, or both go together


def test_one_hand_waves_or_both() -> None:
    for seed in range(6):
        one, two = (plays.wave(np.random.default_rng(seed), hands) for hands in (1, 2))
        moved = np.sort(np.ptp(both(one, "wrist"), axis=1).max(1))
        assert moved[0] < 1e-9 < 0.1 < moved[1]
        left, right = both(two, "wrist")
        np.testing.assert_allclose(left * (-1, 1, 1), right, atol=1e-9)
        assert (left[:, 2].max() > places(two, "left_shoulder")[:, 2]).all()


def test_a_jumping_jack_opens_arms_and_legs_together() -> None:
    recording = plays.jumping_jack(np.random.default_rng(0))
    feet = both(recording, "ankle")[0, :, 0] - both(recording, "ankle")[1, :, 0]
    hands = both(recording, "wrist")[0, :, 2] - places(recording, "pelvis")[:, 2]
    assert np.corrcoef(feet, hands)[0, 1] > 0.9
    assert (both(recording, "wrist")[:, feet.argmax(), 2] > places(recording, "head")[feet.argmax(), 2]).all()


def test_who_falls_lies_at_the_end() -> None:
    for seed in range(6):
        recording = plays.fall(np.random.default_rng(seed))
        head, feet = places(recording, "head")[:, 2], both(recording, "ankle")[:, :, 2].mean(0)
        assert head[0] - feet[0] > 1.2
        assert head[-1] - feet[-1] < 0.5


def test_who_bends_has_the_hands_low() -> None:
    for seed in range(6):
        recording = plays.bend(np.random.default_rng(seed))
        assert both(recording, "wrist")[:, :, 2].min() < 0.5 < 0.6 < both(recording, "wrist")[:, 0, 2].min()


def test_who_steps_aside_does_not_turn() -> None:
    recording = plays.side_step(np.random.default_rng(0))
    path = places(recording, "pelvis")
    assert np.ptp(path[:, 0]) > 0.6
    assert np.ptp(path[:, 1]) < 0.1
    hips = both(recording, "hip")
    np.testing.assert_allclose(hips[0] - hips[1], np.tile([0.2, 0.0, 0.0], (len(path), 1)), atol=1e-9)


def test_fists_strike_ahead_and_a_foot_strikes_the_ball() -> None:
    recording = plays.boxing(np.random.default_rng(1))
    ahead = -(both(recording, "wrist") - both(recording, "shoulder"))[:, :, 1]
    assert ahead.max() > 0.45
    assert (ahead.min(1) < 0.32).all()
    kick = plays.kick_ball(np.random.default_rng(1))
    swung = -(both(kick, "ankle") - both(kick, "hip"))[:, :, 1]
    assert swung.max() > 0.6
    assert (
        np.linalg.norm(np.diff(places(kick, "pelvis"), axis=0), axis=1).max() * plays.FPS < 8.0
    )  # no jump in the path


@pytest.mark.parametrize(
    "play",
    [
        plays.long_jump,
        plays.idle,
        plays.bend,
        plays.fall,
        plays.boxing,
        plays.kick_ball,
        plays.side_step,
        plays.jumping_jack,
    ],
)
def test_bones_keep_their_lengths(play: plays.Play) -> None:
    recording = play(np.random.default_rng(2))
    for side in ("left", "right"):
        for start, end, length in (
            ("shoulder", "elbow", plays.UPPER_ARM), ("elbow", "wrist", plays.FOREARM),
            ("hip", "knee", plays.THIGH), ("knee", "ankle", plays.SHIN),
        ):  # fmt: skip
            bone = places(recording, f"{side}_{end}") - places(recording, f"{side}_{start}")
            # Where two pieces are joined the joints are smoothed.
            assert np.linalg.norm(bone, axis=1) == pytest.approx(length, rel=0.2 if play is plays.kick_ball else 1e-9)
