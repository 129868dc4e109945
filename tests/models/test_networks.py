"""The networks against the same formulas in numpy."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from actionzoo.models import create_model, list_models
from actionzoo.models.resnet import ResNetSpec, features

from .numpy_reference import NumpyStream, randomise, relu

TIME, SIDE, CLASSES = 3, 32, 4


def clip(batch: int = 1, stack_length: int = 10) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    return {
        "appearance": rng.uniform(0, 255, (batch, TIME, SIDE, SIDE, 3)).astype(np.float32),
        "motion": rng.normal(0, 2, (batch, TIME, SIDE, SIDE, 2 * stack_length)).astype(np.float32),
    }


def run(model: keras.Model, inputs: dict[str, np.ndarray], *layers: str) -> list[np.ndarray]:
    probe = keras.Model(model.inputs, [model.get_layer(name).output for name in layers])
    return [np.asarray(output) for output in probe.predict_on_batch(inputs)]


def small(name: str, **options: object) -> keras.Model:
    return create_model(name, CLASSES, TIME, height=SIDE, width=SIDE, channel_factor=0.0625, **options)


@pytest.mark.parametrize(("depth", "strides"), [(18, "caffe"), (50, "caffe"), (50, "torchvision")])
def test_resnet_stream_is_the_formula(depth: int, strides: str) -> None:
    spec = ResNetSpec(depth, 0.0625, strides)
    image = keras.Input((SIDE, SIDE, 3))
    model = keras.Model(image, features(image, spec, "s"))
    randomise(model)
    x = np.random.default_rng(1).normal(0, 1, (2, SIDE, SIDE, 3)).astype(np.float32)

    stream = NumpyStream(model, "s")
    expected = stream.stem(x, caffe=strides == "caffe")
    for stage, index in spec.units():
        stride = 2 if index == 0 and stage > 2 else 1
        if depth == 18:
            steps: tuple[int, ...] = (stride, 1)
        else:
            steps = (stride, 1, 1) if strides == "caffe" else (1, stride, 1)
        expected = relu(stream.unit(expected, f"stage{stage}_unit{index}", steps))
    np.testing.assert_allclose(model.predict_on_batch(x), expected, rtol=1e-4, atol=1e-4 * expected.max())


def test_st_resnet_is_the_formula() -> None:
    """Motion joins before the ReLU of appearance, in the residual branch only (ST-ResNet, section 3.1)."""
    model = small("st_resnet18", temporal_pooling="average", temporal_init="average", preprocessing="torchvision")
    randomise(model)
    inputs = clip()
    a_stream, m_stream = NumpyStream(model, "appearance"), NumpyStream(model, "motion")
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    a = a_stream.stem((inputs["appearance"][0] / 255 - mean) / std, caffe=True)
    m = m_stream.stem(inputs["motion"][0] * 6.375, caffe=True)
    for stage in (2, 3, 4, 5):
        steps = (2 if stage > 2 else 1, 1)
        a_sum = a_stream.unit(a, f"stage{stage}_unit0", steps)
        m = relu(m_stream.unit(m, f"stage{stage}_unit0", steps))
        a = relu(a_stream.unit(relu(a_sum), f"stage{stage}_unit1", (1, 1), branch=a_sum + m))
        m = relu(m_stream.unit(m, f"stage{stage}_unit1", (1, 1)))
    expected = [a_stream.logits(a), m_stream.logits(m)]
    got = run(model, inputs, "logits_appearance", "logits_motion", "logits")
    for one, other in zip(got, [*expected, sum(expected) / 2], strict=True):
        np.testing.assert_allclose(one[0], other, rtol=1e-3, atol=1e-3 * np.abs(other).max())


def test_without_connection_appearance_never_sees_motion() -> None:
    model = small("st_resnet18", connection="none")
    inputs = clip()
    before = run(model, inputs, "logits_appearance", "logits_motion")
    after = run(model, inputs | {"motion": inputs["motion"] + 1}, "logits_appearance", "logits_motion")
    np.testing.assert_array_equal(before[0], after[0])
    assert np.abs(before[1] - after[1]).max() > 1e-3


def test_repeated_frame_gives_the_answer_of_the_network_without_time() -> None:
    """Identity filters over time change nothing: the clip's scores are those of its only frame."""
    inputs = {name: np.repeat(stream[:, :1], TIME, axis=1) for name, stream in clip().items()}
    over_time = small("st_resnet18", temporal_init="centre")
    randomise(over_time)
    for layer in over_time.layers:
        if layer.name.endswith("_temporal"):
            layer.set_weights(
                [
                    np.eye(layer.filters)[None, None, None] * np.array([0, 1, 0])[:, None, None, None, None],
                    np.zeros(layer.filters),
                ]
            )
    one_frame = create_model("st_resnet18", CLASSES, 1, height=SIDE, width=SIDE, channel_factor=0.0625)
    one_frame.set_weights(over_time.get_weights())
    single = {name: stream[:, :1] for name, stream in inputs.items()}
    np.testing.assert_allclose(
        over_time.predict_on_batch(inputs), one_frame.predict_on_batch(single), rtol=1e-4, atol=1e-5
    )


def test_late_fusion_averages_the_towers() -> None:
    model = small("two_stream_resnet18")
    a, m, both = run(model, clip(2), "logits_appearance", "logits_motion", "logits")
    np.testing.assert_allclose(both, (a + m) / 2, rtol=1e-5, atol=1e-6)


def test_conv_fusion_is_the_formula() -> None:
    model = small("two_stream_resnet18", fusion="conv")
    names = ("appearance_stage5_unit1_relu", "motion_stage5_unit1_relu", "fusion")
    a, m, fused = run(model, clip(), *names)
    np.testing.assert_allclose(fused, relu(0.25 * a + 0.75 * m), rtol=1e-4, atol=1e-5)
    randomise(model)
    a, m, fused = run(model, clip(), *names)
    kernel, bias = model.get_layer("fusion").get_weights()
    np.testing.assert_allclose(fused, relu(np.concatenate([a, m], axis=-1) @ kernel[0, 0] + bias), rtol=1e-4, atol=1e-4)


def test_vgg16_is_keras_own() -> None:
    """The convolutions and fc6, fc7 as in keras.applications, with fc6 as a 7x7 convolution."""
    model = create_model("appearance_vgg16", 5, 1)
    other = keras.applications.VGG16(weights=None, classes=5, classifier_activation=None)
    ours = [layer for layer in model.layers if layer.weights]
    theirs = [layer for layer in other.layers if layer.weights]
    for one, source in zip(ours, theirs, strict=True):
        one.set_weights([v.reshape(w.shape) for v, w in zip(source.get_weights(), one.weights, strict=True)])
    frame = np.random.default_rng(0).uniform(0, 255, (1, 224, 224, 3)).astype(np.float32)
    expected = other.predict_on_batch(frame - np.array([123.68, 116.779, 103.939], np.float32))
    got = model.predict_on_batch({"appearance": frame[:, None]})
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_resnet50_has_the_parameters_of_the_paper() -> None:
    """25,557,032 in torchvision's network of 1000 classes, the batch norm's statistics not counted."""
    model = create_model("appearance_resnet50", 1000, 1)
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == 25_557_032


@pytest.mark.parametrize("name", [name for name in list_models() if "vgg" not in name])
def test_every_network_trains_and_comes_back_from_a_file(name: str, tmp_path: Path) -> None:
    model = small(name)
    wanted = {tensor.name for tensor in model.inputs}
    inputs = {stream: value for stream, value in clip(2).items() if stream in wanted}
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.train_on_batch(inputs, np.array([0, 3]))
    before = model.predict_on_batch(inputs)
    assert before.shape == (2, CLASSES)
    assert np.isfinite(before).all()
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict_on_batch(inputs), before, rtol=1e-6, atol=1e-6)


def test_weights_come_from_a_file(tmp_path: Path) -> None:
    model = small("st_resnet18")
    model.save_weights(tmp_path / "model.weights.h5")
    again = small("st_resnet18", weights=str(tmp_path / "model.weights.h5"))
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_any_number_of_frames() -> None:
    model = create_model("st_resnet18", CLASSES, None, height=SIDE, width=SIDE, channel_factor=0.0625)
    inputs = clip(2)
    fixed = small("st_resnet18")
    fixed.set_weights(model.get_weights())
    np.testing.assert_allclose(model.predict_on_batch(inputs), fixed.predict_on_batch(inputs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "st_resnet19"}, "st_resnet18"),
        ({"num_classes": 0}, "num_classes"),
        ({"connection": "direct"}, "'residual', 'none'"),
        ({"temporal_init": "first"}, "average"),
        ({"temporal_pooling": "min"}, "average"),
        ({"preprocessing": "none"}, "caffe"),
        ({"name": "two_stream_resnet18", "fusion": "early"}, "late"),
        ({"name": "two_stream_resnet18", "fusion": "conv", "fusion_init": "zero"}, "weighted_sum"),
    ],
)
def test_wrong_arguments_name_what_exists(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match="Received") as error:
        create_model(**({"name": "st_resnet18", "num_classes": 3, "height": 32, "width": 32} | arguments))
    assert words in str(error.value)
