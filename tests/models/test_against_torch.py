"""The Keras networks against torch's, written in torchvision's manner, with the same random weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from actionzoo.models import create_model

torch = pytest.importorskip("torch")

from . import torch_reference as reference  # noqa: E402

CLASSES, SIDE, WIDTH = 7, 64, 0.125
GAIN = {"appearance": 1 / 64, "motion": 1 / 16}  # of the papers' preprocessing


def clips(time: int, side: int, stack_length: int = 10) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(time)
    return {
        "appearance": rng.uniform(0, 255, (1, time, side, side, 3)).astype(np.float32),
        "motion": rng.normal(0, 2, (1, time, side, side, 2 * stack_length)).astype(np.float32),
    }


def compare(
    model: keras.Model, network: torch.nn.Module, inputs: dict[str, np.ndarray], gain: dict[str, float]
) -> None:
    """Logits of order 1 within 1e-4."""
    inputs = {tensor.name: inputs[tensor.name] for tensor in model.inputs}
    reference.random_weights(model, inputs, gain)
    reference.copy_weights(model, network)
    got = np.asarray(model(inputs, training=False))
    with torch.inference_mode():
        expected = network.eval()(*map(reference.torch_input, inputs.values())).numpy()
    assert 0.5 < np.abs(expected).max() < 5
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4)


def test_resnet50_is_torchvisions() -> None:
    model = create_model("appearance_resnet50", 1000, 1, strides="torchvision", preprocessing="torchvision")
    network = reference.Single("appearance", reference.ResNet(50, 3, 1000))
    compare(model, network, clips(1, 224), {"appearance": 1})


def test_vgg16_is_torchvisions() -> None:
    """fc6 too: a 7x7 convolution here, a matrix behind `flatten` there."""
    model = create_model("appearance_vgg16", 1000, 1, preprocessing="torchvision")
    network = reference.Single("appearance", reference.VGG(3, 1000))
    compare(model, network, clips(1, 224), {"appearance": 1})


@pytest.mark.parametrize(
    ("depth", "strides"),
    [(18, "caffe"), (18, "torchvision"), (50, "caffe"), pytest.param(101, "caffe", marks=pytest.mark.slow)],
)
def test_two_resnets_in_miniature(depth: int, strides: str) -> None:
    options = {"fusion": "late", "strides": strides, "channel_factor": WIDTH}
    model = create_model(f"two_stream_resnet{depth}", CLASSES, 3, height=SIDE, width=SIDE, **options)
    network = reference.two_stream(f"resnet{depth}", CLASSES, WIDTH, strides)
    compare(model, network, clips(3, SIDE), GAIN)


def test_two_vggs_in_miniature() -> None:
    model = create_model("two_stream_vgg16", CLASSES, 3, fusion="late", channel_factor=0.0625)
    compare(model, reference.two_stream("vgg16", CLASSES, 0.0625), clips(3, 224), GAIN)


@pytest.mark.parametrize("time", [5, 11])
def test_st_resnet50_in_miniature(time: int) -> None:
    """Eleven frames are pooled to four, each with scores of its own."""
    model = create_model("st_resnet50", CLASSES, time, height=SIDE, width=SIDE, channel_factor=WIDTH)
    compare(model, reference.st_resnet(50, CLASSES, time, WIDTH), clips(time, SIDE), GAIN)


def test_copying_weights_leaves_none_over() -> None:
    model = create_model("motion_resnet18", CLASSES, 1, height=SIDE, width=SIDE, channel_factor=WIDTH)
    larger = reference.Single("motion", reference.ResNet(34, 20, CLASSES, WIDTH))
    with pytest.raises(ValueError, match=r"not in the Keras model.*layer1\.2\.conv1"):
        reference.copy_weights(model, larger)
    other = reference.Single("motion", reference.ResNet(18, 18, CLASSES, WIDTH))
    with pytest.raises(ValueError, match="motion_conv1/kernel"):
        reference.copy_weights(model, other)
