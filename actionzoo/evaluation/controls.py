"""What an answer could come from other than the action: the background, the shape of the frame, the video's length.

Two control videos are made of every video. `background` is what stays: each pixel's median over time, without motion.
`shape` is one colour in the shape of the frame, without motion: only its outline is left.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actionzoo.data.decoded import DecodedVideo

CONTROLS = ("background", "shape")

TRAITS = ("aspect", "frames", "brightness", "speed")
"""Width over height; number of frames; mean of all pixels, 0 to 255; mean length of the flow in thousandths of
the frame's height a frame step."""

LOOKS = 15
"""Frames, spread over a video, that are looked at."""


def control_videos(decoded: DecodedVideo) -> dict[str, DecodedVideo]:
    """The control videos of a video, by name: as long as it, and nothing in them moves."""
    count, height, width, _ = decoded.frames.shape
    background = np.median(_some(decoded.frames), axis=0).astype(np.uint8)
    colour = background.mean(axis=(0, 1)).round().astype(np.uint8)
    still = np.broadcast_to(np.zeros((), np.float16), (max(count - 1, 0), height, width, 2))
    return {
        name: replace(decoded, frames=np.broadcast_to(picture, (count, height, width, 3)), flow=still)
        for name, picture in (("background", background), ("shape", colour))
    }


def traits(decoded: DecodedVideo) -> NDArray[np.float32]:
    """The numbers of `TRAITS` of a video.

    >>> frames = np.full((4, 8, 16, 3), 100, np.uint8)
    >>> traits(DecodedVideo("a.mp4", 0, frames, np.full((3, 8, 16, 2), [0, 0.5], np.float16))).tolist()
    [2.0, 4.0, 100.0, 62.5]
    """
    count, height, width, _ = decoded.frames.shape
    speed = np.linalg.norm(_some(decoded.flow), axis=-1).mean() if count > 1 else 0.0
    return np.array([width / height, count, _some(decoded.frames).mean(), 1000 * speed / height], np.float32)


def _some(fields: Any) -> NDArray[Any]:
    """Some frames or fields, spread evenly."""
    chosen = np.unique(np.linspace(0, len(fields) - 1, LOOKS).round().astype(int))
    some = np.asarray(fields[chosen])
    return some if some.dtype == np.uint8 else some.astype(np.float32)
