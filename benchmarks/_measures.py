"""How good a flow field is: by the pictures that it relates, and by the exact flow."""

from __future__ import annotations

import numpy as np

MOVING = 0.7
"""Pixels a frame step from the median of the frame's flow: what counts as a moving part."""


def sample(image: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """An image `(height, width)` between its pixels, bilinearly; positions beyond its edge are moved to the edge.

    In double precision: `cv2.remap` would round positions to 1/32 pixel.
    """
    height, width = image.shape
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left, top = np.minimum(x.astype(int), max(width - 2, 0)), np.minimum(y.astype(int), max(height - 2, 0))
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = x - left, y - top
    pixels = image.astype(np.float64)
    above = (1 - across) * pixels[top, left] + across * pixels[top, right]
    below = (1 - across) * pixels[bottom, left] + across * pixels[bottom, right]
    return (1 - down) * above + down * below


def photometric_error(first: np.ndarray, second: np.ndarray, flow: np.ndarray) -> float:
    """Mean over the pixels of |second where the flow leads - first|, in grey levels.

    Frames `(height, width)`, flow `(height, width, 2)` in pixels.
    """
    rows, columns = np.indices(first.shape)
    warped = sample(second, columns + flow[..., 0].astype(np.float64), rows + flow[..., 1].astype(np.float64))
    return float(np.abs(warped - first).mean())


def end_point_errors(flow: np.ndarray, exact: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the exact flow in pixels, both `(height, width, 2)`: of all pixels, and of the moving ones."""
    errors = np.linalg.norm(flow.astype(np.float64) - exact, axis=-1)
    return errors.ravel(), errors[moving(exact)]


def moving(exact: np.ndarray) -> np.ndarray:
    """Which pixels move against the background, `(height, width)`."""
    background = np.median(exact, axis=(0, 1))
    return np.linalg.norm(exact - background, axis=-1) > MOVING
