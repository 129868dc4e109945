"""Single streams against the same formulas in numpy, and against Keras' own VGG-16."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from actionzoo.models import create_model
from actionzoo.models.resnet import ResNetSpec

from .clips import CLASSES, FACTOR, STACK, answer, clip, close, run, small
from .numpy_reference import NumpyStream, conv2d, randomise, relu

CAFFE_MEAN = np.array([123.68, 116.779, 103.939])


@pytest.mark.parametrize("depth", [18, 50, pytest.param(101, marks=pytest.mark.slow)])
@pytest.mark.parametrize("strides", ["caffe", "torchvision"])
def test_resnet_stream_is_the_formula(depth: int, strides: str) -> None:
    model = small(f"appearance_resnet{depth}", 2, strides=strides)
    randomise(model)
    inputs = clip(1, 2)
    stream = NumpyStream(model, "appearance")
    features = stream.trunk(inputs["appearance"][0] - CAFFE_MEAN, ResNetSpec(depth, FACTOR, strides))
    close(answer(model, inputs)[0], stream.logits(features.mean(axis=(0, 1, 2))), 1e-3)


@pytest.mark.parametrize(("depth", "units"), [(50, 16), (101, 33), (152, 50)])
def test_depth_counts_convolutions_and_the_classifier(depth: int, units: int) -> None:
    spec = ResNetSpec(depth)
    assert len(list(spec.units())) == units
    assert 3 * units + 2 == depth


def test_motion_is_read_in_grey_levels() -> None:
    """A pixel of flow is 255 / 40 grey levels, so that 20 px are half of 0..255."""
    model = small("motion_resnet18", 1)
    randomise(model)
    inputs = clip(1, 1)
    stream = NumpyStream(model, "motion")
    features = stream.trunk(inputs["motion"][0] * 6.375, ResNetSpec(18, FACTOR))
    close(answer(model, inputs)[0], stream.logits(features.mean(axis=(0, 1, 2))), 1e-3)


def test_vgg16_is_keras_own() -> None:
    """The convolutions and fc6, fc7 as in keras.applications."""
    model = create_model("appearance_vgg16", 5, 1)
    other = keras.applications.VGG16(weights=None, classes=5, classifier_activation=None)
    ours = [layer for layer in model.layers if layer.weights]
    theirs = [layer for layer in other.layers if layer.weights]
    for one, source in zip(ours, theirs, strict=True):
        one.set_weights([v.reshape(w.shape) for v, w in zip(source.get_weights(), one.weights, strict=True)])
    frame = np.random.default_rng(0).uniform(0, 255, (1, 224, 224, 3)).astype(np.float32)
    expected = np.asarray(other(frame - CAFFE_MEAN.astype(np.float32)))
    close(answer(model, {"appearance": frame[:, None]}), expected)


def test_resnet50_has_the_parameters_of_the_paper() -> None:
    """25,557,032 in torchvision's network of 1000 classes, the batch norm's statistics not counted."""
    model = create_model("appearance_resnet50", 1000, 1)
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == 25_557_032


@pytest.mark.parametrize(("height", "width"), [(256, 288), (224, 320)])
def test_vgg16_on_larger_pictures_averages_the_scores_of_all_places(height: int, width: int) -> None:
    """The classifier as a convolution: one 224x224 window every 32 pixels, where zero padding does not reach."""
    model = create_model("motion_vgg16", CLASSES, 1, height=None, width=None, stack_length=STACK, channel_factor=FACTOR)
    flow = clip(1, 1, height, width)["motion"]
    (hidden,) = run(model, {"motion": flow}, "motion_pool5")
    for name in ("fc6", "fc7"):
        kernel, bias = model.get_layer(f"motion_{name}").get_weights()
        hidden = relu(conv2d(hidden, kernel, 1, 0) + bias)
    assert hidden.shape[1:3] == (height // 32 - 6, width // 32 - 6)
    kernel, bias = model.get_layer("logits_motion").get_weights()
    close(answer(model, {"motion": flow}), np.mean(hidden @ kernel + bias, axis=(1, 2)))


def test_weights_fit_any_size() -> None:
    """The network for 224x224 pixels and the one for any size share their weights, and agree on 224x224."""
    fixed = create_model("appearance_vgg16", CLASSES, 1, channel_factor=FACTOR)
    randomise(fixed)
    free = create_model("appearance_vgg16", CLASSES, None, height=None, width=None, channel_factor=FACTOR)
    free.set_weights(fixed.get_weights())
    inputs = clip(2, 1, 224, 224)
    close(answer(free, inputs), answer(fixed, inputs))


@pytest.mark.parametrize(
    "name", ["two_stream_vgg16", "two_stream_resnet18", "st_resnet18", "st_mulnet18", "t_resnet18"]
)
def test_any_length_and_size(name: str) -> None:
    """A network without fixed sizes gives the answers of those with them."""
    side = 224 if "vgg" in name else 96
    free = small(name, None, height=None, width=None)
    randomise(free)
    for time, height, width in ((6, side, side), (5, side, side + 32)):
        fixed = small(name, time, height=height, width=width)
        fixed.set_weights(free.get_weights())
        inputs = clip(2, time, height, width)
        close(answer(free, inputs), answer(fixed, inputs))
