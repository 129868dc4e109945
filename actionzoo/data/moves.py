"""Frames of a decoded video and their flow stacks, moved by affine matrices: cropped, scaled, mirrored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from actionzoo.data.decoded import DecodedVideo
from actionzoo.data.halves import to_single
from actionzoo.video.motion_crop import motion_crops, whole_picture
from actionzoo.video.sampling import stack_indices

WARPED_TOGETHER = 16
"""Flow fields that are warped as one picture; OpenCV 5 takes 128 channels at most."""

Size = tuple[int, int]


@dataclass(frozen=True)
class Moves:
    """How each frame of a clip is moved, and with it its flow stack.

    Attributes:
        matrices: `(T, 2, 3)` from a pixel of the decoded video to one of the input.
        cameras: `(T, L, 2)` that is taken off each flow field first; `None` for frames that are all moved alike.
    """

    matrices: NDArray[np.float64]
    cameras: NDArray[np.float32] | None = None

    @classmethod
    def alike(cls, matrix: NDArray[np.float64], frames: int) -> Moves:
        """The same for all frames."""
        return cls(np.tile(matrix, (frames, 1, 1)))

    @classmethod
    def to_motion(cls, decoded: DecodedVideo, centres: NDArray[np.int64], stack_length: int, size: Size) -> Moves:
        """Crops to where it moves about the frames `centres` (`actionzoo.video.motion_crop`)."""
        if len(decoded.flow) == 0:
            return cls(whole_picture(len(centres), decoded.frames.shape[1:3], size))
        return cls(*motion_crops([decoded.flow[row] for row in _fields_of(centres, decoded.flow, stack_length)], size))

    def then(self, last: NDArray[np.float64]) -> Moves:
        """These, and after each what the matrix `last` does."""
        matrices = last[:, :2] @ self.matrices
        matrices[:, :, 2] += last[:, 2]
        return Moves(matrices, self.cameras)

    @property
    def scale(self) -> NDArray[np.float64]:
        """By how much x and y grow, negative where mirrored, `(2,)`: that of all frames."""
        return self.matrices[0][[0, 1], [0, 1]]


def moved_frames(
    images: NDArray[np.uint8], moves: Moves, size: Size, border: int = cv2.BORDER_CONSTANT
) -> NDArray[np.float32]:
    """Images as they are moved; what `border` says, black by default, where they do not reach."""
    height, width = size
    moved = np.empty((len(images), height, width, images.shape[-1]), np.float32)
    for source, target, matrix in zip(images, moved, moves.matrices, strict=True):
        target[...] = cv2.warpAffine(source, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=border)
    return moved


def moved_stacks(
    flow: NDArray[np.float16],
    centres: NDArray[np.int64],
    stack_length: int,
    moves: Moves,
    size: Size,
    factor: NDArray[np.float64],
    camera: NDArray[np.float64],
    border: int = cv2.BORDER_CONSTANT,
) -> NDArray[np.float32]:
    """The flow stacks, moved as the frames are; u and v are multiplied by `factor` and `camera` is added."""
    if len(flow) == 0:
        return np.zeros((len(centres), *size, 2 * stack_length), np.float32)
    indices, matrices, cameras = _fields_of(centres, flow, stack_length), moves.matrices, moves.cameras
    if cameras is not None:
        stacks = [
            _moved_fields(flow[fields], matrix, size, border, off)
            for fields, matrix, off in zip(indices, matrices, cameras, strict=True)
        ]
        return np.stack([_changed(fields, factor, camera).reshape(*size, -1) for fields in stacks])
    needed, places = np.unique(indices, return_inverse=True)  # neighbours share fields
    fields = _changed(_moved_fields(flow[needed], matrices[0], size, border), factor, camera)
    pairs = fields.view(np.uint64)[..., 0]  # u and v are moved as one number
    gathered = np.empty((len(centres), *size, stack_length), np.uint64)
    for stack, chosen in zip(gathered, places.reshape(indices.shape), strict=True):
        np.take(pairs, chosen, axis=-1, out=stack, mode="clip")  # the places are valid; this mode needs no copy
    return gathered.view(np.float32)


def _changed(
    fields: NDArray[np.float32], factor: NDArray[np.float64], camera: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Fields `(height, width, fields, 2)`, in place: u and v times `factor`, plus `camera`."""
    rows = fields.reshape(len(fields), -1)
    pixels = fields.shape[1] * fields.shape[2]
    rows *= a_row(factor, pixels)
    rows += a_row(camera, pixels)
    return fields


def a_row(values: NDArray[np.floating[Any]], pixels: int) -> NDArray[np.float32]:
    """A value for each channel, `(channels,)`, repeated for a row of pixels: numpy is slow where an axis is short."""
    return np.tile(values.astype(np.float32), pixels)


def _fields_of(centres: NDArray[np.int64], flow: NDArray[np.float16], stack_length: int) -> NDArray[np.int64]:
    return np.stack([stack_indices(int(centre), len(flow), stack_length) for centre in centres])


def _moved_fields(
    flow: NDArray[np.float16],
    matrix: NDArray[np.float64],
    size: Size,
    border: int,
    camera: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Flow fields `(fields, height, width, 2)` as `matrix` moves them, `(height, width, fields, 2)`.

    `camera` `(fields, 2)` is taken off them first. Many of them are warped as the channels of one picture, which takes
    a tenth of the time.
    """
    warped = np.empty((*size, len(flow), 2), np.float32)
    pairs = np.ascontiguousarray(flow).view(np.uint32)[..., 0]
    groups = -(-len(flow) // WARPED_TOGETHER)
    for group in np.array_split(np.arange(len(flow)), groups):
        picture = np.empty((*pairs.shape[1:], len(group)), np.uint32)
        for channel, field in enumerate(group):
            picture[..., channel] = pairs[field]
        values = to_single(picture.view(np.float16))
        if camera is not None:
            rows = values.reshape(len(values), -1)
            rows -= a_row(camera[group].ravel(), values.shape[1])
        moved = cv2.warpAffine(values, matrix, size[::-1], flags=cv2.INTER_LINEAR, borderMode=border)
        warped[:, :, group[0] : group[-1] + 1] = moved.reshape(*size, -1, 2)
    return warped
