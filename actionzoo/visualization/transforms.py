"""What a network sees of a canvas at each step: a little moved and scaled, so that no single pixel matters."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from actionzoo.visualization.canvas import ZOOM


def cropped(clips: dict[str, Any], borders: dict[str, int]) -> dict[str, Any]:
    """Clips of a canvas without their borders."""
    inner = {stream: slice(borders[stream], -borders[stream]) for stream in clips}
    return {stream: clip[:, :, inner[stream], inner[stream]] for stream, clip in clips.items()}


def random_view(batch: int, jitter: float, seed: keras.random.SeedGenerator) -> tuple[Any, Any, Any]:
    """A scale for each clip, and how far it moves down and to the right, in parts of its height; each `(batch,)`."""
    zoom = keras.random.uniform((batch,), 1 - ZOOM, 1 + ZOOM, seed=seed)
    down, across = (keras.random.uniform((batch,), -jitter, jitter, seed=seed) for _ in range(2))
    return zoom, down, across


def moved(clips: dict[str, Any], borders: dict[str, int], view: tuple[Any, Any, Any]) -> dict[str, Any]:
    """Every clip at a place and a scale of its own (`random_view`), equal for both streams and all its frames.

    Clips `(batch, time, height, width, channels)` come with borders, in pixels, and go without. Flow grows with the
    picture.
    """
    zoom, down, across = view
    batch = zoom.shape[0]
    result = {}
    for stream, clip in clips.items():
        height, width = clip.shape[2:4]
        rows = _sampling(height, borders[stream], zoom, height * down)
        columns = _sampling(width, borders[stream], zoom, height * across)
        seen = ops.einsum("bih,bthwc->btiwc", rows, clip)
        seen = ops.einsum("bjw,btiwc->btijc", columns, seen)
        result[stream] = seen * ops.reshape(zoom, (batch, 1, 1, 1, 1)) if stream == "motion" else seen
    return result


def _sampling(side: int, border: int, zoom: Any, shift: Any) -> Any:
    """The weights with which the pixels of a side enter those that are seen, `(batch, side - 2 * border, side)`.

    A pixel shows the canvas at `centre + (pixel - centre) / zoom + shift`, bilinearly; the canvas goes on as its mirror
    image. A product of matrices is many times as fast as `ops.image.affine_transform`.
    """
    centre = (side - 1) / 2
    pixels = np.arange(border, side - border, dtype=np.float32) - centre
    places = centre + pixels / ops.expand_dims(zoom, 1) + ops.expand_dims(shift, 1)
    places = ops.abs(places + 0.5) - 0.5
    places = side - 0.5 - ops.abs(side - 0.5 - places)
    places = ops.clip(places, 0.0, side - 1.0)
    distance = ops.abs(ops.expand_dims(places, 2) - np.arange(side, dtype=np.float32))
    return ops.relu(1 - distance)
