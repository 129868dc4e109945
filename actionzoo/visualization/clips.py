"""The clips of a decoded video, as `predict` sees them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from actionzoo.data.decoded import DecodedVideo
from actionzoo.video.resize import pad_to
from actionzoo.video.sampling import clip_centres, gather_clip
from actionzoo.video.spec import InputSpec


@dataclass(frozen=True)
class Clip:
    """What a network sees at a time.

    Attributes:
        number: counted from 0 in the order in which clips come.
        appearance: `(T, height, width, 3)` uint8 RGB.
        motion: `(T, height, width, 2L)` float32, pixels a frame step.
    """

    number: int
    appearance: np.ndarray
    motion: np.ndarray


def clips_of(video: DecodedVideo, spec: InputSpec) -> Iterator[Clip]:
    """The clips of a video in the spec's format, padded to the size of the model's input."""
    for number, centres in enumerate(clip_centres(len(video.frames), spec.clip)):
        clip = gather_clip(video.frames, video.flow, centres, spec.stack_length)
        yield Clip(number, *(pad_to(stream, (spec.height, spec.width)) for stream in clip))
