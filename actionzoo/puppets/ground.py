"""Figures set onto the ground as they were recorded: a jump stays one, a slow rise of the whole recording does not."""

from __future__ import annotations

import numpy as np

from actionzoo.motion.cleaning import smooth
from actionzoo.motion.recording import SIDES
from actionzoo.puppets.geometry import UP, Array
from actionzoo.puppets.script import Body
from actionzoo.puppets.skeleton import Figure

_LEVEL_S, _SLANTED_S = 3.0, 1.2
"""Seconds in which somebody touches the ground at least once: where it is level, and where it rises."""
_TREMBLE = 0.06
"""Metres by which recorded feet seem to leave the ground while they stand."""
_STRIDE_S = 0.25
"""Seconds over which the feet are averaged, so that a foot in the air does not count."""
_STANDING, _FASTEST = 0.2, 8.0
"""Metres a second at which a foot that stands may seem to glide, and at which no foot glides."""


def clearance(joints: dict[str, Array], body: Body, fps: float, slanted: bool = False) -> Array:
    """Metres `(frames,)` between the ground and the lowest point of somebody's joints `(frames, 3)`.

    What rises and comes down within a second or three is a jump, and the ground is what is left without jumps (a
    morphological opening). In pictures it is `slanted`: it rises away from the camera and with the hand that holds it.

    Example:
        >>> height = np.where(np.arange(90) // 10 == 4, 0.3, 0.0)[:, None] * UP
        >>> gap = clearance({"head": height + 5.0, "left_ankle": height + 4.0}, Body(), 30.0)
        >>> gap[[0, 45, 89]].round(2).tolist()
        [0.0, 0.3, 0.0]
    """
    low = lowest(joints, body)
    reach = max(1, round((_SLANTED_S if slanted else _LEVEL_S) * fps / 2))
    beyond = np.pad(low, 2 * reach, mode="reflect", reflect_type="odd") if slanted else np.pad(low, 2 * reach, "edge")
    ground = smooth(_highest(-_highest(-beyond, reach), reach), max(1.0, reach / 6.0))
    gap = np.maximum(low - ground, 0.0)
    sure = np.clip(gap / _TREMBLE - 0.5, 0.0, 1.0)
    return gap * sure**2 * (3.0 - 2.0 * sure)


def _highest(values: Array, reach: int) -> Array:
    """The highest of the values within `reach` samples of each that has so many on both sides."""
    highest: Array = np.lib.stride_tricks.sliding_window_view(values, 2 * reach + 1).max(1)
    return highest


def lowest(joints: dict[str, Array], body: Body) -> Array:
    """Height `(frames,)` of the lowest point of somebody: mostly a foot, of those who lie any other part."""
    radii = {"ankle": body.ankle, "toe": 0.02, "knee": 0.06, "hip": 0.1, "wrist": 0.03, "elbow": 0.045}
    thick = {f"{side}_{name}": radius for side in SIDES for name, radius in radii.items()} | {"head": 0.1, "neck": 0.1}
    lowest_points = [joints[name][:, 2] - radius for name, radius in thick.items() if name in joints]
    return np.nanmin(np.stack(lowest_points), axis=0)


def grounded(figure: Figure, gap: Array) -> Figure:
    """The figure moved up or down so that its lowest point is `gap` `(frames,)` metres above the ground."""
    rise = (gap - lowest(figure.joints, figure.body))[:, None] * UP
    figure.joints = {name: points + rise for name, points in figure.joints.items()}
    return figure


def travel(joints: dict[str, Array], fps: float) -> Array:
    """Metres `(frames,)` along x that somebody covers who was recorded by a camera that followed: the feet tell.

    The lower foot stands; where it glides backwards, the ground does.

    >>> from actionzoo.motion.recording import JOINTS
    >>> glides = np.linspace(2.0, 0.0, 61)[:, None] * np.array([1.0, 0.0, 0.0])
    >>> float(travel(dict.fromkeys(JOINTS, glides), 30.0)[-1].round(1))
    1.6
    """
    feet = np.stack([joints[f"{side}_ankle"] for side in SIDES])
    lower = feet[:, :, 2].argmin(0)
    glide = np.gradient(feet[:, :, 0], 1.0 / fps, axis=1)[lower, np.arange(feet.shape[1])]
    speed = -smooth(np.clip(glide, -_FASTEST, _FASTEST), _STRIDE_S * fps)
    speed = np.sign(speed) * np.maximum(np.abs(speed) - _STANDING, 0.0)
    way: Array = np.cumsum(speed) / fps
    return way - way[0]
