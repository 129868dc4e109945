"""What is painted: the spectra of frames and flow fields, from which a clip is made.

Neighbouring pixels of a natural picture are alike, and so are its colours. Steps on the pixels themselves give noise;
steps on a spectrum that is scaled like a natural one, and on colours that are decorrelated, give pictures (Olah et
al., "Feature Visualization", Distill 2017).
"""

from __future__ import annotations

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


def canvas_size(stream: str, spec: InputSpec) -> tuple[int, int]:
    """Rows and columns of a stream's canvas, without its border."""
    return -(-spec.height // COARSE[stream]), -(-spec.width // COARSE[stream])


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


class Canvas(layers.Layer):  # type: ignore[misc]
    """A batch of clips as variables, for some streams of a network.

    `clips` gives, by stream, `appearance (batch, T, height, width, 3)` in 0..255 and `motion (batch, N, height,
    width, 2)` in pixels of the network's input, no longer than `bound`, both at the size of their canvas.
    """

    def __init__(
        self,
        streams: tuple[str, ...],
        batch: int,
        spec: InputSpec,
        around: dict[str, int],
        bound: float,
        seed: int,
    ) -> None:
        """`around` are the pixels around each stream's picture that can be moved into sight."""
        super().__init__()
        counts = {"appearance": (spec.num_frames, 3), "motion": (len(stack_fields(spec)[0]), 2)}
        self._bound = bound
        self._scales, self._spectra = {}, {}
        rng = np.random.default_rng(seed)
        for stream in streams:
            count, channels = counts[stream]
            size = tuple(side + 2 * around[stream] for side in canvas_size(stream, spec))
            self._scales[stream] = _natural_scale(*size)
            start = rng.normal(0, START, (2, 1, count, channels, *size)).astype(np.float32)
            # The clips of a batch begin alike: what differs in them comes from what they are for.
            self._spectra[stream] = self.add_weight(
                shape=(2, batch, count, channels, *size),
                initializer=lambda shape, dtype=None, start=start: ops.broadcast_to(ops.cast(start, dtype), shape),
                name=stream,
            )
        self.built = True

    def clips(self) -> dict[str, Any]:
        """The clips as they are now."""
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


def _colours(planes: Any) -> Any:
    matrix = CONTRAST * COLOURS / np.linalg.norm(COLOURS, axis=0).max()
    return 255 * keras.activations.sigmoid(planes @ ops.convert_to_tensor(matrix.T))


def _natural_scale(height: int, width: int) -> np.ndarray:
    """One over the frequency, `(height, width)`, so that a spectrum of deviation one gives a picture of about one."""
    down, across = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :]
    scale = 1 / np.maximum(np.hypot(down, across), 1 / max(height, width))
    return np.asarray(scale * np.sqrt(height * width) / np.sqrt((scale**2).mean()), np.float32)
