"""Model files from outside: nothing in them runs, and what they claim is bounded."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import keras
import pytest

from actionzoo.errors import ModelError, WeightsError
from actionzoo.hub import InputRecord, resolve_model, save_model
from actionzoo.hub.openvino import load_keras
from actionzoo.models import create_model

SIDE = 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    model = create_model("appearance_resnet18", 2, 1, channel_factor=0.0625, height=SIDE, width=SIDE)
    record = InputRecord(("a", "b"), SIDE, SIDE, num_frames=1)
    save_model(model, record, tmp_path / "model.keras")
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
    save_model(model, InputRecord(("a", "b"), SIDE, SIDE, num_frames=1), "model.keras")
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
    monkeypatch.setattr("actionzoo.hub.record.MAX_BYTES", 10_000)
    with pytest.raises(WeightsError, match="unpacks to more than any model"):
        resolve_model(path)


def test_names_in_a_file_stay_in_it(path: Path, tmp_path: Path) -> None:
    for name in ("../outside", "/outside", "assets/../../outside"):
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(name, b"escaped")
        with pytest.raises(WeightsError, match="names a place outside"):
            resolve_model(path)
    assert not (tmp_path.parent / "outside").exists()
