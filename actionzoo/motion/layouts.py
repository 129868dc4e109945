"""Numbered joints of known skeletons, by the names of `recording.JOINTS`.

Left and right are the person's own everywhere; what a set calls otherwise is put right here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actionzoo.motion.recording import LARGEST, SIDES, Array, assemble, middle

Numbers = dict[str, int | tuple[int, ...]]
"""By the name of a joint its number, or those between which it lies."""


@dataclass(frozen=True)
class Layout:
    """A numbering of joints.

    Attributes:
        joints: the number of each joint that it has.
        size: how many joints a person has in the file.
        axes: three lines that turn the file's axes of a point in 3-D into x to the right, y away and z up.
        scores: the least value of a last channel, after two of place, at which a joint counts as seen.
    """

    joints: Numbers
    size: int
    axes: tuple[tuple[float, ...], ...] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    scores: float = 0.3

    def arrange(self, points: Array) -> Array:
        """Numbered joints `(frames, size, 3 or 2)`, NaN where unseen, as `(frames, len(JOINTS), 3 or 2)`."""
        points = np.where(np.abs(points) < LARGEST, points, np.nan)
        if points.shape[2] == 3:
            points = points @ np.array(self.axes).T
        numbers = {name: (at,) if isinstance(at, int) else at for name, at in self.joints.items()}
        return assemble({name: middle([points[:, k] for k in several]) for name, several in numbers.items()})

    def seen(self, points: Array) -> Array:
        """The two dimensions of points `(frames, size, 3)` whose third channel says how sure they are."""
        return np.where(points[..., 2:] >= self.scores, points[..., :2], np.nan)


def _joints(names: str, left: tuple[int, ...], right: tuple[int, ...], **others: int | tuple[int, ...]) -> Numbers:
    """The numbers of `others`, and of both sides of the joints in `names`."""
    numbers: Numbers = dict(others)
    for side, own in zip(SIDES, (left, right), strict=True):
        numbers |= {f"{side}_{name}": k for name, k in zip(names.split(), own, strict=True)}
    return numbers


def _kinect(pelvis: int, neck: int, head: int) -> Numbers:
    left, right = (4, 5, 6, 7, 12, 13, 14), (8, 9, 10, 11, 16, 17, 18)
    return _joints("shoulder elbow wrist hand hip knee ankle", left, right, pelvis=pelvis, neck=neck, head=head)


_BONES = "shoulder elbow wrist hip knee ankle"
_DEPTH_CAMERA = ((-1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0))
_PICTURE = ((1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0))

KINECT_20 = Layout(_kinect(3, 1, 0), 20, _DEPTH_CAMERA)
"""Kinect v1 as UTD-MHAD stores it: head, shoulder centre, spine and hip centre come first. Its feet tremble and are
left out."""
KINECT_20_SDK = Layout(_kinect(0, 2, 3), 20, _DEPTH_CAMERA)
"""Kinect v1 in the order of Microsoft's SDK: hip centre, spine, shoulder centre and head come first."""
KINECT_25 = Layout(_kinect(0, 2, 3), 25, _DEPTH_CAMERA)
"""Kinect v2, NTU RGB+D."""
SBU_15 = Layout(
    _joints(_BONES, (3, 4, 5, 9, 10, 11), (6, 7, 8, 12, 13, 14), head=0, neck=1),
    15,
    ((2.56, 0.0, 0.0), (0.0, 0.0, 1.28), (0.0, -1.92, 0.0)),
)
"""SBU Kinect Interaction, whose places are shares of a picture of 2.56 x 1.92 m and of a depth of 1.28 m. Read as the
picture shows it, people face each other, and their right hands meet."""
COCO_17 = Layout(_joints(_BONES, (5, 7, 9, 11, 13, 15), (6, 8, 10, 12, 14, 16), nose=0, head=(3, 4)), 17)
"""COCO's keypoints, which most pose estimators write; the middle of a head lies between its ears."""
PENN_13 = Layout(_joints(_BONES, (2, 4, 6, 8, 10, 12), (1, 3, 5, 7, 9, 11), head=0), 13)
"""Penn Action. The joints that it calls left are the right ones: bowlers, seen from behind, have them on the right of
the picture, and most people who serve or pitch do it with that arm (`benchmarks.recordings`)."""
JHMDB_15 = Layout(_joints(_BONES, (4, 8, 12, 6, 10, 14), (3, 7, 11, 5, 9, 13), neck=0, head=2), 15)
"""JHMDB; its joint 1 is the belly."""
MEDIAPIPE_33 = Layout(
    _joints(
        "shoulder elbow wrist hand hip knee ankle toe",
        (11, 13, 15, 19, 23, 25, 27, 31),
        (12, 14, 16, 20, 24, 26, 28, 32),
        nose=0,
        head=(7, 8),
    ),
    33,
    _PICTURE,
)
"""MediaPipe and BlazePose: x to the right, y down, z away."""

LAYOUTS = {
    "coco17": COCO_17,
    "jhmdb15": JHMDB_15,
    "kinect20": KINECT_20,
    "kinect20-sdk": KINECT_20_SDK,
    "kinect25": KINECT_25,
    "mediapipe33": MEDIAPIPE_33,
    "penn13": PENN_13,
    "sbu15": SBU_15,
}
"""By the names that a file may give as its `layout`."""


def told_by(joints: int, channels: int) -> tuple[Layout, int] | None:
    """The layout that an array of so many joints and channels has, and the people in it; None if it may be any.

    >>> told_by(30, 3)[1], told_by(7, 2)
    (2, None)
    """
    known = {
        (20, 3): (KINECT_20, 1),
        (40, 3): (KINECT_20, 2),
        (25, 3): (KINECT_25, 1),
        (50, 3): (KINECT_25, 2),
        (15, 3): (SBU_15, 1),
        (30, 3): (SBU_15, 2),
        (15, 2): (JHMDB_15, 1),
    }
    flat = {(layout.size, channels): (layout, 1) for layout in (COCO_17, PENN_13) for channels in (2, 3)}
    return (known | flat).get((joints, channels))
