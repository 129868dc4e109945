"""From recorded joints to a figure with another body: as the joints point in 3-D, as they were seen in 2-D.

World axes as in `geometry`: x to the right, y away from the camera, z up.
"""

from __future__ import annotations

import numpy as np

from actionzoo.motion.cleaning import smooth
from actionzoo.motion.recording import SIDES
from actionzoo.puppets.geometry import SIGN, UP, Array, sideways, unit
from actionzoo.puppets.script import Body
from actionzoo.puppets.skeleton import Figure

_BONES = (
    ("shoulder", "elbow", "upper_arm"), ("elbow", "wrist", "forearm"), ("hip", "knee", "thigh"),
    ("knee", "ankle", "shin"),
)  # fmt: skip
"""Limbs and the lengths of `Body` that they have."""

_HEAD, _NECK = 0.112, 0.025
"""Neck to the middle of the head, and shoulders to neck, as shares of the height."""
_SLOWLY = 5.0
"""Frames over which the way that somebody looks is smoothed."""

Points = dict[str, Array]
"""Joints by name, `(frames, 3)`; before `upright`, `(frames, 2)` if they were seen in a picture."""


def upright(points: Points, scale: float) -> Points:
    """Joints `(frames, 3 or 2)` in metres, `(frames, 3)` with z up; those of a picture stand in the plane y = 0.

    >>> upright({"head": np.array([[3.0, 100.0]])}, 0.01)["head"].tolist()
    [[0.03, 0.0, -1.0]]
    """
    if next(iter(points.values())).shape[1] == 3:
        return {name: p * scale for name, p in points.items()}
    return {name: np.stack([p[:, 0], np.zeros(len(p)), -p[:, 1]], 1) * scale for name, p in points.items()}


def solid(points: Points, body: Body) -> Figure:
    """A figure whose bones point as recorded ones and are as long as the body's.

    Args:
        points: joints `(frames, 3)` of `upright`; hands and toes may be NaN.
        body: whose.

    Example:
        >>> from actionzoo.motion.recording import JOINTS
        >>> points = {name: np.random.default_rng(k).normal(size=(9, 3)) for k, name in enumerate(JOINTS)}
        >>> figure = solid(points, Body())
        >>> shin = figure.joints["left_ankle"] - figure.joints["left_knee"]
        >>> bool(np.allclose(np.linalg.norm(shin, axis=1), Body().shin))
        True
    """
    spine = _direction(points, "pelvis", "neck", UP)
    joints = {"pelvis": points["pelvis"]}
    joints["neck"] = joints["pelvis"] + body.trunk * spine
    joints["head"] = joints["neck"] + _HEAD * body.height * _direction(points, "neck", "head", UP)
    for part, root, half in (
        ("shoulder", joints["neck"] - _NECK * body.height * spine, body.shoulder),
        ("hip", joints["pelvis"], body.hip),
    ):
        across = _direction(points, f"right_{part}", f"left_{part}", np.array([1.0, 0.0, 0.0]))
        for side in SIDES:
            joints[f"{side}_{part}"] = root + SIGN[side] * half * across
    for side in SIDES:
        for start, end, bone in _BONES:
            line = _direction(points, f"{side}_{start}", f"{side}_{end}", -UP)
            joints[f"{side}_{end}"] = joints[f"{side}_{start}"] + getattr(body, bone) * line
        joints[f"{side}_hand"] = joints[f"{side}_wrist"] + body.hand * _pointing(points, joints, side)
    chest, forward = (_ahead(points[f"left_{part}"] - points[f"right_{part}"]) for part in ("shoulder", "hip"))
    return _with_feet(points, Figure(body, joints, forward, chest, chest, _no_flare(len(spine))))


def flat(seen: Points, body: Body) -> Figure:
    """A figure that looks from the front as it did in the picture.

    What the picture does not tell is put as people mostly are: shoulders that seem too near each other lie one
    behind the other, and limbs that seem too short point to where the person faces: thighs and arms ahead, shins back.

    Args:
        seen: joints `(frames, 3)` of `upright`, in the plane of the picture; nose, hands and toes may be NaN.
        body: whose.
    """
    side = looks_right(seen)
    forward, chest = (
        _turned(seen, part, half, side) for part, half in (("hip", body.hip), ("shoulder", body.shoulder))
    )
    deep = np.array([0.0, 1.0, 0.0])
    joints = {"pelvis": seen["pelvis"]}
    joints["neck"] = joints["pelvis"] + seen["neck"] - seen["pelvis"] + 0.04 * UP
    skull = seen["head"] - seen["neck"]
    joints["head"] = joints["neck"] + _HEAD * body.height * _steady(skull, UP)
    for part, facing, half in (("shoulder", chest, body.shoulder), ("hip", forward, body.hip)):
        for name in SIDES:
            joints[f"{name}_{part}"] = seen[f"{name}_{part}"] + SIGN[name] * half * sideways(facing) * deep
    for name in SIDES:
        for start, end, bone in _BONES:
            line = seen[f"{name}_{end}"] - seen[f"{name}_{start}"]
            ahead = chest if bone in ("upper_arm", "forearm") else -forward if bone == "shin" else forward
            line = line + _hidden(line, getattr(body, bone))[:, None] * ahead * deep
            joints[f"{name}_{end}"] = joints[f"{name}_{start}"] + line
        joints[f"{name}_hand"] = joints[f"{name}_wrist"] + body.hand * _pointing(seen, joints, name)
    return _with_feet(seen, Figure(body, joints, forward, chest, chest, _no_flare(len(forward))))


def size(points: Points, body: Body) -> float:
    """Metres a unit of recorded joints `(frames, 3 or 2)`, by the leg in 3-D; in 2-D by what seems longest but one.

    >>> from actionzoo.motion.recording import JOINTS
    >>> points = {name: np.zeros((5, 3)) for name in JOINTS}
    >>> points["left_knee"], points["right_knee"] = np.full((2, 5, 3), (0.0, 0.0, 42.8))
    >>> round(size(points, Body()), 3)
    0.01
    """
    thighs, shins, arms, forearms = (
        np.mean([np.linalg.norm(points[f"{side}_{a}"] - points[f"{side}_{b}"], axis=1) for side in SIDES], axis=0)
        for a, b in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
    )
    leg, arm = thighs + shins, arms + forearms
    if points["pelvis"].shape[1] == 3:
        return float(body.leg / max(np.median(leg), 1e-6))
    trunk, wide = (
        np.linalg.norm(points[a] - points[b], axis=1)
        for a, b in (("neck", "pelvis"), ("left_shoulder", "right_shoulder"))
    )
    lengths = ((leg, body.leg), (trunk, body.trunk), (arm, 1.1 * body.arm), (wide, 2.6 * body.shoulder))
    return float(sorted(length / max(np.percentile(seen, 80), 1e-6) for seen, length in lengths)[1])


def turned(figure: Figure, angle: float, about: Array) -> Figure:
    """The figure turned to the left by an angle about the upright line through a point `(3,)`, which becomes x = y = 0.

    >>> from actionzoo.motion.recording import JOINTS
    >>> east = np.array([[1.0, 0.0, 0.0]])
    >>> figure = Figure(Body(), {"pelvis": 2 * east}, east, east, east, {})
    >>> turned(figure, np.pi / 2, np.zeros(3)).joints["pelvis"].round(6).tolist()
    [[0.0, 2.0, 0.0]]
    """
    cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    joints = {name: (point - about * (1.0, 1.0, 0.0)) @ turn for name, point in figure.joints.items()}
    return Figure(figure.body, joints, figure.forward @ turn, figure.chest @ turn, figure.gaze @ turn, figure.flare)


def _no_flare(frames: int) -> Points:
    return {side: np.zeros(frames) for side in SIDES}


def _direction(points: Points, start: str, end: str, otherwise: Array) -> Array:
    return _steady(points[end] - points[start], otherwise)


def _steady(line: Array, otherwise: Array) -> Array:
    """Unit vectors along lines `(frames, 3)`; where one has no length the last that had, else `otherwise`."""
    length = np.linalg.norm(line, axis=1)
    good = length > 1e-6 * max(float(length.max()), 1e-12)
    if not good.any():
        return np.tile(otherwise, (len(line), 1))
    last = np.maximum.accumulate(np.where(good, np.arange(len(line)), -1))
    return unit(line[np.where(last < 0, np.argmax(good), last)])


def _ahead(left: Array) -> Array:
    """Level directions that people look along, from lines `(frames, 3)` from their right to their left."""
    level = smooth(unit(left * (1.0, 1.0, 0.0)), _SLOWLY)
    return _steady(np.stack([level[:, 1], -level[:, 0], np.zeros(len(level))], 1), np.array([0.0, -1.0, 0.0]))


def _pointing(points: Points, joints: Points, side: str) -> Array:
    """Which way a hand points: as recorded, else as the forearm."""
    hand = points[f"{side}_hand"] - points[f"{side}_wrist"]
    forearm = joints[f"{side}_wrist"] - joints[f"{side}_elbow"]
    return _steady(forearm if np.isnan(hand).any() else hand, -UP)


def _with_feet(points: Points, figure: Figure) -> Figure:
    """Add the toes: as recorded, else ahead, level while the ankle is low and square to the shin in the air."""
    body, joints = figure.body, figure.joints
    low = np.minimum(joints["left_ankle"][:, 2], joints["right_ankle"][:, 2])
    floor = float(np.percentile(low, 10))
    for side in SIDES:
        ankle = joints[f"{side}_ankle"]
        line = points[f"{side}_toe"] - points[f"{side}_ankle"]
        if np.isnan(line).any():
            shin = unit(ankle - joints[f"{side}_knee"])
            square = figure.forward - (figure.forward * shin).sum(1, keepdims=True) * shin
            high = smooth(np.clip((ankle[:, 2] - floor - 0.05) / 0.25, 0.0, 1.0), 1.5)[:, None]
            line = (1.0 - high) * (figure.forward - 0.29 * UP) + high * (square + 0.35 * shin)
        joints[f"{side}_toe"] = ankle + 0.8 * body.foot * _steady(line, np.array([0.0, -1.0, 0.0]))
    return figure


def _hidden(line: Array, length: float) -> Array:
    """How far bones of a length reach into the picture that are seen as `line` `(frames, 3)`."""
    shorter = np.clip(1.0 - np.linalg.norm(line, axis=1) / length, 0.0, 1.0)
    return smooth(0.8 * length * np.sqrt(1.0 - (1.0 - np.clip(shorter - 0.1, 0.0, 1.0)) ** 2), 1.5)


def looks_right(seen: Points) -> float:
    """1 where somebody faces the right of the picture, -1 the left: by the nose where it is seen, else by the bends.

    >>> from actionzoo.motion.recording import JOINTS
    >>> seen = {name: np.zeros((2, 2)) for name in JOINTS}
    >>> seen["nose"] = np.array([[3.0, 0.0], [2.0, 0.0]])
    >>> looks_right(seen)
    1.0
    """
    nose = seen["nose"] - seen["head"]
    if not np.isnan(nose).any() and np.abs(nose).any():
        return 1.0 if nose[:, 0].mean() > 0.0 else -1.0
    bends = [seen[f"{s}_knee"] - (seen[f"{s}_hip"] + seen[f"{s}_ankle"]) / 2 for s in SIDES]
    bends += [(seen[f"{s}_shoulder"] + seen[f"{s}_wrist"]) / 2 - seen[f"{s}_elbow"] for s in SIDES]
    return 1.0 if float(np.sum([bend[:, 0].mean() for bend in bends])) > 0.0 else -1.0


def _turned(seen: Points, part: str, half: float, side: float) -> Array:
    """Level directions that hips or shoulders look along: towards the camera when the left one is seen on the right."""
    apart = (seen[f"left_{part}"] - seen[f"right_{part}"])[:, 0] / (2.0 * half)
    towards = np.clip(smooth(apart, _SLOWLY), -1.0, 1.0)
    return np.stack([side * np.sqrt(1.0 - towards**2), -towards, np.zeros(len(towards))], 1)
