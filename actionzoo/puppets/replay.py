"""A recording performed again: by other bodies, at another pace, seen from a side drawn at random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from actionzoo.errors import DataError
from actionzoo.motion.cleaning import clean, problem
from actionzoo.motion.recording import MotionRecording
from actionzoo.puppets.characters import others, somebody
from actionzoo.puppets.geometry import Array
from actionzoo.puppets.ground import clearance, grounded, travel
from actionzoo.puppets.movement import MOVEMENTS
from actionzoo.puppets.retarget import Points, flat, size, solid, turned, upright
from actionzoo.puppets.scenario import Scenario, View
from actionzoo.puppets.script import Body
from actionzoo.puppets.skeleton import Figure

TEMPO = (0.8, 1.25)
LENGTH_S = (2.0, 6.2)
"""Bounds of what is taken of a longer recording."""
_NEAR, _FOLLOWED, _BEYOND = (1.4, 2.6), (3.0, 6.0), 0.3
"""Bounds of the metres of a path that the picture holds on both sides of its middle, those that a camera follows, and
what is shown beyond."""
_SOLID = View(
    azimuth=0.0, farthest=0.0, elevation=(0.0, 0.4), share=(0.34, 0.95), movement="tripod", cut_off=0.2, clutter=0.1
)
_TRAVELS, _ACROSS, _SLANT = 0.8, 0.6, 0.4
"""Metres beyond which somebody goes somewhere, the share of those who cross the picture, and radians off its plane."""
_FLAT = replace(_SOLID, azimuth=0.12, farthest=0.3, elevation=(0.0, 0.12))


def replay(recording: MotionRecording, rng: np.random.Generator, fps: float) -> Scenario:
    """Draw one performance of a recording at `fps` frames a second.

    Raises DataError if it shows too little.

    >>> joints = np.random.default_rng(0).normal(size=(60, 1, 20, 3))
    >>> scene = replay(MotionRecording(joints, 30.0, "wave", "wave.npz"), np.random.default_rng(0), 30.0)
    >>> scene.cast, scene.figures[0].joints["head"].shape == (len(scene.time), 3)
    (1, True)
    """
    why = problem(recording)
    if why is not None:
        raise DataError(f"{recording.name}: {why}; leave it out")
    recording = _part(recording, rng)
    recording = clean(recording, fps, rng.uniform(*TEMPO))
    bodies = [somebody(rng) for _ in range(recording.bodies)]
    people = [recording.points(k) for k in range(recording.bodies)]
    scale = float(np.mean([size(points, body) for points, body in zip(people, bodies, strict=True)]))
    figures = [_figure(points, body, scale, fps) for points, body in zip(people, bodies, strict=True)]
    movement = str(rng.choice([*MOVEMENTS], p=[*MOVEMENTS.values()]))
    if recording.flat and movement == "follow":
        way = np.mean([travel(figure.joints, fps) for figure in figures], axis=0)
        figures = [_carried(figure, way) for figure in figures]
    path = np.mean([figure.joints["pelvis"] for figure in figures], axis=0)
    middle, shown, held = _stretch(path, _FOLLOWED if movement == "follow" else _NEAR, rng)
    angle = _towards(figures, middle, rng, recording.flat)
    figures = [_cut(turned(figure, angle, path[middle]), shown) for figure in figures]
    time = np.arange(shown.stop - shown.start) / fps
    core = ((held.start - shown.start) / fps, (held.stop - 1 - shown.start) / fps)
    cast = len(figures)
    figures += others(rng, time)
    view = replace(_FLAT if recording.flat else _SOLID, movement=movement)
    return Scenario(figures, cast, core, time, view=view, draped=True)


def _figure(points: Points, body: Body, scale: float, fps: float) -> Figure:
    """Somebody's joints `(frames, 3 or 2)` as a figure that stands on the ground as recorded."""
    seen = upright(points, scale)
    if points["pelvis"].shape[1] == 2:
        return grounded(flat(seen, body), clearance(seen, body, fps, slanted=True))
    return grounded(solid(seen, body), clearance(seen, body, fps))


def _part(recording: MotionRecording, rng: np.random.Generator) -> MotionRecording:
    """A recording, or a piece of a long one."""
    seconds = rng.uniform(*LENGTH_S)
    frames = round(seconds * recording.fps)
    if recording.seconds <= LENGTH_S[1] or frames >= len(recording.joints):
        return recording
    start = int(rng.integers(len(recording.joints) - frames + 1))
    piece = recording.replace(joints=recording.joints[start : start + frames])
    return recording if problem(piece) else piece


def _stretch(path: Array, bounds: tuple[float, float], rng: np.random.Generator) -> tuple[int, slice, slice]:
    """A frame, the frames about it that are shown, and those the picture must hold, of a path `(frames, 3)`."""
    middle = int(rng.integers(len(path) // 4, max(3 * len(path) // 4, len(path) // 4 + 1)))
    away = np.linalg.norm((path - path[middle])[:, :2], axis=1)

    def around(limit: float) -> slice:
        beyond = np.flatnonzero(away > limit)
        before, after = beyond[beyond < middle], beyond[beyond > middle]
        return slice(int(before[-1]) + 1 if len(before) else 0, int(after[0]) if len(after) else len(path))

    near = rng.uniform(*bounds)
    held, shown = around(near), around(near + _BEYOND)
    return middle, (shown if shown.stop - shown.start >= 4 else slice(0, len(path))), held


def _towards(figures: list[Figure], middle: int, rng: np.random.Generator, seen: bool) -> float:
    """The angle by which the scene turns.

    What was seen in 2-D turns by little. Of three 3-D scenes two are seen from the front: somebody alone faces the
    camera within 90 degrees, and two are beside each other rather than one behind the other. Of who goes somewhere
    alone, three in five scenes are filmed as such things are: across the picture.
    """
    if seen:
        return float(np.clip(rng.normal(0.0, 0.15), -0.35, 0.35))
    front = rng.random() < 2 / 3
    if len(figures) == 1:
        path = figures[0].joints["pelvis"]
        way = path[-1] - path[0]
        if np.hypot(way[0], way[1]) > _TRAVELS and rng.random() < _ACROSS:
            across = rng.uniform(-_SLANT, _SLANT) + (0.0 if rng.random() < 0.5 else np.pi)
            return float(across - np.arctan2(way[1], way[0]))
        ahead = figures[0].forward.mean(0)
        quarter = rng.uniform(-np.pi / 2, np.pi / 2) + (0.0 if front else np.pi)
        return float(-np.pi / 2 + quarter - np.arctan2(ahead[1], ahead[0]))
    apart = figures[1].joints["pelvis"][middle] - figures[0].joints["pelvis"][middle]
    beside = rng.uniform(-np.pi / 4, np.pi / 4) + (0.0 if rng.random() < 0.5 else np.pi)
    turn = beside + (0.0 if front else np.pi / 2)
    return float(turn - np.arctan2(apart[1], apart[0]))


def _carried(figure: Figure, way: Array) -> Figure:
    """The figure moved along x by `way` `(frames,)`."""
    shift = way[:, None] * np.array([1.0, 0.0, 0.0])
    return replace(figure, joints={name: points + shift for name, points in figure.joints.items()})


def _cut(figure: Figure, frames: slice) -> Figure:
    joints = {name: points[frames] for name, points in figure.joints.items()}
    flare = {side: values[frames] for side, values in figure.flare.items()}
    return Figure(figure.body, joints, figure.forward[frames], figure.chest[frames], figure.gaze[frames], flare)
