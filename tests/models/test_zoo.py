"""Every network of the registry, in miniature: it learns, comes back the same from files, elsewhere and exported.

The networks of depth 101 and 152 have the blocks of depth 50, only more: their layers and one answer are checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from actionzoo.convert.openvino import convert
from actionzoo.inference.engines import OpenVINOEngine
from actionzoo.models import create_model, list_models
from actionzoo.names import NETWORKS

from .clips import CLASSES, FACTOR, SIDE, STACK, answer, clip
from .other_backend import OtherBackend

BATCH, TIME = 3, 2
SETTINGS = {
    "num_classes": CLASSES,
    "num_frames": TIME,
    "height": SIDE,
    "width": SIDE,
    "stack_length": STACK,
    "channel_factor": FACTOR,
}


DEEP = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Residual units a stage, as He et al. (CVPR'16) give them in table 1."""

AS_DEPTH_18 = [name for name in list_models("*50") if name != "st_resnet50"]
"""Networks with the kinds of layers of depth 18, which other backends see; ST-ResNet-50 inflates its 1x1 filters."""

QUICK = [name for name in list_models() if not name.endswith(("101", "152")) and name not in AS_DEPTH_18]

OPTIONS = [
    ("two_stream_vgg16", {"fusion": "late", "tower_average": "softmax", "tower_weights": (1, 2)}),
    ("two_stream_vgg16", {"fusion": "concat", "fusion_layer": ["relu3", "fc6"]}),
    ("two_stream_resnet18", {"fusion": "bilinear"}),
    ("two_stream_resnet18", {"fusion": "max", "fusion_layer": "scores"}),
    ("st_resnet18", {"connection": "direct", "direction": "both", "temporal_pool": "average"}),
    ("t_resnet18", {"streams": "both", "temporal_init": "alternating", "strides": "torchvision"}),
    ("appearance_resnet18", {"height": 240, "width": 260}),
]
"""Layers that no network has by default."""


@pytest.fixture(scope="session")
def backends() -> Iterator[dict[str, OtherBackend]]:
    running = {name: OtherBackend(name) for name in ("jax", "torch") if find_spec(name)}
    yield running
    for backend in running.values():
        backend.close()


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_are_there(backend: str) -> None:
    pytest.importorskip(backend)


def depth(name: str) -> int:
    return int(NETWORKS[name].base.removeprefix("resnet")) if "resnet" in NETWORKS[name].base else 0


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, {}) for name in QUICK),
        *OPTIONS,
        *(pytest.param(name, {}, marks=pytest.mark.slow, id=name) for name in AS_DEPTH_18),
    ],
)
def test_every_network(
    name: str, options: dict[str, object], backends: dict[str, OtherBackend], tmp_path: Path
) -> None:
    settings = {"name": name} | SETTINGS | options
    model = create_model(**settings)
    given = clip(BATCH, TIME, settings["height"], settings["width"])
    inputs = {tensor.name: given[tensor.name] for tensor in model.inputs}
    learns(model, inputs)
    logits = answer(model, inputs)
    assert logits.shape == (BATCH, CLASSES)
    assert np.isfinite(logits).all()
    assert np.abs(logits - logits[:1]).max() > 1e-4, "the network does not look at its clip"

    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    np.savez(tmp_path / "inputs.npz", **inputs)
    np.save(tmp_path / "logits.npy", logits)
    comes_back(settings, model, inputs, logits, tmp_path)
    for backend in backends.values() if name not in AS_DEPTH_18 else ():
        files = {"model.keras": pytest.approx(0, abs=1e-4), "model.weights.h5": pytest.approx(0, abs=1e-4)}
        assert backend.differences(tmp_path) == files
    works_in_mixed_precision(settings, model, inputs, logits)
    convert(model, tmp_path / "openvino.xml")
    exported = (tmp_path / "openvino.xml").read_bytes(), (tmp_path / "openvino.bin").read_bytes()
    got = OpenVINOEngine(exported, batch=BATCH)(given["appearance"], given["motion"])
    np.testing.assert_allclose(got, logits, rtol=1e-4, atol=1e-4)
    keras.backend.clear_session()


@pytest.mark.parametrize("name", [name for name in list_models() if depth(name) in DEEP])
def test_deep_networks(name: str) -> None:
    """Every unit of the table has its filters, of the size and number of the table, and the clip changes the answer."""
    model = create_model(name, **SETTINGS)
    streams = [tensor.name for tensor in model.inputs]
    units = DEEP[depth(name)]
    assert {layer.name: layer.kernel.shape for layer in model.layers if hasattr(layer, "kernel")} == {
        key: shape for stream in streams for key, shape in filters(name, stream, units).items()
    } | ({"fusion_stage5_unit2_relu": (1, 1, 256, 128)} if name.startswith("two_stream") else {})
    logits = answer(model, clip(BATCH, TIME))
    assert logits.shape == (BATCH, CLASSES)
    assert np.isfinite(logits).all()
    assert np.abs(logits - logits[:1]).max() > 1e-4 * np.abs(logits).max(), "the network does not look at its clip"


def filters(name: str, stream: str, units: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Layers with a kernel of a stream at a sixteenth of the width, and their shapes, by the papers' tables."""
    found = {
        f"{stream}_conv1": (7, 7, 3 if stream == "appearance" else 2 * STACK, 4),
        f"logits_{stream}": (128, CLASSES),
    }
    channels = 4
    for stage, count in enumerate(units, start=2):
        inner, outer = 2**stage, 2 ** (stage + 2)
        for index in range(count):
            unit = f"{stream}_stage{stage}_unit{index}"
            over_time = name.startswith("st_resnet") and index == 1
            found[f"{unit}_conv1"] = (3 if over_time else 1, 1, channels, inner)
            found[f"{unit}_conv2"] = (3, 3, inner, inner)
            found[f"{unit}_conv3"] = (3 if over_time else 1, 1, inner, outer)
            if index == 0:
                found[f"{unit}_shortcut"] = (1, 1, channels, outer)
            if (name.startswith("st_mulnet") and index == 1) or (name.startswith("t_") and index in (0, 2)):
                found[f"{unit}_temporal"] = (3, 1, inner, inner)
            channels = outer
    return found


def learns(model: keras.Model, inputs: dict[str, np.ndarray]) -> None:
    """One training step reaches every weight and moves the batch norms' statistics; the logits are then of size 1."""
    before = {weight.path: np.copy(weight) for weight in model.non_trainable_weights if "seed" not in weight.path}
    optimizer = keras.optimizers.SGD(1e-6, momentum=0.9)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True)
    scale_scores(model, inputs)
    assert np.isfinite(model.train_on_batch(inputs, np.array([0, 3, 1])))
    for weight, momentum in zip(model.trainable_weights, optimizer.momentums, strict=True):
        step = np.asarray(momentum)
        assert np.isfinite(step).all(), weight.path
        assert step.any(), f"{weight.path} gets no gradient"
    for weight in model.non_trainable_weights:
        if weight.path in before:
            assert np.abs(np.asarray(weight) - before[weight.path]).max() > 0, f"{weight.path} has not moved"
    scale_scores(model, inputs)


def scale_scores(model: keras.Model, inputs: dict[str, np.ndarray]) -> None:
    """Brings the logits of a random network to the size of a trained one's, about 1."""
    size = float(np.abs(answer(model, inputs)).max())
    for layer in model.layers:
        if layer.name.startswith("logits_"):
            layer.set_weights([weight / size for weight in layer.get_weights()])


def comes_back(
    settings: dict[str, Any], model: keras.Model, inputs: dict[str, np.ndarray], logits: np.ndarray, folder: Path
) -> None:
    """From a `.keras` file, from a `.weights.h5` file, and from its configuration."""
    whole = keras.saving.load_model(folder / "model.keras", compile=False)
    rebuilt = create_model(**settings, weights=str(folder / "model.weights.h5"))
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    for copy in (whole, rebuilt, again):
        np.testing.assert_allclose(answer(copy, inputs), logits, rtol=1e-6, atol=1e-6)
        assert [layer.name for layer in copy.layers] == [layer.name for layer in model.layers]


def works_in_mixed_precision(
    settings: dict[str, Any], model: keras.Model, inputs: dict[str, np.ndarray], logits: np.ndarray
) -> None:
    """The layers compute in bfloat16, the scores come in float32, near those of float32."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = create_model(**settings)
    finally:
        keras.config.set_dtype_policy("float32")
    mixed.set_weights(model.get_weights())
    got = mixed(inputs, training=False)
    assert keras.backend.standardize_dtype(got.dtype) == "float32"
    convolutions = [layer for layer in mixed.layers if isinstance(layer, keras.layers.Conv2D)]
    assert {layer.compute_dtype for layer in convolutions} == {"bfloat16"}
    np.testing.assert_allclose(np.asarray(got), logits, atol=0.15)
