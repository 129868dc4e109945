"""Which way is up in files that do not tell."""

from __future__ import annotations

import numpy as np

from actionzoo.motion.recording import INDEX, Array, middle

_UPRIGHT = {
    0: np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),
    1: np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]),
    2: np.eye(3),
}
"""By the axis that points up: turns, not mirrors, that make it z."""


def upright(joints: Array) -> Array:
    """Joints `(frames, ..., len(JOINTS), 3)` of right-handed axes, turned so that heads are above feet along z.

    >>> lying = np.full((1, len(INDEX), 3), np.nan)
    >>> lying[0, INDEX["neck"]], lying[0, INDEX["left_knee"]] = (0.0, 150.0, 0.0), (0.0, 50.0, 10.0)
    >>> upright(lying)[0, INDEX["neck"]].tolist()
    [0.0, 0.0, 150.0]
    """
    high, low = (
        middle([joints[..., INDEX[name], :] for name in names])
        for names in (("neck", "head"), ("left_knee", "right_knee", "pelvis"))
    )
    lines = (high - low).reshape(-1, 3)
    lines = lines[np.isfinite(lines).all(1)]
    line = np.median(lines, axis=0) if len(lines) else np.array([0.0, 1.0, 0.0])
    axis = int(np.argmax(np.abs(line)))
    turned: Array = joints @ _UPRIGHT[axis].T
    return turned if not line[axis] < 0.0 else turned * np.array([1.0, -1.0, -1.0])
