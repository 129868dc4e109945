"""One clip from a seed: perform, film, dress, and paint from far to near."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from actionzoo.puppets.actions import ACTIONS, Scenario, perform
from actionzoo.puppets.background import background
from actionzoo.puppets.camera import Camera, shoot
from actionzoo.puppets.clothing import dressed, point_lights, shadow
from actionzoo.puppets.geometry import Array
from actionzoo.puppets.sprites import Image, Sprite, affine_flow


@dataclass
class PuppetClip:
    """A rendered clip.

    Attributes:
        frames: `(frames, height, width, 3)` uint8 RGB.
        label: the action, one of `ACTIONS`.
        fps: frames a second.
        flow: `(frames-1, height, width, 2)` float32, pixels a frame step of the surface seen at each pixel, u right, v
            down; None unless asked for.
    """

    frames: Image
    label: str
    fps: float
    flow: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class _Film:
    """How the pictures turn out: softness in pixels, exposure as a share of a frame, noise in grey levels."""

    softness: float
    exposure: float
    noise: float
    mirrored: bool


def render(
    action: str,
    seed: int,
    *,
    height: int = 240,
    width: int | None = None,
    fps: float = 30.0,
    point_light: bool = False,
    with_flow: bool = False,
    clean: bool = False,
) -> PuppetClip:
    """Render one clip; the same arguments give the same bytes in any process.

    Args:
        action: one of `ACTIONS`.
        seed: not negative; draws the performance, the camera, clothes, background and light.
        height: rows of the pictures.
        width: columns; when None drawn at random, even, 0.55 to 2.4 times the height.
        fps: frames a second; a clip lasts 1.7 to 6.2 seconds.
        point_light: show the joints as dots on a dark ground (Johansson 1973).
        with_flow: also give the exact flow.
        clean: without noise, blur and shadows, so that the flow explains the pictures.

    Raises:
        ValueError: there is no such action.

    Example:
        >>> clip = render("kick", 7, height=96, with_flow=True)
        >>> clip.frames.shape[1], clip.flow.shape[0] == len(clip.frames) - 1
        (96, True)
    """
    if action not in ACTIONS:
        raise ValueError(f"no action {action!r}; choose one of {', '.join(ACTIONS)}")
    acting, filming, looks = np.random.default_rng([seed, ACTIONS.index(action)]).spawn(3)
    scenario = perform(action, acting, fps)
    camera, size = shoot(scenario, filming, height, width)
    softness, exposure, noise = (filming.random(3) ** (1.0, 1.0, 2.0) * (0.9 * height / 240.0, 0.6, 5.0)).tolist()
    film = _Film(softness, exposure, noise, bool(filming.random() < 0.5))
    if clean:
        film = _Film(0.0, 0.0, 0.0, film.mirrored)
    margin = round(0.1 * height)
    if point_light:
        canvas = np.full((size[0] + 2 * margin, size[1] + 2 * margin, 3), 14, np.uint8)
        sprites = [dot for figure in scenario.figures[: scenario.cast] for dot in point_lights(figure, camera)]
    else:
        canvas = background(looks, size[0] + 2 * margin, size[1] + 2 * margin, height / 240.0)
        sprites = _figures(scenario, camera, looks, shadows=not clean)
        canvas = _develop(canvas, sprites, _light(looks), film.softness)
    grain = _grain(looks, size, film.noise) if film.noise > 0.5 and not point_light else None
    frames, flow = _paint_all(canvas, margin, sprites, camera.motion, size, film.exposure, with_flow)
    for k, frame in enumerate(frames):
        if grain is not None:
            row, column = (37 * k) % _SPARE, (23 * k) % _SPARE
            cv2.add(frame, grain[row : row + size[0], column : column + size[1]], dst=frame, dtype=cv2.CV_8U)
        if film.mirrored:
            frame[:] = cv2.flip(frame, 1)
    if flow is not None and film.mirrored:
        flow = flow[:, :, ::-1] * np.array([-1.0, 1.0], np.float32)
    before, after = scenario.still
    frames = np.pad(frames, ((before, after), (0, 0), (0, 0), (0, 0)), mode="edge")
    if flow is not None:
        flow = np.pad(flow, ((before, after), (0, 0), (0, 0), (0, 0)))
    return PuppetClip(frames, action, fps, flow)


_SPARE = 64
"""Rows and columns of noise beyond a frame's, so that each frame can take another piece of it."""


def _figures(scenario: Scenario, camera: Camera, rng: np.random.Generator, shadows: bool) -> list[Sprite]:
    sprites = []
    for figure in scenario.figures:
        ground = shadow(rng, figure, camera)
        sprites += (ground if shadows else []) + dressed(rng, figure, camera)
    return sprites


def _light(rng: np.random.Generator) -> Image:
    """Brightness, contrast, gamma and tint as one table `(1, 256, 3)`."""
    level = np.linspace(0.0, 1.0, 256)[:, None]
    gain = rng.uniform(0.5, 1.05) * (1.0 + rng.normal(0.0, 0.03, 3))
    curve = 255.0 * (gain * level ** rng.uniform(0.8, 1.25) + rng.uniform(0.0, 0.08))
    return np.clip(curve, 0, 255).astype(np.uint8)[None]


def _develop(canvas: Image, sprites: list[Sprite], light: Image, softness: float) -> Image:
    """Put the background (returned) and all sprites (in place) into one light, saturation and softness."""
    for sprite in sprites:
        alpha = sprite.image[..., 3:] / np.float32(255.0)
        colour = cv2.LUT((sprite.image[..., :3] / np.maximum(alpha, 1e-3)).clip(0, 255).astype(np.uint8), light)
        sprite.image[..., :3] = np.round(colour * alpha)
        if softness > 0.2:
            sprite.image = cv2.GaussianBlur(sprite.image, (0, 0), softness)
    canvas = cv2.LUT(canvas, light)
    return cv2.GaussianBlur(canvas, (0, 0), softness) if softness > 0.2 else canvas


def _grain(rng: np.random.Generator, size: tuple[int, int], strength: float) -> NDArray[np.int16]:
    """Sensor noise, mostly grey, larger than a frame."""
    rows, columns = size[0] + _SPARE, size[1] + _SPARE
    noise = rng.normal(0.0, strength, (rows, columns, 1)) + rng.normal(0.0, 0.5 * strength, (rows, columns, 3))
    return np.round(noise).astype(np.int16)


def _paint_all(
    canvas: Image,
    margin: int,
    sprites: list[Sprite],
    motion: Array,
    size: tuple[int, int],
    exposure: float,
    with_flow: bool,
) -> tuple[Image, NDArray[np.float32] | None]:
    """Paint every frame, and its flow if asked: the background, then the sprites from far to near."""
    frames, (rows, columns) = len(motion), size
    out = np.empty((frames, rows, columns, 3), np.uint8)
    flow = np.zeros((frames - 1, rows, columns, 2), np.float32) if with_flow else None
    canvas = cv2.cvtColor(canvas, cv2.COLOR_RGB2RGBA)
    place = motion.copy()
    place[:, :, 2] -= motion[:, :, :2] @ np.full(2, float(margin))
    still = bool(np.all(motion == motion[0]))
    order = np.argsort(-np.stack([sprite.depth for sprite in sprites], 1), axis=1, kind="stable").tolist()
    boxes = [_boxes(sprite, size, exposure) for sprite in sprites]
    picture = np.empty((rows, columns, 4), np.uint8)
    for k in range(frames):
        if still:
            picture[:] = canvas[margin : margin + rows, margin : margin + columns]
        else:
            cv2.warpAffine(canvas, place[k], (columns, rows), dst=picture, borderMode=cv2.BORDER_REFLECT_101)
        field = None
        if flow is not None and k < frames - 1:
            field = flow[k]
            if not still:
                field[:] = affine_flow(place[k], place[k + 1], 0, 0, columns, rows)
        for index in order[k]:
            left, top, right, bottom, fast = boxes[index][k]
            if right > left and bottom > top:
                _paint(picture, field, sprites[index], k, (left, top, right, bottom), exposure if fast else 0.0)
        cv2.cvtColor(picture, cv2.COLOR_RGBA2RGB, dst=out[k])
    return out, flow


def _paint(
    picture: Image,
    field: NDArray[np.float32] | None,
    sprite: Sprite,
    k: int,
    box: tuple[int, int, int, int],
    exposure: float,
) -> None:
    """Lay one sprite over its box in frame `k`, smeared over the `exposure`, and its flow over the field."""
    left, top, right, bottom = box
    size = (right - left, bottom - top)
    place = sprite.maps[k] - np.array([[0.0, 0.0, left], [0.0, 0.0, top]])
    if exposure > 0.0 and 0 < k < len(sprite.maps) - 1:
        stride = exposure / 3.0 * (sprite.maps[k + 1] - sprite.maps[k - 1]) / 2.0
        smear = np.zeros((size[1], size[0], 4), np.float32)
        for share in (-1.0, 0.0, 1.0):
            cv2.accumulate(cv2.warpAffine(sprite.image, place + share * stride, size), smear)
        patch = cv2.convertScaleAbs(smear, alpha=1.0 / 3.0)
    else:
        patch = cv2.warpAffine(sprite.image, place, size)
    region = picture[top:bottom, left:right]
    alpha = cv2.extractChannel(patch, 3)
    behind = cv2.multiply(region, cv2.cvtColor(cv2.bitwise_not(alpha), cv2.COLOR_GRAY2RGBA), scale=1.0 / 255.0)
    cv2.add(behind, patch, dst=region)
    if field is not None and sprite.solid:
        seen = alpha > 127
        moved = affine_flow(sprite.maps[k], sprite.maps[k + 1], left, top, *size)
        field[top:bottom, left:right][seen] = moved[seen]


def _boxes(sprite: Sprite, size: tuple[int, int], exposure: float) -> list[list[int]]:
    """The pixels that a sprite can touch in each frame: left, top, right, bottom inside the picture.

    A fifth number is 1 where it moves so fast that its smear over the `exposure` shows.
    """
    rows, columns = sprite.image.shape[:2]
    corners = np.array([[-1, -1], [columns, -1], [-1, rows], [columns, rows]], float)
    placed = np.einsum("nij,cj->nci", sprite.maps[:, :, :2], corners) + sprite.maps[:, None, :, 2]
    smear = exposure / 3.0 * np.abs(np.gradient(placed, axis=0)).max((1, 2))
    fast = smear > 0.8
    reach = np.where(fast, smear + 1.0, 0.0)[:, None]
    low, high = np.floor(placed.min(1) - reach), np.ceil(placed.max(1) + reach) + 1
    limit = np.array([size[1], size[0]])
    bounds = [np.clip(low, 0, limit), np.clip(high, 0, limit), fast[:, None]]
    boxes: list[list[int]] = np.concatenate(bounds, 1).astype(int).tolist()
    return boxes
