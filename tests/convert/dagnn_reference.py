"""MatConvNet's graphs in numpy: networks as the authors' files have them, and what their layers compute.

Nothing is shared with actionzoo. `DagNN` collects layers and random parameters under the authors' names and runs them:
frames of one clip are `(time, height, width, channels)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray


def correlate(x: Array, kernel: Array, pad: Sequence[int], stride: int) -> Array:
    """2-D: x `(n, h, w, in)`, kernel `(h, w, in, out)`, pad (top, bottom, left, right)."""
    x = np.pad(x, ((0, 0), (pad[0], pad[1]), (pad[2], pad[3]), (0, 0)))
    rows, columns = ((x.shape[axis] - kernel.shape[axis - 1]) // stride + 1 for axis in (1, 2))
    total = np.zeros((len(x), rows, columns, kernel.shape[-1]))
    for dy in range(kernel.shape[0]):
        for dx in range(kernel.shape[1]):
            part = x[:, dy : dy + stride * (rows - 1) + 1 : stride, dx : dx + stride * (columns - 1) + 1 : stride]
            total += part @ kernel[dy, dx]
    return total


def pool(x: Array, size: tuple[int, int], stride: int, pad: Sequence[int], reduce: Callable[..., Array]) -> Array:
    x = np.pad(x, ((0, 0), (pad[0], pad[1]), (pad[2], pad[3]), (0, 0)), constant_values=-np.inf)
    rows, columns = ((x.shape[axis] - size[axis - 1]) // stride + 1 for axis in (1, 2))
    windows = [
        x[:, dy : dy + stride * (rows - 1) + 1 : stride, dx : dx + stride * (columns - 1) + 1 : stride]
        for dy in range(size[0])
        for dx in range(size[1])
    ]
    return reduce(windows, axis=0)


def over_time(x: Array, kernel: Array) -> Array:
    """x `(time, h, w, in)`, kernel `(1, 3, in, out)`, one frame of zeros before and after."""
    padded = np.pad(x, ((1, 1), (0, 0), (0, 0), (0, 0)))
    return sum(padded[dt : dt + len(x)] @ kernel[0, dt] for dt in range(3))


class DagNN:
    """A network of these layers, in order, with its parameters and their values."""

    def __init__(self, seed: int = 0) -> None:
        self.layers: list[dict[str, Any]] = []
        self.params: dict[str, Array] = {}
        self.rng = np.random.default_rng(seed)

    def add(self, name: str, kind: str, inputs: list[str], params: dict[str, Array] | None = None, **block: Any) -> str:
        """A layer; gives the name of its output."""
        self.params |= {key: value.astype(np.float32) for key, value in (params or {}).items()}
        self.layers.append(
            {
                "name": name,
                "type": f"dagnn.{kind}",
                "inputs": list(inputs),
                "outputs": [f"{name}_x"],
                "params": list(params or {}),
                "block": block or {"none": 0.0},
            }
        )
        return f"{name}_x"

    def random(self, *shape: int) -> Array:
        """A kernel that keeps the size of numbers."""
        return self.rng.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape)

    def struct(self, **more: Any) -> dict[str, Any]:
        """The variable `net` of a file."""
        params = [{"name": name, "value": value, "learningRate": 1.0} for name, value in self.params.items()]
        return {"layers": self.layers, "params": params, "vars": [{"name": "input"}], "meta": more}

    def run(self, **inputs: Array) -> dict[str, Array]:
        """Every variable, from the inputs."""
        values = dict(inputs)
        for layer in self.layers:
            given = [values[name] for name in layer["inputs"]]
            params = [self.params[name].astype(np.float64) for name in layer["params"]]
            compute = getattr(self, f"_{layer['type'].removeprefix('dagnn.').lower()}")
            values[layer["outputs"][0]] = compute(given, params, layer["block"])
        return values

    def _conv(self, given: list[Array], params: list[Array], block: dict[str, Any]) -> Array:
        y = correlate(given[0], params[0], [int(side) for side in block["pad"]], int(block["stride"][0]))
        return y + params[1].ravel() if len(params) > 1 else y

    def _convtime(self, given: list[Array], params: list[Array], block: dict[str, Any]) -> Array:
        x = given[0][:, :: int(block["stride"][0]), :: int(block["stride"][0])]
        y = over_time(x, params[0])
        return y + params[1].ravel() if len(params) > 1 else y

    def _conv3d(self, given: list[Array], params: list[Array], block: dict[str, Any]) -> Array:
        padded = np.pad(given[0], ((1, 1), (0, 0), (0, 0), (0, 0)))
        time = len(given[0])
        each = (correlate(padded[dt : dt + time], params[0][:, :, dt], [1, 1, 1, 1], 1) for dt in range(3))
        return sum(each) + params[1].ravel()

    def _batchnorm(self, given: list[Array], params: list[Array], block: dict[str, Any]) -> Array:
        mult, bias, moments = params
        return mult.ravel() * (given[0] - moments[:, 0]) / moments[:, 1] + bias.ravel()

    def _scale(self, given: list[Array], params: list[Array], block: dict[str, Any]) -> Array:
        return given[0] * params[0].ravel() + params[1].ravel()

    def _relu(self, given: list[Array], params: list[Array], block: dict[str, Any]) -> Array:
        return np.maximum(given[0], 0)

    def _dropout(self, given: list[Array], params: list[Array], block: dict[str, Any]) -> Array:
        return given[0]

    def _sum(self, given: list[Array], params: list[Array], block: dict[str, Any]) -> Array:
        return sum(given[1:], start=given[0])

    def _mul(self, given: list[Array], params: list[Array], block: dict[str, Any]) -> Array:
        return given[0] * given[1]

    def _concat(self, given: list[Array], params: list[Array], block: dict[str, Any]) -> Array:
        return np.concatenate(given, axis=-1)

    def _pooling(self, given: list[Array], params: list[Array], block: dict[str, Any]) -> Array:
        size = tuple(int(side) for side in block["poolSize"])
        reduce = np.max if block["method"] == "max" else np.mean
        return pool(given[0], size, int(block["stride"][0]), [int(side) for side in block["pad"]], reduce)

    def _pooling3d(self, given: list[Array], params: list[Array], block: dict[str, Any]) -> Array:
        each = pool(given[0], (2, 2), 2, [0, 0, 0, 0], np.max)
        return each.max(axis=0, keepdims=True)

    def _pooltime(self, given: list[Array], params: list[Array], block: dict[str, Any]) -> Array:
        window, stride = (float(block[key][1]) for key in ("poolSize", "stride"))
        x = given[0]
        if np.isinf(window):
            return x.max(axis=0, keepdims=True)
        starts = range(0, len(x) - int(window) + 1, int(stride))
        return np.stack([x[start : start + int(window)].max(axis=0) for start in starts])
