"""The measures of `benchmarks.recordings` on people whose answer is known."""

from __future__ import annotations

import numpy as np

from actionzoo.motion.recording import INDEX, JOINTS, MotionRecording
from benchmarks.recordings import facing, faster_arm, right_hands_meet

FRAMES = 20


def two_people() -> np.ndarray:
    """The first at x = 0, the second at x = 1, each with the left shoulder in front of, or behind, the right one."""
    joints = np.zeros((FRAMES, 2, len(JOINTS), 3))
    joints[:, 1, :, 0] = 1.0
    for body, left in ((0, 0.2), (1, -0.2)):  # y is away: who looks to the right has the left shoulder further away
        joints[:, body, INDEX["left_shoulder"], 1] = left
        joints[:, body, INDEX["right_shoulder"], 1] = -left
    for place, wrist in enumerate(("left_wrist", "right_wrist")):
        joints[:, :, INDEX[wrist], 2] = place
    joints[:, 1, INDEX["left_wrist"], 2] = 3.0
    joints[:, :, INDEX["right_wrist"], 0] = 0.5
    return joints


def test_people_who_face_each_other() -> None:
    joints = two_people()
    assert facing(MotionRecording(joints, 15.0, "hug", "a")) == [True, True]
    turned = joints.copy()
    turned[:, 1, :, 1] *= -1
    assert facing(MotionRecording(turned, 15.0, "hug", "a")) == [True, False]


def test_hands_that_meet() -> None:
    joints = two_people()
    assert right_hands_meet(MotionRecording(joints, 15.0, "handshake", "a"))
    joints[:, 1, INDEX["right_wrist"], 0] = 5.0
    assert not right_hands_meet(MotionRecording(joints, 15.0, "handshake", "a"))


def test_the_faster_arm() -> None:
    joints = np.zeros((FRAMES, 1, len(JOINTS), 2))
    joints[:, 0, INDEX["left_wrist"], 0] = np.arange(FRAMES)
    joints[::2, 0, INDEX["right_wrist"], 0] = 3.0
    assert faster_arm(MotionRecording(joints, 30.0, "serve", "a")) == "right"
    joints[:, 0, INDEX["right_wrist"]] = np.nan
    assert faster_arm(MotionRecording(joints, 30.0, "serve", "a")) is None
