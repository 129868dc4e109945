"""What stands in the way: a pole, a bench or a plant between the camera and the people."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from actionzoo.puppets.background import FRACTION_BITS, fixed
from actionzoo.puppets.camera import Camera
from actionzoo.puppets.geometry import Array
from actionzoo.puppets.scenario import Scenario
from actionzoo.puppets.sprites import Sprite

_Shape = tuple[Array, Array]
"""An outline `(points, 2)` in metres, x to the right and z up, and its colour."""

_COLOURS = np.array([(92, 84, 76), (60, 62, 66), (120, 90, 60), (150, 148, 142), (46, 70, 52), (140, 60, 48)])
_GREENS = np.array([(58, 86, 44), (80, 104, 52), (44, 66, 50), (110, 112, 60)])
_LYING_M = 0.6
"""Whose pelvis is lower is hidden by anything but a pole."""


def clutter(rng: np.random.Generator, scenario: Scenario, camera: Camera) -> list[Sprite]:
    """Objects that stand in front of the acting figures, as often as the scenario's view tells."""
    if rng.random() >= scenario.view.clutter:
        return []
    pelvis = np.concatenate([figure.joints["pelvis"] for figure in scenario.figures[: scenario.cast]])
    kinds: list[Callable[[np.random.Generator], list[_Shape]]] = [_pole, _bench, _plant]
    kind = kinds[rng.integers(3)] if np.median(pelvis[:, 2]) > _LYING_M else _pole
    middle = pelvis[rng.integers(len(pelvis))]
    count = 1 if kind is _bench else int(rng.integers(1, 3))
    return [_stand(rng, kind(rng), middle[:2] + _aside(rng), camera) for _ in range(count)]


def _aside(rng: np.random.Generator) -> Array:
    """Metres from somebody to what stands before: somewhat to a side, and nearer the camera."""
    return np.array([rng.choice([-1.0, 1.0]) * rng.uniform(0.1, 1.2), -rng.uniform(0.6, 1.8)])


def _stand(rng: np.random.Generator, shapes: Sequence[_Shape], place: Array, camera: Camera) -> Sprite:
    """Paint shapes, and put their origin at a place on the ground."""
    ground = np.tile([*place, 0.0], (len(camera.motion), 1))
    at, depth, zoom = camera.project(ground)
    pixels = float(zoom.max())
    points = np.concatenate([outline for outline, _ in shapes])
    low, high = points.min(0) - 2.0 / pixels, points.max(0) + 2.0 / pixels
    columns, rows = np.ceil((high - low) * pixels).astype(int).tolist()
    image = np.zeros((rows, columns, 4), np.uint8)
    for outline, colour in shapes:
        drawn = fixed((outline - (low[0], high[1])) * (pixels, -pixels))
        cv2.fillPoly(image, [drawn], (*colour.tolist(), 255), cv2.LINE_AA, FRACTION_BITS)
    grain = 1.0 + 0.06 * rng.normal(0.0, 1.0, (rows, columns, 1)).astype(np.float32)
    image[..., :3] = np.minimum(image[..., :3] * grain, image[..., 3:]).clip(0, 255)
    maps = np.empty((len(at), 2, 3))
    turn = camera.motion[:, :, :2]
    maps[:, :, :2] = turn * (zoom / pixels / np.sqrt(np.linalg.det(turn)))[:, None, None]
    maps[:, :, 2] = at - maps[:, :, :2] @ (np.array([-low[0], high[1]]) * pixels)
    return Sprite(image, maps, depth)


def _box(left: float, bottom: float, width: float, height: float, colour: Array) -> _Shape:
    right, top = left + width, bottom + height
    outline = np.array([(left, bottom), (right, bottom), (right, top), (left, top)])
    return outline, np.clip(colour, 0, 255)


def _colour(rng: np.random.Generator, colours: Array) -> Array:
    return np.clip(colours[rng.integers(len(colours))] * rng.uniform(0.6, 1.4) + rng.normal(0.0, 6.0, 3), 8, 245)


def _pole(rng: np.random.Generator) -> list[_Shape]:
    """A post or lamp with a lit and a shaded side."""
    width, height, colour = rng.uniform(0.05, 0.2), rng.choice([1.0, 4.0]), _colour(rng, _COLOURS)
    sides = [_box(-width / 2, 0.0, width, height, colour), _box(0.15 * width, 0.0, 0.35 * width, height, 0.7 * colour)]
    return [*sides, _box(-0.8 * width, 0.0, 1.6 * width, 0.05, 0.6 * colour)]


def _bench(rng: np.random.Generator) -> list[_Shape]:
    """Legs, a seat and a back of slats, seen from behind."""
    width, colour, slats = rng.uniform(0.9, 1.8), _colour(rng, _COLOURS), int(rng.integers(1, 4))
    left = -width / 2
    legs = [_box(left + share * width, 0.0, 0.06, 0.85, 0.5 * colour) for share in (0.05, 0.92)]
    back = [_box(left, 0.5 + 0.11 * k, width, 0.08, colour * rng.uniform(0.9, 1.1)) for k in range(slats)]
    return [*legs, _box(left, 0.4, width, 0.07, 0.75 * colour), *back]


def _plant(rng: np.random.Generator) -> list[_Shape]:
    """Leaves that grow out of a pot or the ground."""
    height, green = rng.uniform(0.4, 1.2), _colour(rng, _GREENS)
    stem = 0.22 if rng.random() < 0.5 else 0.0
    shapes = [_box(-0.16, 0.0, 0.32, 0.25, _colour(rng, _COLOURS))] if stem else []
    for _ in range(int(rng.integers(14, 40))):
        angle, length, wide = rng.normal(0.0, 0.5), height * rng.uniform(0.4, 1.0), rng.uniform(0.02, 0.06)
        along = np.array([np.sin(angle), np.cos(angle)])
        across = np.array([along[1], -along[0]]) * wide
        root = np.array([rng.normal(0.0, 0.08), stem])
        tip = root + length * along
        leaf = np.array([root, root + 0.5 * length * along + across, tip, root + 0.5 * length * along - across])
        shapes.append((leaf, np.clip(green * rng.uniform(0.7, 1.3), 0, 255)))
    return shapes
