"""How frames are resized to the model's input: two rules, the same in training and in prediction.

"stretch" scales the frame to exactly the input's size. "fit" scales the whole frame, keeping its shape, until it fits
into the input, and pads it, centred, with zeros: black for frames, no motion for flow. Flow is computed before padding,
so that the edge of the frame is never taken for a moving object.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

RULES = ("fit", "stretch")


def fit_size(source: tuple[int, int], target: tuple[int, int]) -> tuple[int, int]:
    """The largest (height, width) with the aspect ratio of `source` (height, width) that fits into `target`.

    Each side has at least one pixel.

    >>> fit_size((240, 320), (112, 112))
    (84, 112)
    """
    (height, width), (target_height, target_width) = source, target
    scale = min(target_height / height, target_width / width)
    return (min(max(round(height * scale), 1), target_height), min(max(round(width * scale), 1), target_width))


def input_size(source: tuple[int, int], target: tuple[int, int], rule: str) -> tuple[int, int]:
    """The (height, width) to which a frame is scaled, before padding.

    Args:
        source: (height, width) of the frame.
        target: (height, width) of the model's input.
        rule: a name of `RULES`.

    Raises:
        ValueError: the rule is unknown.

    >>> input_size((240, 320), (112, 112), "stretch")
    (112, 112)
    """
    if rule not in RULES:
        raise ValueError(f"resize rule {rule!r} is none of {', '.join(RULES)}")
    return fit_size(source, target) if rule == "fit" else target


def short_size(original: tuple[int, int], short_side: int) -> tuple[int, int]:
    """The (height, width) at which the papers compute flow, for a video of `original` (height, width).

    The short side becomes `short_side` pixels, the aspect ratio is kept, and both sides are rounded down to even
    numbers.

    >>> short_size((240, 320), 256)
    (256, 340)
    """
    height, width = (side * short_side // min(original) // 2 * 2 for side in original)
    return height, width


def pad_to(array: npt.NDArray[Any], target: tuple[int, int]) -> npt.NDArray[Any]:
    """Pad an array with zeros, centred; an odd pixel of padding goes below or to the right.

    Args:
        array: `(..., height, width, channels)`.
        target: (height, width) of the result.

    Raises:
        ValueError: the array is larger than the target.

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
