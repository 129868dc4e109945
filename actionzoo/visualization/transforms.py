"""What a network sees of a canvas at each step: a little moved and scaled, so that no single pixel matters."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from actionzoo.visualization.canvas import ZOOM


def cropped(clips: dict[str, Any], borders: dict[str, int]) -> dict[str, Any]:
    """Clips of a canvas without their borders."""
    inner = {stream: slice(borders[stream], -borders[stream]) for stream in clips}
    return {stream: clip[:, :, inner[stream], inner[stream]] for stream, clip in clips.items()}


def moved(
    clips: dict[str, Any], borders: dict[str, int], jitter: float, seed: keras.random.SeedGenerator
) -> dict[str, Any]:
    """Every clip at a place and a scale of its own, equal for both streams and all its frames.

    Clips `(batch, time, height, width, channels)` come with borders, in pixels, and go without. They move by at most
    `jitter` in each direction, in parts of the height. Flow grows with the picture.
    """
    batch = next(iter(clips.values())).shape[0]
    zoom = keras.random.uniform((batch,), 1 - ZOOM, 1 + ZOOM, seed=seed)
    down, across = (keras.random.uniform((batch,), -jitter, jitter, seed=seed) for _ in range(2))
    result = {}
    for stream, clip in clips.items():
        _, time, height, width, channels = clip.shape
        flat = ops.reshape(ops.transpose(clip, (0, 2, 3, 1, 4)), (batch, height, width, time * channels))
        seen = ops.image.affine_transform(flat, _matrix(height, width, zoom, down, across), fill_mode="reflect")
        inner = slice(borders[stream], -borders[stream])
        seen = seen[:, inner, inner]
        seen = ops.transpose(ops.reshape(seen, (*seen.shape[:3], time, channels)), (0, 3, 1, 2, 4))
        result[stream] = seen * ops.reshape(zoom, (batch, 1, 1, 1, 1)) if stream == "motion" else seen
    return result


def _matrix(height: int, width: int, zoom: Any, down: Any, across: Any) -> Any:
    """What says that a pixel shows the canvas at `centre + (pixel - centre) / zoom + shift`, `(batch, 8)`."""
    zero, keep = ops.zeros_like(zoom), 1 - 1 / zoom
    x, y = (width - 1) / 2 * keep + height * across, (height - 1) / 2 * keep + height * down
    return ops.stack([1 / zoom, zero, x, zero, 1 / zoom, y, zero, zero], axis=1)
