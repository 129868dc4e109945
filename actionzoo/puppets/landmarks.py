"""Where head and hips of a silhouette are in each frame: what garments are laid out by."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from actionzoo.puppets.depth import Field, Silhouette
from actionzoo.puppets.geometry import Array
from actionzoo.video.flow import optical_flow

HEAD = 0.062
"""Radius of a head, as a share of the person's height; so are the lengths below."""
_HEAD_DOWN, _HIPS_DOWN = 0.078, 0.5
"""How far below the top of someone who stands the middles of head and hips are."""
_HIPS = 0.09
"""Radius about the middle of the hips in which their motion is taken."""
_LIMB = 0.075
"""What is thinner is an arm."""
_UPRIGHT = 0.85
"""Who is taller than this share of his height stands."""
_DOCILE = {True: 0.25, False: 0.02}
"""Share by which the hips come, a frame, to where they are if the person stands, and if not."""
_PLACES = 12
"""Places in each frame where the head may be."""


@dataclass(frozen=True)
class Landmarks:
    """A person's height and joints in each frame; pixels of the silhouette.

    Attributes:
        height: of the person who stands.
        head: `(frames, 2)` middle of the head, x and y.
        hips: `(frames, 2)` middle between the hips.
        flow: `(frames, rows, columns, 2)` how far what is seen moves to the next frame.
    """

    height: float
    head: Array
    hips: Array
    flow: Field


def landmarks(person: Silhouette) -> Landmarks:
    """Find head and hips: the head by its shape, the hips from where the person stands best by optical flow."""
    flow = _flow(person)
    solid = person.cover > 0.5
    trunks = _without_arms(solid)
    feet = _feet(solid)
    top = np.array([each.any(1).argmax() if each.any() else each.shape[0] for each in trunks])
    stature = feet[:, 1] - top
    height = float(np.percentile(stature, 90))
    head = _smooth(_path(_head_likeness(person, trunks, top, height), height))
    wide = np.array([np.ptp(np.flatnonzero(each.any(0))) if each.any() else each.shape[1] for each in solid])
    best = int(np.where(stature < 0.95 * height, wide.max() + 1, wide).argmin())
    share = (_HIPS_DOWN - _HEAD_DOWN) / (1.0 - _HEAD_DOWN)
    stand = head + share * (feet - head)
    hips = np.empty_like(head)
    hips[best] = stand[best]
    for step, last in ((1, len(flow) - 1), (-1, 0)):
        for k in range(best, last, step):
            field = flow[k] if step > 0 else -flow[k - 1]
            moved = hips[k] + _moved(field, person.cover[k], hips[k], _HIPS * height)
            straight = bool(feet[k + step, 1] - head[k + step, 1] > (_UPRIGHT - _HEAD_DOWN) * height)
            hips[k + step] = moved + _DOCILE[straight] * (stand[k + step] - moved)
    return Landmarks(height, head, _smooth(hips), flow)


def _flow(person: Silhouette) -> Field:
    """Flow of the relief, as bright as it can be, that goes on beyond the outline; of the last frame, as before."""
    few = np.s_[:, ::3, ::3]
    low, high = np.percentile(person.relief[few][person.cover[few] > 0.5], [1, 99]).astype(np.float32)
    gain = np.float32(195.0) / max(high - low, np.float32(8.0))
    bright = np.float32(60.0) + np.clip((person.relief - low) * gain, 0, 195)
    grey = (bright * np.clip(2 * person.cover - np.float32(0.5), 0, 1)).astype(np.uint8)
    flow = np.empty((*grey.shape, 2), np.float32)
    flow[:-1] = optical_flow(grey, "dis", workers=1)
    for field, cover in zip(flow[:-1], person.cover[:-1], strict=True):
        inside = (cover > 0.5).astype(np.float32)
        total, count = (cv2.boxFilter(each, -1, (9, 9)) for each in (field * inside[..., None], inside))
        np.copyto(field, total / (count + np.float32(1e-6))[..., None], where=inside[..., None] == 0)
    flow[-1] = flow[-2]
    return flow


def _without_arms(solid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The silhouettes without what is thin, 0 or 1; as they are where all is thin."""
    tall = np.median([np.ptp(np.flatnonzero(each.any(1))) + 1 if each.any() else 0 for each in solid])
    size = max(3, int(_LIMB * tall) | 1)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    opened = (cv2.morphologyEx(each, cv2.MORPH_OPEN, disc) for each in solid.astype(np.uint8))
    return np.stack(
        [thick if thick.any() else each for thick, each in zip(opened, solid.astype(np.uint8), strict=True)]
    )


def _feet(solid: NDArray[np.bool_]) -> Array:
    """Where the person stands in each frame, x and y; where nobody is seen, the middle of the last row."""
    feet = np.empty((len(solid), 2))
    for k, each in enumerate(solid):
        rows = np.flatnonzero(each.any(1))
        low = rows[-1] if len(rows) else each.shape[0] - 1
        columns = np.flatnonzero(each[max(low - max(len(rows) // 12, 1), 0) : low + 1].any(0))
        feet[k] = columns.mean() if len(columns) else each.shape[1] / 2.0, low + 1.0
    return _smooth(feet)


def _head_likeness(person: Silhouette, trunks: NDArray[np.uint8], top: NDArray[np.int64], height: float) -> Field:
    """How much each second pixel of each frame looks like the middle of a head.

    A head is a disc with nothing above it, or with what is farther away, and not far below the top of the body.
    """
    radius = HEAD * height / 2.0
    reach = int(np.ceil(1.5 * radius))
    x, y = np.meshgrid(*2 * [np.arange(-reach, reach + 1.0)])
    away = np.hypot(x, y)
    disc, ring = away <= radius, (away > 1.1 * radius) & (away < 1.5 * radius + 1.0) & (y < 0)
    pattern = (disc / disc.sum() - 0.5 * ring / ring.sum()).astype(np.float32)
    likely = []
    for trunk, relief, first in zip(trunks, person.relief, top, strict=True):
        near = np.clip((relief - np.median(relief[trunk > 0] if trunk.any() else relief)) / 50.0, -0.5, 0.5)
        body = cv2.resize(trunk * (1.0 + near), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        answer = cv2.filter2D(body.astype(np.float32), -1, pattern, borderType=cv2.BORDER_CONSTANT)
        down = np.abs(2.0 * np.arange(len(answer)) - first - _HEAD_DOWN * height) / height
        likely.append(answer - down[:, None])
    return np.stack(likely).astype(np.float32)


def _path(likely: Field, height: float) -> Array:
    """The most likely path `(frames, 2)` of a head that does not jump (Viterbi), in whole pixels."""
    places, scores = zip(*[_peaks(each) for each in likely], strict=True)
    total, back = scores[0], []
    for k in range(1, len(likely)):
        jump = np.linalg.norm(places[k][:, None] - places[k - 1][None], axis=2)
        reached = total[None] - 3.0 * jump / height
        back.append(reached.argmax(1))
        total = scores[k] + reached.max(1)
    chosen = [int(total.argmax())]
    for each in back[::-1]:
        chosen.append(int(each[chosen[-1]]))
    return np.stack([own[index] for own, index in zip(places, chosen[::-1], strict=True)])


def _peaks(likely: Field) -> tuple[Array, Array]:
    """The places `(_PLACES, 2)`, x and y, in pixels of the silhouette that are more likely than all about them."""
    peak = np.where(likely >= cv2.dilate(likely, np.ones((3, 3), np.uint8)), likely, np.float32(-9.0))
    best = np.argsort(peak, axis=None, kind="stable")[::-1][:_PLACES]
    rows, columns = np.unravel_index(best, peak.shape)
    return np.asarray(np.stack([columns, rows], 1) * 2.0 + 0.5, float), np.asarray(peak.ravel()[best], float)


def _moved(field: Field, cover: Field, middle: Array, radius: float) -> Array:
    """The median of how far the person moves within a radius of a point; `(2,)`."""
    rows, columns = cover.shape
    x, y = (np.clip(round(float(each)), 0, size - 1) for each, size in zip(middle, (columns, rows), strict=True))
    reach = max(1, int(radius))
    part = np.s_[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
    motion = field[part][cover[part] > 0.5]
    return np.median(motion, axis=0).astype(float) if len(motion) else np.zeros(2)


def _smooth(path: Array) -> Array:
    """A path `(frames, 2)` without trembling."""
    return np.asarray(cv2.GaussianBlur(path, (1, 0), sigmaX=1e-6, sigmaY=1.5, borderType=cv2.BORDER_REPLICATE))
