"""The part of the picture where something moves, enlarged to the size of a model's input.

For each frame of a clip a box encloses what moves against the rest of the picture in the frame's flow stack. The crops
of a clip follow these boxes and have one scale, so that people appear at about the same size however far away they
are, and stay in the picture when they cross it. Where nothing moves the whole picture is kept.

The median of each flow field is taken off it, as the mean is in Simonyan and Zisserman, "Two-stream convolutional
networks for action recognition in videos", section 4: a camera that turns, or goes along with somebody, leaves the flow
of one that stands still.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

STEP = 4
"""Every fourth pixel of the flow is looked at."""

STILL, WEAK = 0.15, 0.55
"""A frame has no box of its own where the most that moves is less than so many pixels a frame step, or than this share
of the most in the clip: what is left is noise. It takes its crop from those before and after it."""

SHARE, TAIL = 0.4, 0.03
"""What moves less than this share of the fastest does not count, nor do these shares of the rest, as squares, at each
side."""

MARGIN = 0.25
"""Beyond the box at each side, as a share of its height."""

SMALLEST = 0.4
"""Of the picture's height, for a crop."""

SCALE = 65
"""The percentile of a clip's boxes that decides how far its crops are enlarged."""

Size = tuple[int, int]


def motion_strength(fields: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much moves at each place of a flow stack, pixels a frame step.

    Args:
        fields: `(L, height, width, 2)`, without the camera's motion.

    Returns:
        `(height, width)`: the root mean square over the fields about the middle, for over all of them who crosses the
        picture leaves a trail; smoothed.
    """
    quarter = len(fields) // 4
    middle = fields[quarter : len(fields) - quarter]
    smooth = cv2.blur((middle**2).sum(axis=-1).mean(axis=0), (3, 3))
    return np.asarray(np.sqrt(np.maximum(smooth, 0.0)))  # the running sums of OpenCV end a little below zero


def motion_box(strength: NDArray[np.float32]) -> NDArray[np.float64]:
    """What moves, as (top, left, bottom, right), of what `motion_strength` gives.

    >>> strength = np.zeros((20, 25), np.float32)
    >>> strength[5:15, 10:15] = 2.0
    >>> motion_box(strength).tolist()
    [5.0, 10.0, 15.0, 15.0]
    """
    counted = np.where(strength < SHARE * strength.max(), 0.0, strength**2)
    sides = []
    for axis in (1, 0):
        mass = counted.sum(axis=axis).cumsum()
        first, last = np.searchsorted(mass / mass[-1], (TAIL, 1 - TAIL))
        sides.append((first, last + 1))
    (top, bottom), (left, right) = sides
    return np.array([top, left, bottom, right], float)


def motion_crops(
    stacks: Sequence[NDArray[np.floating[Any]]], size: Size
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """The crop of each of the T frames of a clip, and the motion of the camera about it.

    Args:
        stacks: for each frame its flow stack `(L, height, width, 2)`, pixels a frame step.
        size: (height, width) of the crops.

    Returns:
        Affine matrices `(T, 2, 3)` from a pixel of the picture to one of the crop, and the median of each flow field,
        `(T, L, 2)`.
    """
    picture = np.array(stacks[0].shape[1:3], float)
    thinned = np.stack([stack[:, ::STEP, ::STEP] for stack in stacks]).astype(np.float32)
    cameras = np.median(thinned, axis=(2, 3))
    strengths = [motion_strength(fields) for fields in thinned - cameras[:, :, None, None]]
    most = np.array([strength.max() for strength in strengths])
    found = np.flatnonzero(most >= max(STILL, WEAK * most.max()))
    if not len(found):
        return whole_picture(len(stacks), picture, size), cameras
    corners = STEP * np.array([motion_box(strengths[index]) for index in found])
    every = np.arange(len(stacks))
    middles = (corners[:, :2] + corners[:, 2:]) / 2
    centres = np.stack([np.interp(every, found, middles[:, axis]) for axis in (0, 1)], axis=1)
    aspect = size[0] / size[1]
    whole = max(picture[0], picture[1] * aspect)
    extent = corners[:, 2:] - corners[:, :2]
    tall = np.percentile(np.maximum(extent[:, 0], extent[:, 1] * aspect), SCALE) * (1 + 2 * MARGIN)
    return _matrices(centres, float(np.clip(tall, SMALLEST * whole, whole)), picture, size), cameras


def whole_picture(frames: int, picture: Sequence[float] | NDArray[np.float64], size: Size) -> NDArray[np.float64]:
    """Matrices `(frames, 2, 3)` that scale a picture of (height, width) to fit into the input, in the middle of it."""
    sides = np.array(picture, float)
    height = max(sides[0], sides[1] * size[0] / size[1])
    return _matrices(np.tile(sides / 2, (frames, 1)), height, sides, size)


def _matrices(
    centres: NDArray[np.float64], height: float, picture: NDArray[np.float64], size: Size
) -> NDArray[np.float64]:
    """Of crops of so many rows about `centres` `(T, 2)`, or as near as they lie within the picture."""
    crop = np.array([height, height * size[1] / size[0]])
    reach = np.maximum(picture - crop, 0.0) / 2
    top_left = np.clip(centres, picture / 2 - reach, picture / 2 + reach) - crop / 2
    scale = size[0] / height
    matrices = np.zeros((len(centres), 2, 3))
    matrices[:, 0, 0] = matrices[:, 1, 1] = scale
    matrices[:, :, 2] = (0.5 - top_left[:, ::-1]) * scale - 0.5
    return matrices


def crop_to_motion(
    appearance: NDArray[np.uint8], motion: NDArray[np.float32], size: Size
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A clip cropped to where it moves; black, and still, where the crop reaches beyond the picture.

    Args:
        appearance: `(T, height, width, 3)` uint8.
        motion: `(T, height, width, 2*L)`, pixels a frame step, u and v interleaved.
        size: (height, width) of the result.

    Returns:
        Both at `size`. The flow is scaled with the picture.

    >>> appearance, motion = np.zeros((5, 80, 100, 3), np.uint8), np.zeros((5, 80, 100, 20), np.float32)
    >>> [part.shape for part in crop_to_motion(appearance, motion, (112, 144))]
    [(5, 112, 144, 3), (5, 112, 144, 20)]
    """
    stacks = [np.moveaxis(stack.reshape(*stack.shape[:2], -1, 2), 2, 0) for stack in motion]
    matrices, cameras = motion_crops(stacks, size)
    frames = np.stack([_warped(image, matrix, size) for image, matrix in zip(appearance, matrices, strict=True)])
    flow = np.empty((len(motion), *size, motion.shape[-1]), np.float32)
    for target, stack, camera, matrix in zip(flow, motion, cameras, matrices, strict=True):
        target[...] = _warped(stack - camera.reshape(-1), matrix, size)
        target *= np.float32(matrix[0, 0])
    return frames, flow


def _warped(picture: NDArray[Any], matrix: NDArray[np.float64], size: Size) -> NDArray[Any]:
    return np.asarray(cv2.warpAffine(picture, matrix, size[::-1], flags=cv2.INTER_LINEAR))
