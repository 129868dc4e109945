"""Builders by name and in Keras' manner, and what they say to wrong arguments."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

import actionzoo
import actionzoo.models
from actionzoo.models.registry import BUILDERS, create_model
from actionzoo.names import NETWORKS

from .clips import FACTOR, SIDE, STACK, answer, clip, close, small


def test_every_name_has_a_builder_and_a_description() -> None:
    assert list(BUILDERS) != []
    assert set(BUILDERS) == set(NETWORKS)
    resnets = [f"{family}{depth}" for family in ("st_resnet", "st_mulnet", "t_resnet") for depth in (18, 50, 101, 152)]
    bases = ["vgg16", "resnet18", "resnet50", "resnet101", "resnet152"]
    streams = [f"{family}_{base}" for family in ("two_stream", "appearance", "motion") for base in bases]
    assert set(actionzoo.list_models()) == {*resnets, *streams}


def test_list_models_takes_wildcards() -> None:
    assert actionzoo.list_models("st_*50") == ["st_resnet50", "st_mulnet50"]
    assert actionzoo.list_models("none_*") == []


@pytest.mark.parametrize("name", ["two_stream_resnet18", "st_resnet18", "t_resnet18", "motion_vgg16"])
def test_builders_in_keras_manner_build_the_same(name: str) -> None:
    builder = getattr(actionzoo.models, NETWORKS[name].builder)
    sizes = {"stack_length": STACK, "channel_factor": FACTOR}
    model = builder(classes=5, input_shape=(3, SIDE, SIDE), classifier_activation="softmax", **sizes)
    same = small(name, 3)
    assert [tensor.shape for tensor in model.inputs] == [tensor.shape for tensor in same.inputs]
    got = answer(model, clip(2))
    assert got.shape == (2, 5)
    np.testing.assert_allclose(got.sum(axis=-1), 1, rtol=1e-5)
    assert model.name == name
    assert builder.__name__ == NETWORKS[name].builder
    assert NETWORKS[name].system in builder.__doc__


def test_builders_have_the_papers_clips() -> None:
    sizes = {"channel_factor": FACTOR}
    frames = {"TwoStreamResNet18": 5, "STResNet18": 11, "STMulNet18": 5, "TResNet18": 16, "AppearanceResNet18": 1}
    for name, length in frames.items():
        model = getattr(actionzoo.models, name)(classes=2, **sizes)
        assert model.inputs[0].shape == (None, length, 224, 224, 3)


def test_without_its_top_a_network_gives_features() -> None:
    sizes = {"input_shape": (3, SIDE, SIDE), "stack_length": STACK, "channel_factor": FACTOR}
    model = actionzoo.models.STResNet18(include_top=False, **sizes)
    whole = actionzoo.models.STResNet18(classes=3, **sizes)
    whole.set_weights([*model.get_weights(), *(np.ones(w.shape) for w in whole.weights[len(model.weights) :])])
    features = answer(model, clip(2))
    assert features.shape == (2, 2 * 32)
    close(answer(whole, clip(2))[:, 0], features.sum(axis=-1) / 2 + 1)


def test_weights_come_from_a_file(tmp_path: Path) -> None:
    model = small("st_resnet18")
    model.save_weights(tmp_path / "model.weights.h5")
    again = small("st_resnet18", weights=str(tmp_path / "model.weights.h5"))
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "st_resnet19"}, "st_resnet18"),
        ({"name": "slowfast"}, "st_mulnet18"),
        ({"name": "STResNet18"}, "st_resnet18"),
        ({"num_classes": 0}, "num_classes=0"),
        ({"num_frames": 0}, "an integer of at least 1. Received: num_frames=0"),
        ({"num_frames": "five"}, "num_frames='five'"),
        ({"height": 16}, "at least 32. Received: height=16"),
        ({"temporal_pool_stride": 0}, "temporal_pool_stride=0"),
        ({"dropout": (0.1, 0.2, 0.3)}, "dropout=(0.1, 0.2, 0.3)"),
        ({"weights": "imagenet"}, "a network on resnet18"),
        ({"stack_length": 0}, "stack_length=0"),
        ({"channel_factor": 0}, "channel_factor=0"),
        ({"gate": "concat"}, "'add', 'multiply'"),
        ({"connection": "early"}, "'residual', 'direct', 'none'"),
        ({"direction": "left"}, "'motion_to_appearance', 'appearance_to_motion', 'both'"),
        ({"temporal_init": "first"}, "'average', 'centre', 'difference'"),
        ({"temporal_pool": "min"}, "'none', 'max', 'average'"),
        ({"preprocessing": "none"}, "'caffe', 'torchvision'"),
        ({"strides": "keras"}, "'caffe', 'torchvision'"),
        ({"gates": "add"}, "gate"),
        ({"name": "two_stream_resnet18", "fusion": "early"}, "'late', 'sum', 'max', 'concat', 'conv', 'bilinear'"),
        ({"name": "two_stream_resnet18", "fusion_init": "zero"}, "'sumAB', '2sumAB'"),
        ({"name": "two_stream_resnet18", "fusion_layer": "relu9"}, "'relu5'"),
        ({"name": "two_stream_resnet18", "fusion_layer": ["relu3", "fc6"]}, "fusion_layer='fc6'"),
        ({"name": "two_stream_vgg16", "fusion": "late", "fusion_layer": "relu5"}, "joins no layers"),
        ({"name": "two_stream_vgg16", "fusion": "late", "towers": "appearance"}, "Received: fusion='late'"),
        ({"name": "two_stream_vgg16", "towers": "appearance", "fusion_layer": "scores"}, "before the scores"),
        ({"name": "two_stream_vgg16", "fusion": "bilinear", "temporal_fusion": "pool3d"}, "no pooling over time"),
        ({"name": "two_stream_vgg16", "fusion_layer": "fc6", "temporal_fusion": "conv3d"}, "convolutional maps"),
        ({"name": "two_stream_vgg16", "fusion_layer": []}, "one name or several"),
        ({"name": "two_stream_vgg16", "fusion_layer": 5}, "fusion_layer=5"),
        ({"name": "two_stream_vgg16", "towers": "appearance", "tower_average": "max"}, "'logits', 'softmax'"),
        ({"name": "two_stream_vgg16", "tower_weights": (1, 1, 9)}, "two numbers"),
        ({"name": "two_stream_vgg16", "tower_weights": 1.0}, "two numbers"),
        ({"name": "two_stream_vgg16", "fusion": "sum", "temporal_fusion": "conv3d"}, "needs fusion='conv'"),
        ({"name": "two_stream_vgg16", "fusion": "bilinear", "fusion_layer": ["relu4", "relu5"]}, "bilinear"),
        ({"name": "two_stream_vgg16", "temporal_fusion": "lstm"}, "'none', 'pool2d', 'pool3d', 'conv3d'"),
        ({"name": "two_stream_vgg16", "towers": "motion"}, "'both', 'appearance'"),
        ({"name": "two_stream_vgg16", "tower_average": "max"}, "'logits', 'softmax'"),
        ({"name": "two_stream_vgg16", "tower_weights": (0, 0)}, "not both zero"),
        ({"name": "t_resnet18", "streams": "rgb"}, "'appearance', 'motion', 'both'"),
        ({"name": "t_resnet18", "temporal_init": "centre"}, "'gaussian', 'alternating'"),
    ],
)
def test_wrong_arguments_name_what_exists(arguments: dict[str, object], words: str) -> None:
    sizes = {"num_classes": 3, "height": 32, "width": 32, "channel_factor": FACTOR}
    with pytest.raises(ValueError, match="Received") as error:
        actionzoo.create_model(**({"name": "st_resnet18"} | sizes | arguments))
    assert words in str(error.value)


def test_wrong_arguments_of_builders_in_keras_manner() -> None:
    with pytest.raises(ValueError, match=r"\(num_frames, height, width\). Received: input_shape=\(32, 32\)"):
        actionzoo.models.STResNet18(input_shape=(32, 32))
    with pytest.raises(ValueError, match="num_classes=0"):
        actionzoo.models.STResNet18(classes=0)
    with pytest.raises(ValueError, match=r"STResNet18 takes `classes` and `input_shape`. Received: num_frames=3"):
        actionzoo.models.STResNet18(num_frames=3)


def test_clips_that_are_too_short_to_pool() -> None:
    model = small("st_resnet18", None)
    with pytest.raises(ValueError, match=r"at least 5 frames to pool. Received: 3"):
        answer(model, clip(1, 3))


@pytest.mark.parametrize("fusion", ["late", "sum"])
def test_dropout_is_the_released_networks(fusion: str) -> None:
    """Each base stream has its own rate; the networks that are trained together have .85 everywhere."""
    rates = {
        base: [layer.rate for layer in small(f"two_stream_{base}", fusion=fusion).layers if "dropout" in layer.name]
        for base in ("vgg16", "resnet18")
    }
    expected = {"vgg16": [0.85, 0.9] * 2, "resnet18": [0.0, 0.8]} if fusion == "late" else {}
    assert rates == (expected or {"vgg16": [0.85] * 4, "resnet18": [0.85] * 2})


def test_a_model_file_needs_only_the_import(tmp_path: Path) -> None:
    model = small("t_resnet18")
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    close(answer(again, clip()), answer(model, clip()))


@pytest.mark.parametrize("name", ["st_resnet18", "two_stream_resnet50", "t_resnet50"])
@pytest.mark.parametrize("strides", ["caffe", "torchvision"])
def test_few_channels_have_no_strided_point_convolution(name: str, strides: str) -> None:
    """Their gradient ended processes: see `actionzoo.models.resnet.FEW_CHANNELS`."""
    model = create_model(name, 2, 2, height=64, width=64, channel_factor=1 / 64, strides=strides)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    strided = [layer for layer in convolutions if layer.kernel_size == (1, 1) and layer.strides != (1, 1)]
    assert all(layer.kernel.shape[2] >= 16 for layer in strided)
    assert any(layer.name.endswith("_points") for layer in model.layers)
