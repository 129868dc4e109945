"""Changes to recordings, on a walk and on tracks made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from actionzoo.motion.recording import INDEX, Array, MotionRecording
from actionzoo.puppets.retarget import size
from actionzoo.puppets.script import Body
from actionzoo.weights import edits, plays


def places(recording: MotionRecording, name: str) -> Array:
    return recording.joints[:, 0, INDEX[name]]


def seen(recording: MotionRecording) -> MotionRecording:
    """A recording in 3-D as it is seen from the right of the person: x ahead, y down, in pixels."""
    return recording.replace(joints=recording.joints[..., [1, 2]] * (-100.0, -100.0))


def marching(frames: int = 90, rate: float = 0.9) -> MotionRecording:
    """Steps on the spot, as in front of a depth camera: one knee rises, then the other."""
    phase = 2 * np.pi * rate * np.arange(frames) / plays.FPS
    legs = {}
    for side, own in (("left", phase), ("right", phase + np.pi)):
        up = 0.8 * np.clip(np.sin(own), 0.0, None)
        legs[side] = plays.limb(up, 0.0, side, frames), plays.limb(-up, 0.0, side, frames)
    arms = {side: (plays.limb(0.0, 0.1, side, frames),) * 2 for side in ("left", "right")}
    return MotionRecording(plays.person(arms, legs)[:, None], plays.FPS, "march", "march")


def test_parts_and_repetitions() -> None:
    recording = marching(90)
    assert len(edits.part(recording, 0.5, 0.6).joints) == 10  # at least
    np.testing.assert_array_equal(edits.part(recording, 0.5, 1.0).joints, recording.joints[45:])
    np.testing.assert_array_equal(edits.repeated(recording, 2).joints[90:], recording.joints[::-1])
    looped = edits.looped(recording, 3)
    assert (len(looped.joints), looped.jitter) == (270, 0.05)


def test_the_busy_arm_is_mirrored() -> None:
    waving = plays.wave(np.random.default_rng(0), 1)
    two = edits.both_arms(waving)
    left, right = (places(two, f"{side}_wrist") for side in ("left", "right"))
    np.testing.assert_allclose(left * (-1, 1, 1), right, atol=1e-9)
    kept = [np.allclose(places(two, f"{side}_wrist"), places(waving, f"{side}_wrist")) for side in ("left", "right")]
    assert sorted(kept) == [False, True]


def test_legs_stand_while_arms_go_on() -> None:
    jack = seen(plays.jumping_jack(np.random.default_rng(0)))
    still = edits.still_legs(jack)
    assert np.ptp(places(still, "left_ankle"), axis=0).max() < 1e-6
    assert np.ptp(places(still, "pelvis"), axis=0).max() < 1e-6
    before, after = (places(each, "left_wrist") - places(each, "neck") for each in (jack, still))
    np.testing.assert_allclose(after, before, atol=1e-6)


def test_one_arm_hangs() -> None:
    waving = plays.wave(np.random.default_rng(1), 2)
    hanging = edits.one_arm(waving, np.random.default_rng(0))
    low = [
        bool((places(hanging, f"{side}_wrist")[:, 2] < places(hanging, f"{side}_elbow")[:, 2]).all())
        for side in ("left", "right")
    ]
    assert sorted(low) == [False, True]


@pytest.mark.parametrize("flat", [False, True])
def test_who_marches_travels_ahead(flat: bool) -> None:
    recording = seen(marching()) if flat else marching()
    gone = edits.travelling(recording, 1.5)
    path = places(gone, "pelvis") - places(recording, "pelvis")
    metres = path[-1] * size(recording.points(), Body())
    assert metres[0 if flat else 1] == pytest.approx((1 if flat else -1) * 1.5 * 89 / 30, rel=1e-6)


def test_steps_become_strides() -> None:
    recording = marching()
    striding = edits.strides(recording, 1.3)
    left, right = (
        places(striding, f"{side}_ankle")[:, 1] - places(striding, "pelvis")[:, 1] for side in ("left", "right")
    )
    middle = slice(20, -20)
    assert np.corrcoef(left[middle], right[middle])[0, 1] < -0.9  # one leg ahead, the other behind
    assert 0.3 < np.ptp(left[middle]) < 1.1
    high = places(striding, "left_ankle")[:, 2] - places(striding, "right_ankle")[:, 2]
    ahead = -np.gradient(left - right)
    assert np.corrcoef(high[middle], ahead[middle])[0, 1] > 0.7  # the foot that is lifted goes ahead
