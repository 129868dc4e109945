"""Which frames of a video make a clip, and which clips cover a video.

A clip has T frames (`num_frames`), tau frames apart (`stride`), each with a stack of L flow fields (`stack_length`).
Frames are counted from 0, and flow k leads from frame k to frame k + 1, so n frames have n - 1 flow fields.

A video that is too short for a clip is handled like this (`clip_centres`, `stack_indices`, `gather_clip`):

- from L + 1 frames up to span - 1: the T centres are spaced evenly over the frames that have a complete flow stack
  around them, rounded to frames; neighbours may coincide;
- from 2 frames up to L: the T centres are spaced evenly over all frames, and where a flow stack reaches beyond the
  video its first or last flow field is repeated;
- 1 frame: that frame T times, with zero flow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ClipSpec:
    """The frames of a video that one clip consists of.

    Attributes:
        num_frames: frames per clip, T.
        stride: frames from one of the T to the next, tau.
        stack_length: flow fields per flow stack, L.

    Raises:
        ValueError: a number is below 1.

    >>> ClipSpec(num_frames=5, stride=10).span
    51
    """

    num_frames: int
    stride: int
    stack_length: int = 10

    def __post_init__(self) -> None:
        for name in ("num_frames", "stride", "stack_length"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")

    @property
    def span(self) -> int:
        """Frames from the first to the last that a clip needs, flow stacks included: (T - 1) tau + L + 1."""
        return (self.num_frames - 1) * self.stride + self.stack_length + 1


def clip_centres(frames: int, spec: ClipSpec, *, hop: int | None = None) -> list[NDArray[np.int64]]:
    """The clips that cover a video, each as the indices of its T centre frames.

    The last clip is moved back to end with the video. A video shorter than a span has one clip, by the rules of this
    module.

    Args:
        frames: length of the video, in frames.
        spec: the frames of a clip.
        hop: frames from the start of one clip to that of the next; half a span by default.

    Raises:
        ValueError: `frames` or `hop` is below 1.

    >>> clip_centres(40, ClipSpec(num_frames=3, stride=5), hop=10)
    [array([ 5, 10, 15]), array([15, 20, 25]), array([24, 29, 34])]
    """
    if frames < 1:
        raise ValueError(f"a clip needs at least 1 frame, not {frames}")
    hop = max(1, spec.span // 2) if hop is None else hop
    if hop < 1:
        raise ValueError(f"hop must be at least 1 frame, not {hop}")
    if frames < spec.span:
        return [spread_centres(frames, spec.num_frames, spec.stack_length)]
    last = frames - spec.span
    first_centre = np.arange(spec.num_frames) * spec.stride + spec.stack_length // 2
    return [start + first_centre for start in [*range(0, last, hop), last]]


def spread_centres(frames: int, count: int, stack_length: int) -> NDArray[np.int64]:
    """Indices of `count` frames, spaced evenly over those that have a complete flow stack around them.

    They are spaced over all frames if there are none of those. Neighbours may coincide.

    Args:
        frames: length of the video, in frames.
        count: number of indices.
        stack_length: flow fields per flow stack, L.

    >>> spread_centres(31, 3, 10)
    array([ 5, 15, 25])
    """
    before = stack_length // 2
    first, last = before, frames - 1 - (stack_length - before)
    if frames <= stack_length:
        first, last = 0, frames - 1
    if count == 1:
        return np.array([(first + last) // 2])
    evenly = np.linspace(first, last, count)
    return np.floor(evenly + 0.5).astype(np.int64)


def stack_indices(centre: int, flows: int, stack_length: int) -> NDArray[np.int64]:
    """Indices of the L flow fields around a frame: from centre - L//2 to centre - L//2 + L - 1.

    Indices beyond the video are clipped to its first or last field.

    Args:
        centre: index of the frame.
        flows: number of flow fields of the video.
        stack_length: flow fields per flow stack, L.

    Raises:
        ValueError: `flows` is below 1.

    >>> stack_indices(6, 20, 10)
    array([ 1,  2,  3,  4,  5,  6,  7,  8,  9, 10])
    >>> stack_indices(1, 4, 6)
    array([0, 0, 0, 1, 2, 3])
    """
    if flows < 1:
        raise ValueError("a flow stack needs at least one flow field")
    first = centre - stack_length // 2
    return np.clip(np.arange(first, first + stack_length), 0, flows - 1)


def gather_clip(
    frames: NDArray[np.uint8] | Sequence[NDArray[np.uint8]],
    flows: NDArray[np.floating[Any]] | Sequence[NDArray[np.float32]],
    centres: Sequence[int] | NDArray[np.int64],
    stack_length: int,
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Gather one clip as the two inputs of a model.

    Args:
        frames: `(frames, height, width, 3)` uint8, an array or a sequence.
        flows: `(frames-1, height, width, 2)` in pixels, of any precision. An empty sequence (a video of one frame)
            counts as zero flow.
        centres: indices of the T centre frames.
        stack_length: flow fields per flow stack, L.

    Returns:
        Appearance `(T, height, width, 3)` uint8 and motion `(T, height, width, 2*L)` float32, whose channels interleave
        u and v as in the papers.

    >>> frames, flows = np.zeros((12, 4, 6, 3), np.uint8), np.zeros((11, 4, 6, 2), np.float32)
    >>> appearance, motion = gather_clip(frames, flows, [5, 6], stack_length=10)
    >>> appearance.shape, motion.shape
    ((2, 4, 6, 3), (2, 4, 6, 20))
    """
    appearance = np.stack([frames[int(centre)] for centre in centres])
    if not len(flows):
        return appearance, np.zeros((*appearance.shape[:3], 2 * stack_length), np.float32)
    return appearance, _stacks(flows, [stack_indices(int(centre), len(flows), stack_length) for centre in centres])


def _stacks(
    flows: NDArray[np.floating[Any]] | Sequence[NDArray[np.float32]], indices: Sequence[NDArray[np.int64]]
) -> NDArray[np.float32]:
    """The flow fields at the indices of each stack, `(T, height, width, 2*L)`.

    Each field is converted once, and u and v are moved as one number: numpy is slow where the last axis is short.
    """
    pairs = {
        index: np.ascontiguousarray(flows[index], np.float32).view(np.uint64)[..., 0]
        for index in np.unique(np.stack(indices)).tolist()
    }
    stacks = np.empty((len(indices), *next(iter(pairs.values())).shape, len(indices[0])), np.uint64)
    for stack, row in zip(stacks, indices, strict=True):
        np.stack([pairs[index] for index in row.tolist()], axis=-1, out=stack)
    return stacks.view(np.float32)


def flip(appearance: NDArray[np.uint8], motion: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Mirror a clip: left and right are exchanged, and u changes its sign.

    Args:
        appearance: `(..., height, width, 3)`.
        motion: `(..., height, width, 2*L)` in pixels, u and v interleaved.

    Returns:
        Copies of the same shapes.

    >>> flip(np.zeros((1, 1, 2, 3), np.uint8), np.array([[[[1, 2], [3, 4]]]], np.float32))[1].tolist()
    [[[[-3.0, 4.0], [-1.0, 2.0]]]]
    """
    mirrored = motion[..., ::-1, :].copy()
    mirrored[..., 0::2] *= -1
    return appearance[..., ::-1, :].copy(), mirrored


def views(
    appearance: NDArray[np.uint8], motion: NDArray[np.float32], size: tuple[int, int]
) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    """The ten test-time views of a clip (NIPS'14): its four corners and its centre, then these five mirrored.

    Args:
        appearance: `(..., height, width, 3)`.
        motion: `(..., height, width, 2*L)` in pixels, u and v interleaved.
        size: (height, width) of a view.

    Raises:
        ValueError: a view is larger than the clip.

    >>> clip = np.zeros((1, 6, 8, 3), np.uint8), np.zeros((1, 6, 8, 20), np.float32)
    >>> [motion.shape for _, motion in views(*clip, size=(4, 4))][:2]
    [(1, 4, 4, 20), (1, 4, 4, 20)]
    """
    down, right = (whole - part for whole, part in zip(appearance.shape[-3:-1], size, strict=True))
    if min(down, right) < 0:
        raise ValueError(f"a view of {size} is larger than the clip's {appearance.shape[-3:-1]}")
    places = [(0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2)]
    parts = [(..., slice(y, y + size[0]), slice(x, x + size[1]), slice(None)) for y, x in places]
    crops = [(appearance[part], motion[part]) for part in parts]
    return crops + [flip(*crop) for crop in crops]


def windows(duration_s: float, window_s: float, step_s: float) -> list[tuple[float, float]]:
    """The windows of a long video, as (start, end) in seconds.

    A last window that would run past the end is moved back to end with the video, so that all have the same length; a
    video shorter than a window is one window. With `step_s` up to `window_s` the windows cover the whole video.

    Args:
        duration_s: length of the video, in seconds.
        window_s: length of a window, in seconds.
        step_s: from the start of one window to that of the next, in seconds.

    Raises:
        ValueError: `window_s` or `step_s` is not above 0.

    >>> windows(10.0, 4.0, 4.0)
    [(0.0, 4.0), (4.0, 8.0), (6.0, 10.0)]
    >>> windows(3.0, 4.0, 4.0)
    [(0.0, 3.0)]
    """
    if window_s <= 0 or step_s <= 0:
        raise ValueError("a window and its step must be longer than 0 seconds")
    if duration_s <= window_s:
        return [(0.0, duration_s)]
    # A microsecond is shorter than any frame, and longer than the rounding errors of sums of seconds.
    slack = 1e-6
    whole = math.floor((duration_s - window_s + slack) / step_s) + 1
    result = [(k * step_s, k * step_s + window_s) for k in range(whole)]
    if result[-1][1] < duration_s - slack and whole * step_s < duration_s - slack:
        result.append((duration_s - window_s, duration_s))
    return result
