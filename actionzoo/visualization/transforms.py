"""What a network sees of a canvas at each step: a little moved and scaled, so that no single pixel matters."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from actionzoo.video.spec import InputSpec
from actionzoo.visualization.canvas import COARSE

ZOOM = 0.02
"""The picture is up to so much larger or smaller."""


def borders(spec: InputSpec) -> dict[str, int]:
    """Pixels around the picture, on each stream's canvas, that moving and shrinking it can bring into sight.

    >>> borders(InputSpec((), height=112, width=144))
    {'appearance': 3, 'motion': 2}
    """
    return {stream: max(2, round(spec.height / coarse * (ZOOM + 0.01))) for stream, coarse in COARSE.items()}


def middle(clips: dict[str, Any], around: dict[str, int]) -> dict[str, Any]:
    """The canvases without their borders."""
    inner = {stream: slice(around[stream], -around[stream]) for stream in clips}
    return {stream: clip[:, :, inner[stream], inner[stream]] for stream, clip in clips.items()}


def moved(
    clips: dict[str, Any], around: dict[str, int], jitter: float, seed: keras.random.SeedGenerator
) -> dict[str, Any]:
    """Every clip at a place and a scale of its own, equal for both streams and all its frames.

    Args:
        clips: by stream, `(batch, time, height, width, channels)`, with borders.
        around: these, in pixels; the clips come back without them.
        jitter: how far they move at most, in each direction, in parts of the height.
        seed: of the draws.

    Returns:
        The same streams. Flow grows with the picture.
    """
    batch = next(iter(clips.values())).shape[0]
    zoom = keras.random.uniform((batch,), 1 - ZOOM, 1 + ZOOM, seed=seed)
    down, across = (keras.random.uniform((batch,), -jitter, jitter, seed=seed) for _ in range(2))
    result = {}
    for stream, clip in clips.items():
        _, time, height, width, channels = clip.shape
        flat = ops.reshape(ops.transpose(clip, (0, 2, 3, 1, 4)), (batch, height, width, time * channels))
        seen = ops.image.affine_transform(flat, _matrix(height, width, zoom, down, across), fill_mode="reflect")
        inner = slice(around[stream], -around[stream])
        seen = seen[:, inner, inner]
        seen = ops.transpose(ops.reshape(seen, (*seen.shape[:3], time, channels)), (0, 3, 1, 2, 4))
        result[stream] = seen * ops.reshape(zoom, (batch, 1, 1, 1, 1)) if stream == "motion" else seen
    return result


def _matrix(height: int, width: int, zoom: Any, down: Any, across: Any) -> Any:
    """What says that a pixel shows the canvas at `centre + (pixel - centre) / zoom + shift`, `(batch, 8)`."""
    zero, keep = ops.zeros_like(zoom), 1 - 1 / zoom
    x, y = (width - 1) / 2 * keep + height * across, (height - 1) / 2 * keep + height * down
    return ops.stack([1 / zoom, zero, x, zero, 1 / zoom, y, zero, zero], axis=1)
