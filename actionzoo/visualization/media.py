"""Moving pictures for a page, each no larger than its share of the page."""

from __future__ import annotations

import base64

import cv2
import numpy as np

from actionzoo.data.decoded import DecodedVideo
from actionzoo.video.flow import flow_to_colour
from actionzoo.video.spec import InputSpec
from actionzoo.visualization.painting import PaintedClip
from actionzoo.visualization.render import animation, encoded_animation, usual_maximum

SECONDS = 3.0
"""Of a long video its middle is shown."""

FRAMES = 16
"""Pictures of a clip at most."""

HEIGHT = 96
"""Of a clip, in pixels."""

QUALITIES = (75, 50, 25)
WORTH = 2.0
"""How many times too large a picture may be for a lower quality to help."""

LEAST = 32
"""Pixels below which no picture is made smaller."""


def clip_exhibit(decoded: DecodedVideo, fps: float, limit: int) -> str:
    """A video beside its flow on the colour wheel, as the URL of a WebP of at most `limit` bytes."""
    count = len(decoded.frames)
    half = min(count, round(SECONDS * fps)) / 2
    chosen = np.linspace(count / 2 - half, count / 2 + half - 1, min(FRAMES, count)).round().astype(int)
    chosen = np.unique(chosen.clip(0, count - 1))
    frames = np.asarray(decoded.frames[chosen])
    if count > 1:
        flow = np.asarray(decoded.flow[chosen.clip(0, count - 2)], np.float32)
        frames = np.concatenate([frames, flow_to_colour(flow, max(1.0, usual_maximum(flow)))], axis=2)
    height = min(HEIGHT, frames.shape[1])
    rate = len(chosen) * fps / max(2 * half, 1)
    return data_url(resized(frames, height), rate, limit)


def painted_exhibit(clip: PaintedClip, spec: InputSpec, limit: int) -> str:
    """A painted clip as `actionzoo visualize` shows it, as the URL of a WebP of at most `limit` bytes."""
    return data_url(animation(clip, spec), spec.fps, limit)


def data_url(frames: np.ndarray, fps: float, limit: int) -> str:
    """An animation `(N, height, width, 3)` uint8 within a URL, as long as its bytes keep to a limit.

    If need be it is packed harder, and what still is too large gets fewer frames and fewer pixels.
    """
    quality = QUALITIES[0]
    while True:
        content = encoded_animation(frames, fps, quality=quality)
        excess = len(content) / limit
        if excess <= 1 or (len(frames) == 1 and frames.shape[1] <= LEAST):
            return f"data:image/webp;base64,{base64.b64encode(content).decode('ascii')}"
        harder = [lower for lower in QUALITIES if lower < quality]
        if harder and excess < WORTH:
            quality = harder[0]
        elif len(frames) > FRAMES or frames.shape[1] <= LEAST:
            frames, fps = frames[::2], fps / 2
        else:
            frames = resized(frames, max(LEAST, round(frames.shape[1] / min(2.0, excess**0.5))))


def resized(frames: np.ndarray, height: int) -> np.ndarray:
    """`(N, height, width, 3)` at a height in pixels, of the same shape."""
    if frames.shape[1] == height:
        return frames
    size = max(1, round(frames.shape[2] * height / frames.shape[1])), height
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames])
