"""From joints to sprites: a figure's clothes, its shadow, or the dots of a point-light display."""

from __future__ import annotations

import numpy as np

from actionzoo.motion.recording import SIDES
from actionzoo.puppets.camera import Camera
from actionzoo.puppets.geometry import Array, sideways, unit
from actionzoo.puppets.skeleton import Figure
from actionzoo.puppets.sprites import Cloth, Sprite, capsule, capsule_maps
from actionzoo.puppets.wardrobe import Outfit, dress, shade

POINT_LIGHTS = (
    "head",
    *(f"{side}_{joint}" for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in SIDES),
)
"""The joints that a point-light display shows: 13 a figure."""


class Tailor:
    """Makes the sprites of one figure."""

    def __init__(self, rng: np.random.Generator, figure: Figure, camera: Camera) -> None:
        self.rng, self.figure, self.camera = rng, figure, camera
        self.pixels = float(camera.project(figure.joints["pelvis"])[2].max())
        self.sprites: list[Sprite] = []

    def limb(
        self,
        start: Array,
        end: Array,
        length: float,
        radii: tuple[float, float],
        cloth: Cloth,
        *,
        nearer: float = 0.0,
        width: Array | None = None,
        bulge: float = 0.0,
        blunt: float = 1.0,
        split: tuple[float, Array] | None = None,
    ) -> None:
        """Add a limb between two points `(frames, 3)`.

        `length` and the two end `radii` are metres; `nearer` metres are taken off its depth. The other arguments are
        those of `capsule` and `capsule_maps`.
        """
        image = capsule(self.rng, length, radii[0], radii[1], cloth, self.pixels, bulge=bulge, blunt=blunt, split=split)
        a, b = self.camera.project(start), self.camera.project(end)
        first, last = radii[0] * self.pixels, radii[1] * self.pixels
        maps = capsule_maps(a[0], b[0], a[2] / self.pixels, image, length * self.pixels, first, last, width)
        self.sprites.append(Sprite(image, maps, (a[1] + b[1]) / 2 - nearer))


def dressed(rng: np.random.Generator, figure: Figure, camera: Camera, draped: bool = False) -> list[Sprite]:
    """The body parts of one figure in clothes drawn at random; `draped` if the shirt falls over raised thighs."""
    outfit, tailor = dress(rng), Tailor(rng, figure, camera)
    left_is_near = float((sideways(figure.chest) @ camera.view).mean()) < 0.0
    for side in SIDES:
        near = (side == "left") == left_is_near
        _leg(tailor, outfit, side, 1.0 if near else 0.86)
        if draped:
            _drape(tailor, side)
        _arm(tailor, outfit, side, 1.0 if near else 0.86, 0.03 if near else -0.03)
    _trunk(tailor, outfit)
    _head(tailor, outfit)
    return tailor.sprites


def _leg(tailor: Tailor, outfit: Outfit, side: str, light: float) -> None:
    body, joints = tailor.figure.body, tailor.figure.joints
    hip, knee, ankle, toe = (joints[f"{side}_{name}"] for name in ("hip", "knee", "ankle", "toe"))
    girth = body.girth * body.height / 1.75
    cloth, shoe = shade(outfit.trousers, light), outfit.shoes * light
    heel = ankle - 0.28 * (toe - ankle) + np.array([0.0, 0.0, -0.02])
    calf, cuff = 0.063 * girth * outfit.wide, 0.048 * girth * outfit.wide**1.3
    tailor.limb(heel, toe, 0.155 * body.height, (0.040, 0.036), Cloth(shoe, shoe), nearer=-0.02)
    tailor.limb(knee, ankle, body.shin, (calf, cuff), cloth, bulge=0.06)
    tailor.limb(hip, knee, body.thigh, (0.088 * girth, 0.066 * girth * outfit.wide), cloth, bulge=0.04)


def _drape(tailor: Tailor, side: str) -> None:
    """Put the thigh, the sprite made last, behind the shirt while it points at the camera and not upwards."""
    joints = tailor.figure.joints
    hip, knee = joints[f"{side}_hip"], joints[f"{side}_knee"]
    shirt = (joints["pelvis"] + joints["neck"]) / 2 @ tailor.camera.view - 0.02
    lap = ((hip - knee) @ tailor.camera.view > 0.1) & (knee[:, 2] < hip[:, 2] + 0.1)
    thigh = tailor.sprites[-1]
    thigh.depth = np.where(lap, np.maximum(thigh.depth, shirt), thigh.depth)


def _arm(tailor: Tailor, outfit: Outfit, side: str, light: float, nearer: float) -> None:
    body, joints = tailor.figure.body, tailor.figure.joints
    shoulder, elbow, wrist, hand = (joints[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist", "hand"))
    girth = body.girth * body.height / 1.75
    shirt, skin = shade(outfit.shirt, light), Cloth(outfit.skin * light, outfit.skin * light)
    bare = outfit.sleeve < 1.0
    thick = girth if bare else 1.15 * girth
    tailor.limb(
        shoulder,
        elbow,
        body.upper_arm,
        (0.058 * girth, 0.046 * thick),
        shirt,
        nearer=nearer,
        split=(outfit.sleeve, skin.base) if bare else None,
    )
    below = skin if bare else shirt
    tailor.limb(elbow, wrist, body.forearm, (0.044 * thick, 0.033 * thick), below, nearer=nearer + 0.02)
    tailor.limb(wrist, hand, body.hand, (0.030, 0.024), skin, nearer=nearer + 0.03)


def _trunk(tailor: Tailor, outfit: Outfit) -> None:
    body, joints = tailor.figure.body, tailor.figure.joints
    girth = body.girth * body.height / 1.75
    spine = unit(joints["neck"] - joints["pelvis"])
    crotch, waist = joints["pelvis"] - 0.05 * spine, joints["pelvis"] + 0.16 * spine
    hips = _breadth(tailor, 0.165 * girth, 0.115 * girth)
    tailor.limb(crotch, waist, 0.21, (0.13, 0.12), outfit.trousers, width=hips / 0.13, nearer=0.01)
    hem, top = joints["pelvis"] + (0.03 - outfit.hem) * spine, joints["neck"] - 0.045 * spine
    chest = _breadth(tailor, body.shoulder + 0.03, 0.118 * girth)
    length = body.trunk - 0.075 + outfit.hem
    tailor.limb(hem, top, length, (0.11, 0.13), outfit.shirt, width=chest / 0.14, nearer=0.03, bulge=0.08, blunt=2.2)


def _breadth(tailor: Tailor, across: float, deep: float) -> Array:
    """Half the visible width `(frames,)` in metres of a trunk that is an ellipse seen from above."""
    right, chest = tailor.camera.right, tailor.figure.chest
    return np.hypot(deep * (chest @ right), across * (sideways(chest) @ right))


def _head(tailor: Tailor, outfit: Outfit) -> None:
    figure, size = tailor.figure, tailor.figure.body.height / 1.75
    middle, gaze = figure.joints["head"], figure.gaze * size
    up = unit(middle - figure.joints["neck"]) * size
    neck, face = Cloth(outfit.skin * 0.85, outfit.skin), Cloth(outfit.skin, outfit.skin)
    hair = Cloth(outfit.hair, outfit.hair)
    tailor.limb(figure.joints["neck"] - 0.02 * up, middle - 0.02 * up, 0.12 * size, (0.052, 0.048), neck, nearer=0.005)
    front = middle + 0.014 * gaze
    radii = (0.066 * size, 0.080 * size)
    tailor.limb(front - 0.048 * up, front + 0.042 * up, 0.09 * size, radii, face, nearer=0.06)
    nose = middle + 0.086 * gaze - 0.012 * up
    tailor.limb(nose, nose - 0.022 * up, 0.022 * size, (0.013, 0.017), face, nearer=0.055)
    back = middle - 0.046 * gaze
    low = 0.11 if outfit.long_hair else 0.02
    radii = (0.062 * size, 0.078 * size)
    tailor.limb(back - low * up, back + 0.045 * up, (low + 0.045) * size, radii, hair, nearer=0.085)
    crown = middle + 0.064 * up
    tailor.limb(
        crown - 0.06 * gaze, crown + 0.038 * gaze, 0.098 * size, (0.058 * size, 0.050 * size), hair, nearer=0.09
    )
    if outfit.cap:
        cap = Cloth(0.8 * outfit.shirt.accent, outfit.shirt.accent)
        crown = middle + 0.078 * up
        tailor.limb(
            crown - 0.07 * gaze, crown + 0.075 * gaze, 0.145 * size, (0.056 * size, 0.044 * size), cap, nearer=0.12
        )


def shadow(rng: np.random.Generator, figure: Figure, camera: Camera) -> list[Sprite]:
    """A soft shadow on the ground under the pelvis and under each foot."""
    strength = rng.uniform(0.1, 0.5)
    radius = 24
    grid = (np.arange(2 * radius) - radius + 0.5) / radius
    fall = np.clip(1.0 - grid[:, None] ** 2 - grid[None, :] ** 2, 0.0, 1.0) ** 1.5
    image = np.zeros((2 * radius, 2 * radius, 4), np.uint8)
    image[..., 3] = np.round(255 * strength * fall)
    sprites = []
    for name, reach in (("pelvis", 0.42), ("left_ankle", 0.2), ("right_ankle", 0.2)):
        centre, depth, zoom = camera.project(figure.joints[name] * (1.0, 1.0, 0.0))
        size = reach * zoom / radius
        maps = np.zeros((len(centre), 2, 3))
        maps[:, 0, 0], maps[:, 1, 1] = size, size * max(0.25, -camera.view[2])
        maps[:, :, 2] = centre - maps[:, :, :2] @ np.full(2, radius - 0.5)
        sprites.append(Sprite(image.copy(), maps, depth + 1e3, solid=False))
    return sprites


def point_lights(figure: Figure, camera: Camera) -> list[Sprite]:
    """One bright dot for each joint of a point-light display."""
    sprites = []
    for name in POINT_LIGHTS:
        centre, depth, zoom = camera.project(figure.joints[name])
        radius = 0.035 * float(zoom.mean())
        reach = int(np.ceil(radius)) + 1
        grid = np.arange(-reach, reach + 1)
        alpha = np.clip(radius + 0.5 - np.hypot(grid[:, None], grid[None, :]), 0.0, 1.0)
        image = np.repeat(np.round(255 * alpha).astype(np.uint8)[..., None], 4, 2)
        maps = np.tile(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), (len(centre), 1, 1))
        maps[:, :, 2] = centre - reach
        sprites.append(Sprite(image, maps, depth))
    return sprites
