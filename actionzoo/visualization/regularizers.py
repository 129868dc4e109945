"""What keeps a painted clip a picture, and its motion slow (CVPR'18, section 3; reference values there).

All are means, and their input is in parts of its range, so that they say the same at any size. Each gives a number
for each clip of a batch, `(batch,)`.
"""

from __future__ import annotations

from typing import Any

from keras import ops


def norm(x: Any) -> Any:
    """Mean of `|x|^3` over all places of `x (batch, time, height, width, channels)`; `|x|` is a place's vector.

    What is far from grey, or fast, costs more than in proportion.
    """
    square = ops.sum(x * x, axis=-1) + 1e-12
    return ops.mean(square * ops.sqrt(square), axis=(1, 2, 3))


def spatial_variation(x: Any) -> Any:
    """Mean square of the steps from a pixel to its neighbours below and to the right."""
    return _mean_square(x[:, :, 1:] - x[:, :, :-1]) + _mean_square(x[:, :, :, 1:] - x[:, :, :, :-1])


def temporal_variation(x: Any) -> Any:
    """Mean square of the changes from a frame or field to the next; zero where there is one only."""
    if x.shape[1] == 1:
        return ops.zeros(x.shape[0])
    return _mean_square(x[:, 1:] - x[:, :-1])


def _mean_square(x: Any) -> Any:
    return ops.mean(ops.square(x), axis=(1, 2, 3, 4))
