"""Run as a program, with KERAS_BACKEND set: reads folders, a line each, and answers each with how far this backend's
logits are from those in the folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]


class OtherBackend:
    """A process in which Keras runs on another backend."""

    def __init__(self, backend: str) -> None:
        environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONWARNINGS": "ignore", "JAX_PLATFORMS": "cpu"}
        environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # compiling takes longer than computing here
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            env=environment,
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def differences(self, folder: Path) -> dict[str, float]:
        """How far its logits are from `logits.npy`, by the file that the network came from."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{folder}\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline() or '{"error": "the process has ended"}')
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def close(self) -> None:
        self.process.communicate()


def main() -> None:
    import keras
    import numpy as np

    import actionzoo.models  # noqa: F401  registers our layers

    def differences(folder: Path) -> dict[str, float]:
        inputs = dict(np.load(folder / "inputs.npz"))
        expected = np.load(folder / "logits.npy")
        model = keras.saving.load_model(folder / "model.keras", compile=False)
        found = {"model.keras": difference(model, inputs, expected)}
        for weight in model.weights:
            weight.assign(np.zeros(weight.shape))
        model.load_weights(folder / "model.weights.h5")
        return found | {"model.weights.h5": difference(model, inputs, expected)}

    def difference(model: keras.Model, inputs: dict[str, np.ndarray], expected: np.ndarray) -> float:
        got = keras.ops.convert_to_numpy(model(inputs, training=False))
        return float(np.abs(got - expected).max())

    def zeros(_: object, shape: tuple[int, ...], dtype: str | None = None) -> np.ndarray:
        return np.zeros(shape, dtype or "float32")

    keras.initializers.VarianceScaling.__call__ = zeros  # the files have the weights: JAX would compile every draw
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever else prints must not mix with the answers
    for line in sys.stdin:
        try:
            answer: dict[str, Any] = differences(Path(line.strip()))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
