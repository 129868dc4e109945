"""Export in four formats. What was written is run here by its own runtime, with code of its own."""

from __future__ import annotations

import errno
import functools
import json
import os
import shutil
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import actionzoo.convert.export as convert_export
from actionzoo.convert.export import SUFFIXES, TOLERANCE, default_name, export_model
from actionzoo.errors import ModelError, OutputError
from actionzoo.hub import InputSpec, save_model

FORMATS = [*SUFFIXES]
SPEC = InputSpec(("push", "hug", "kick"), 64, 48, num_frames=3, stride=2, stack_length=2)

Clips = dict[str, np.ndarray]


def build(network: str, **sizes: int | None) -> Any:
    """A network in miniature whose batch-norm statistics are not those of a new one."""
    import keras

    import actionzoo

    keras.utils.set_random_seed(1)
    model = actionzoo.create_model(network, 3, stack_length=2, channel_factor=0.0625, **sizes)
    rng = np.random.default_rng(2)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights([gamma, beta, rng.normal(0, 0.1, mean.shape), rng.uniform(0.5, 2, variance.shape)])
    return model


def build_tiny(time: int | None = 3, height: int | None = 64, width: int | None = 48) -> Any:
    """Two layers a stream, with time folded into the batch and unfolded again."""
    import keras
    from keras import layers

    from actionzoo.models.temporal import FoldTime, UnfoldTime

    keras.utils.set_random_seed(1)
    inputs = {name: keras.Input((time, height, width, n), name=name) for name, n in (("appearance", 3), ("motion", 4))}
    frames = FoldTime()(layers.Rescaling(1 / 128, -1)(inputs["appearance"]))
    x = layers.Conv2D(8, 3, strides=2, activation="relu")(frames)
    x = layers.GlobalMaxPooling3D()(UnfoldTime()([x, inputs["appearance"]]))
    y = layers.GlobalAveragePooling3D()(layers.Conv3D(8, 3, activation="relu")(inputs["motion"]))
    logits = layers.Dense(3, dtype="float32", name="logits")(layers.Concatenate()([x, y]))
    return keras.Model(inputs, logits, name="tiny")


def clips_for(model: Any, batch: int, time: int = 3, height: int = 64, width: int = 48) -> Clips:
    """Noise of the sizes given."""
    rng = np.random.default_rng(7 * batch)
    size = (batch, time, height, width)
    clips = {"appearance": rng.uniform(0, 255, (*size, 3)), "motion": rng.normal(0, 3, (*size, 4))}
    return {tensor.name: clips[tensor.name].astype(np.float32) for tensor in model.inputs}


def run_savedmodel(path: Path, clips: Clips) -> np.ndarray:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    return loaded.serve({name: tf.constant(clip) for name, clip in clips.items()})["logits"].numpy()


def run_onnx(path: Path, clips: Clips) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    assert {port.name for port in session.get_inputs()} == set(clips)
    assert [port.name for port in session.get_outputs()] == ["logits"]
    (logits,) = session.run(None, clips)
    return logits


def run_openvino(path: Path, clips: Clips) -> np.ndarray:
    import openvino

    compiled = openvino.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    assert len(compiled.outputs) == 1
    return compiled(clips)[compiled.outputs[0]]


def run_litert(path: Path, clips: Clips) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    for port in interpreter.get_input_details():
        (name,) = (name for name in clips if name in port["name"])
        interpreter.resize_tensor_input(port["index"], clips[name].shape)
    interpreter.allocate_tensors()
    for port in interpreter.get_input_details():
        interpreter.set_tensor(port["index"], next(clip for name, clip in clips.items() if name in port["name"]))
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


RUNTIMES: dict[str, Callable[[Path, Clips], np.ndarray]] = {
    "savedmodel": run_savedmodel,
    "onnx": run_onnx,
    "openvino": run_openvino,
    "litert": run_litert,
}


def require(format: str) -> None:
    """Skips where the extra `export` is not installed."""
    for package in convert_export._PACKAGES.get(format, ()):
        pytest.importorskip(package)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models to export: in `free` every size of the clip is free."""
    folder = tmp_path_factory.mktemp("models")
    save_model(build_tiny(), SPEC, folder / "tiny.keras")
    tiny = build_tiny()
    save_model(type(tiny)(tiny.inputs, tiny.outputs[0]), SPEC, folder / "listed.keras")
    fixed = build("two_stream_resnet18", num_frames=3, height=64, width=48)
    save_model(fixed, SPEC, folder / "fixed.keras")
    save_model(build_tiny(None, None, None), SPEC, folder / "free.keras")
    free = build("st_resnet18", num_frames=None, height=None, width=None)
    save_model(free, replace(SPEC, num_frames=5), folder / "free_network.keras")
    return folder


@functools.cache
def load(path: Path) -> Any:
    import keras

    import actionzoo.models  # noqa: F401  registers our layers

    return keras.models.load_model(path, compile=False)


def assert_same(format: str, path: Path, model: Any, clips: Clips) -> None:
    expected = np.asarray(model(clips, training=False))
    np.testing.assert_allclose(RUNTIMES[format](path, clips), expected, atol=1e-5 * np.abs(expected).max())
    # The answers depend on the clip, so that agreeing means something.
    assert len(expected) == 1 or np.ptp(expected, axis=0).max() > 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize(
    ("format", "network"),
    [
        *((format, "tiny") for format in FORMATS),
        ("savedmodel", "listed"),
        *(pytest.param(format, "fixed", marks=pytest.mark.slow) for format in FORMATS),
    ],
)
def test_the_runtime_answers_as_keras(format: str, network: str, folder: Path, tmp_path: Path) -> None:
    require(format)
    done = export_model(folder / f"{network}.keras", tmp_path / f"net{SUFFIXES[format]}", format)
    assert done.path == tmp_path / f"net{SUFFIXES[format]}"
    assert done.difference < 1e-5
    assert done.size == sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    model = load(folder / f"{network}.keras")
    for batch in (1, 3):
        assert_same(format, done.path, model, clips_for(model, batch))


@pytest.mark.parametrize(("network", "height", "width"), [("free", 48, 80), ("free_network", 240, 272)])
@pytest.mark.parametrize("format", FORMATS)
def test_sizes_that_are_free_stay_free(
    format: str, network: str, height: int, width: int, folder: Path, tmp_path: Path
) -> None:
    require(format)
    done = export_model(folder / f"{network}.keras", tmp_path / f"net{SUFFIXES[format]}", format)
    model = load(folder / f"{network}.keras")
    assert_same(format, done.path, model, clips_for(model, 1, 5, 64, 48))
    assert_same(format, done.path, model, clips_for(model, 3, 7, height, width))


@pytest.mark.parametrize("format", FORMATS)
def test_what_to_feed_travels_along(format: str, folder: Path, tmp_path: Path) -> None:
    require(format)
    export_model(folder / "tiny.keras", tmp_path / f"net{SUFFIXES[format]}", format)
    expected = {
        "savedmodel": {"net"},
        "onnx": {"net.onnx", "net.onnx.json"},
        "openvino": {"net.xml", "net.bin", "net.xml.json"},
        "litert": {"net.tflite", "net.tflite.json"},
    }
    assert set(os.listdir(tmp_path)) == expected[format]
    name = "net/actionzoo.json" if format == "savedmodel" else f"net{SUFFIXES[format]}.json"
    text = (tmp_path / name).read_text("utf-8")
    assert InputSpec.from_json(text) == SPEC
    card = json.loads(text)
    assert card["inputs"]["motion"]["shape"] == [None, 3, 64, 48, 4]
    assert card["outputs"]["logits"]["shape"] == [None, 3]
    if format == "onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
        assert session.get_modelmeta().custom_metadata_map == {"actionzoo": text}
        assert [port.shape[0] for port in (*session.get_inputs(), *session.get_outputs())] == ["batch"] * 3


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("format", FORMATS)
def test_mixed_precision_becomes_f32(format: str, policy: str, tmp_path: Path) -> None:
    require(format)
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = build_tiny()
    finally:
        keras.config.set_dtype_policy(before)
    save_model(model, SPEC, tmp_path / "mixed.keras")
    done = export_model(tmp_path / "mixed.keras", tmp_path / f"net{SUFFIXES[format]}", format)
    exact = build_tiny()
    exact.set_weights(model.get_weights())
    assert_same(format, done.path, exact, clips_for(exact, 3))


@pytest.mark.parametrize("format", FORMATS)
def test_a_wrong_export_is_an_error_and_leaves_nothing(
    format: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer gets the network with one weight changed; everything else is as always."""
    require(format)
    write, run = convert_export.FORMATS[format]

    def write_another(model: Any, path: Path, card: str) -> None:
        import keras

        other = keras.models.clone_model(model)
        weights = model.get_weights()
        weights[-1] = weights[-1] + 0.1 * np.abs(model(clips_for(model, 1))).max()  # biases of the classifier
        other.set_weights(weights)
        write(other, path, card)

    monkeypatch.setitem(convert_export.FORMATS, format, (write_another, run))
    with pytest.raises(ModelError, match=r"other logits than Keras.*nothing was written"):
        export_model(folder / "tiny.keras", tmp_path / f"net{SUFFIXES[format]}", format)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "answer",
    [np.full((1, 3), np.nan, np.float32), np.zeros((2, 3), np.float32), np.zeros((1, 3), np.float32)],
    ids=["not a number", "another shape", "zero"],
)
def test_what_is_a_difference(answer: np.ndarray) -> None:
    files: Any = SimpleNamespace(spec=SPEC, name="net")
    difference = convert_export._largest_difference(lambda _: answer, Says(1.0), files)
    assert not difference <= TOLERANCE


def test_what_litert_cannot_do(tmp_path: Path) -> None:
    require("litert")
    import keras

    clip = keras.Input((3, 64, 48, 3), name="appearance")
    odd = keras.ops.erfinv(keras.layers.GlobalAveragePooling3D()(clip) / 256)
    save_model(keras.Model({"appearance": clip}, odd), SPEC, tmp_path / "odd.keras")
    with pytest.raises(ModelError, match=r"LiteRT does not have the operations .*Erfinv"):
        export_model(tmp_path / "odd.keras", tmp_path / "odd.tflite", "litert")
    assert os.listdir(tmp_path) == ["odd.keras"]


def test_logits_that_are_not_finite_cannot_be_compared() -> None:
    files: Any = SimpleNamespace(spec=SPEC, name="net")
    with pytest.raises(ModelError, match="not finite"):
        convert_export._largest_difference(lambda _: np.full((1, 3), np.inf, np.float32), Says(np.inf), files)


class Says:
    """A model of no inputs and one answer."""

    inputs = ()

    def __init__(self, logit: float) -> None:
        self.logit = logit

    def __call__(self, clips: Clips, training: bool) -> np.ndarray:
        return np.full((1, 3), self.logit)


@pytest.mark.parametrize(("format", "taken"), [("savedmodel", "net"), ("onnx", "net.onnx"), ("openvino", "net.bin")])
def test_nothing_is_overwritten(format: str, taken: str, folder: Path, tmp_path: Path) -> None:
    require(format)
    (tmp_path / taken).write_text("precious")
    with pytest.raises(OutputError, match=rf"{taken}: exists already"):
        export_model(folder / "tiny.keras", tmp_path / f"net{SUFFIXES[format]}", format)
    assert (tmp_path / taken).read_text() == "precious"
    assert os.listdir(tmp_path) == [taken]


def test_places_that_cannot_be_written(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("missing/net", "file/net", ""):
        with pytest.raises(OutputError):
            export_model(folder / "tiny.keras", tmp_path / name, "savedmodel")
    with pytest.raises(OutputError, match=r"must end in \.xml"):
        export_model(folder / "tiny.keras", tmp_path / "net.onnx", "openvino")
    assert os.listdir(tmp_path) == ["file"]


def test_a_full_disk(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reason = os.strerror(errno.ENOSPC)

    def fail(model: Any, path: Path, card: str) -> None:
        path.mkdir()
        raise RuntimeError(f"{{{{node SaveV2}}}} part-0; {reason} [Op:SaveV2]")  # as TensorFlow words it

    with monkeypatch.context() as patch:
        patch.setitem(convert_export.FORMATS, "savedmodel", (fail, fail))
        with pytest.raises(OutputError, match=rf"cannot be written: {reason}$"):
            export_model(folder / "tiny.keras", tmp_path / "net", "savedmodel")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(OutputError, match=rf"{reason} \(\d+ MB are needed\)"):
        export_model(folder / "tiny.keras", tmp_path / "net", "savedmodel")
    assert os.listdir(tmp_path) == []


def test_all_files_get_their_names_or_none(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def fail_at_the_last(self: Path, target: Path) -> Path:
        if target == tmp_path / "net.xml":
            raise PermissionError(errno.EACCES, "not today")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_at_the_last)
    with pytest.raises(OutputError, match="not today"):
        export_model(folder / "tiny.keras", tmp_path / "net.xml", "openvino")
    assert os.listdir(tmp_path) == []


def test_a_missing_package(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(convert_export._PACKAGES, "onnx", ("no_such_package",))
    with pytest.raises(ModelError, match=r"no_such_package; run: pip install 'actionzoo\[export\]'"):
        export_model(folder / "tiny.keras", tmp_path / "net.onnx", "onnx")


def test_an_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="savedmodel, onnx, openvino, litert"):
        export_model("mini", tmp_path / "net", "tflite")


def test_another_backend(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ModelError, match="KERAS_BACKEND=tensorflow"):
        export_model(folder / "tiny.keras", tmp_path / "net", "savedmodel")


def test_inputs_of_another_kind(tmp_path: Path) -> None:
    import keras

    sound = keras.Input((16,), name="sound")
    save_model(keras.Model(sound, keras.layers.Dense(3)(sound)), SPEC, tmp_path / "sound.keras")
    with pytest.raises(ModelError, match="wants an input 'sound'; it can have appearance and motion"):
        export_model(tmp_path / "sound.keras", tmp_path / "net", "savedmodel")


def test_converters_say_nothing(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    warnings.simplefilter("always")
    for format in FORMATS:
        require(format)
        export_model(folder / "tiny.keras", tmp_path / f"net{SUFFIXES[format]}", format)
    assert capfd.readouterr() == ("", "")
    assert [str(warning.message) for warning in recwarn] == []


@pytest.mark.parametrize(
    "name", ["mini", "./mini", "runs/mini", "runs/mini.keras", "hf://user/mini", "hf://u/mini@v/2"]
)
def test_default_names(name: str) -> None:
    assert [default_name(name, format) for format in FORMATS] == [
        "mini_savedmodel",
        "mini.onnx",
        "mini.xml",
        "mini.tflite",
    ]
