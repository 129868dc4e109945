from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import actionzoo.inference.engines as engines_module
from actionzoo.convert.openvino import import_openvino
from actionzoo.errors import ModelError
from actionzoo.hub import resolve_model
from actionzoo.inference.engines import OpenVINOEngine, load_engine

from .conftest import SPEC


def clip(value: float, batch: int = 1) -> tuple[np.ndarray, np.ndarray]:
    shape = (batch, SPEC.num_frames, SPEC.height, SPEC.width)
    motion = np.zeros((*shape, 2 * SPEC.stack_length), np.float32)
    motion[..., 0::2] = value
    return np.zeros((*shape, 3), np.uint8), motion


def test_logits() -> None:
    engine = load_engine(resolve_model("mini"))
    assert (engine.name, engine.precision, engine.classes) == ("openvino", "f32", 4)
    np.testing.assert_allclose(engine(*clip(1.5)), [[6, -6, 0, 1]], atol=1e-4)


@pytest.mark.parametrize("batch", [1, 3, 4])
def test_batches_are_cut_and_filled_up(batch: int) -> None:
    ir = resolve_model("mini").openvino_ir()
    assert ir is not None
    motion = np.concatenate([clip(float(k))[1] for k in range(batch)])
    logits = OpenVINOEngine(ir, batch=3)(clip(0, batch)[0], motion)
    np.testing.assert_allclose(logits[:, 0], 4 * np.arange(batch), atol=1e-4)


def test_precision_is_what_was_asked_for() -> None:
    files = resolve_model("mini")
    native = "BF16" in import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    assert load_engine(files, precision="f32").precision == "f32"
    assert load_engine(files, precision="bf16").precision == ("bf16" if native else "f32")


def test_without_openvino(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def missing() -> None:
        raise ImportError("No module named 'openvino'")

    loaded = []
    monkeypatch.setattr(engines_module, "import_openvino", missing)
    monkeypatch.setattr(engines_module, "load_keras", loaded.append)
    monkeypatch.setattr(engines_module, "KerasEngine", lambda model: "keras engine")
    files = resolve_model("mini")
    assert load_engine(files, "auto") == "keras engine"
    assert loaded == [files]
    assert "Keras runs mini, more slowly" in caplog.text
    assert "No module named 'openvino'" in caplog.text
    with pytest.raises(ModelError, match="OpenVINO cannot be loaded"):
        load_engine(files, "openvino")


def test_what_an_engine_cannot_do(monkeypatch: pytest.MonkeyPatch) -> None:
    files = resolve_model("mini")
    with pytest.raises(ModelError, match="computes in f32"):
        load_engine(files, "keras", "bf16")
    with pytest.raises(ValueError, match="engine is one of"):
        load_engine(files, "torch")

    def failing(*_: object) -> None:
        raise RuntimeError("Exception from core.cpp:\n  no such operation")

    monkeypatch.setattr(engines_module, "OpenVINOEngine", failing)
    with pytest.raises(ModelError, match=r"OpenVINO cannot run mini \(Exception from core.cpp: no such operation\)"):
        load_engine(files, "openvino")


def test_a_keras_file_that_is_none(tmp_path: Path) -> None:
    import zipfile

    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("actionzoo.json", SPEC.to_json())
        archive.writestr("config.json", "{}")
    with pytest.raises(ModelError, match="cannot be loaded by Keras"):
        load_engine(resolve_model(path))
