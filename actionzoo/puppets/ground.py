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
