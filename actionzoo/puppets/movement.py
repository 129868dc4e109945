"""How a camera moves while it films: shaken by hands, panned after people, or panned and zoomed as it likes.

Movements are affine maps `(frames, 2, 3)` from the picture of a camera that stands still to the picture of each frame.
"""

from __future__ import annotations

import numpy as np

from actionzoo.motion.cleaning import smooth
from actionzoo.puppets.geometry import Array, minimum_jerk

MOVEMENTS = {"tripod": 0.4, "hand": 0.25, "follow": 0.2, "pan": 0.15}
"""How a camera that films recorded motion moves, and how often."""

_FASTEST = 0.5
"""Of a pan: widths of the picture a second."""
_ZOOM = 1.3
_KEPT = 0.25
"""Pans keep the middle of the people this share of the picture away from its edges."""
_LARGEST = 0.6
"""Margin on each side as a share of the picture; what is beyond is mirrored."""


def still(frames: int) -> Array:
    """A tripod."""
    return np.tile(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), (frames, 1, 1))


def now_and_then(rng: np.random.Generator, time: Array, size: tuple[int, int]) -> Array:
    """None (a tripod), a little shake, or shake with a slow pan and zoom: of the six actions, as `mini` has learned."""
    motion = still(len(time))
    if rng.random() < 0.6:
        return motion
    strength = rng.uniform(0.1, 1.0) * size[0] / 240.0
    phase = rng.uniform(0.0, 2 * np.pi, (2, 5, 1))
    rate = rng.uniform(0.3, 6.0, (2, 5, 1))
    shake = strength * (np.sin(2 * np.pi * rate * time + phase) / np.sqrt(rate)).sum(1) / 2.0
    angle, zoom = np.zeros_like(time), np.ones_like(time)
    if rng.random() < 0.4:
        share = time / max(time[-1], 1e-6) - 0.5
        shake = shake + rng.normal(0.0, 0.02, (2, 1)) * size[0] * share
        zoom = 1.0 + rng.normal(0.0, 0.02) * share
        angle = rng.normal(0.0, 0.006) * np.sin(2 * np.pi * rng.uniform(0.1, 0.5) * time)
    return _affine(shake.T, angle, zoom, size)


def followed(rng: np.random.Generator, path: Array, time: Array) -> Array:
    """Where a camera looks that follows `path` `(frames, 2)`: late, softly, and less up and down than sideways.

    >>> path = np.stack([np.linspace(-2.0, 2.0, 90), np.zeros(90)], 1)
    >>> track = followed(np.random.default_rng(0), path, np.arange(90) / 30.0)
    >>> bool(np.ptp(path - track, axis=0)[0] < 2.0)
    True
    """
    step_s = float(time[1] - time[0])
    late = round(rng.uniform(0.0, 0.2) / step_s)
    seen = smooth(path, rng.uniform(0.12, 0.4) / step_s)[np.maximum(np.arange(len(path)) - late, 0)]
    track: Array = (seen - seen.mean(0)) * (rng.uniform(0.75, 1.0), rng.uniform(0.2, 0.8))
    return track


def moved(
    rng: np.random.Generator, movement: str, time: Array, size: tuple[int, int], people: Array, track: Array
) -> Array:
    """One of `MOVEMENTS`.

    Args:
        rng: source of every choice.
        movement: which.
        time: `(frames,)` seconds.
        size: of the picture.
        people: `(frames, 2)` pixels, where their middle is while the camera looks along `track`.
        track: `(frames, 2)` pixels, how far it looks from the middle.
    """
    if movement == "tripod":
        return still(len(time))
    shift, angle = _shake(rng, time, size)
    zoom = np.ones_like(time)
    if movement == "pan":
        zooms = rng.random() < 0.5
        if zooms:
            zoom = _zoom(rng, time)
        if not zooms or rng.random() < 0.6:
            shift = 0.4 * shift + _pan(rng, time, size, people)
    return _affine(shift - track, angle, zoom, size)


def _shake(rng: np.random.Generator, time: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    """What hands do: pixels `(frames, 2)` and radians `(frames,)`, a tremble upon a slow drift."""

    def waves(slowest: float, fastest: float, count: int) -> Array:
        phase, rate = rng.uniform(0.0, 2 * np.pi, (3, count, 1)), rng.uniform(slowest, fastest, (3, count, 1))
        shaken: Array = (np.sin(2 * np.pi * rate * time + phase) / np.sqrt(rate)).sum(1) / count**0.5
        return shaken

    tremble, drift = rng.uniform(0.2, 2.0) / 240.0, rng.uniform(0.005, 0.04) * 0.4
    shift = size[0] * (tremble * waves(0.8, 6.0, 5) + drift * waves(0.1, 0.5, 2))
    return shift[:2].T, rng.uniform(0.001, 0.008) * waves(0.2, 1.5, 3)[2]


def _pan(rng: np.random.Generator, time: Array, size: tuple[int, int], people: Array) -> Array:
    """To and fro, mostly level, as far as the middle of the people stays in the picture: pixels `(frames, 2)`."""
    speed, reach = rng.uniform(0.1, _FASTEST) * size[1], rng.uniform(0.06, 0.3) * size[1]
    rate = min(speed / reach, 2 * np.pi)
    swing = reach * np.sin(rate * time + rng.uniform(0.0, 2 * np.pi))
    shift = np.stack([swing, rng.uniform(-0.35, 0.35) * swing], 1)
    edge = np.array([size[1], size[0]], float)
    low, high = np.minimum(_KEPT * edge, people), np.maximum((1.0 - _KEPT) * edge, people)
    return smooth(np.clip(people + shift, low, high) - people, 0.1 / float(time[1] - time[0]))


def _zoom(rng: np.random.Generator, time: Array) -> Array:
    """In or out by up to `_ZOOM`, about the middle of the clip: factors `(frames,)`."""
    begin, length = rng.uniform(-0.2, 0.7) * time[-1], rng.uniform(0.4, 1.0) * time[-1]
    ratio = rng.uniform(1.05, _ZOOM) ** rng.choice([-1.0, 1.0])
    zoom: Array = ratio ** (minimum_jerk((time - begin) / length) - 0.5)
    return zoom


def _affine(shift: Array, angle: Array, zoom: Array, size: tuple[int, int]) -> Array:
    """Turn and zoom about the middle of the picture, and shift by `(frames, 2)` pixels."""
    motion = still(len(shift))
    cosine, sine = zoom * np.cos(angle), zoom * np.sin(angle)
    motion[:, 0, 0], motion[:, 0, 1], motion[:, 1, 0], motion[:, 1, 1] = cosine, -sine, sine, cosine
    centre = np.array([size[1] / 2.0, size[0] / 2.0])
    motion[:, :, 2] = centre + shift - motion[:, :, :2] @ centre
    return motion


def margins(motion: Array, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Rows and columns (top, bottom, left, right) around the still picture that the frames show, within bounds.

    >>> motion = still(2)
    >>> motion[1, :, 2] = 30.0, -2.0
    >>> margins(motion, (100, 200))
    (10, 10, 30, 10)
    """
    rows, columns = size
    corners = np.array([[0, 0], [columns, 0], [0, rows], [columns, rows]], float)
    back = np.linalg.inv(motion[:, :, :2])
    places = np.einsum("nij,ncj->nci", back, corners[None] - motion[:, None, :, 2])
    low, high = places.min((0, 1)), places.max((0, 1))
    needed = (-low[1], high[1] - rows, -low[0], high[0] - columns)
    most = (rows, rows, columns, columns)
    least = round(0.1 * rows)
    found = [
        max(least, min(int(np.ceil(need)), round(_LARGEST * side))) for need, side in zip(needed, most, strict=True)
    ]
    return found[0], found[1], found[2], found[3]
