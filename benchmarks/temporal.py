"""The forms of a 3x1x1 convolution, a filter over three frames: milliseconds on the shapes of ST-ResNet-50.

    KERAS_BACKEND=tensorflow python benchmarks/temporal.py [--frames 5] [--repeat 7]

The shapes are those of the first and last 1x1 convolutions of each stage's second unit, which ST-ResNet turns into
filters over time. A plain 1x1 convolution of each frame is the floor. As graph on TensorFlow, jitted on JAX, eager on
torch; the forms are compared with each other before they are timed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

STAGES = ((56, 64), (28, 128), (14, 256), (7, 512))
"""Side of the picture and channels inside a unit of stages 2..5; a unit takes and gives four times as many."""

Form = Callable[[Any, Any], Any]


def pointwise(x: Any, kernel: Any) -> Any:
    """No filter over time: the middle tap alone."""
    return ops.matmul(x, kernel[1])


def conv3d(x: Any, kernel: Any) -> Any:
    """A 3-D convolution."""
    return ops.conv(x, kernel[:, None, None], padding="same", data_format="channels_last")


def conv2d(x: Any, kernel: Any) -> Any:
    """A 2-D convolution over (time, pixels), all pixels in one row: what `TemporalConv` does."""
    _, time, height, width, channels = x.shape
    pixels = ops.reshape(x, (-1, time, height * width, channels))
    y = ops.conv(pixels, kernel[:, None], padding="same", data_format="channels_last")
    return ops.reshape(y, (-1, time, height, width, kernel.shape[-1]))


def concatenate(x: Any, kernel: Any) -> Any:
    """The frames before, at and after t side by side in the channels, then a 1x1 convolution."""
    padded = ops.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0), (0, 0)))
    neighbours = ops.concatenate([padded[:, :-2], x, padded[:, 2:]], axis=-1)
    return ops.matmul(neighbours, ops.reshape(kernel, (-1, kernel.shape[-1])))


def shift(x: Any, kernel: Any) -> Any:
    """A 1x1 convolution to all three taps at once, then shift and add."""
    taps = ops.matmul(x, ops.concatenate([kernel[0], kernel[1], kernel[2]], axis=-1))
    padded = ops.pad(taps, ((0, 0), (1, 1), (0, 0), (0, 0), (0, 0)))
    size = kernel.shape[-1]
    return padded[:, :-2, ..., :size] + padded[:, 1:-1, ..., size : 2 * size] + padded[:, 2:, ..., 2 * size :]


FORMS: dict[str, Form] = {
    "plain 1x1": pointwise,
    "conv3d": conv3d,
    "conv2d": conv2d,
    "concatenate": concatenate,
    "shift": shift,
}


class Filter(layers.Layer):
    """A layer of one form and kernel, so that Keras compiles it as it would a network."""

    def __init__(self, form: Form, kernel: np.ndarray) -> None:
        super().__init__()
        self.form = form
        self.kernel = self.add_weight(shape=kernel.shape, initializer=lambda *_, **__: kernel, name="kernel")

    def call(self, x: Any) -> Any:
        return self.form(x, ops.convert_to_tensor(self.kernel))


def milliseconds(calls: dict[str, Callable[[], Any]], repeat: int) -> dict[str, float]:
    """Median of each, taking turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeat):
        for name, call in calls.items():
            begun = time.perf_counter()
            call()
            times[name].append(1000 * (time.perf_counter() - begun))
    return {name: statistics.median(values) for name, values in times.items()}


def measure(side: int, channels: int, filters: int, frames: int, repeat: int) -> dict[str, float]:
    """Milliseconds of every form at one shape."""
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (1, frames, side, side, channels)).astype(np.float32)
    kernel = rng.normal(0, (3 * channels) ** -0.5, (3, channels, filters)).astype(np.float32)
    calls, answers = {}, {}
    for name, form in FORMS.items():
        clip = keras.Input(x.shape[1:])
        model = keras.Model(clip, Filter(form, kernel)(clip))
        calls[name] = lambda model=model: model.predict_on_batch(x)
        calls[name]()
        answers[name] = calls[name]()
    for name in list(FORMS)[2:]:
        np.testing.assert_allclose(answers[name], answers["conv3d"], atol=1e-4, err_msg=name)
    return milliseconds(calls, repeat)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="Times the forms of a convolution over time.")
    parser.add_argument("--frames", type=int, default=5, help="length of the clip")
    parser.add_argument("--repeat", type=int, default=7)
    given = parser.parse_args()
    print(f"Keras on {keras.backend.backend()}, {given.frames} frames; milliseconds\n")
    print(f"{'picture':>8}{'channels':>13}" + "".join(f"{name:>13}" for name in FORMS))
    total = dict.fromkeys(FORMS, 0.0)
    for side, inner in STAGES:
        for channels, filters in ((4 * inner, inner), (inner, 4 * inner)):
            times = measure(side, channels, filters, given.frames, given.repeat)
            total = {name: total[name] + times[name] for name in FORMS}
            row = "".join(f"{value:13.1f}" for value in times.values())
            print(f"{f'{side}x{side}':>8}{f'{channels} > {filters}':>13}{row}", flush=True)
    print(f"{'all':>8}{'':>13}" + "".join(f"{value:13.1f}" for value in total.values()))


if __name__ == "__main__":
    main()
