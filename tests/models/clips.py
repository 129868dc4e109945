"""Random clips and miniature networks that the tests of the zoo share."""

from __future__ import annotations

import keras
import numpy as np

from actionzoo.models import create_model

TIME, SIDE, CLASSES, STACK = 3, 32, 4, 2
FACTOR = 0.0625


def clip(batch: int = 1, time: int = TIME, height: int = SIDE, width: int = SIDE) -> dict[str, np.ndarray]:
    """Frames in 0..255 and flow of a few pixels."""
    rng = np.random.default_rng(7)
    return {
        "appearance": rng.uniform(0, 255, (batch, time, height, width, 3)).astype(np.float32),
        "motion": rng.normal(0, 2, (batch, time, height, width, 2 * STACK)).astype(np.float32),
    }


def small(name: str, time: int | None = TIME, **options: object) -> keras.Model:
    """A network with a sixteenth of its channels, for 32x32 pixels."""
    sizes: dict[str, object] = {"height": SIDE, "width": SIDE, "stack_length": STACK, "channel_factor": FACTOR}
    return create_model(name, CLASSES, time, **sizes | options)


def run(model: keras.Model, inputs: dict[str, np.ndarray], *layers: str) -> list[np.ndarray]:
    """What layers put out."""
    probe = keras.Model(model.input, {name: model.get_layer(name).output for name in layers})
    given = {tensor.name: inputs[tensor.name] for tensor in model.inputs}
    outputs = probe(given, training=False)
    return [np.asarray(outputs[name]) for name in layers]


def answer(model: keras.Model, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """The model's output for the inputs that it takes."""
    return np.asarray(model({tensor.name: inputs[tensor.name] for tensor in model.inputs}, training=False))


def close(got: np.ndarray, expected: np.ndarray, tolerance: float = 1e-4) -> None:
    """Asserts equality up to a share of the largest expected number."""
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * float(np.abs(expected).max()))
