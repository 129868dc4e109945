"""What is behind the figures: a yard, a lawn or something plain, perhaps with a wall, a tree, cracks and leaves."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from actionzoo.puppets.geometry import Array

Image = NDArray[np.uint8]

FRACTION_BITS = 3
"""Bits of a pixel's fraction, in the coordinates that OpenCV draws at."""


def draw_background(rng: np.random.Generator, rows: int, columns: int, unit: float) -> Image:
    """Draw a background.

    Args:
        rng: source of every choice.
        rows: height in pixels.
        columns: width in pixels.
        unit: scale of everything on it, 1 for a picture of 240 rows.

    Returns:
        `(rows, columns, 3)` uint8 RGB.
    """
    kind = rng.random()
    if kind < 0.45:
        ground = _ground(rng, rows, columns, unit, 80, 175, [60, 20, 5, 1.6], [9.0, 5.0, 4.0, 6.0])
        _draw_cracks(rng, ground, unit)
    elif kind < 0.85:
        ground = _lawn(rng, rows, columns, unit)
    else:
        ground = _ground(rng, rows, columns, unit, 50, 200, [90, 12, 2], rng.uniform(2.0, 12.0, 3).tolist())
    if rng.random() < 0.22:
        _draw_wall(rng, ground, unit)
    if rng.random() < 0.25:
        _draw_trunk(rng, ground, unit)
    if rng.random() < 0.4:
        _draw_litter(rng, ground, unit)
    across, down = rng.normal(0.0, 0.10, 2)
    shade = 1.0 + down * np.linspace(-1, 1, rows)[:, None] + across * np.linspace(-1, 1, columns)[None, :]
    shade += _noise(rng, rows, columns, [140 * unit], [0.1])
    return np.clip(ground * shade[..., None], 0, 255).astype(np.uint8)


def _noise(
    rng: np.random.Generator, rows: int, columns: int, grains: Sequence[float], strengths: Sequence[float]
) -> NDArray[np.float32]:
    """Smooth noise `(rows, columns)` at several grain sizes (pixels), flattened by the slant of the ground."""
    total = np.zeros((rows, columns), np.float32)
    for grain, strength in zip(grains, strengths, strict=True):
        cells = (min(rows, max(3, int(1.6 * rows / grain))), min(columns, max(3, int(columns / grain))))
        field = rng.normal(0.0, strength, cells).astype(np.float32)
        total += cv2.resize(field, (columns, rows), interpolation=cv2.INTER_CUBIC)
    return total


def _to_image(picture: Array | NDArray[np.float32]) -> Image:
    return np.clip(picture, 0, 255).astype(np.uint8)


def _ground(
    rng: np.random.Generator,
    rows: int,
    columns: int,
    unit: float,
    dark: float,
    light: float,
    grains: Sequence[float],
    strengths: Sequence[float],
) -> Image:
    """A nearly grey surface between two levels."""
    tone = rng.uniform(dark, light) + np.array([4.0, 1.0, -5.0]) * rng.uniform(-0.8, 2.5) + rng.normal(0.0, 2.0, 3)
    grain = _noise(rng, rows, columns, [size * unit for size in grains], strengths)
    return _to_image(tone + grain[..., None])


def _lawn(rng: np.random.Generator, rows: int, columns: int, unit: float) -> Image:
    """Grass with bare patches, blades and dry leaves."""
    green = np.array([74.0, 84.0, 54.0]) * rng.uniform(0.7, 1.5) + rng.normal(0.0, 5.0, 3)
    earth = np.array([95.0, 86.0, 72.0]) * rng.uniform(0.6, 1.4) + rng.normal(0.0, 5.0, 3)
    patches = _noise(rng, rows, columns, [50 * unit, 14 * unit, 4 * unit], [1.2, 0.9, 0.6]) - rng.normal(0.0, 1.0)
    mix = 1.0 / (1.0 + np.exp(-patches))
    blades = _noise(rng, rows, columns, [3.5 * unit, 1.5 * unit], [6.0, 10.0]) * rng.uniform(0.5, 1.4)
    lawn = _to_image(earth + mix[..., None] * (green - earth) + blades[..., None])
    for _ in range(int(rng.uniform(0, 60))):
        spot = (int(rng.uniform(0, columns)), int(rng.uniform(0, rows)))
        size = (max(1, int(1.8 * unit)), max(1, int(unit)))
        leaf = np.clip(earth * rng.uniform(0.8, 2.0), 0, 255)
        cv2.ellipse(lawn, spot, size, rng.uniform(0, 180), 0, 360, leaf.tolist(), -1, cv2.LINE_AA)
    return lawn


def _draw_cracks(rng: np.random.Generator, ground: Image, unit: float) -> None:
    """Cracks and joints across a paved ground, perhaps a painted line."""
    rows, columns = ground.shape[:2]
    for _ in range(rng.integers(0, 4)):
        along = np.linspace(-0.1, 1.1, 14)
        wobble = np.cumsum(rng.normal(0.0, 0.006, 14))
        line = np.stack([along, rng.uniform(0, 1) + rng.normal(0.0, 0.12) * along + wobble], 1)
        line = (line[:, ::-1] if rng.random() < 0.3 else line) * (columns, rows)
        tone = ground[rows // 2, columns // 2] * rng.uniform(0.5, 0.85)
        thick = max(1, round(rng.uniform(0.6, 2.2) * unit))
        cv2.polylines(ground, [fixed(line)], False, tone.tolist(), thick, cv2.LINE_AA, FRACTION_BITS)
    if rng.random() < 0.25:
        ends = fixed(rng.uniform(0, 1, (2, 2)) * (columns, rows))
        thick = max(1, int(rng.uniform(2, 6) * unit))
        cv2.polylines(ground, [ends], False, (200, 200, 190), thick, cv2.LINE_AA, FRACTION_BITS)


def _draw_wall(rng: np.random.Generator, ground: Image, unit: float) -> None:
    """A wall or hedge above a line near the top."""
    rows, columns = ground.shape[:2]
    edge = int(rng.uniform(0.08, 0.42) * rows)
    wall = _ground(rng, edge, columns, unit, 50, 200, [40, 3], [8.0, 6.0]).astype(float)
    if rng.random() < 0.5:
        course = max(4, int(rng.uniform(5, 16) * unit))
        wall[::course] *= 0.82
        for row, top in enumerate(range(0, edge, course)):
            wall[top : top + course, (row % 2) * course :: 2 * course] *= 0.85
    ground[:edge] = wall
    foot = slice(edge, edge + max(1, int(2 * unit)))
    ground[foot] = ground[foot] * 0.6


def _draw_trunk(rng: np.random.Generator, ground: Image, unit: float) -> None:
    """The trunk of a tree that stands farther away."""
    rows, columns = ground.shape[:2]
    middle, foot, half = rng.uniform(0, columns), rng.uniform(0.3, 0.75) * rows, rng.uniform(8, 26) * unit
    tone = np.array([62.0, 52.0, 44.0]) * rng.uniform(0.6, 1.5)
    outline = np.array(
        [(-1, -2), (1, -2), (1, foot - half), (1.5, foot), (-1.5, foot), (-1, foot - half)]
    ) * (half, 1.0) + (middle, 0.0)  # fmt: skip
    mask = np.zeros((rows, columns), np.uint8)
    cv2.fillPoly(mask, [fixed(outline)], 255, cv2.LINE_AA, FRACTION_BITS)
    bark = rng.normal(0.0, 9.0, (max(3, rows // 12), max(3, int(columns / (2.5 * unit))))).astype(np.float32)
    light = np.clip(1.0 - 0.35 * np.abs((np.arange(columns) - middle - 0.3 * half) / half), 0.3, 1.1)
    wood = (tone + cv2.resize(bark, (columns, rows))[..., None]) * light[None, :, None]
    ground[:] = _to_image(ground + (mask / 255.0)[..., None] * (wood - ground))


def _draw_litter(rng: np.random.Generator, ground: Image, unit: float) -> None:
    """A few stains, stones or leaves."""
    rows, columns = ground.shape[:2]
    for _ in range(rng.integers(1, 5)):
        spot = (int(rng.uniform(0, columns)), int(rng.uniform(0, rows)))
        size = (int(rng.uniform(2, 14) * unit), int(rng.uniform(1, 7) * unit))
        tone = np.clip(ground[min(spot[1], rows - 1), min(spot[0], columns - 1)] * rng.uniform(0.4, 1.5), 0, 255)
        cv2.ellipse(ground, spot, size, rng.uniform(-20, 20), 0, 360, tone.tolist(), -1, cv2.LINE_AA)


def fixed(points: Array) -> NDArray[np.int32]:
    """Pixels as the fixed-point numbers that OpenCV draws at."""
    return np.round(points * 2**FRACTION_BITS).astype(np.int32)
