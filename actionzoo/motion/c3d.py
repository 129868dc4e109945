"""C3D of motion capture: markers on the skin, by the names of Plug-in Gait, or named joints."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from actionzoo.errors import MotionError
from actionzoo.motion.c3d_file import c3d_points
from actionzoo.motion.names import named
from actionzoo.motion.recording import JOINTS, LARGEST, SIDES, Array, MotionRecording, assemble, middle
from actionzoo.motion.upright import upright

_MARKERS = {
    "head": ("LFHD", "RFHD", "LBHD", "RBHD"),
    "neck": ("C7", "CLAV"),
    **{
        f"{side}_{joint}": tuple(side[0].upper() + name for name in names.split())
        for side in SIDES
        for joint, names in {
            "shoulder": "SHO", "elbow": "ELB", "wrist": "WRA WRB", "hand": "FIN", "knee": "KNE", "ankle": "ANK",
            "toe": "TOE",
        }.items()
    },
}  # fmt: skip
"""Markers of Plug-in Gait between which a joint lies, near enough to draw it."""


def read_c3d(path: Path) -> list[MotionRecording]:
    """Read a C3D file of one or two subjects (`Name:LKNE`), by ezc3d (extra `mocap`).

    Raises:
        MotionError: it is not C3D, ezc3d is not there, or the markers have names that are not known.
    """
    points, labels, rate = c3d_points(path)
    points = np.where(np.abs(points) < LARGEST, points, np.nan)
    labels = labels[: points.shape[1]]
    if not labels or not len(points) or not rate > 0.0:
        raise MotionError(path, "holds no points")
    found = [_person(points, markers) for markers in _subjects(labels).values()]
    people = [person for person in found if person is not None][:2]
    if not people:
        raise MotionError(
            path,
            f"markers are {', '.join(labels[:12])}..; known are those of Plug-in Gait (LASI, LKNE, LANK ..) and names "
            "of joints (LeftKnee ..)",
        )
    joints = np.stack(people, 1)
    return [MotionRecording(upright(joints), rate, path.stem, path.name)]


def _subjects(labels: list[str]) -> dict[str, dict[str, int]]:
    """By the name of a subject, the numbers of its markers."""
    subjects: dict[str, dict[str, int]] = {}
    for k, label in enumerate(labels):
        subject, _, marker = label.rpartition(":")
        subjects.setdefault(subject, {}).setdefault(marker, k)
    return subjects


def _person(points: Array, markers: dict[str, int]) -> Array | None:
    """The joints `(frames, len(JOINTS), 3)` of one subject in points `(frames, markers, 3)`; None if too few."""
    upper = {name.upper(): k for name, k in markers.items()}
    found = {
        joint: middle([points[:, upper[name]] for name in names if name in upper])
        for joint, names in _MARKERS.items()
        if any(name in upper for name in names)
    }
    if {"LASI", "RASI"} <= set(upper):
        found |= _hips(points, upper)
    found = {joint: points[:, markers[name]] for joint, name in named(markers).items()} | found
    legs = {f"{side}_{joint}" for side in SIDES for joint in ("hip", "knee")}
    return assemble(found) if legs <= set(found) and set(found) <= set(JOINTS) else None


def _hips(points: Array, upper: dict[str, int]) -> dict[str, Array]:
    """Hip joints and their middle, from the markers in front of and behind the pelvis (shares after Bell 1990)."""
    left, right = points[:, upper["LASI"]], points[:, upper["RASI"]]
    behind = [points[:, upper[name]] for name in ("LPSI", "RPSI", "SACR") if name in upper]
    front = (left + right) / 2
    wide = np.linalg.norm(left - right, axis=1, keepdims=True)
    across = (left - right) / np.maximum(wide, 1e-9)
    back = (middle(behind) - front) if behind else np.zeros_like(front)
    back = back - (back * across).sum(1, keepdims=True) * across
    back = back / np.maximum(np.linalg.norm(back, axis=1, keepdims=True), 1e-9)
    down = np.cross(back, across)
    centre = front + 0.22 * wide * back + 0.30 * wide * down
    return {"left_hip": centre + 0.36 * wide * across, "right_hip": centre - 0.36 * wide * across}
