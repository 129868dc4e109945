"""Random clips of a recording: one draw a clip, the same for both streams and all frames.

A draw chooses the start and the stride of the frames, a zoom with a change of shape about a random point, a mirror
image (which negates u), brightness, contrast and colour of the frames, strength of the flow, and a slight motion of
the camera. Flow is scaled with the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from actionzoo.data.recordings import Recording
from actionzoo.video.sampling import ClipSpec, clip_centres, stack_indices


@dataclass(frozen=True)
class Augmentation:
    """How far a draw may go. All ranges are uniform; zero or (1, 1) switches a part off.

    Attributes:
        zoom: range of the scale.
        shape: the ratio of width to height changes by a factor of up to exp(shape / 2) either way.
        stride: the stride changes by up to this many frames either way.
        mirror: half of the clips are mirrored.
        brightness: grey levels either way.
        contrast: factor of contrast and of each colour, 1 - contrast to 1 + contrast (half of it for colours).
        grey: share of clips without colour.
        flow_gain: range of the factor on the flow: the same movement, slower or faster.
        camera: standard deviation of a camera motion that half of the clips get, in pixels a frame step.
    """

    zoom: tuple[float, float] = (0.8, 1.25)
    shape: float = 0.3
    stride: int = 2
    mirror: bool = True
    brightness: float = 30.0
    contrast: float = 0.3
    grey: float = 0.25
    flow_gain: tuple[float, float] = (0.8, 1.25)
    camera: float = 0.15


def random_clip(
    recording: Recording,
    spec: ClipSpec,
    size: tuple[int, int],
    rng: np.random.Generator,
    how: Augmentation = Augmentation(),
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw one clip.

    Args:
        recording: the video, not larger than `size`.
        spec: frames a clip, stride, flow fields a stack.
        size: (height, width) of the model's input, in pixels.
        rng: source of the draw.
        how: how far it may go.

    Returns:
        appearance `(time, height, width, 3)` in 0..255 and motion `(time, height, width, 2*L)` in pixels, float32.
    """
    centres = _random_centres(len(recording.frames), spec, rng, how.stride)
    matrix = _random_geometry(recording.frames.shape[1:3], size, rng, how)
    appearance = _random_light(_warp(recording.frames[centres], matrix, size), rng, how)
    gain = np.float32(rng.uniform(*how.flow_gain))
    camera = rng.normal(0, 1, 2) * how.camera * (rng.random() < 0.5)
    return appearance, _motion(recording.flow, centres, spec.stack_length, matrix, size, gain, camera)


def _random_centres(frames: int, spec: ClipSpec, rng: np.random.Generator, jitter: int) -> NDArray[np.int64]:
    stride = int(rng.integers(max(1, spec.stride - jitter), spec.stride + jitter + 1))
    spec = ClipSpec(spec.num_frames, stride, spec.stack_length)
    starts = clip_centres(frames, spec, hop=1)
    return starts[rng.integers(len(starts))]


def _random_geometry(
    source: tuple[int, int], size: tuple[int, int], rng: np.random.Generator, how: Augmentation
) -> NDArray[np.float64]:
    """Matrix `(2, 3)` from a pixel of the recording to a pixel of the padded, augmented input."""
    (source_height, source_width), (height, width) = source, size
    zoom, shape = rng.uniform(*how.zoom), np.exp(rng.uniform(-how.shape, how.shape) / 2)
    scale_x, scale_y = zoom * shape, zoom / shape
    fixed_x, fixed_y = rng.uniform(0.25, 0.75, 2) * (width, height)
    left, top = (width - source_width) // 2, (height - source_height) // 2
    matrix = np.array(
        [
            [scale_x, 0.0, scale_x * left + fixed_x * (1 - scale_x)],
            [0.0, scale_y, scale_y * top + fixed_y * (1 - scale_y)],
        ]
    )
    if how.mirror and rng.random() < 0.5:
        matrix[0] = -matrix[0, 0], 0.0, width - 1 - matrix[0, 2]
    return matrix


def _random_light(frames: NDArray[np.float32], rng: np.random.Generator, how: Augmentation) -> NDArray[np.float32]:
    contrast = rng.uniform(1 - how.contrast, 1 + how.contrast)
    colours = rng.uniform(1 - how.contrast / 2, 1 + how.contrast / 2, 3)
    brightness = rng.uniform(-how.brightness, how.brightness)
    mean = frames.mean()
    if rng.random() < how.grey:
        frames = np.repeat(frames.mean(axis=-1, keepdims=True), 3, axis=-1)
    lit = ((frames - mean) * contrast + mean + brightness) * colours
    return np.clip(lit, 0, 255).astype(np.float32)


def _motion(
    flow: NDArray[np.float16],
    centres: NDArray[np.int64],
    stack_length: int,
    matrix: NDArray[np.float64],
    size: tuple[int, int],
    gain: np.float32,
    camera: NDArray[np.float64],
) -> NDArray[np.float32]:
    if len(flow) == 0:
        return np.zeros((len(centres), *size, 2 * stack_length), np.float32)
    indices = np.stack([stack_indices(int(centre), len(flow), stack_length) for centre in centres])
    needed, places = np.unique(indices, return_inverse=True)
    scale = (gain * matrix[[0, 1], [0, 1]]).astype(np.float32)
    fields = _warp(flow[needed].astype(np.float32), matrix, size) * scale + camera.astype(np.float32)
    stacks = fields[places.reshape(indices.shape)].transpose(0, 2, 3, 1, 4)
    return stacks.reshape(len(centres), *size, 2 * stack_length)


def _warp(
    images: NDArray[np.uint8] | NDArray[np.float32], matrix: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.float32]:
    height, width = size
    warped = np.empty((len(images), height, width, images.shape[-1]), np.float32)
    for source, target in zip(images, warped, strict=True):
        target[...] = cv2.warpAffine(source, matrix, (width, height), flags=cv2.INTER_LINEAR)
    return warped
