"""What the camera holds: the people as a person would frame them, or so close that the frame cuts them off."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from actionzoo.motion.recording import SIDES
from actionzoo.puppets.camera import Camera
from actionzoo.puppets.geometry import Array
from actionzoo.puppets.movement import followed, moved, now_and_then, still
from actionzoo.puppets.scenario import Scenario

ASPECTS = (0.55, 2.4)
"""Bounds of a picture's width / height, those of the real clips."""
_CLOSE_ASPECTS = (0.8, 1.8)
_DISTANCE, _DISTANCE_FOLLOWING = (7.0, 25.0), (14.0, 25.0)
"""Metres to the origin; somebody who is followed may come some metres nearer."""
_MOVES = 0.5
"""What moves by this share of what moves most belongs to the action."""
_PARTS = {
    "head": ("head",),
    **{f"{side}_arm": tuple(f"{side}_{joint}" for joint in ("elbow", "wrist", "hand")) for side in SIDES},
    **{f"{side}_leg": tuple(f"{side}_{joint}" for joint in ("knee", "ankle", "toe")) for side in SIDES},
}
"""What a frame may cut off, besides the trunk, by the joints that must be seen if it is not."""


def shoot(
    scenario: Scenario, rng: np.random.Generator, height: int, width: int | None
) -> tuple[Camera, tuple[int, int]]:
    """Draw a camera that holds the acting figures.

    It stands and moves as the scenario's view tells: of actions within 35 degrees of their side view and up to 29
    degrees above.

    Args:
        scenario: who is to be seen.
        rng: source of every choice.
        height: rows of the picture.
        width: columns of the picture, drawn at random (even) when None.

    Returns:
        the camera, and the picture's size `(height, width)`.
    """
    seen, time = scenario.view, scenario.time
    follows = seen.movement == "follow"
    azimuth = float(np.clip(rng.normal(0.0, seen.azimuth), -seen.farthest, seen.farthest))
    elevation = rng.uniform(*seen.elevation)
    right = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    view = np.array([-np.sin(azimuth) * np.cos(elevation), np.cos(azimuth) * np.cos(elevation), -np.sin(elevation)])
    distance = rng.uniform(*(_DISTANCE_FOLLOWING if follows else _DISTANCE))
    camera = Camera(right, np.cross(right, view), view, distance, 1.0, np.zeros(2), still(len(time)))
    path = _path(camera, scenario)
    track = followed(rng, path, time) if follows else np.zeros_like(path)
    box = _box(camera, scenario, track, rng, None if width is None else width / height)
    scale = height / (box[3] - box[1])
    columns = width or round((box[2] - box[0]) * scale / 2.0) * 2
    camera.scale = scale
    camera.offset = -np.array([(box[0] + box[2]) / 2 * scale - columns / 2, box[1] * scale])
    size = (height, columns)
    if seen.movement is None:
        camera.motion = now_and_then(rng, time, size)
    else:
        people = (path - track) * scale + camera.offset
        camera.motion = moved(rng, seen.movement, time, size, people, track * scale)
    return camera, size


def _path(camera: Camera, scenario: Scenario) -> Array:
    """Where the middle of the acting figures is `(frames, 2)`, on the image plane of a camera of scale one."""
    acting = scenario.figures[: scenario.cast]
    return np.mean([camera.project(figure.joints["pelvis"])[0] for figure in acting], axis=0)


def _box(camera: Camera, scenario: Scenario, track: Array, rng: np.random.Generator, aspect: float | None) -> Array:
    """What the camera holds (left, top, right, bottom) where it looks along `track`, in metres on its image plane."""
    seen = scenario.view
    if seen.cut_off and rng.random() < seen.cut_off:
        return _close(*_moving(camera, scenario, track, rng), rng, aspect)
    low, high = _bounds(camera, scenario, track)
    box = crop(low, high, rng, aspect)
    if seen.share is None:
        return box
    tall = max(figure.body.height for figure in scenario.figures[: scenario.cast])
    return step_back(box, low, high, min(tall, float((high - low).max())), seen.share, rng)


def _core(scenario: Scenario) -> NDArray[np.bool_]:
    return (scenario.time >= scenario.core[0]) & (scenario.time <= scenario.core[1])


def _bounds(camera: Camera, scenario: Scenario, track: Array) -> tuple[Array, Array]:
    """The corners around the acting figures in their core time, for a camera of scale one that looks along `track`."""
    core = _core(scenario)
    names = ["head"] + [f"{side}_{joint}" for side in ("left", "right") for joint in ("wrist", "ankle", "toe")]
    acting = scenario.figures[: scenario.cast]
    points = np.concatenate(
        [(camera.project(figure.joints[name])[0] - track)[core] for figure in acting for name in names]
    )
    low, high = points.min(0), points.max(0)
    return low - np.array([0.1, 0.16]), high + np.array([0.1, 0.04])


def _moving(camera: Camera, scenario: Scenario, track: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """The corners around the trunks and what moves most; the head is among it in three of four clips."""
    core = _core(scenario)
    held = []
    for figure in scenario.figures[: scenario.cast]:
        seen = {name: (camera.project(points)[0] - track)[core] for name, points in figure.joints.items()}
        moves = {
            part: max(float((seen[name] - seen["pelvis"]).std(0).max()) for name in names)
            for part, names in _PARTS.items()
        }
        most = max(moves.values())
        parts = [part for part in _PARTS if moves[part] >= _MOVES * most]
        if rng.random() < 0.75:
            parts.append("head")
        trunk = ("neck", "left_shoulder", "right_shoulder", "pelvis", "left_hip", "right_hip")
        held += [seen[name] for name in (*trunk, *(joint for part in parts for joint in _PARTS[part]))]
    points = np.concatenate(held)
    return points.min(0) - rng.uniform(0.08, 0.25, 2), points.max(0) + rng.uniform(0.04, 0.2, 2)


def _close(low: Array, high: Array, rng: np.random.Generator, aspect: float | None) -> Array:
    """A box no larger than its shape asks for around `low`..`high`."""
    if aspect is None:
        aspect = float(np.exp(rng.uniform(*np.log(_CLOSE_ASPECTS))))
    size = high - low
    extent = np.maximum(size, [aspect * size[1], size[0] / aspect])
    corner = low - rng.uniform(0.2, 0.8, 2) * (extent - size)
    return np.concatenate([corner, corner + extent])


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
