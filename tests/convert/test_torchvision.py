"""Files of torchvision and timm against the same networks in torch: names, layouts, logits."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from actionzoo.convert.torchvision import from_torchvision
from actionzoo.convert.weights import load_imagenet, read_tensors
from actionzoo.errors import WeightsError
from actionzoo.models import create_model

torch = pytest.importorskip("torch")

from tests.convert.image_networks import CLASSES, TORCHVISION, network, tensors  # noqa: E402
from tests.models import torch_reference as reference  # noqa: E402


def in_timms_manner(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """timm keeps VGG's matrices as convolutions, under other names."""
    state = dict(state)
    for theirs, timms, side in (("classifier.0", "pre_logits.fc1", 7), ("classifier.3", "pre_logits.fc2", 1)):
        matrix = state.pop(f"{theirs}.weight")
        state[f"{timms}.weight"] = matrix.reshape(len(matrix), -1, side, side)
        state[f"{timms}.bias"] = state.pop(f"{theirs}.bias")
    for parameter in ("weight", "bias"):
        state[f"head.fc.{parameter}"] = state.pop(f"classifier.6.{parameter}")
    return state


def classify_as(model: keras.Model, made: torch.nn.Module, layer: str) -> None:
    """Gives the new classifier the trained one's weights: 1000 classes of pictures have no place in our networks."""
    weight, bias = (value.detach().numpy() for value in made.get_submodule(layer).parameters())
    model.get_layer("logits_appearance").set_weights([weight.T, bias])


@pytest.mark.parametrize(
    ("base", "side", "classifier", "manner"),
    [
        ("resnet50", 64, "fc", "torchvision"),
        ("vgg16", 224, "classifier.6", "torchvision"),
        ("vgg16", 224, "classifier.6", "timm"),
    ],
)
def test_logits_are_those_of_torch(base: str, side: int, classifier: str, manner: str, tmp_path: Path) -> None:
    made = network(base)
    state = tensors(made) if manner == "torchvision" else in_timms_manner(tensors(made))
    save_file(state, tmp_path / "model.safetensors")
    model = create_model(f"appearance_{base}", CLASSES, 1, height=side, width=side, channel_factor=0.125, **TORCHVISION)
    found = read_tensors(tmp_path / "model.safetensors")
    report = load_imagenet(model, base, found, source="model.safetensors")
    head = classifier if manner == "torchvision" else "head.fc"
    counters = {name for name in state if name.endswith("num_batches_tracked")}
    assert report.new == ("logits_appearance/kernel", "logits_appearance/bias")
    assert set(report.unused) == {f"{head}.weight", f"{head}.bias", *counters}
    assert len(report.loaded) + len(report.unused) == len(state)

    classify_as(model, made, classifier)
    picture = np.random.default_rng(2).uniform(0, 255, (1, 1, side, side, 3)).astype(np.float32)
    got = np.asarray(model({"appearance": picture}, training=False))
    with torch.inference_mode():
        expected = reference.Single("appearance", made)(reference.torch_input(picture)).numpy()
    assert np.abs(expected).max() > 0.5
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("base", ["resnet101", "resnet152"])
def test_every_tensor_of_deeper_networks_has_its_place(base: str) -> None:
    state = tensors(network(base, 0.0625))
    model = create_model(f"appearance_{base}", CLASSES, 1, height=32, width=32, channel_factor=0.0625, **TORCHVISION)
    report = load_imagenet(model, base, state, source="x")
    assert report.new == ("logits_appearance/kernel", "logits_appearance/bias")
    assert [name for name in report.unused if "num_batches" not in name] == ["fc.weight", "fc.bias"]


def changed(state: dict[str, np.ndarray], problem: str) -> dict[str, np.ndarray]:
    if problem == "missing":
        del state["layer4.2.bn3.running_var"]
    elif problem == "extra":
        state["layer1.3.conv1.weight"] = state["layer1.2.conv1.weight"]
    elif problem == "matrix":
        state["layer1.0.conv1.weight"] = state["layer1.0.conv1.weight"][:, :, 0, 0]
    elif problem == "four channels":
        state["conv1.weight"] = np.repeat(state["conv1.weight"][:, :1], 4, axis=1)
    return state


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        ("missing", r"x.bin lacks layer4.2.bn3.running_var of resnet50"),
        ("extra", r"x.bin has layer1.3.conv1.weight, resnet50 has not"),
        ("matrix", r"the tensor for stage2_unit0_conv1/kernel cannot have the shape \(8, 8\)"),
        ("four channels", r"the tensor for conv1/kernel cannot have the shape \(8, 4, 7, 7\)"),
    ],
)
def test_other_files_are_refused(problem: str, says: str) -> None:
    state = changed(tensors(network("resnet50")), problem)
    with pytest.raises(WeightsError, match=says) as caught:
        from_torchvision(state, "resnet50", source="x.bin")
    assert "\n" not in str(caught.value)


def test_a_file_of_another_network_is_refused() -> None:
    state = tensors(network("resnet50"))
    with pytest.raises(WeightsError, match=r"x lacks layer3.6.conv1.weight, .* of resnet101"):
        from_torchvision(state, "resnet101", source="x")
    with pytest.raises(WeightsError, match=r"x has conv1.weight, .* vgg16 has not"):
        from_torchvision(state, "vgg16", source="x")


def test_a_matrix_that_reads_no_7x7_map_is_refused() -> None:
    state = tensors(network("vgg16", 0.0625))
    state["classifier.0.weight"] = state["classifier.0.weight"][:, :50]
    with pytest.raises(WeightsError, match=r"for fc6/kernel cannot have the shape \(256, 50\)"):
        from_torchvision(state, "vgg16", source="x")
