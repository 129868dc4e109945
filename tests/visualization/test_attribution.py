"""Grad-CAM against the formula that it is where a mean and a classifier follow."""

from __future__ import annotations

import cv2
import keras
import numpy as np
import pytest

from actionzoo.errors import ModelError
from actionzoo.inference.clips import Clip
from actionzoo.models import create_model
from actionzoo.video.spec import InputSpec
from actionzoo.visualization.attribution import default_layers, grad_cam
from tests.visualization.in_memory import as_model

SIZE = {"height": 96, "width": 128, "channel_factor": 0.0625, "dropout": 0.0}


SPEC = InputSpec(("a", "b", "c"), 96, 128, num_frames=2, stack_length=3)
FRAMES = np.zeros((2, 96, 128, 3), np.uint8)


def test_before_a_mean_and_a_classifier_it_is_their_weights() -> None:
    keras.utils.set_random_seed(0)  # other weights may leave nothing above zero
    model = create_model("motion_resnet18", 3, 2, stack_length=3, **SIZE)
    clip = np.random.default_rng(0).normal(0, 3, (2, 96, 128, 6)).astype(np.float32)
    found = grad_cam(as_model(model, SPEC), Clip(0, FRAMES, clip), 1)["motion"]
    values = np.asarray(
        keras.Model(model.inputs, model.get_layer("motion_stage5_unit1_relu").output)({"motion": clip[None]})
    )
    weights = np.asarray(model.get_layer("logits_motion").kernel)[:, 1]
    expected = np.maximum(values.reshape(-1, *values.shape[-3:]) @ weights, 0)
    expected = np.stack([cv2.resize(each, (128, 96)) for each in expected / expected.max()])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_both_streams_have_a_map() -> None:
    model = as_model(create_model("st_resnet18", 3, 2, stack_length=3, **SIZE), SPEC)
    rng = np.random.default_rng(0)
    clip = Clip(0, rng.integers(0, 256, (2, 96, 128, 3)).astype(np.uint8), rng.normal(0, 3, (2, 96, 128, 6)))
    found = grad_cam(model, clip, 0)
    assert {name: cam.shape for name, cam in found.items()} == dict.fromkeys(("appearance", "motion"), (2, 96, 128))
    assert all(0 <= cam.min() <= cam.max() <= 1 for cam in found.values())


def test_default_layers_are_the_last_with_places() -> None:
    model = create_model("two_stream_vgg16", 3, 1, height=64, width=64, channel_factor=0.0625)
    assert default_layers(model) == {"appearance": "appearance_relu5_3", "motion": "motion_relu5_3"}


def test_layers_that_will_not_do() -> None:
    model = as_model(create_model("motion_resnet18", 3, 1, stack_length=3, **SIZE), SPEC)
    clip = Clip(0, FRAMES[:1], np.zeros((1, 96, 128, 6), np.float32))
    with pytest.raises(ModelError, match="has no places"):
        grad_cam(model, clip, 0, {"motion": "logits_motion"})
    with pytest.raises(ModelError, match="did you mean"):
        grad_cam(model, clip, 0, {"motion": "motion_stage5_unit1_rel"})
