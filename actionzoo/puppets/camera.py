"""The camera: where it stands, what part of the scene it holds, and how it moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actionzoo.puppets.geometry import Array
from actionzoo.puppets.scenario import Scenario

ASPECTS = (0.55, 2.4)
"""Bounds of a picture's width / height, those of the real clips."""


@dataclass
class Camera:
    """A far camera that looks down a little: world metres to pixels, then its own motion.

    Attributes:
        right: unit vector `(3,)` of the world along the picture's rows.
        up: unit vector `(3,)` against the picture's columns.
        view: unit vector `(3,)` into the picture.
        distance: metres to the origin.
        scale: pixels a metre at the origin.
        offset: pixel `(2,)` at which the origin is seen.
        motion: `(frames, 2, 3)` affine maps from the still picture to the picture of each frame.
    """

    right: Array
    up: Array
    view: Array
    distance: float
    scale: float
    offset: Array
    motion: Array

    def project(self, points: Array) -> tuple[Array, Array, Array]:
        """Points `(frames, 3)` as pixels `(frames, 2)`, depth in metres `(frames,)` and pixels a metre `(frames,)`."""
        depth = points @ self.view
        zoom = self.scale / (1.0 + depth / self.distance)
        flat = np.stack([points @ self.right * zoom, -(points @ self.up) * zoom], 1) + self.offset
        moved = np.einsum("nij,nj->ni", self.motion[:, :, :2], flat) + self.motion[:, :, 2]
        return moved, depth, zoom * np.sqrt(np.abs(np.linalg.det(self.motion[:, :, :2])))


def shoot(
    scenario: Scenario, rng: np.random.Generator, height: int, width: int | None
) -> tuple[Camera, tuple[int, int]]:
    """Draw a camera that holds the acting figures.

    It stands as the scenario's view tells: of actions within 35 degrees of their side view and up to 29 degrees above.

    Args:
        scenario: who is to be seen.
        rng: source of every choice.
        height: rows of the picture.
        width: columns of the picture, drawn at random (even) when None.

    Returns:
        the camera, and the picture's size `(height, width)`.
    """
    seen = scenario.view
    azimuth = float(np.clip(rng.normal(0.0, seen.azimuth), -seen.farthest, seen.farthest))
    elevation = rng.uniform(*seen.elevation)
    right = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    view = np.array([-np.sin(azimuth) * np.cos(elevation), np.cos(azimuth) * np.cos(elevation), -np.sin(elevation)])
    still = _still(len(scenario.time))
    camera = Camera(right, np.cross(right, view), view, rng.uniform(7.0, 25.0), 1.0, np.zeros(2), still)
    low, high = _bounds(camera, scenario)
    box = crop(low, high, rng, None if width is None else width / height)
    if seen.share is not None:
        tall = max(figure.body.height for figure in scenario.figures[: scenario.cast])
        box = step_back(box, low, high, min(tall, float((high - low).max())), seen.share, rng)
    scale = height / (box[3] - box[1])
    columns = width or round((box[2] - box[0]) * scale / 2.0) * 2
    camera.scale = scale
    camera.offset = -np.array([(box[0] + box[2]) / 2 * scale - columns / 2, box[1] * scale])
    camera.motion = handheld(rng, scenario.time, (height, columns))
    return camera, (height, columns)


def _bounds(camera: Camera, scenario: Scenario) -> tuple[Array, Array]:
    """The corners around the acting figures in their core time, on the image plane of a camera of scale one."""
    core = (scenario.time >= scenario.core[0]) & (scenario.time <= scenario.core[1])
    names = ["head"] + [f"{side}_{joint}" for side in ("left", "right") for joint in ("wrist", "ankle", "toe")]
    acting = scenario.figures[: scenario.cast]
    points = np.concatenate([camera.project(figure.joints[name])[0][core] for figure in acting for name in names])
    low, high = points.min(0), points.max(0)
    return low - np.array([0.1, 0.16]), high + np.array([0.1, 0.04])


def crop(low: Array, high: Array, rng: np.random.Generator, aspect: float | None) -> Array:
    """A box (left, top, right, bottom) around `low`..`high`.

    Often snug, as a person would cut it; else of any shape whatever the action, so that the shape tells nothing.
    """
    size = high - low
    margin = rng.uniform(0.0, 0.13, 4) * np.array([1.3, 1.0, 1.3, 1.0]) * size[1]
    box = np.concatenate([low - margin[:2], high + margin[2:]])
    centre, extent = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    if aspect is None:
        drawn = np.exp(rng.uniform(*np.log(ASPECTS)))
        aspect = float(np.clip(drawn if rng.random() < 0.35 else extent[0] / extent[1], *ASPECTS))
    if extent[0] < aspect * extent[1]:
        wider = aspect * extent[1]
        centre[0] += rng.uniform(-0.5, 0.5) * (wider - extent[0])
        extent[0] = wider
    else:
        taller = extent[0] / aspect
        close = rng.uniform(0.72, 1.0) if rng.random() < 0.5 else 1.0
        taller = max(extent[1] * min(1.0, close * 1.2), taller * close)
        centre[1] += rng.uniform(-0.35, 0.35) * max(taller - extent[1], 0.0)
        extent = np.array([taller * aspect, taller])
    return np.concatenate([centre - extent / 2, centre + extent / 2])


def step_back(
    box: Array, low: Array, high: Array, tall: float, share: tuple[float, float], rng: np.random.Generator
) -> Array:
    """A box of the same shape in which someone `tall` metres is a share of the height, drawn between two bounds.

    It is no smaller than `box`, and lies anywhere so that `low`..`high` stay in it.
    """
    larger = tall / np.exp(rng.uniform(*np.log(share))) / (box[3] - box[1])
    if larger <= 1.0:
        return box
    extent = larger * (box[2:] - box[:2])
    first, last = np.minimum(high - extent, low), np.maximum(high - extent, low)
    corner = first + rng.uniform(0.1, 0.9, 2) * (last - first)
    return np.concatenate([corner, corner + extent])


def _still(frames: int) -> Array:
    return np.tile(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), (frames, 1, 1))


def handheld(rng: np.random.Generator, time: Array, size: tuple[int, int]) -> Array:
    """Camera motion `(frames, 2, 3)`: none (a tripod), a little shake, or shake with a slow pan and zoom."""
    motion = _still(len(time))
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
    cosine, sine = zoom * np.cos(angle), zoom * np.sin(angle)
    motion[:, 0, 0], motion[:, 0, 1], motion[:, 1, 0], motion[:, 1, 1] = cosine, -sine, sine, cosine
    centre = np.array([size[1] / 2.0, size[0] / 2.0])
    motion[:, :, 2] = centre + shake.T - motion[:, :, :2] @ centre
    return motion
