"""The same layers in plain numpy, slow and obvious: what the networks are compared with."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from actionzoo.models.resnet import ResNetSpec


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
    """A ResNet stream of basic or bottleneck units, with the weights of a Keras model's layers, for one clip."""

    def __init__(self, model: keras.Model, stream: str) -> None:
        self.model, self.stream = model, stream
        self.names = {layer.name for layer in model.layers}

    def weights(self, name: str) -> list[Any]:
        return self.model.get_layer(f"{self.stream}_{name}").get_weights()

    def has(self, name: str) -> bool:
        return f"{self.stream}_{name}" in self.names

    def conv(self, x: np.ndarray, name: str, stride: int = 1) -> np.ndarray:
        """A convolution over pixels, or, where the kernel is 3x1, over the frames of the clip."""
        kernel, *bias = self.weights(name)
        if kernel.shape[:2] == (3, 1):
            offset = bias[0] if bias else np.zeros(kernel.shape[-1])
            return conv_over_time(x[None, :, ::stride, ::stride], kernel[:, 0], offset)[0]
        return conv2d(x, kernel, stride, kernel.shape[0] // 2)

    def norm(self, x: np.ndarray, name: str) -> np.ndarray:
        gamma, beta, mean, variance = self.weights(f"{name}_bn")
        return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta

    def stem(self, x: np.ndarray, caffe: bool = True) -> np.ndarray:
        x = relu(self.norm(self.conv(x, "conv1", 2), "conv1"))
        pad = (0, 1) if caffe else (1, 1)
        x = np.pad(x, ((0, 0), pad, pad, (0, 0)))
        return sliding_window_view(x, (3, 3), axis=(1, 2))[:, ::2, ::2].max(axis=(-2, -1))

    def unit(self, x: np.ndarray, name: str, strides: tuple[int, ...], branch: np.ndarray | None = None) -> np.ndarray:
        """The sum of one unit, before its ReLU."""
        y = x if branch is None else branch
        for number, stride in enumerate(strides, start=1):
            before, y = y, self.conv(y, f"{name}_conv{number}", stride)
            if number == 2 and self.has(f"{name}_temporal_scale"):  # T-ResNet's block
                scale, offset = self.weights(f"{name}_temporal_scale")
                block = relu(self.norm(before, f"{name}_temporal"))
                y = y + scale * self.conv(block, f"{name}_temporal", stride) + offset
            y = self.norm(y, f"{name}_conv{number}")
            if number < len(strides):
                y = relu(y)
            if number == len(strides) - 1 and self.has(f"{name}_temporal") and not self.has(f"{name}_temporal_bn"):
                y = self.conv(y, f"{name}_temporal")
        if self.has(f"{name}_shortcut"):
            x = self.norm(self.conv(x, f"{name}_shortcut", max(strides)), f"{name}_shortcut")
        return x + y

    def trunk(self, x: np.ndarray, spec: ResNetSpec) -> np.ndarray:
        """Preprocessed frames to the last ReLU."""
        x = self.stem(x, spec.strides == "caffe")
        for stage, index in spec.units():
            x = relu(self.unit(x, f"stage{stage}_unit{index}", strides_of(spec, stage, index)))
        return x

    def logits(self, x: np.ndarray) -> np.ndarray:
        """The classifier, behind features `(channels,)`."""
        kernel, bias = self.model.get_layer(f"logits_{self.stream}").get_weights()
        return x @ kernel + bias


def strides_of(spec: ResNetSpec, stage: int, index: int) -> tuple[int, ...]:
    """Strides of a unit's convolutions: two of 3x3, or 1x1, 3x3, 1x1 with the stride in the first or the second."""
    stride = 2 if index == 0 and stage > 2 else 1
    if spec.depth == 18:
        return (stride, 1)
    return (stride, 1, 1) if spec.strides == "caffe" else (1, stride, 1)


def pool_over_time(x: np.ndarray, stride: int, window: int = 5) -> np.ndarray:
    """Maximum over five frames, or over all of a shorter clip."""
    window = min(window, len(x))
    return sliding_window_view(x, window, axis=0)[::stride].max(axis=-1)


def randomise(model: keras.Model, seed: int = 0) -> None:
    """Give every weight, batch-norm statistics too, a value that a mistake would show in."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        new = []
        for weight in layer.weights:
            value = rng.normal(0, 1, weight.shape)
            if weight.name in ("gamma", "moving_variance") or weight.name == "scale":
                value = rng.uniform(0.5, 1.5, weight.shape)
            elif weight.name == "kernel":
                value /= np.sqrt(np.prod(weight.shape[:-1]))
            else:
                value *= 0.1
            new.append(value)
        layer.set_weights(new)
