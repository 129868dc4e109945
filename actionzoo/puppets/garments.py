"""Clothes, skin and hair for a silhouette, laid out by its landmarks, and the light that its relief makes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from actionzoo.puppets.depth import Field, Silhouette
from actionzoo.puppets.geometry import Array
from actionzoo.puppets.landmarks import HEAD, Landmarks
from actionzoo.puppets.sprites import Cloth, Image, woven
from actionzoo.puppets.wardrobe import Outfit, dress

_METRES = 1.72
"""A person's height, for patterns of cloths."""
_GREYS = 150.0
"""Greys of a depth as large as a person's height."""
_NECK, _SHOULDER = 0.066, (0.095, 0.03)
"""How far below the middle of the head the neck is, and from there the shoulders, aside and down; shares of the
person's height, as all lengths here."""
_UPPER_ARM, _WRIST = 0.17, 0.28
"""How far from the shoulder the elbow and the wrist of a straight arm are."""
_TRUNK = 0.105
"""Half the width of a trunk: what is beyond, or this far in front, is an arm."""
_FOOT = 0.045
_CELLS = 40
"""Cells a person's height in which ways along arms are counted."""
_SQUARE, _PLUS = np.ones((3, 3), np.uint8), np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
_BARE = 0.18
"""How often the shins are bare."""


@dataclass(frozen=True)
class Look:
    """What somebody wears, and in which light.

    Attributes:
        outfit: colours and cloths.
        cuff: how far below the hips trousers end, as a share of the person's height; 1 if they are long.
        folds: `(rows, columns)` of a cloth, about 0.
        light: unit vector `(3,)` to the light: right, down, and to the camera.
        ambient: light where none falls.
    """

    outfit: Outfit
    cuff: float
    folds: Field
    light: Array
    ambient: float


def draw_look(rng: np.random.Generator) -> Look:
    """Draw what somebody wears, and a light from above."""
    outfit = dress(rng)
    cuff = rng.uniform(0.16, 0.26) if rng.random() < _BARE else 1.0
    folds = cv2.GaussianBlur(rng.normal(0.0, 1.0, (96, 96)).astype(np.float32), (0, 0), 1.2)
    light = np.array([rng.uniform(-0.8, 0.8), rng.uniform(-0.9, -0.2), 0.8])
    return Look(outfit, cuff, folds / folds.std(), light / np.linalg.norm(light), rng.uniform(0.4, 0.65))


class Dresser:
    """Dresses one person.

    Args:
        person: the silhouette.
        marks: its landmarks.
        look: what it wears.
        scale: pixels of the result a pixel of the silhouette.
    """

    def __init__(self, person: Silhouette, marks: Landmarks, look: Look, scale: float) -> None:
        self.person, self.marks, self.look, self.scale = person, marks, look, scale
        rows, columns = person.cover.shape[1:]
        self.size = max(1, round(columns * scale)), max(1, round(rows * scale))
        self.height = marks.height * scale
        self.plane = _planes(person, marks)

    def picture(self, k: int) -> Image:
        """The person of frame `k`, `(rows, columns, 4)` uint8 RGBA, the colours multiplied by alpha."""
        cover, relief = (self.enlarged(each[k]) for each in (self.person.cover, self.person.relief))
        alpha = np.clip((cover - 0.5) * max(self.scale, 1.0) * 1.6 + 0.5, 0.0, 1.0)
        lit = self.colours(k, cover, relief) * self.light(cover, relief)[..., None]
        picture = np.dstack([np.clip(lit, 0.0, 255.0) * alpha[..., None], 255.0 * alpha])
        return np.round(picture).astype(np.uint8)

    def enlarged(self, field: Field) -> Field:
        """A field of the silhouette at the size of the result."""
        how = cv2.INTER_AREA if self.scale < 1.0 else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(field, self.size, interpolation=how), np.float32)

    def light(self, cover: Field, relief: Field) -> Field:
        """How much light falls where, about 1: on the relief, rounded off towards the outline."""
        deep = cv2.distanceTransform((cover > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
        round_ = np.sqrt(np.minimum(deep, 0.05 * self.height) * self.height).astype(np.float32)
        soft = max(0.8, 0.006 * self.height)
        body = 0.3 * self.height / _GREYS * relief + 0.092 * round_
        body = cv2.GaussianBlur(body.astype(np.float32), (0, 0), soft)
        across, down = (np.clip(cv2.Sobel(body, cv2.CV_32F, *way, scale=0.125), -1.5, 1.5) for way in ((1, 0), (0, 1)))
        right, below, ahead = self.look.light.tolist()
        facing = (ahead - right * across - below * down) / np.sqrt(1.0 + across**2 + down**2)
        return np.asarray(self.look.ambient + (1.15 - self.look.ambient) * np.clip(facing, 0.0, 1.0), np.float32)

    def colours(self, k: int, cover: Field, relief: Field) -> Field:
        """Colours of frame `k`, `(rows, columns, 3)`."""
        head, hips = self.marks.head[k] * self.scale, self.marks.hips[k] * self.scale
        up = (head - hips) / max(float(np.linalg.norm(head - hips)), 1e-6)
        side = np.array([-up[1], up[0]])
        x, y = np.meshgrid(*(np.arange(each, dtype=np.float32) for each in self.size))
        above, aside = (
            ((x - hips[0]) * way[0] + (y - hips[1]) * way[1]).astype(np.float32) / np.float32(self.height)
            for way in (up, side)
        )
        neck = float((head - hips) @ up) / self.height - _NECK
        low, high, own = self.plane[k].tolist()
        plane = low + (high - low) * np.clip(above / max(0.7 * neck, 0.05), -0.3, 1.3)
        ahead = (relief - plane.astype(np.float32)) / np.float32(_GREYS)
        colours = self.clothes(above, aside, neck)
        self.shoes(colours, above, cover)
        middle = self.marks.head[k] - (_NECK + _SHOULDER[1]) * self.marks.height * up
        wide = _SHOULDER[0] * self.marks.height * side
        ways = _along(self.person.cover[k], np.stack([middle - wide, middle + wide]), self.marks.height)
        along = cv2.resize(ways, self.size)
        away = np.maximum(along, np.hypot(above - neck + _SHOULDER[1], np.abs(aside) - _SHOULDER[0]))
        self.arms(colours, above, aside, ahead, np.hypot(away, 1.4 * np.maximum(ahead, 0.0)), neck)
        self.head(colours, above - (neck + _NECK), aside, (relief - own) / np.float32(_GREYS))
        return colours

    def clothes(self, above: Field, aside: Field, neck: float) -> Field:
        """Trousers and shirt."""
        outfit, cuff = self.look.outfit, self.look.cuff
        colours = _dyed(outfit.trousers, -above, aside)
        if cuff < 1.0:
            self.lay(colours, outfit.skin, -above - cuff)
        shirt = _dyed(outfit.shirt, neck - above, aside)
        self.lay(colours, shirt, above + outfit.hem / _METRES)
        places = [self.look.folds.shape[0] * (np.float32(0.5) + each) for each in (aside, above)]
        folds = cv2.remap(self.look.folds, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        return np.asarray(colours * (1.0 + 0.025 * folds[..., None]), np.float32)

    def shoes(self, colours: Field, above: Field, cover: Field) -> None:
        """What is lowest about each column, below the knees."""
        solid = cover > 0.5
        lowest = np.where(solid.any(0), len(solid) - solid[::-1].argmax(0), 0).astype(np.float32)
        reach = np.ones((1, 2 * int(0.04 * self.height) + 1), np.uint8)
        foot = np.arange(len(solid), dtype=np.float32)[:, None] - cv2.dilate(lowest[None], reach)
        self.lay(colours, self.look.outfit.shoes, np.minimum(foot / np.float32(self.height) + _FOOT, -above - 0.27))

    def arms(self, colours: Field, above: Field, aside: Field, ahead: Field, away: Field, neck: float) -> None:
        """Sleeves and skin of what is beside the trunk, or in front of it."""
        outfit = self.look.outfit
        beside = np.minimum(np.abs(aside) - _TRUNK, above + 0.2)
        arm = np.maximum(beside, np.minimum(0.7 * (ahead - 0.08), above - 0.05))
        arm = np.maximum(arm, above - neck)
        self.lay(colours, _dyed(outfit.shirt, away, aside - aside), np.minimum(arm, above + 0.05))
        sleeve = outfit.sleeve * _UPPER_ARM if outfit.sleeve < 1.0 else _WRIST
        self.lay(colours, outfit.skin, np.minimum(arm, away - sleeve))

    def head(self, colours: Field, above: Field, aside: Field, ahead: Field) -> None:
        """Neck, face and hair, but where an arm is in front."""
        outfit = self.look.outfit
        bare = np.minimum(0.045 - np.abs(aside), np.minimum(above + 1.5 * HEAD, 0.5 * HEAD - above))
        ball = 1.35 * HEAD - np.hypot(aside, above)
        skull = np.minimum(np.minimum(ball, above + 1.05 * HEAD), 0.6 * (0.1 - ahead))
        self.lay(colours, 0.85 * outfit.skin, np.minimum(bare, 0.1 - ahead))
        self.lay(colours, outfit.skin, skull)
        face = 1.0 - np.hypot(aside / (0.78 * HEAD), (above + 0.3 * HEAD) / (0.95 * HEAD))
        top = np.maximum(-HEAD * face, above - 0.45 * HEAD)
        long = above + (1.05 if outfit.long_hair else 0.2) * HEAD
        self.lay(colours, outfit.hair, np.minimum(skull, np.minimum(top, long)))
        if outfit.cap:
            self.lay(colours, outfit.shirt.accent, np.minimum(skull, above - 0.3 * HEAD))

    def lay(self, colours: Field, colour: Array | Field, inside: Field) -> None:
        """Lay a colour, or colours, over what is inside: where a distance, as a share of the height, is above 0."""
        alpha = np.clip(inside * np.float32(self.height) + np.float32(0.5), 0.0, 1.0)[..., None]
        colours += alpha * (np.asarray(colour, np.float32) - colours)


def _dyed(cloth: Cloth, along: Field, across: Field) -> Field:
    """The colours of a cloth at places, in shares of a person's height."""
    accented = woven(cloth, np.asarray(along * _METRES, float), np.asarray(across * _METRES, float))[..., None]
    return np.asarray(cloth.base + accented * (cloth.accent - cloth.base), np.float32)


def _planes(person: Silhouette, marks: Landmarks) -> Array:
    """Greys `(frames, 3)` of hips, chest and head: where arms are not in front of them, for they are nearer."""
    chest = marks.hips + 0.6 * (marks.head - marks.hips)
    places = (marks.hips, chest, marks.head)
    found = np.array(
        [
            [
                _grey(person, k, place[k], radius * marks.height)
                for place, radius in zip(places, (0.06, 0.06, HEAD), strict=True)
            ]
            for k in range(len(chest))
        ]
    )
    return np.asarray(cv2.GaussianBlur(found, (1, 0), sigmaX=1e-6, sigmaY=2.0, borderType=cv2.BORDER_REPLICATE))


def _grey(person: Silhouette, k: int, place: Array, radius: float) -> float:
    """The grey of the farther part of the person within a radius of a place."""
    rows, columns = person.cover.shape[1:]
    x, y = (int(np.clip(each, 0, size - 1)) for each, size in zip(place, (columns, rows), strict=True))
    reach = max(1, int(radius))
    part = np.s_[k, max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
    seen = person.relief[part][person.cover[part] > 0.5]
    return float(np.percentile(seen, 30)) if len(seen) else float(np.median(person.relief[k]))


def _along(cover: Field, shoulders: Array, height: float) -> Field:
    """How far places of the silhouette are from the shoulders `(2, 2)`, on ways inside it, up to a wrist; coarse."""
    cell = height / _CELLS
    size = [max(1, round(each / cell)) for each in cover.shape[::-1]]
    inside = (cv2.resize(cover, size, interpolation=cv2.INTER_AREA) > 0.3).astype(np.uint8)
    x, y = np.meshgrid(*(np.arange(each) + 0.5 for each in size))
    away = np.hypot(*(each[..., None] - shoulders.T[k] / cell for k, each in enumerate((x, y)))).min(-1)
    reached = (away < 1.5).astype(np.uint8) & inside
    steps = int(1.1 * _WRIST * _CELLS)
    left = np.full(inside.shape, float(steps + 1), np.float32)
    for step in range(steps):
        left -= reached
        reached = cv2.dilate(reached, _SQUARE if step % 2 else _PLUS) & inside
    for _ in range(2):  # beyond the outline as at the outline
        left = np.where(inside > 0, left, cv2.erode(left, _SQUARE))
    return np.asarray(left / np.float32(_CELLS), np.float32)
