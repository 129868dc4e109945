"""The same layers in plain numpy, slow and obvious: what the networks are compared with."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def conv2d(x: np.ndarray, kernel: np.ndarray, stride: int, pad: int) -> np.ndarray:
    """Cross-correlation of `(n, h, w, c)` with `(kh, kw, c, d)`, `pad` zeros on every side."""
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    patches = sliding_window_view(x, kernel.shape[:2], axis=(1, 2))[:, ::stride, ::stride]
    return np.einsum("nhwcij,ijcd->nhwd", patches, kernel)


def conv_over_time(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Three taps over time with zeros before and after: `(n, t, h, w, c)`, kernel `(3, c, d)`."""
    before = np.concatenate([np.zeros_like(x[:, :1]), x[:, :-1]], axis=1)
    after = np.concatenate([x[:, 1:], np.zeros_like(x[:, :1])], axis=1)
    return before @ kernel[0] + x @ kernel[1] + after @ kernel[2] + bias


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


class NumpyStream:
    """A ResNet stream of basic or bottleneck units, with the weights of a Keras model's layers."""

    def __init__(self, model: keras.Model, stream: str) -> None:
        self.model, self.stream = model, stream

    def conv_bn(self, x: np.ndarray, name: str, stride: int = 1) -> np.ndarray:
        kernel = self.weights(name)[0]
        gamma, beta, mean, variance = self.weights(f"{name}_bn")
        return (conv2d(x, kernel, stride, kernel.shape[0] // 2) - mean) / np.sqrt(variance + 1e-5) * gamma + beta

    def weights(self, name: str) -> list[Any]:
        return self.model.get_layer(f"{self.stream}_{name}").get_weights()

    def stem(self, x: np.ndarray, caffe: bool) -> np.ndarray:
        x = relu(self.conv_bn(x, "conv1", 2))
        pad = (0, 1) if caffe else (1, 1)
        x = np.pad(x, ((0, 0), pad, pad, (0, 0)))
        return sliding_window_view(x, (3, 3), axis=(1, 2))[:, ::2, ::2].max(axis=(-2, -1))

    def unit(self, x: np.ndarray, name: str, strides: tuple[int, ...], branch: np.ndarray | None = None) -> np.ndarray:
        """The sum of one unit, before its ReLU."""
        y = x if branch is None else branch
        for index, stride in enumerate(strides, start=1):
            y = self.conv_bn(y, f"{name}_conv{index}", stride)
            if index < len(strides):
                y = relu(y)
            temporal = f"{self.stream}_{name}_temporal"
            if index == len(strides) - 1 and temporal in {layer.name for layer in self.model.layers}:
                kernel, bias = self.weights(f"{name}_temporal")
                y = conv_over_time(y[None], kernel[:, 0, 0], bias)[0]
        if f"{self.stream}_{name}_shortcut" in {layer.name for layer in self.model.layers}:
            x = self.conv_bn(x, f"{name}_shortcut", max(strides))
        return x + y

    def logits(self, x: np.ndarray) -> np.ndarray:
        """Folded features of one clip `(time, h, w, c)` to its scores, averaged over space and time."""
        kernel, bias = self.weights_of_head()
        return x.mean(axis=(0, 1, 2)) @ kernel + bias

    def weights_of_head(self) -> list[Any]:
        return self.model.get_layer(f"logits_{self.stream}").get_weights()


def randomise(model: keras.Model, seed: int = 0) -> None:
    """Give every weight, batch-norm statistics too, a value that a mistake would show in."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        new = []
        for weight in layer.weights:
            value = rng.normal(0, 1, weight.shape)
            if weight.name in ("gamma", "moving_variance"):
                value = rng.uniform(0.5, 1.5, weight.shape)
            elif weight.name == "kernel":
                value /= np.sqrt(np.prod(weight.shape[:-1]))
            else:
                value *= 0.1
            new.append(value)
        layer.set_weights(new)
