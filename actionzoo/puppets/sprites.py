"""Small pictures that affine maps lay into each frame: what every body part is drawn with.

A map `A[k]` takes a sprite's own pixels to frame k. A surface point seen at x in frame k is seen at `A[k+1] A[k]^-1 x`
in the next: that is what makes the flow exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from actionzoo.puppets.geometry import Array

Image = NDArray[np.uint8]
PATTERNS = ("plain", "stripes", "checks", "patch", "panel")
"""Patterns of a cloth."""


@dataclass
class Sprite:
    """A picture and its place in every frame.

    Attributes:
        image: `(rows, columns, 4)` uint8 RGBA, the colours multiplied by alpha.
        maps: `(frames, 2, 3)` affine maps from its pixels to those of the frame.
        depth: `(frames,)` metres from the camera: what is nearer hides what is farther.
        solid: whether it is a surface that has motion of its own; a shadow is none.
    """

    image: Image
    maps: Array
    depth: Array
    solid: bool = True


@dataclass(frozen=True)
class Cloth:
    """Two colours (RGB 0..255), the pattern they make and its period in metres."""

    base: Array
    accent: Array
    pattern: str = "plain"
    period: float = 0.1


def affine_flow(now: Array, then: Array, left: int, top: int, width: int, height: int) -> NDArray[np.float32]:
    """How far the points in a box of pixels move that `now` `(2, 3)` put there and `then` puts elsewhere.

    Returns:
        `(height, width, 2)` pixels, u right and v down.

    Example:
        >>> still, moved = np.array([[1.0, 0, 0], [0, 1.0, 0]]), np.array([[1.0, 0, 3], [0, 1.0, -2]])
        >>> affine_flow(still, moved, 5, 5, 1, 1).tolist()
        [[[3.0, -2.0]]]
    """
    turn = then[:, :2] @ np.linalg.inv(now[:, :2])
    shift = then[:, 2] - turn @ now[:, 2]
    x, y = np.arange(left, left + width)[None, :], np.arange(top, top + height)[:, None]
    u = (turn[0, 0] - 1.0) * x + turn[0, 1] * y + shift[0]
    v = turn[1, 0] * x + (turn[1, 1] - 1.0) * y + shift[1]
    return np.stack([u, v], -1).astype(np.float32)


def capsule(
    rng: np.random.Generator,
    length: float,
    first: float,
    last: float,
    cloth: Cloth,
    pixels: float,
    *,
    bulge: float = 0.0,
    blunt: float = 1.0,
    split: tuple[float, Array] | None = None,
) -> Image:
    """Draw a tapered limb with round ends whose axis runs along the middle row.

    Args:
        rng: source of folds and grain.
        length: metres between the centres of its ends.
        first: radius in metres of the left end.
        last: radius in metres of the right end.
        cloth: its colours.
        pixels: resolution, pixels a metre.
        bulge: how much thicker it is in the middle, as a share of the larger radius.
        blunt: how much shorter than round the left end is.
        split: a share of the length and the colour beyond it (a sleeve's end).

    Returns:
        `(rows, columns, 4)` uint8 RGBA, premultiplied.
    """
    length, first, last = length * pixels, first * pixels, last * pixels
    reach = max(first, last) * (1.0 + bulge)
    columns, rows = int(np.ceil(length + first + last)) + 4, int(np.ceil(2 * reach)) + 4
    u: Array = np.arange(float(columns))[None, :] - _PAD - first
    v: Array = np.arange(float(rows))[:, None] - (rows - 1) / 2.0
    share = np.clip(u / max(length, 1e-6), 0.0, 1.0)
    radius = first + (last - first) * share + bulge * reach * np.sin(np.pi * share)
    beyond = np.where(u < 0.0, blunt * u, np.maximum(u - length, 0.0))
    alpha = np.clip(radius - np.hypot(beyond, v) + 0.5, 0.0, 1.0)[..., None]
    accented: Array = woven(cloth, u / pixels, v / pixels)[..., None]
    colour: Array = cloth.base + accented * (cloth.accent - cloth.base)
    if split is not None:
        colour = np.where((u > split[0] * length)[..., None], split[1], colour)
    light = 0.72 + 0.34 * np.sqrt(np.clip(1.0 - (v / np.maximum(radius, 1e-6)) ** 2, 0.0, 1.0)) - 0.05 * v / reach
    folds = rng.normal(0.0, 1.0, (max(2, rows // 5), max(2, columns // 5))).astype(np.float32)
    folds = cv2.resize(folds, (columns, rows), interpolation=cv2.INTER_CUBIC)
    light = light * (1.0 + 0.05 * folds + 0.02 * rng.normal(0.0, 1.0, (rows, columns)))
    colour = np.clip(colour * light[..., None] + 1.5 * folds[..., None], 0, 255)
    return np.round(np.concatenate([colour * alpha, 255.0 * alpha], 2)).astype(np.uint8)


_PAD = 1.5
"""Clear pixels before the left end of a capsule, so that its edge is not cut."""


def capsule_maps(
    start: Array, end: Array, zoom: Array, image: Image, length: float, first: float, last: float, width: Array | None
) -> Array:
    """Maps `(frames, 2, 3)` that lay a `capsule` between the pixels `start` and `end` `(frames, 2)`.

    A limb that points at the camera shrinks to its round ends. All lengths are in pixels of the sprite.

    Args:
        start: where the centre of its left end is.
        end: where the centre of its right end is.
        zoom: pixels of the frame a pixel of the sprite `(frames,)`.
        image: the sprite.
        length: between the centres of its ends.
        first: radius of the left end.
        last: radius of the right end.
        width: factor on its thickness `(frames,)`, or None.
    """
    line = end - start
    seen = np.linalg.norm(line, axis=1)
    along = line / np.maximum(seen, 1e-6)[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], 1)
    maps = np.empty((len(start), 2, 3))
    maps[:, :, 0] = along * ((seen + (first + last) * zoom) / (length + first + last))[:, None]
    maps[:, :, 1] = across * (zoom if width is None else zoom * width)[:, None]
    corner = start - along * (first * zoom)[:, None]
    maps[:, :, 2] = corner - maps[:, :, 0] * _PAD - maps[:, :, 1] * ((image.shape[0] - 1) / 2.0)
    return maps


def woven(cloth: Cloth, u: Array, v: Array) -> Array:
    """Where the second colour shows, 0..1, at metres along and across the limb."""
    phase = 2 * np.pi / cloth.period
    shape = np.broadcast_shapes(u.shape, v.shape)
    if cloth.pattern == "stripes":
        return np.broadcast_to(np.clip(2.0 * np.sin(phase * u) + 0.5, 0.0, 1.0), shape)
    if cloth.pattern == "checks":
        return 0.5 * (np.sin(phase * u) > 0) + 0.5 * (np.sin(phase * v) > 0)
    if cloth.pattern == "patch":
        return ((np.abs(u / cloth.period - 2.2) < 0.7) & (np.abs(v / cloth.period) < 0.8)).astype(float)
    if cloth.pattern == "panel":
        return np.broadcast_to((u > 2.0 * cloth.period).astype(float), shape)
    return np.zeros(shape)
