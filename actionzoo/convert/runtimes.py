"""Runtimes of exported models: what writes a format, and what runs it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from actionzoo.convert.openvino import convert, exclusive_conversion, import_openvino
from actionzoo.errors import ModelError
from actionzoo.files import folder_beside
from actionzoo.hub.keras_file import MEMBER

if TYPE_CHECKING:
    import keras

Clips = dict[str, npt.NDArray[np.float32]]
Run = Callable[[Clips], npt.NDArray[np.float32]]
Writer = Callable[["keras.Model", Path, str], None]

OPENVINO_F32 = {"INFERENCE_PRECISION_HINT": "f32"}
"""What makes OpenVINO compute in f32 on processors that have bf16 or f16."""

_AXES = ("batch", "time", "height", "width")


def _serving(model: keras.Model) -> Any:
    """A `tf.Module` whose function `serve` is the model, from a dictionary of clips to a dictionary with the logits.

    `model.export` would do as well, but stores every weight twice and takes three times as long.
    """
    import keras
    import tensorflow as tf

    named = keras.Model({tensor.name: tensor for tensor in model.inputs}, model.outputs[0])
    signature = {t.name: tf.TensorSpec(t.shape, tf.float32, name=t.name) for t in model.inputs}
    module = tf.Module()
    module.weights = [variable.value for variable in named.variables]
    module.serve = tf.function(
        lambda clips: {"logits": named(clips, training=False)}, input_signature=[signature], autograph=False
    )
    return module


def _write_savedmodel(model: keras.Model, path: Path, card: str) -> None:
    import tensorflow as tf

    module = _serving(model)
    tf.saved_model.save(module, os.fspath(path), signatures={"serving_default": module.serve})


def _load_savedmodel(path: Path) -> Run:
    import tensorflow as tf

    loaded = tf.saved_model.load(os.fspath(path))

    def run(clips: Clips) -> npt.NDArray[np.float32]:
        signature = loaded.signatures["serving_default"]
        return np.asarray(signature(**{name: tf.constant(clip) for name, clip in clips.items()})["logits"])

    return run


def _write_onnx(model: keras.Model, path: Path, card: str) -> None:
    import onnx  # type: ignore[import-not-found,import-untyped,unused-ignore]
    import tf2onnx  # type: ignore[import-not-found,import-untyped,unused-ignore]

    serve = _serving(model).serve
    with exclusive_conversion():
        proto, _ = tf2onnx.convert.from_function(serve, serve.input_signature)
    for value in (*proto.graph.input, *proto.graph.output):
        for axis, size in zip(_AXES, value.type.tensor_type.shape.dim, strict=False):
            if not size.dim_value:
                size.dim_param = axis
    onnx.helper.set_model_props(proto, {MEMBER.removesuffix(".json"): card})
    onnx.save(proto, os.fspath(path))


def _load_onnx(path: Path) -> Run:
    import onnxruntime  # type: ignore[import-not-found,import-untyped,unused-ignore]

    session = onnxruntime.InferenceSession(os.fspath(path), providers=["CPUExecutionProvider"])
    return lambda clips: np.asarray(session.run(["logits"], clips)[0])


def _write_openvino(model: keras.Model, path: Path, card: str) -> None:
    convert(model, path)


def _load_openvino(path: Path) -> Run:
    compiled = import_openvino().Core().compile_model(os.fspath(path), "CPU", OPENVINO_F32)
    return lambda clips: np.array(compiled(clips)[0])


def load_openvino_as_it_is(path: Path) -> tuple[str, Run]:
    """The precision that OpenVINO takes where it is told none, such as "bf16", and what computes in it."""
    compiled = import_openvino().Core().compile_model(os.fspath(path), "CPU")
    precision = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    return precision, lambda clips: np.array(compiled(clips)[0])


def _write_litert(model: keras.Model, path: Path, card: str) -> None:
    import tensorflow as tf

    with folder_beside(path) as folder:
        _write_savedmodel(model, folder, card)
        converter = tf.lite.TFLiteConverter.from_saved_model(os.fspath(folder), signature_keys=["serving_default"])
        try:
            path.write_bytes(converter.convert())
        except Exception as error:
            unknown = re.search(r"(?:TF Select|Custom) ops: (.*)", str(error))
            if unknown is None:
                raise
            raise ModelError(f"LiteRT does not have the operations that {model.name} needs: {unknown[1]}") from error


def _load_litert(path: Path) -> Run:
    from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-not-found,import-untyped,unused-ignore]

    content = path.read_bytes()  # a path would stay open, and an open file cannot be renamed on Windows
    return lambda clips: np.asarray(Interpreter(model_content=content).get_signature_runner()(**clips)["logits"])


FORMATS: dict[str, tuple[Writer, Callable[[Path], Run]]] = {
    "savedmodel": (_write_savedmodel, _load_savedmodel),
    "onnx": (_write_onnx, _load_onnx),
    "openvino": (_write_openvino, _load_openvino),
    "litert": (_write_litert, _load_litert),
}
