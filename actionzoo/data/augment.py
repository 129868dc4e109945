"""Clips of a decoded video: random ones to learn from, with one draw for both streams and all frames, and plain ones.

A draw chooses the start and the stride of the frames, a part of the picture, a mirror image (which negates u) and, for
small sets, brightness, contrast and colour of the frames, strength of the flow, and a slight motion of the camera.

The part of the picture is a zoom with a change of shape about a random point, with which the flow is scaled, or one of
the papers' crops, with which it is not: they cut their stored flow as they do their frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from actionzoo.data.decoded import DecodedVideo
from actionzoo.data.moves import Moves, a_row, moved_frames, moved_stacks
from actionzoo.video.sampling import ClipSpec, clip_centres
from actionzoo.video.spec import InputSpec

CROPS = ("zoom", "multi_scale", "corners")

PAPERS_SIDE = 224
"""Pixels of the papers' input. Their crops are given for it, and scaled to other inputs."""

MULTI_SCALE = (256, 224, 192, 168)
"""Sides of the papers' multi-scale crops, height and width drawn independently (multiScaleRegular in their code)."""

CORNER_SIDES = (0.75, 1.25)
"""Range of the sides of the crops without centre, as shares of the input's (f25noCtr in their code)."""

BESIDE = 0.1
"""How far a crop to where it moves is off in training, as a share of the input's sides."""

CORNER_SHARE = 0.25
"""How far into the free space, from one of two corners, such a crop begins: both axes alike."""


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
        crop: "zoom", or the papers' "multi_scale" (a corner or the centre) and "corners" (the quarter of the frame at
            its top left or bottom right, without the centre), which take no notice of `zoom` and `shape`.
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
    crop: str = "zoom"

    def __post_init__(self) -> None:
        if self.crop not in CROPS:
            raise ValueError(f"crop is one of {', '.join(CROPS)}, not {self.crop!r}")


def papers(crop: str, stride: int) -> Augmentation:
    """What the papers do, and no more: a crop, a mirror image, and a stride of up to `stride` frames more or less.

    >>> papers("corners", stride=5).brightness
    0.0
    """
    return Augmentation(
        crop=crop, stride=stride, brightness=0.0, contrast=0.0, grey=0.0, flow_gain=(1.0, 1.0), camera=0.0
    )


def random_clip(
    decoded: DecodedVideo,
    spec: InputSpec,
    rng: np.random.Generator,
    how: Augmentation = Augmentation(),
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw one clip.

    Args:
        decoded: the video; for a zoom not larger than the model's input.
        spec: what the model looks at. A clip that is cropped to where it moves is so a little beside it, and zoomed.
        rng: source of the draw.
        how: how far it may go.

    Returns:
        appearance `(time, height, width, 3)` in 0..255 and motion `(time, height, width, 2*L)` in pixels, float32.
    """
    size = spec.height, spec.width
    centres = _random_centres(len(decoded.frames), spec.clip, rng, how.stride)
    source = decoded.frames.shape[1:3]
    if spec.crop_to_motion:
        moves = Moves.to_motion(decoded, centres, spec.stack_length, size)
        moves = moves.then(_shifted(_random_zoom(size, size, rng, how), size, rng))
    else:
        geometry = _random_zoom if how.crop == "zoom" else _random_crop
        moves = Moves.alike(geometry(source, size, rng, how), len(centres))
    scaled = spec.crop_to_motion or how.crop == "zoom"
    # A crop lies within the frame, but the centres of its outermost pixels need not when it is enlarged.
    border = cv2.BORDER_CONSTANT if scaled else cv2.BORDER_REPLICATE
    appearance = _random_light(moved_frames(decoded.frames[centres], moves, size, border), rng, how)
    gain = rng.uniform(*how.flow_gain)
    camera = rng.normal(0, 1, 2) * how.camera * (rng.random() < 0.5)
    factor = gain * (moves.scale if scaled else np.sign(moves.scale))
    return appearance, moved_stacks(decoded.flow, centres, spec.stack_length, moves, size, factor, camera, border)


def plain_clip(decoded: DecodedVideo, spec: InputSpec) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The clip in the middle of a video, as it is: padded if it is smaller than the input, else its centre.

    Arguments and result as those of `random_clip`.
    """
    size = spec.height, spec.width
    starts = clip_centres(len(decoded.frames), spec.clip, hop=1)
    centres = starts[len(starts) // 2]
    source = decoded.frames.shape[1:3]
    if spec.crop_to_motion:
        moves = Moves.to_motion(decoded, centres, spec.stack_length, size)
    else:
        down, right = ((whole - part) // 2 for whole, part in zip(size, source, strict=True))
        moves = Moves.alike(np.array([[1.0, 0.0, right], [0.0, 1.0, down]]), len(centres))
    still = np.zeros(2)
    stacks = moved_stacks(decoded.flow, centres, spec.stack_length, moves, size, moves.scale, still)
    return moved_frames(decoded.frames[centres], moves, size), stacks


def _shifted(matrix: NDArray[np.float64], size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    shift = rng.uniform(-BESIDE, BESIDE, 2) * size[::-1]
    return np.column_stack([matrix[:, :2], matrix[:, 2] + shift])


def _random_centres(frames: int, spec: ClipSpec, rng: np.random.Generator, jitter: int) -> NDArray[np.int64]:
    stride = int(rng.integers(max(1, spec.stride - jitter), spec.stride + jitter + 1))
    spec = ClipSpec(spec.num_frames, stride, spec.stack_length)
    starts = clip_centres(frames, spec, hop=1)
    return starts[rng.integers(len(starts))]


def _random_zoom(
    source: tuple[int, int], size: tuple[int, int], rng: np.random.Generator, how: Augmentation
) -> NDArray[np.float64]:
    """Matrix `(2, 3)` from a pixel of the decoded video to a pixel of the padded, augmented input."""
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
    return _mirrored(matrix, width) if how.mirror and rng.random() < 0.5 else matrix


def _random_crop(
    source: tuple[int, int], size: tuple[int, int], rng: np.random.Generator, how: Augmentation
) -> NDArray[np.float64]:
    """Matrix `(2, 3)` from a pixel of the decoded video to a pixel of one of the papers' crops, scaled to the input."""
    if how.crop == "multi_scale":
        shares = rng.choice(MULTI_SCALE, 2) / PAPERS_SIDE
        down, right = [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.5)][rng.integers(5)]
    else:
        shares = rng.uniform(*CORNER_SIDES, 2)
        down, right = rng.uniform(0, CORNER_SHARE, 2)
        if rng.random() < 0.5:
            down, right = 1 - down, 1 - right
    # A crop is no larger than the frame.
    height, width = (min(share * side, whole) for share, side, whole in zip(shares, size, source, strict=True))
    top, left = down * (source[0] - height), right * (source[1] - width)
    scale_y, scale_x = size[0] / height, size[1] / width
    matrix = np.array(
        [
            [scale_x, 0.0, (0.5 - left) * scale_x - 0.5],
            [0.0, scale_y, (0.5 - top) * scale_y - 0.5],
        ]
    )
    return _mirrored(matrix, size[1]) if how.mirror and rng.random() < 0.5 else matrix


def _mirrored(matrix: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    return np.array([[-matrix[0, 0], 0.0, width - 1 - matrix[0, 2]], matrix[1]])


def _random_light(frames: NDArray[np.float32], rng: np.random.Generator, how: Augmentation) -> NDArray[np.float32]:
    if not (how.contrast or how.brightness or how.grey):
        return frames
    contrast = rng.uniform(1 - how.contrast, 1 + how.contrast)
    colours = rng.uniform(1 - how.contrast / 2, 1 + how.contrast / 2, 3)
    brightness = rng.uniform(-how.brightness, how.brightness)
    mean = frames.mean()
    if rng.random() < how.grey:
        frames = np.repeat(frames.mean(axis=-1, keepdims=True), 3, axis=-1)
    lit = frames - mean
    lit *= contrast
    lit += mean + brightness
    rows = lit.reshape(*lit.shape[:2], -1)
    rows *= a_row(colours, lit.shape[2])
    return np.clip(lit, 0, 255, out=lit)
