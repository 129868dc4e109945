"""Model files from outside: nothing in them runs, and what they claim is bounded."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

from actionzoo.convert.weights import load_weights
from actionzoo.errors import ModelError, WeightsError
from actionzoo.hub import InputSpec, resolve_model, safety, save_model
from actionzoo.hub.keras_models import load_keras
from actionzoo.models import create_model

SIDE = 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    model = create_model("appearance_resnet18", 2, 1, channel_factor=0.0625, height=SIDE, width=SIDE)
    spec = InputSpec(("a", "b"), SIDE, SIDE, num_frames=1)
    save_model(model, spec, tmp_path / "model.keras")
    return tmp_path / "model.keras"


def rewritten(path: Path, member: str, change: Any) -> Path:
    """The file with one member changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members[member] = change(members[member])
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_lambda_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    clip = keras.Input((1, SIDE, SIDE, 3), name="appearance")
    x = keras.layers.Lambda(lambda x: (Path("ran").touch(), x)[1], output_shape=(1, SIDE, SIDE, 3))(clip)
    model = keras.Model({"appearance": clip}, keras.layers.Dense(2)(keras.layers.Flatten()(x)))
    save_model(model, InputSpec(("a", "b"), SIDE, SIDE, num_frames=1), "model.keras")
    Path("ran").unlink(missing_ok=True)
    with pytest.raises(ModelError, match="cannot be loaded by Keras") as caught:
        load_keras(resolve_model("model.keras"))
    assert "\n" not in str(caught.value)
    assert not Path("ran").exists()


@pytest.mark.parametrize("module", ["os", "builtins", "subprocess"])
def test_no_other_module_is_called(path: Path, module: str) -> None:
    def change(content: bytes) -> bytes:
        config = json.loads(content)
        config["config"]["layers"][1] |= {"module": module, "class_name": "system", "registered_name": None}
        return json.dumps(config).encode()

    with pytest.raises(ModelError, match="cannot be loaded by Keras"):
        load_keras(resolve_model(rewritten(path, "config.json", change)))


def test_a_file_that_unpacks_to_more_than_any_model(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actionzoo.hub.keras_file.MAX_BYTES", 10_000)
    with pytest.raises(WeightsError, match="unpacks to more than any model"):
        resolve_model(path)


def test_names_in_a_file_stay_in_it(path: Path, tmp_path: Path) -> None:
    for name in ("../outside", "/outside", "assets/../../outside"):
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(name, b"escaped")
        with pytest.raises(WeightsError, match="names a place outside"):
            resolve_model(path)
    assert not (tmp_path.parent / "outside").exists()


def packed(path: Path, member: str, content: bytes) -> Path:
    """The file with one member changed, packed as tightly as zip can."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()} | {member: content}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, one in members.items():
            archive.writestr(name, one)
    return path


def hdf5(write: Callable[[h5py.File], object]) -> bytes:
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        write(file)
    return content.getvalue()


def appended(path: Path, size: int) -> bytes:
    """The weights of the file and zeros behind them, `size` bytes in all."""
    with zipfile.ZipFile(path) as archive:
        return archive.read("model.weights.h5").ljust(size, b"\0")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Keras was asked to load."""
    loaded: list[str] = []
    monkeypatch.setattr(keras.models, "load_model", lambda path, **_: loaded.append(path))
    return loaded


def test_a_good_file_passes(path: Path) -> None:
    assert len(load_keras(resolve_model(path)).weights) > 100


def test_weights_that_are_packed_too_tightly(path: Path, reads: list[str]) -> None:
    bomb = packed(path, "model.weights.h5", appended(path, 100_000_000))
    assert bomb.stat().st_size < 1_000_000
    with pytest.raises(WeightsError, match=r"unpacks 0\.\d MB of weights to 100\.0 MB; it is no model to be trusted"):
        load_keras(resolve_model(bomb))
    assert reads == []


def test_more_weights_than_the_network_needs(path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safety, "ALWAYS", 1_000_000)
    noise = np.random.default_rng(0).bytes(20_000_000)
    large = packed(path, "model.weights.h5", appended(path, 0) + noise)
    with pytest.raises(WeightsError, match=r"has 2\d\.\d MB of weights, its network needs 0\.\d MB"):
        load_keras(resolve_model(large))
    assert reads == []


def test_a_network_that_needs_more_weights_than_there_are(path: Path, reads: list[str]) -> None:
    """Nothing is made of it: the classifier alone would have gigabytes."""

    def change(content: bytes) -> bytes:
        config = json.loads(content)
        (classifier,) = (one for one in config["config"]["layers"] if one["class_name"] == "Dense")
        classifier["config"]["units"] = 10**9
        return json.dumps(config).encode()

    with pytest.raises(WeightsError, match=r"MB of weights, its network needs \d+,\d+"):
        load_keras(resolve_model(rewritten(path, "config.json", change)))
    assert reads == []


def test_arrays_that_are_not_there(path: Path, reads: list[str]) -> None:
    """HDF5 gives zeros for what was never written, as many as the file says."""
    cases = {
        "unpacks": lambda file: file.create_dataset("layers/a/vars/0", (1 << 30,), np.float32),
        "unpacks 0": lambda file: file.create_dataset("a", data=np.zeros(1 << 20), compression="gzip"),
        "in another file": lambda file: file.create_dataset("a", (8,), np.uint8, external=[("/etc/passwd", 0, 8)]),
        "somewhere else": lambda file: file.__setitem__("a", h5py.ExternalLink("/etc/passwd", "a")),
        r"somewhere else \(b\)": lambda file: file.__setitem__("b", h5py.SoftLink("/a")),
    }
    for says, write in cases.items():
        content = hdf5(write)
        with pytest.raises(WeightsError, match=says):
            safety.check_hdf5(io.BytesIO(content), len(content), "model.keras")
    noise = np.random.default_rng(0).bytes(1_000_000)
    whole = hdf5(lambda file: (cases["unpacks"](file), file.create_dataset("noise", data=np.frombuffer(noise, "u1"))))
    with pytest.raises(WeightsError, match=r"unpacks 1\.0 MB of weights to 4,29\d\.\d MB"):
        load_keras(resolve_model(packed(path, "model.weights.h5", whole)))
    assert reads == []


def test_a_layer_whose_output_has_no_end(path: Path, reads: list[str]) -> None:
    clip = keras.Input((1, SIDE, SIDE, 3), name="appearance")
    x = keras.layers.ZeroPadding3D((0, 50_000, 50_000))(clip)
    model = keras.Model({"appearance": clip}, keras.layers.Dense(2)(keras.layers.GlobalMaxPooling3D()(x)))
    save_model(model, InputSpec(("a", "b"), SIDE, SIDE, num_frames=1), path)
    with pytest.raises(WeightsError, match=r"has a layer, zero_padding3d.*, whose output takes more"):
        load_keras(resolve_model(path))


@pytest.mark.parametrize("content", [b"[" * 100_000, b"{}", b"[]", b"0", b'{"class_name": "Functional"}', b"\xff"])
def test_configurations_that_are_none(path: Path, content: bytes) -> None:
    with pytest.raises(ModelError) as caught:
        load_keras(resolve_model(packed(path, "config.json", content)))
    assert "\n" not in str(caught.value)


def test_configurations_that_are_too_large(path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safety, "MAX_LAYERS", 5)
    with pytest.raises(WeightsError, match="has more than 5 layers"):
        load_keras(resolve_model(path))
    monkeypatch.setattr(safety, "ALWAYS", 1000)
    with pytest.raises(WeightsError, match="has more than 5 layers"):
        load_keras(resolve_model(path))
    monkeypatch.setattr(safety, "MAX_LAYERS", 10_000)
    with pytest.raises(WeightsError, match="unpacks to much beside its weights"):
        load_keras(resolve_model(path))
    assert reads == []


def test_a_model_saved_while_training_has_the_optimizers_state(path: Path) -> None:
    model = create_model("appearance_resnet18", 2, 1, channel_factor=0.0625, height=SIDE, width=SIDE)
    model.compile(keras.optimizers.Adam(amsgrad=True), "mse")
    model.optimizer.build(model.trainable_variables)
    save_model(model, InputSpec(("a", "b"), SIDE, SIDE, num_frames=1), path)
    assert len(load_keras(resolve_model(path)).weights) == len(model.weights)


def test_a_weights_file_with_a_link_to_another(tmp_path: Path) -> None:
    model = create_model("appearance_resnet18", 2, 1, channel_factor=0.0625, height=SIDE, width=SIDE)
    path = tmp_path / "model.weights.h5"
    model.save_weights(path)
    assert load_weights(model, "appearance_resnet18", str(path)).new == ()
    with h5py.File(path, "a") as file:
        file["layers/more"] = h5py.ExternalLink("other.h5", "/")
    with pytest.raises(WeightsError, match=r"has a link to somewhere else \(more\)"):
        load_weights(model, "appearance_resnet18", str(path))
