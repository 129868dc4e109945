"""What was recorded: joints by name, whatever the file calls them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SIDES = ("left", "right")
LIMBS = (("shoulder", "elbow", "wrist", "hand"), ("hip", "knee", "ankle", "toe"))
JOINTS = (
    "pelvis", "neck", "head", "nose", *(f"{side}_{joint}" for limb in LIMBS for side in SIDES for joint in limb),
)  # fmt: skip
"""The joints of a person, each after its parent. Left and right are the person's own."""

LARGEST = 1e9
"""What a place cannot be, in any unit."""

INDEX = {name: index for index, name in enumerate(JOINTS)}


def _parents() -> dict[str, str]:
    parents = {"neck": "pelvis", "head": "neck", "nose": "head"}
    for limb, root in zip(LIMBS, ("neck", "pelvis"), strict=True):
        for side in SIDES:
            chain = [root, *(f"{side}_{joint}" for joint in limb)]
            parents |= dict(zip(chain[1:], chain[:-1], strict=True))
    return parents


PARENTS = _parents()
"""The joint that each one hangs on; the pelvis hangs on none."""


@dataclass(frozen=True)
class MotionRecording:
    """The joints of one or two people over time.

    Attributes:
        joints: `(frames, bodies, len(JOINTS), 3 or 2)`, NaN where a joint was not seen. In 3-D x to the right, y
            away from the camera, z up, in any unit; in 2-D x to the right, y down, in any unit.
        fps: frames a second.
        label: what they do.
        name: of the file, and which recording in it.
        group: what it shares with others: the person, the pair, the video; None where nobody knows.
        jitter: seconds over which it is to be smoothed; what a depth camera or a network sees trembles.
    """

    joints: Array
    fps: float
    label: str
    name: str
    group: str | None = None
    jitter: float = 0.0

    @property
    def flat(self) -> bool:
        """Whether it is known in two dimensions only."""
        return bool(self.joints.shape[-1] == 2)

    @property
    def bodies(self) -> int:
        """How many people."""
        return int(self.joints.shape[1])

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.joints) / self.fps

    def points(self, body: int = 0) -> dict[str, Array]:
        """The joints of one person by name, `(frames, 3 or 2)` each.

        >>> nobody = np.full((5, 1, len(JOINTS), 3), np.nan)
        >>> MotionRecording(nobody, 30.0, "wave", "a.bvh").points()["left_knee"].shape
        (5, 3)
        """
        return {name: self.joints[:, body, index] for name, index in INDEX.items()}

    def replace(self, **changes: Any) -> MotionRecording:
        """The same with other values of some attributes."""
        return replace(self, **changes)


def assemble(points: dict[str, Array]) -> Array:
    """Joints by name, `(frames, dimensions)` each, as one array `(frames, len(JOINTS), dimensions)`.

    What is not there is NaN; pelvis and neck then lie between hips and shoulders, and a head where the nose is.

    >>> hips = {"left_hip": np.array([[0.2, 0.0]]), "right_hip": np.array([[0.0, 0.0]])}
    >>> assemble(hips)[0, JOINTS.index("pelvis")].tolist()
    [0.1, 0.0]
    """
    frames, dimensions = next(iter(points.values())).shape
    joints = np.full((frames, len(JOINTS), dimensions), np.nan)
    for name, values in points.items():
        joints[:, INDEX[name]] = values
    for name, sources in (("pelvis", "hip"), ("neck", "shoulder")):
        own = joints[:, INDEX[name]]
        own[:] = np.where(np.isnan(own), _between(*(joints[:, INDEX[f"{side}_{sources}"]] for side in SIDES)), own)
    head = joints[:, INDEX["head"]]
    head[:] = np.where(np.isnan(head), joints[:, INDEX["nose"]], head)
    return joints


def _between(left: Array, right: Array) -> Array:
    """The middle of two joints `(frames, dimensions)`; where one is not seen, it is as far from the other as before."""
    half = interpolated((left - right) / 2)
    half = np.where(np.isnan(half), 0.0, half)
    return np.where(np.isnan(left), right + half, left - half)


def interpolated(values: Array) -> Array:
    """Values `(frames, dimensions)` with gaps of NaN bridged evenly, and the ends held; as they are if all is NaN.

    >>> interpolated(np.array([[np.nan], [1.0], [np.nan], [2.0]]))[:, 0].tolist()
    [1.0, 1.0, 1.5, 2.0]
    """
    seen = ~np.isnan(values).any(1)
    if seen.all() or not seen.any():
        return values
    at = np.arange(len(values))
    return np.stack([np.interp(at, at[seen], column[seen]) for column in values.T], 1)


def middle(points: list[Array]) -> Array:
    """The mean of points `(frames, dimensions)` over those that are seen; NaN where none is.

    >>> middle([np.array([[1.0, 2.0]]), np.array([[np.nan, np.nan]])]).tolist()
    [[1.0, 2.0]]
    """
    stack = np.stack(points)
    seen = ~np.isnan(stack)
    count = seen.sum(0)
    return np.where(count > 0, np.where(seen, stack, 0.0).sum(0) / np.maximum(count, 1), np.nan)
