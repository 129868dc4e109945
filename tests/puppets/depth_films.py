"""Depth films of a body of two ellipses that goes to the right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actionzoo.video.writer import VideoWriter

SIZE = (120, 160)
STEP = 1.5
"""Pixels a frame that the body goes to the right."""
TALL = 91
"""Rows of the body, from the top of the head to the feet."""
Masks = NDArray[np.bool_]


def middles(frames: int) -> NDArray[np.float64]:
    """Columns of the body's middle."""
    return 50.0 + STEP * np.arange(frames)


def body(frames: int) -> tuple[Masks, NDArray[np.uint8]]:
    """Where a body of two ellipses is, and its depth: nearest in the middle."""
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(float)
    masks, greys = [], []
    for middle in middles(frames):
        head = ((x - middle) / 6.5) ** 2 + ((y - 21.0) / 7.0) ** 2
        trunk = ((x - middle) / 13.0) ** 2 + ((y - 65.0) / 40.0) ** 2
        inside = np.minimum(head, trunk)
        masks.append(inside <= 1.0)
        greys.append(np.where(inside <= 1.0, 110.0 + 25.0 * np.sqrt(np.clip(1.0 - inside, 0.0, 1.0)), 0.0))
    return np.array(masks), np.array(greys).astype(np.uint8)


def write(path: Path, greys: NDArray[np.uint8]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, 30.0, (greys.shape[1], greys.shape[2])) as video:
        for grey in greys:
            video.write(np.repeat(grey[..., None], 3, 2))
    return path
