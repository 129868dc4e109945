"""From what was seen to a whole and smooth motion at another rate."""

from __future__ import annotations

import numpy as np

from actionzoo.motion.recording import INDEX, PARENTS, SIDES, Array, MotionRecording, interpolated

_LEAST_SEEN = 0.3
"""Share of the frames in which pelvis and neck must be seen."""
_FEWEST = 4
"""Frames that a motion needs."""


def problem(recording: MotionRecording) -> str | None:
    """Why a recording cannot be used, or None.

    >>> from actionzoo.motion.recording import JOINTS
    >>> problem(MotionRecording(np.full((9, 1, len(JOINTS), 3), np.nan), 30.0, "wave", "a.bvh"))
    'hips and shoulders are seen in 0 % of the frames'
    """
    if len(recording.joints) < _FEWEST:
        return f"{len(recording.joints)} frames are too few"
    pelvis, neck = (recording.joints[:, :, INDEX[name]] for name in ("pelvis", "neck"))
    share = float(np.isfinite(pelvis + neck).all(axis=2).mean(axis=0).min())
    if share < _LEAST_SEEN:
        return f"hips and shoulders are seen in {100 * share:.0f} % of the frames"
    return None


def clean(recording: MotionRecording, fps: float, speed: float = 1.0) -> MotionRecording:
    """The recording without gaps, smoothed, `speed` times as fast, at `fps` frames a second.

    Between two frames in which a joint is seen it moves evenly against the one it hangs on. A limb that is never seen
    goes as that of the other side, or hangs. What no joint needs (nose, hands, toes) stays NaN where it is never seen.

    Example:
        >>> from actionzoo.motion.recording import JOINTS
        >>> joints = np.zeros((30, 1, len(JOINTS), 3))
        >>> joints[10:20, 0, JOINTS.index("head")] = np.nan
        >>> whole = clean(MotionRecording(joints, 15.0, "wave", "a.npz"), 30.0)
        >>> whole.joints.shape, bool(np.isnan(whole.joints).any())
        ((59, 1, 20, 3), False)
    """
    joints = np.stack([_filled(recording.joints[:, body]) for body in range(recording.bodies)], 1)
    width = recording.jitter * recording.fps
    if width > 0.3:
        joints = smooth(joints, width)
    at = np.arange(0.0, len(joints) - 1 + 1e-9, speed * recording.fps / fps)
    return recording.replace(joints=between(joints, at), fps=fps, jitter=0.0)


def smooth(values: Array, sigma: float) -> Array:
    """Gaussian smoothing along the first axis by `sigma` samples, edges repeated.

    >>> smooth(np.array([0.0, 0.0, 1.0, 0.0, 0.0]), 0.5).round(2).tolist()
    [0.0, 0.11, 0.79, 0.11, 0.0]
    """
    radius = max(1, int(3 * sigma + 0.5))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    padded = np.pad(values, [(radius, radius)] + [(0, 0)] * (values.ndim - 1), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * radius + 1, axis=0)
    smoothed: Array = windows @ (kernel / kernel.sum())
    return smoothed


def between(values: Array, at: Array) -> Array:
    """Values at the places `at` between those of the first axis, along curves without a kink (Catmull and Rom 1974).

    >>> between(np.array([0.0, 1.0, 4.0, 9.0]), np.array([1.0, 1.5])).tolist()
    [1.0, 2.25]
    """
    left = np.clip(at.astype(int), 0, len(values) - 2)
    share = (at - left).reshape(-1, *[1] * (values.ndim - 1))
    padded = np.concatenate([2 * values[:1] - values[1:2], values, 2 * values[-1:] - values[-2:-1]])
    before, here, then, after = (padded[left + k] for k in range(4))
    curve = 2 * before - 5 * here + 4 * then - after + share * (3 * (here - then) + after - before)
    bent: Array = here + 0.5 * share * (then - before + share * curve)
    return bent


def _filled(joints: Array) -> Array:
    """One person's joints `(frames, len(JOINTS), dimensions)` without gaps."""
    out = joints.copy()
    out[:, 0] = interpolated(joints[:, 0])
    for name, parent in PARENTS.items():
        k, above = INDEX[name], INDEX[parent]
        seen = joints[:, k] - joints[:, above]
        if not np.isfinite(seen).all(1).any():
            seen = joints[:, k] - out[:, above]
        if not np.isfinite(seen).all(1).any():
            out[:, k] = out[:, above] + _guessed(out, joints, name)
        else:
            out[:, k] = out[:, above] + interpolated(seen)
    return out


def _guessed(out: Array, joints: Array, name: str) -> Array:
    """From its parent to a joint that is never seen, `(frames, dimensions)`."""
    trunk = out[:, INDEX["neck"]] - out[:, INDEX["pelvis"]]
    side, _, joint = name.partition("_")
    if name == "head":
        return 0.4 * trunk
    if name == "nose" or joint in ("hand", "toe"):
        return np.full_like(trunk, np.nan)
    other = f"{SIDES[side == SIDES[0]]}_{joint}"
    k, above = INDEX[other], INDEX[PARENTS[other]]
    seen = joints[:, k] - joints[:, above]
    if np.isfinite(seen).all(1).any():
        like = interpolated(seen)
        return -like if joint in ("shoulder", "hip") else like
    return np.zeros_like(trunk) if joint in ("shoulder", "hip") else -0.7 * trunk
