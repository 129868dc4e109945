"""The camera: from world metres to the pixels of each frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from actionzoo.puppets.geometry import Array


@dataclass
class Camera:
    """A far camera that looks down a little: world metres to pixels, then its own motion.

    Attributes:
        right: unit vector `(3,)` of the world along the picture's rows.
        up: unit vector `(3,)` against the picture's columns.
        view: unit vector `(3,)` into the picture.
        distance: metres to the origin.
        scale: pixels a metre at the origin.
        offset: pixel `(2,)` at which the origin is seen.
        motion: `(frames, 2, 3)` affine maps from the still picture to the picture of each frame.
    """

    right: Array
    up: Array
    view: Array
    distance: float
    scale: float
    offset: Array
    motion: Array

    def project(self, points: Array) -> tuple[Array, Array, Array]:
        """Points `(frames, 3)` as pixels `(frames, 2)`, depth in metres `(frames,)` and pixels a metre `(frames,)`."""
        depth = points @ self.view
        zoom = self.scale / (1.0 + depth / self.distance)
        flat = np.stack([points @ self.right * zoom, -(points @ self.up) * zoom], 1) + self.offset
        moved = np.einsum("nij,nj->ni", self.motion[:, :, :2], flat) + self.motion[:, :, 2]
        return moved, depth, zoom * np.sqrt(np.abs(np.linalg.det(self.motion[:, :, :2])))
