"""How a frame becomes the model's input: two rules of geometry, the same in training and in prediction.

"stretch" scales the frame to exactly the input's size. "fit" scales the whole frame, keeping its shape, until it fits
into the input, and pads it there, centred, with zeros: black for frames, no motion for flow. Flow is computed before
padding, so that the frame's edge is never taken for a moving thing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

RULES = ("fit", "stretch")


def fit_size(source: tuple[int, int], target: tuple[int, int]) -> tuple[int, int]:
    """The largest (height, width) of the source's shape inside the target's (height, width), at least one pixel a side.

    >>> fit_size((240, 320), (112, 112))
    (84, 112)
    """
    (height, width), (target_height, target_width) = source, target
    scale = min(target_height / height, target_width / width)
    return (min(max(round(height * scale), 1), target_height), min(max(round(width * scale), 1), target_width))


def input_size(source: tuple[int, int], target: tuple[int, int], rule: str) -> tuple[int, int]:
    """The (height, width) to which a frame of size `source` is scaled, before padding, under a rule of `RULES`.

    >>> input_size((240, 320), (112, 112), "stretch")
    (112, 112)
    """
    if rule not in RULES:
        raise ValueError(f"resize rule {rule!r} is none of {', '.join(RULES)}")
    return fit_size(source, target) if rule == "fit" else target


def short_size(original: tuple[int, int], short_side: int) -> tuple[int, int]:
    """The (height, width) at which the papers' flow is computed, from that of the video.

    The short side becomes `short_side`, the long one keeps the shape, and both are rounded down to even numbers.

    >>> short_size((240, 320), 256)
    (256, 340)
    """
    height, width = (side * short_side // min(original) // 2 * 2 for side in original)
    return height, width


def pad_to(array: npt.NDArray[Any], target: tuple[int, int]) -> npt.NDArray[Any]:
    """`array (..., height, width, channels)` centred on zeros of the target's (height, width).

    An odd pixel of padding goes below or to the right.

    >>> pad_to(np.ones((1, 1, 1)), (2, 3))[..., 0].tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    height, width = array.shape[-3:-1]
    if (height, width) == target:
        return array
    if height > target[0] or width > target[1]:
        raise ValueError(f"cannot pad {height}x{width} to the smaller {target[0]}x{target[1]}")
    top, left = (target[0] - height) // 2, (target[1] - width) // 2
    padded = np.zeros((*array.shape[:-3], *target, array.shape[-1]), array.dtype)
    padded[..., top : top + height, left : left + width, :] = array
    return padded
