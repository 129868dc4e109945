"""The joints of people who stand."""

from __future__ import annotations

import numpy as np

from actionzoo.motion.recording import INDEX, JOINTS, Array

STANDING = {
    "pelvis": (0.0, 0.0, 0.95), "neck": (0.0, 0.0, 1.45), "head": (0.0, 0.0, 1.65), "nose": (0.0, -0.1, 1.62),
    "shoulder": (0.18, 0.0, 1.42), "elbow": (0.22, 0.0, 1.12), "wrist": (0.25, -0.03, 0.88),
    "hand": (0.25, -0.05, 0.78), "hip": (0.1, 0.0, 0.92), "knee": (0.11, -0.02, 0.5), "ankle": (0.11, 0.0, 0.08),
    "toe": (0.11, -0.2, 0.02),
}  # fmt: skip
"""Someone who faces the camera: metres, x to the right, y away, z up; limbs are the left ones."""


def standing(frames: int, bodies: int) -> Array:
    """People in one place, `(frames, bodies, joints, 3)`."""
    joints = np.zeros((frames, bodies, len(JOINTS), 3))
    for name in JOINTS:
        side, _, part = name.rpartition("_")
        joints[:, :, INDEX[name]] = np.array(STANDING[part]) * (-1.0 if side == "right" else 1.0, 1.0, 1.0)
    return joints
