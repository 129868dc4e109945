"""Which frames of a video make a clip, and which clips cover a video.

Symbols: T frames a clip (`num_frames`), tau frames between two of them (`stride`), L flow fields in a flow stack
(`stack_length`). Frames count from 0, and flow k leads from frame k to frame k + 1, so n frames have n - 1 flows.

What happens to a video that is too short for a clip (`clip_centres`, `stack_indices`, `gather_clip`):

- at least `span` frames: nothing special;
- from L + 1 frames up to span - 1: the T centres are spaced evenly over the frames that have a whole flow stack around
  them, rounded to frames; neighbours may coincide;
- from 2 frames up to L: the T centres are spaced evenly over all frames, and where a flow stack reaches beyond the
  video its first or last flow is repeated;
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
    """The frames that one clip takes from a video.

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
        """Frames from the first one that a clip needs to the last, (T - 1) tau + L + 1."""
        return (self.num_frames - 1) * self.stride + self.stack_length + 1


def clip_centres(frames: int, spec: ClipSpec, *, hop: int | None = None) -> list[NDArray[np.int64]]:
    """The clips that cover `frames` frames: for each its T centre frames.

    A clip begins every `hop` frames (default half a span); the last one is moved back to end with the video. A video
    shorter than a span gives one clip by the rule at the head of this module.

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
    """`count` centres spread evenly over the frames of a video that have a whole flow stack around them.

    A video that has no such frame gives all of its frames. Neighbours may coincide.

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
    """The L flow fields around a centre frame, flows centre - L//2 up to centre - L//2 + L - 1.

    Indices outside the `flows` fields of the video are moved to its first or last field.

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
    """One clip as the two inputs of a model.

    frames `(frames, height, width, 3)` and flows `(frames-1, height, width, 2)`, arrays of any precision or lists,
    become appearance `(T, height, width, 3)` and motion `(T, height, width, 2L)`, whose channels interleave u and v as
    the papers' do. No flow at all (a video of one frame) counts as zero flow.

    >>> frames, flows = np.zeros((12, 4, 6, 3), np.uint8), np.zeros((11, 4, 6, 2), np.float32)
    >>> appearance, motion = gather_clip(frames, flows, [5, 6], stack_length=10)
    >>> appearance.shape, motion.shape
    ((2, 4, 6, 3), (2, 4, 6, 20))
    """
    appearance = np.stack([frames[int(centre)] for centre in centres])
    stacks = np.zeros((*appearance.shape[:3], stack_length, 2), np.float32)
    for stack, centre in zip(stacks, centres, strict=True) if len(flows) else ():
        for place, index in enumerate(stack_indices(int(centre), len(flows), stack_length)):
            stack[:, :, place] = flows[index]
    return appearance, stacks.reshape(*appearance.shape[:3], 2 * stack_length)


def flip(appearance: NDArray[np.uint8], motion: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The mirror image of a clip: left and right change places, and with them the sign of u.

    appearance `(..., height, width, 3)`, motion `(..., height, width, 2L)` in pixels, u and v interleaved.

    >>> flip(np.zeros((1, 1, 2, 3), np.uint8), np.array([[[[1, 2], [3, 4]]]], np.float32))[1].tolist()
    [[[[-3.0, 4.0], [-1.0, 2.0]]]]
    """
    mirrored = motion[..., ::-1, :].copy()
    mirrored[..., 0::2] *= -1
    return appearance[..., ::-1, :].copy(), mirrored


def views(
    appearance: NDArray[np.uint8], motion: NDArray[np.float32], size: tuple[int, int]
) -> list[tuple[NDArray[np.uint8], NDArray[np.float32]]]:
    """The ten test-time views of a clip: its four corners and its centre, then the mirror images of these five.

    So the frames of the first two-stream networks were tested (NIPS'14). Shapes as in `flip`; `size` is the
    (height, width) of a crop. Raises ValueError for a crop that is larger than the clip.

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


def windows(duration_s: float, window_s: float, stride_s: float) -> list[tuple[float, float]]:
    """The windows of a long video, as (start, end) in seconds.

    One begins every `stride_s`. If the one that would come next begins before the video ends but runs past its end, it
    is moved back to end with the video, so that every window is `window_s` long; a video shorter than a window is one
    window. With `stride_s` up to `window_s` every moment of the video is in a window.

    >>> windows(10.0, 4.0, 4.0)
    [(0.0, 4.0), (4.0, 8.0), (6.0, 10.0)]
    >>> windows(3.0, 4.0, 4.0)
    [(0.0, 3.0)]
    """
    if window_s <= 0 or stride_s <= 0:
        raise ValueError("a window and its stride must be longer than 0 seconds")
    if duration_s <= window_s:
        return [(0.0, duration_s)]
    # A millionth of a second is less than any frame lasts, and more than sums of seconds are wrong by.
    slack = 1e-6
    whole = math.floor((duration_s - window_s + slack) / stride_s) + 1
    result = [(k * stride_s, k * stride_s + window_s) for k in range(whole)]
    if result[-1][1] < duration_s - slack and whole * stride_s < duration_s - slack:
        result.append((duration_s - window_s, duration_s))
    return result
