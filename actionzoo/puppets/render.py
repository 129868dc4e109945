"""One clip from a seed: perform, film, dress, and paint from far to near."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from actionzoo.motion.recording import MotionRecording
from actionzoo.puppets.actions import ACTIONS, perform
from actionzoo.puppets.backgrounds import behind, checked
from actionzoo.puppets.camera import Camera
from actionzoo.puppets.clothing import dressed, point_lights, shadow
from actionzoo.puppets.clutter import clutter
from actionzoo.puppets.framing import shoot
from actionzoo.puppets.movement import margins, still
from actionzoo.puppets.painting import paint_all
from actionzoo.puppets.replay import replay
from actionzoo.puppets.scenario import Scenario
from actionzoo.puppets.sprites import Image, Sprite


@dataclass
class PuppetClip:
    """A rendered clip.

    Attributes:
        frames: `(frames, height, width, 3)` uint8 RGB.
        label: the action, one of `ACTIONS` or the label of a recording.
        fps: frames a second.
        flow: `(frames-1, height, width, 2)` float32, pixels a frame step of the surface seen at each pixel, u right, v
            down; None unless asked for.
    """

    frames: Image
    label: str
    fps: float
    flow: NDArray[np.float32] | None = None


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
    background: Image | None = None,
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
        background: a picture `(rows, columns, 3)`, uint8 RGB, of which a piece drawn at random, perhaps mirrored,
            is behind the figures; a drawn background when None. Dots are shown without.

    Raises:
        ValueError: there is no such action, or the background is no such picture.

    Example:
        >>> clip = render("kick", 7, height=96, with_flow=True)
        >>> clip.frames.shape[1], clip.flow.shape[0] == len(clip.frames) - 1
        (96, True)
    """
    if action not in ACTIONS:
        raise ValueError(f"no action {action!r}; choose one of {', '.join(ACTIONS)}")
    acting, filming, looks = np.random.default_rng([seed, ACTIONS.index(action)]).spawn(3)
    shot = _Shot(action, fps, height, width, point_light, with_flow, clean, background=checked(background))
    return _film(perform(action, acting, fps), shot, filming, looks)


def render_motion(
    recording: MotionRecording,
    seed: int,
    *,
    height: int = 240,
    width: int | None = None,
    fps: float = 30.0,
    point_light: bool = False,
    with_flow: bool = False,
    clean: bool = False,
    mirror: bool = True,
    background: Image | None = None,
) -> PuppetClip:
    """Render one clip of recorded joints: 3-D from any side, 2-D as they were seen.

    Args:
        recording: of `actionzoo.motion.read_motion`; of a long one, 2 to 6.2 seconds are taken.
        seed: not negative; draws the bodies, the tempo, the view, the camera, clothes, background and light.
        height: rows of the pictures.
        width: columns; when None drawn at random, even, 0.55 to 2.4 times the height.
        fps: frames a second of the clip.
        point_light: show the joints as dots on a dark ground.
        with_flow: also give the exact flow.
        clean: without noise, blur and shadows, so that the flow explains the pictures.
        mirror: mirror half of the clips.
        background: a picture behind the figures, as in `render`.

    Raises:
        DataError: the recording shows too little.
        ValueError: the background is no picture.

    Example:
        >>> from actionzoo.motion import JOINTS, MotionRecording
        >>> still = np.random.default_rng(0).normal(size=(1, 1, len(JOINTS), 2)).repeat(60, 0)
        >>> clip = render_motion(MotionRecording(still, 30.0, "odd", "odd.npz"), 1, height=64)
        >>> clip.label, clip.frames.shape[1]
        ('odd', 64)
    """
    acting, filming, looks = np.random.default_rng([seed, zlib.crc32(recording.label.encode())]).spawn(3)
    shot = _Shot(recording.label, fps, height, width, point_light, with_flow, clean, mirror, checked(background))
    return _film(replay(recording, acting, fps), shot, filming, looks)


@dataclass(frozen=True)
class _Shot:
    """What is asked for: the arguments of `render` and `render_motion`."""

    label: str
    fps: float
    height: int
    width: int | None
    point_light: bool
    with_flow: bool
    clean: bool
    mirror: bool = True
    background: Image | None = None


def _film(scenario: Scenario, shot: _Shot, filming: np.random.Generator, looks: np.random.Generator) -> PuppetClip:
    """Film, dress and paint a scenario; `filming` draws the camera, `looks` clothes, background and light."""
    height = shot.height
    camera, size = shoot(scenario, filming, height, shot.width)
    softness, exposure, noise = draw_lens(filming, height)
    mirrored = bool(filming.random() < 0.5) and shot.mirror
    if shot.clean:
        softness = exposure = noise = 0.0
    top, bottom, left, right = margins(camera.motion if scenario.view.movement else still(1), size)
    rows, columns = size[0] + top + bottom, size[1] + left + right
    if shot.point_light:
        canvas = np.full((rows, columns, 3), 14, np.uint8)
        sprites = [dot for figure in scenario.figures[: scenario.cast] for dot in point_lights(figure, camera)]
    else:
        canvas = behind(shot.background, looks, rows, columns, height / 240.0)
        sprites = _figures(scenario, camera, looks, shadows=not shot.clean)
        if scenario.view.clutter:
            sprites += clutter(looks, scenario, camera)
        light = light_table(looks)
        _develop(sprites, light, softness)
        canvas = canvas if shot.background is not None else cv2.LUT(canvas, light)  # a photograph has its own light
        canvas = _soften(canvas, softness)
    grain = None if shot.point_light else draw_grain(looks, size, noise)
    frames, flow = paint_all(canvas, (top, left), sprites, camera.motion, size, exposure, shot.with_flow)
    finish(frames, grain, mirrored)
    if flow is not None and mirrored:
        flow = flow[:, :, ::-1] * np.array([-1.0, 1.0], np.float32)
    before, after = scenario.still
    frames = np.pad(frames, ((before, after), (0, 0), (0, 0), (0, 0)), mode="edge")
    if flow is not None:
        flow = np.pad(flow, ((before, after), (0, 0), (0, 0), (0, 0)))
    return PuppetClip(frames, shot.label, shot.fps, flow)


_SPARE = 64
"""Rows and columns of noise beyond a frame's, so that each frame can take another piece of it."""


def _figures(scenario: Scenario, camera: Camera, rng: np.random.Generator, shadows: bool) -> list[Sprite]:
    sprites = []
    for figure in scenario.figures:
        ground = shadow(rng, figure, camera)
        sprites += (ground if shadows else []) + dressed(rng, figure, camera, scenario.draped)
    return sprites


def light_table(rng: np.random.Generator) -> Image:
    """Brightness, contrast, gamma and tint as one table `(1, 256, 3)`."""
    level = np.linspace(0.0, 1.0, 256)[:, None]
    gain = rng.uniform(0.5, 1.05) * (1.0 + rng.normal(0.0, 0.03, 3))
    curve = 255.0 * (gain * level ** rng.uniform(0.8, 1.25) + rng.uniform(0.0, 0.08))
    return np.clip(curve, 0, 255).astype(np.uint8)[None]


def _develop(sprites: list[Sprite], light: Image, softness: float) -> None:
    """Put all sprites, in place, into one light, saturation and softness."""
    for sprite in sprites:
        alpha = sprite.image[..., 3:] / np.float32(255.0)
        colour = cv2.LUT((sprite.image[..., :3] / np.maximum(alpha, 1e-3)).clip(0, 255).astype(np.uint8), light)
        sprite.image[..., :3] = np.round(colour * alpha)
        sprite.image = _soften(sprite.image, softness)


def _soften(image: Image, softness: float) -> Image:
    return cv2.GaussianBlur(image, (0, 0), softness) if softness > 0.2 else image


def draw_lens(rng: np.random.Generator, height: int) -> tuple[float, float, float]:
    """Blur in pixels of a picture `height` high, exposure as a share of a frame's time, and strength of the noise."""
    softness, exposure, noise = (rng.random(3) ** (1.0, 1.0, 2.0) * (0.9 * height / 240.0, 0.6, 5.0)).tolist()
    return softness, exposure, noise


def draw_grain(rng: np.random.Generator, size: tuple[int, int], strength: float) -> NDArray[np.int16] | None:
    """Sensor noise, mostly grey, larger than a frame; None if it is too weak to be seen."""
    if strength <= 0.5:
        return None
    rows, columns = size[0] + _SPARE, size[1] + _SPARE
    noise = rng.normal(0.0, strength, (rows, columns, 1)) + rng.normal(0.0, 0.5 * strength, (rows, columns, 3))
    return np.round(noise).astype(np.int16)


def finish(frames: Image, grain: NDArray[np.int16] | None, mirrored: bool) -> None:
    """Add noise to frames `(frames, height, width, 3)`, and mirror them if asked, in place."""
    height, width = frames.shape[1:3]
    for k, frame in enumerate(frames):
        if grain is not None:
            row, column = (37 * k) % _SPARE, (23 * k) % _SPARE
            cv2.add(frame, grain[row : row + height, column : column + width], dst=frame, dtype=cv2.CV_8U)
        if mirrored:
            frame[:] = cv2.flip(frame, 1)
