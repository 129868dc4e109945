"""What is painted: the spectra of frames and flow fields, from which a clip is made.

Neighbouring pixels of a natural picture are alike, and so are its colours. Steps on the pixels themselves give noise;
steps on a spectrum that is scaled like a natural one, and on colours that are decorrelated, give pictures (Olah et
al., "Feature Visualization", Distill 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from actionzoo.video.sampling import clip_centres, stack_indices
from actionzoo.video.spec import InputSpec

COLOURS = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], np.float32)
"""Square root of the covariance of the colours of natural pictures, as lucid has it; rows are R, G and B."""

CONTRAST = 1.5
"""Of colours whose spectrum has deviation one: so that steps of the usual size fill the range."""

FLOW_SWING = 0.5
"""Of flow, in parts of its bound, whose spectrum has deviation one: it must not be driven to its bound everywhere."""

START = 0.02
"""Deviation of the spectrum at the beginning."""

COARSE = {"appearance": 1, "motion": 2}
"""Pixels of the network's input, in each direction, to one of the canvas: flow is smooth."""

FLOW_BOUND = 0.08
"""The longest flow, in parts of the picture's height: 20 pixels of 256, as the papers code it."""

ZOOM = 0.02
"""A clip is shown to the network up to so much larger or smaller."""


class Canvas(layers.Layer):  # type: ignore[misc]
    """A batch of clips as variables, for some streams of a network; `borders` are the pixels around each picture."""

    def __init__(self, streams: Sequence[str], batch: int, spec: InputSpec, seed: int) -> None:
        super().__init__()
        self.borders, self._bound = borders(spec), flow_bound(spec)
        self._scales, self._spectra = {}, {}
        counts = {"appearance": (spec.num_frames, 3), "motion": (len(stack_fields(spec)[0]), 2)}
        rng = np.random.default_rng(seed)
        for stream in streams:
            inner = (-(-side // COARSE[stream]) for side in (spec.height, spec.width))
            size = tuple(side + 2 * self.borders[stream] for side in inner)
            self._scales[stream] = _natural_scale(*size)
            start = rng.normal(0, START, (2, 1, *counts[stream], *size)).astype(np.float32)
            # The clips of a batch begin alike: what differs in them comes from what they are for.
            self._spectra[stream] = self.add_weight(
                shape=(2, batch, *start.shape[2:]),
                initializer=lambda shape, dtype=None, start=start: ops.broadcast_to(ops.cast(start, dtype), shape),
                name=stream,
            )
        self.built = True

    def clips(self) -> dict[str, Any]:
        """The clips as they are now, with their borders, at the size of the canvas.

        `appearance (batch, T, height, width, 3)` in 0..255, and `motion (batch, N, height, width, 2)` in pixels of the
        network's input, no longer than `flow_bound`.
        """
        clips = {}
        for stream, spectrum in self._spectra.items():
            real, _ = ops.ifft2((spectrum[0] * self._scales[stream], spectrum[1] * self._scales[stream]))
            planes = ops.moveaxis(real, 2, -1)
            clips[stream] = _colours(planes) if stream == "appearance" else self._field(planes)
        return clips

    def _field(self, planes: Any) -> Any:
        """Vectors of any length as flow that is shorter than the bound, in the same direction."""
        planes = FLOW_SWING * planes
        return self._bound * planes * ops.rsqrt(1 + ops.sum(planes * planes, axis=-1, keepdims=True))


def borders(spec: InputSpec) -> dict[str, int]:
    """Pixels around the picture, on each stream's canvas, that moving and shrinking it can bring into sight.

    >>> borders(InputSpec((), height=112, width=144))
    {'appearance': 3, 'motion': 2}
    """
    return {stream: max(2, round(spec.height / coarse * (ZOOM + 0.01))) for stream, coarse in COARSE.items()}


def flow_bound(spec: InputSpec) -> float:
    """The longest flow that is painted, in pixels."""
    return FLOW_BOUND * spec.height


def full_size(clips: dict[str, Any], spec: InputSpec) -> dict[str, Any]:
    """Clips of a canvas, without borders, at the size of the network's input."""
    size = spec.height, spec.width
    return {stream: _resized(clip, size) if COARSE[stream] > 1 else clip for stream, clip in clips.items()}


def stack_fields(spec: InputSpec) -> tuple[np.ndarray, np.ndarray]:
    """The flow fields of a clip, and the place of each stack's fields among them.

    Stacks that overlap share fields, as they do in a video; fields that no stack sees are left out.

    Returns:
        The frames from which the N fields lead, `(N,)`, counted from the first field; and `(T, L)`, indices of them.

    >>> times, places = stack_fields(InputSpec((), num_frames=2, stride=2, stack_length=3))
    >>> times.tolist(), places.tolist()
    ([0, 1, 2, 3, 4], [[0, 1, 2], [2, 3, 4]])
    """
    clip_spec = spec.clip
    (centres,) = clip_centres(clip_spec.span, clip_spec)
    stacks = np.stack([stack_indices(int(centre), clip_spec.span - 1, clip_spec.stack_length) for centre in centres])
    times, places = np.unique(stacks, return_inverse=True)
    return times - times[0], places.reshape(stacks.shape)


def stacked(fields: Any, spec: InputSpec) -> Any:
    """Flow fields `(batch, N, height, width, 2)` as the stacks of a clip, `(batch, T, height, width, 2L)`."""
    places = stack_fields(spec)[1]
    batch, _, height, width, _ = fields.shape
    rows = ops.transpose(fields, (0, 2, 3, 1, 4))
    stacks = [_consecutive(rows, row) for row in places]
    return ops.reshape(ops.stack(stacks, axis=1), (batch, len(places), height, width, 2 * places.shape[1]))


def _consecutive(rows: Any, places: np.ndarray) -> Any:
    """The fields of a stack, `(batch, height, width, L, 2)`: a slice, whose gradient costs less than a gather's."""
    first, last = int(places[0]), int(places[-1])
    if last - first + 1 == len(places):
        return rows[:, :, :, first : last + 1]
    return ops.take(rows, places, axis=3)


def _resized(clip: Any, size: tuple[int, int]) -> Any:
    down, across = (_enlarging(*sides) for sides in zip(clip.shape[2:4], size, strict=True))
    return ops.einsum("jw,btiwc->btijc", across, ops.einsum("ih,bthwc->btiwc", down, clip))


def _enlarging(side: int, target: int) -> np.ndarray:
    """The weights of a bilinear resize, `(target, side)`: products of matrices are faster than `ops.image.resize`."""
    places = np.clip((np.arange(target) + 0.5) * side / target - 0.5, 0, side - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(places[:, None] - np.arange(side))), np.float32)


def _colours(planes: Any) -> Any:
    matrix = CONTRAST * COLOURS / np.linalg.norm(COLOURS, axis=0).max()
    return 255 * keras.activations.sigmoid(planes @ ops.convert_to_tensor(matrix.T))


def _natural_scale(height: int, width: int) -> np.ndarray:
    """One over the frequency, `(height, width)`, so that a spectrum of deviation one gives a picture of about one."""
    down, across = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :]
    scale = 1 / np.maximum(np.hypot(down, across), 1 / max(height, width))
    return np.asarray(scale * np.sqrt(height * width) / np.sqrt((scale**2).mean()), np.float32)
