"""Conversion for OpenVINO, of a network with 3-D convolutions, two five-axis inputs and a folded time axis."""

from __future__ import annotations

import json
import logging
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import actionzoo.convert.openvino as convert_openvino
import actionzoo.hub.cache as hub_cache
from actionzoo.convert.openvino import converted_folder, is_converted, openvino_source
from actionzoo.errors import ModelError, WeightsError
from actionzoo.hub import InputSpec, resolve_model, save_model
from actionzoo.hub.cache import sha256_of
from actionzoo.hub.keras_models import load_keras
from actionzoo.inference.engines import KerasEngine, OpenVINOEngine, load_engine
from actionzoo.weights.bundle import export_bundle

SPEC = InputSpec(("push", "hug", "kick"), 16, 24, num_frames=3, stride=2, stack_length=2)


@pytest.fixture(scope="session")
def network() -> Any:
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    appearance = keras.Input((3, 16, 24, 3), name="appearance")
    motion = keras.Input((3, 16, 24, 4), name="motion")
    a = layers.Conv3D(4, 3, padding="same", activation="relu")(layers.Rescaling(1 / 128, -1)(appearance))
    m = layers.TimeDistributed(layers.Conv2D(4, 3, strides=2, padding="same"))(motion)
    m = layers.ReLU()(layers.BatchNormalization()(m))
    a = layers.AveragePooling3D((1, 2, 2))(a)
    pooled = layers.GlobalAveragePooling3D()(layers.Add()([a, m]))
    return keras.Model(
        {"appearance": appearance, "motion": motion}, layers.Dense(3, name="logits")(pooled), name="tiny"
    )


@pytest.fixture(scope="session")
def clips() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return (
        rng.integers(0, 256, (5, 3, 16, 24, 3)).astype(np.uint8),
        rng.normal(0, 2, (5, 3, 16, 24, 4)).astype(np.float32),
    )


@pytest.fixture
def saved(network: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ACTIONZOO_CACHE", str(tmp_path / "cache"))
    save_model(network, SPEC, tmp_path / "run" / "model.keras")
    return tmp_path / "run" / "model.keras"


def in_list(network: Any) -> Any:
    return type(network)(network.inputs, network.outputs)


def single(network: Any) -> Any:
    import keras

    motion = keras.Input((3, 16, 24, 4), name="motion")
    return keras.Model(motion, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling3D()(motion)))


def sequential(network: Any) -> Any:
    import keras
    from keras import layers

    return keras.Sequential(
        [keras.Input((3, 16, 24, 3), name="appearance"), layers.GlobalAveragePooling3D(), layers.Dense(3)]
    )


@pytest.mark.parametrize("change", [in_list, single, sequential])
def test_inputs_of_a_loaded_network_go_by_their_names(
    change: Callable[[Any], Any], network: Any, clips: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    changed = change(network)
    save_model(changed, SPEC, tmp_path / "model.keras")
    loaded = load_keras(resolve_model(tmp_path / "model.keras"))
    given = dict(zip(("appearance", "motion"), clips, strict=True))
    given = {tensor.name: given[tensor.name] for tensor in changed.inputs}
    assert list(loaded.input) == list(given)
    as_it_was = np.asarray(changed(given if len(given) > 1 else next(iter(given.values())), training=False))
    np.testing.assert_allclose(np.asarray(loaded(given, training=False)), as_it_was.reshape(5, 3), rtol=1e-5)


def test_a_network_that_is_not_as_recorded(network: Any, tmp_path: Path) -> None:
    import keras

    save_model(network, replace(SPEC, height=32), tmp_path / "size.keras")
    with pytest.raises(ModelError, match=r"records \w+ of \(3, 32, 24, \d\) but its network takes \(3, 16, 24, \d\)"):
        load_keras(resolve_model(tmp_path / "size.keras"))
    depth = keras.Input((3, 16, 24, 3), name="depth")
    model = keras.Model(depth, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling3D()(depth)))
    save_model(model, SPEC, tmp_path / "depth.keras")
    with pytest.raises(ModelError, match="wants an input 'depth'"):
        load_keras(resolve_model(tmp_path / "depth.keras"))


def test_both_engines_agree(saved: Path, clips: tuple[np.ndarray, np.ndarray]) -> None:
    files = resolve_model(saved)
    engines = load_engine(files, "auto"), load_engine(files, "keras")
    assert [engine.name for engine in engines] == ["openvino", "keras"]
    for engine in engines:
        assert (engine.classes, engine.precision, engine.inputs) == (
            3,
            "f32",
            {"appearance": (3, 16, 24, 3), "motion": (3, 16, 24, 4)},
        )
    np.testing.assert_allclose(engines[0](*clips), engines[1](*clips), atol=1e-4)


@pytest.mark.parametrize("batch", [1, 2, 5, 8])
def test_any_batch_size(saved: Path, clips: tuple[np.ndarray, np.ndarray], batch: int) -> None:
    source = openvino_source(resolve_model(saved))
    together = OpenVINOEngine(source, batch=batch)(*clips)
    alone = [OpenVINOEngine(source)(clips[0][k : k + 1], clips[1][k : k + 1]) for k in range(5)]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-5)


def test_a_model_is_converted_once(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = resolve_model(saved)
    assert not is_converted(files)
    assert is_converted(resolve_model("mini"))  # which comes with its files for OpenVINO
    first = openvino_source(files)
    assert is_converted(files)
    assert first == converted_folder(files.sha256) / "openvino.xml"
    monkeypatch.setattr(convert_openvino, "load_keras", lambda _: pytest.fail("converted again"))
    assert openvino_source(resolve_model(saved)) == first
    assert [path.name for path in converted_folder("").iterdir()] == [files.sha256]


def test_two_processes_at_once_leave_one_conversion(saved: Path) -> None:
    files = resolve_model(saved)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(openvino_source, [files, resolve_model(saved)])
    assert first == second
    assert sorted(path.name for path in converted_folder(files.sha256).iterdir()) == [
        "openvino.bin",
        "openvino.xml",
        "sha256.json",
    ]
    assert [path.name for path in converted_folder("").iterdir()] == [files.sha256]


def test_a_conversion_leaves_the_log_as_it_was(tmp_path: Path) -> None:
    class Overlapping:
        """Does to the root logger what the converter does, and finds out whether another conversion runs meanwhile."""

        name, running, most = "overlapping", 0, 0

        def export(self, *_: object, **__: object) -> None:
            Overlapping.running += 1
            Overlapping.most = max(Overlapping.most, Overlapping.running)
            logging.getLogger().setLevel(logging.ERROR)
            logging.getLogger().addFilter(refuse)
            time.sleep(0.05)
            Overlapping.running -= 1
            raise RuntimeError("not today")

    def refuse(_: logging.LogRecord) -> bool:
        return False

    root = logging.getLogger()
    before = root.level, root.filters[:], root.handlers[:]
    with ThreadPoolExecutor(2) as pool:
        for running in [pool.submit(convert_openvino.convert, Overlapping(), tmp_path / "model.xml") for _ in range(2)]:
            with pytest.raises(ModelError, match="not today"):
                running.result()
    assert (root.level, root.filters, root.handlers) == before
    assert Overlapping.most == 1


def test_a_cache_that_cannot_be_written(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clips: tuple[np.ndarray, np.ndarray]
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("ACTIONZOO_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(hub_cache, "_private_folders", lambda: iter(()))
    source = openvino_source(resolve_model(saved))
    assert isinstance(source, tuple)
    assert OpenVINOEngine(source, batch=5)(*clips).shape == (5, 3)


def test_a_cache_without_room(
    saved: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    clips: tuple[np.ndarray, np.ndarray],
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=100))
    source = openvino_source(resolve_model(saved))
    assert isinstance(source, tuple)
    assert OpenVINOEngine(source, batch=5)(*clips).shape == (5, 3)
    assert "the converted model is not kept" in caplog.text
    assert "No space left" in caplog.text


def test_a_cache_of_another_user_is_read_and_what_is_new_is_kept_elsewhere(
    saved: Path, tmp_path: Path, network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = openvino_source(resolve_model(saved))
    own = tmp_path / "home" / "actionzoo"
    writable = hub_cache.is_writable
    monkeypatch.setattr(hub_cache, "_private_folders", lambda: iter([own]))
    monkeypatch.setattr(
        hub_cache, "is_writable", lambda folder: tmp_path / "cache" not in folder.parents and writable(folder)
    )
    assert openvino_source(resolve_model(saved)) == theirs
    assert not (own / "openvino").exists()
    save_model(network, replace(SPEC, fps=12.0), tmp_path / "other.keras")
    ours = openvino_source(resolve_model(tmp_path / "other.keras"))
    assert isinstance(ours, Path)
    assert own in ours.parents
    assert openvino_source(resolve_model(tmp_path / "other.keras")) == ours


def test_a_conversion_can_be_read_by_other_users(saved: Path) -> None:
    path = openvino_source(resolve_model(saved))
    assert isinstance(path, Path)
    (saved.parent / "any").mkdir()
    for kept, like in ((path.parent, saved.parent / "any"), (path.with_suffix(".bin"), saved)):
        assert stat.S_IMODE(kept.stat().st_mode) == stat.S_IMODE(like.stat().st_mode)


@pytest.mark.parametrize("file", ["openvino.xml", "openvino.bin", "sha256.json"])
@pytest.mark.parametrize("damage", ["flipped", "truncated", "missing"])
def test_a_damaged_conversion_is_made_again(
    saved: Path, clips: tuple[np.ndarray, np.ndarray], caplog: pytest.LogCaptureFixture, file: str, damage: str
) -> None:
    files = resolve_model(saved)
    path = openvino_source(files)
    assert isinstance(path, Path)
    expected = OpenVINOEngine(path, batch=5)(*clips)
    damaged = path.with_name(file)
    content = bytearray(damaged.read_bytes())
    if damage == "missing":
        damaged.unlink()
    elif damage == "truncated":
        damaged.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 2] ^= 0x42
        damaged.write_bytes(content)
    np.testing.assert_array_equal(load_engine(files, "openvino", batch=5)(*clips), expected)
    assert [spec.message for spec in caplog.records if "damaged; it is made again" in spec.message]
    assert openvino_source(files) == path
    assert len([spec for spec in caplog.records if "damaged" in spec.message]) == 1


def test_a_conversion_that_openvino_does_not_read_is_made_again(saved: Path) -> None:
    """One of another release is what was written, and yet cannot be read."""
    files = resolve_model(saved)
    path = openvino_source(files)
    assert isinstance(path, Path)
    path.write_text("<net")
    checksums = {name: sha256_of(path.with_name(name)) for name in ("openvino.xml", "openvino.bin")}
    path.with_name("sha256.json").write_text(json.dumps(checksums))
    assert load_engine(files, "openvino").classes == 3


def test_a_bundle_computes_the_same_in_both_engines(
    network: Any, tmp_path: Path, clips: tuple[np.ndarray, np.ndarray]
) -> None:
    import keras

    copy = keras.models.clone_model(network)
    checksums = export_bundle(copy, SPEC, tmp_path)
    assert sorted(checksums) == sorted(path.name for path in tmp_path.iterdir())
    ir = (tmp_path / "openvino.xml").read_bytes(), (tmp_path / "openvino.bin").read_bytes()
    keras_engine = KerasEngine(keras.models.load_model(tmp_path / "model.keras", compile=False))
    np.testing.assert_allclose(OpenVINOEngine(ir, batch=5)(*clips), keras_engine(*clips), atol=2e-3)


def test_a_file_with_code_of_its_own_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    monkeypatch.setenv("ACTIONZOO_CACHE", str(tmp_path / "cache"))
    shapes = {"appearance": (3, 16, 24, 3), "motion": (3, 16, 24, 4)}
    inputs = {name: keras.Input(shape, name=name) for name, shape in shapes.items()}
    ran = keras.layers.Lambda(lambda x: x + 1, output_shape=(3, 16, 24, 3))(inputs["appearance"])
    save_model(keras.Model(inputs, keras.layers.GlobalMaxPooling3D()(ran)), SPEC, tmp_path / "evil.keras")
    for engine in ("auto", "openvino", "keras"):
        with pytest.raises(ModelError, match="cannot be loaded") as caught:
            load_engine(resolve_model(tmp_path / "evil.keras"), engine)
        assert "\n" not in str(caught.value)


def test_an_output_that_is_not_one_logit_for_each_class(network: Any, tmp_path: Path) -> None:
    import keras

    both = keras.Model(network.inputs, [network.output, network.output], name="both")
    save_model(both, SPEC, tmp_path / "both.keras")
    with pytest.raises(ModelError, match="one logit for each class"):
        load_engine(resolve_model(tmp_path / "both.keras"), "keras")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(network: Any, tmp_path: Path, value: float) -> None:
    import keras

    copy = keras.models.clone_model(network)
    copy.get_layer("logits").bias.assign([0, value, 0])
    save_model(copy, SPEC, tmp_path / "model.keras")
    with pytest.raises(WeightsError, match="non-finite numbers in logits/bias"):
        load_keras(resolve_model(tmp_path / "model.keras"))


def test_openvino_comes_without_telemetry_and_converters() -> None:
    script = (
        "import sys; from actionzoo.convert.openvino import import_openvino; import_openvino().Core();"
        "print([m for m in ('openvino_telemetry', 'openvino.tools.ovc', 'keras', 'tensorflow') if m in sys.modules]);"
        "from openvino import convert_model; print(callable(convert_model), 'openvino_telemetry' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split("\n")[:2] == ["[]", "True False"]


def test_threads_may_import_at_once() -> None:
    code = """
import threading, time
from actionzoo.convert.openvino import import_openvino
found = []
def use(late):
    time.sleep(late)
    found.append(import_openvino().Core)
threads = [threading.Thread(target=use, args=[k / 200]) for k in range(12)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(found))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout.strip(), done.stderr) == ("12", "")
