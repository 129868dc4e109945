"""Vectors, limbs of two bones, and how a value moves from one place to another over time.

World axes: x to the right along the line between two people, y away from the camera, z up. Metres, seconds, radians.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SIGN = {"left": 1.0, "right": -1.0}
"""Of a distance to a side, seen by the figure itself: y is to the left of x."""

UP = np.array([0.0, 0.0, 1.0])


def minimum_jerk(s: Array) -> Array:
    """Position 0..1 of a point-to-point human movement at the share `s` of its duration (Flash & Hogan 1985).

    >>> minimum_jerk(np.array([-1.0, 0.0, 0.5, 1.0, 2.0])).tolist()
    [0.0, 0.0, 0.5, 1.0, 1.0]
    """
    s = np.clip(s, 0.0, 1.0)
    return s**3 * (10.0 - 15.0 * s + 6.0 * s**2)


def stroll(s: Array) -> Array:
    """Position 0..1 of a walk at the share `s` of its duration: a steady pace between a soft start and end."""
    ramp = 0.3
    s = np.clip(s, 0.0, 1.0)
    ends = np.minimum(s, 1.0 - s)
    soft = np.where(ends < ramp, ends**2 / (2 * ramp), ends - ramp / 2) / (1.0 - ramp)
    return np.where(s < 0.5, soft, 1.0 - soft)


class Curve:
    """A value over time made of minimum-jerk moves; moves that overlap in time add up smoothly.

    >>> Curve(1.0).to(3.0, 0.0, 2.0)(np.array([0.0, 1.0, 2.0])).tolist()
    [1.0, 2.0, 3.0]
    """

    def __init__(self, start: float = 0.0) -> None:
        self.start = start
        self.moves: list[tuple[float, float, float, Callable[[Array], Array]]] = []

    @property
    def last(self) -> float:
        """The value after the last move."""
        return self.moves[-1][0] if self.moves else self.start

    def to(self, value: float, begin: float, end: float) -> Curve:
        """Move to `value` between the times `begin` and `end`; returns the curve itself."""
        self.moves.append((value, begin, max(end, begin + 1e-3), minimum_jerk))
        return self

    def walk(self, value: float, begin: float, end: float) -> Curve:
        """As :meth:`to`, at a steady pace."""
        self.moves.append((value, begin, max(end, begin + 1e-3), stroll))
        return self

    def pulse(self, value: float, begin: float, peak: float, until: float, end: float) -> Curve:
        """Go to `value` (begin..peak), stay, and come back (until..end)."""
        back = self.last
        return self.to(value, begin, peak).to(back, until, end)

    def __call__(self, time: Array) -> Array:
        """Values at `time` (seconds), same shape."""
        value, last = np.full(time.shape, self.start), self.start
        for target, begin, end, ease in self.moves:
            value += (target - last) * ease((time - begin) / (end - begin))
            last = target
        return value


def unit(vector: Array) -> Array:
    """Vectors `(..., 3)` scaled to length one."""
    return vector / np.maximum(np.linalg.norm(vector, axis=-1, keepdims=True), 1e-9)


def sideways(forward: Array) -> Array:
    """The horizontal direction to the left of `forward` `(frames, 3)`."""
    return unit(np.stack([-forward[:, 1], forward[:, 0], np.zeros(len(forward))], 1))


def two_bones(root: Array, tip: Array, first: float, second: float, pole: Array) -> tuple[Array, Array]:
    """The middle joint and the reachable tip of a two-bone limb that bends towards `pole`; all `(frames, 3)`.

    >>> root, tip = np.zeros((1, 3)), np.array([[0.0, 0.0, -5.0]])
    >>> middle, tip = two_bones(root, tip, 1.0, 1.0, np.array([[1.0, 0.0, 0.0]]))
    >>> bool(np.linalg.norm(tip) < 2.0) and bool(middle[0, 0] > 0.0)
    True
    """
    line = tip - root
    length = np.linalg.norm(line, axis=1, keepdims=True)
    axis = line / np.maximum(length, 1e-9)
    length = np.clip(length, abs(first - second) + 0.12 * (first + second), 0.998 * (first + second))
    along = (first**2 - second**2 + length**2) / (2.0 * length)
    bend = np.sqrt(np.maximum(first**2 - along**2, 0.0))
    normal = unit(pole - (pole * axis).sum(1, keepdims=True) * axis)
    return root + along * axis + bend * normal, root + length * axis
