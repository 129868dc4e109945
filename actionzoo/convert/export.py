"""Export: a model in the format of another runtime, compared with Keras before it gets its name.

| format | what is written | what runs it |
| --- | --- | --- |
| savedmodel | a folder | TensorFlow, TensorFlow Serving |
| onnx | a file | ONNX Runtime |
| openvino | a file and its weights (`.bin`) | OpenVINO |
| litert | a file | LiteRT, which was TensorFlow Lite |

In all four, inputs are called `appearance` and `motion`, the output `logits`, and every size that is free in the Keras
model (the batch always) stays free. They are f32, also where the model was trained in mixed precision; where the
processor has bf16, OpenVINO computes in f32 only with INFERENCE_PRECISION_HINT=f32. Beside the file, or inside the
folder, a JSON file says what to feed and what comes out.
"""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import re
import shutil
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from actionzoo.convert.runtimes import FORMATS, Clips, Run, load_openvino_as_it_is
from actionzoo.errors import ActionzooError, ModelError, OutputError
from actionzoo.files import folder_beside
from actionzoo.hub.keras_file import MEMBER
from actionzoo.hub.keras_models import load_keras, silent
from actionzoo.hub.resolve import HasFiles, ModelFiles, resolve_model
from actionzoo.video.spec import InputSpec

if TYPE_CHECKING:
    import keras

SUFFIXES = {"savedmodel": "", "onnx": ".onnx", "openvino": ".xml", "litert": ".tflite"}
"""The formats, each with how the name of its file ends; a SavedModel is a folder and may have any name."""

TOLERANCE = 1e-3
"""How far an exported model's logits may be from Keras', as a part of the largest logit."""

_PACKAGES = {"onnx": ("onnx", "onnxruntime", "tf2onnx"), "litert": ("ai_edge_litert",)}
_HOLDS = {
    "appearance": "frames, RGB, 0 to 255",
    "motion": "for each frame a stack of flow fields: u and v in turn, in pixels from one frame to the next",
}


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: the file or folder.
        size: of all its files, in bytes.
        difference: the largest of the logits from Keras', divided by the largest logit, where the runtime computes in
            f32.
        by_itself: the precision that the runtime takes on this machine where it is told none, and the difference in it,
            if that is another one: OpenVINO's `compile_model` takes bf16 where the processor has it.
    """

    path: Path
    size: int
    difference: float
    by_itself: tuple[str, float] | None = None


def export_model(
    model: str | os.PathLike[str] | HasFiles,
    path: str | os.PathLike[str] | None = None,
    format: str = "onnx",
    *,
    offline: bool = False,
) -> Exported:
    """Write a model in another format, run what was written and compare its logits with those of Keras.

    Args:
        model: a catalog name, a `.keras` file, a run folder, `hf://user/repo`, or an `actionzoo.Model`.
        path: the folder (savedmodel) or file to write, which must not exist yet; `default_name` unless given.
        format: `"savedmodel"`, `"onnx"`, `"openvino"` or `"litert"`.
        offline: never use the network.

    Returns:
        What was written.

    Raises:
        ModelError: the model cannot be loaded or converted, a package is missing, or the answers differ by more than
            `TOLERANCE`. Nothing is left on the disk then.
        OutputError: the path exists already, or cannot be written.
        ValueError: there is no such format.

    >>> export_model("mini", format="onnx").path  # doctest: +SKIP
    PosixPath('mini.onnx')
    """
    if format not in SUFFIXES:
        raise ValueError(f"format is one of {', '.join(SUFFIXES)}, not {format!r}")
    _check_packages(format)
    files = resolve_model(model, offline=offline)
    place = Path(path if path is not None else default_name(files.name, format))
    _check_name(place, format)
    loaded = load_keras(files)
    _check_model(loaded, files.name)
    loaded = _in_float32(loaded)
    try:
        with folder_beside(place) as beside:
            written = beside / place.name
            difference = _write(loaded, files, written, format)
            by_itself = _by_itself(loaded, files, written) if format == "openvino" else None
            size = sum(file.stat().st_size for file in beside.rglob("*") if file.is_file())
            _move(beside, place, format)
    except OSError as error:
        raise OutputError(f"{place}: cannot be written: {error.strerror or error}") from error
    return Exported(place, size, difference, by_itself)


def default_name(model: str, format: str) -> str:
    """The name of an export: that of the model, with the ending of the format.

    >>> default_name("mini", "savedmodel"), default_name("runs/best.keras", "litert")
    ('mini_savedmodel', 'best.tflite')
    >>> default_name("hf://user/repo@v2", "onnx")
    'repo.onnx'
    """
    if model.startswith("hf://"):
        name = model.removeprefix("hf://").split("@")[0].rstrip("/").rpartition("/")[2]
    else:
        name = Path(os.path.abspath(model)).name.removesuffix(".keras")
    return (name or "model") + (SUFFIXES[format] or f"_{format}")


def _check_packages(format: str) -> None:
    for package in _PACKAGES.get(format, ()):
        if importlib.util.find_spec(package) is None:
            raise ModelError(f"{format} needs the package {package}; run: pip install 'actionzoo[export]'")


def _check_name(place: Path, format: str) -> None:
    if not place.name:
        raise OutputError(f"{place}: is a folder; name what to write")
    if place.suffix.lower() != SUFFIXES[format] and format != "savedmodel":
        raise OutputError(f"{place}: must end in {SUFFIXES[format]}")
    for name in reversed(_names(place, format)):
        if os.path.lexists(place.with_name(name)):
            raise OutputError(f"{place.with_name(name)}: exists already; remove it, or choose another --output")


def _names(place: Path, format: str) -> list[str]:
    """What an export puts into the folder of `place`, the one that is called so last."""
    if format == "savedmodel":
        return [place.name]
    weights = [f"{place.stem}.bin"] if format == "openvino" else []
    return [*weights, f"{place.name}.json", place.name]


def _move(beside: Path, place: Path, format: str) -> None:
    """Gives the files of an export their names. All of them, or none."""
    moved: list[Path] = []
    try:
        for name in _names(place, format):
            (beside / name).rename(place.with_name(name))
            moved.append(place.with_name(name))
    except BaseException:
        for path in moved:
            path.unlink()
        raise


def _write(model: keras.Model, files: ModelFiles, path: Path, format: str) -> float:
    """Writes all files of an export at `path`; gives the difference. Raises ModelError, OSError."""
    _check_space(model, path.parent)
    card = _card(model, files)
    write, load = FORMATS[format]
    try:
        with silent(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            write(model, path, card)
            difference = _largest_difference(load(path), model, files)
    except (ActionzooError, OSError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        if os.strerror(errno.ENOSPC) in reason:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise ModelError(f"{files.name} cannot be exported as {format} ({reason})") from error
    if not difference <= TOLERANCE:
        raise ModelError(
            f"{files.name} as {format} gives other logits than Keras: they differ by {difference:.2g} of the largest,"
            f" {TOLERANCE:g} is allowed; nothing was written"
        )
    beside = path / MEMBER if format == "savedmodel" else path.with_name(f"{path.name}.json")
    beside.write_text(card, encoding="utf-8")
    return difference


def _by_itself(model: keras.Model, files: ModelFiles, path: Path) -> tuple[str, float] | None:
    """The precision that OpenVINO takes by itself and the difference in it; None for f32."""
    with silent():
        precision, run = load_openvino_as_it_is(path)
        return None if precision == "f32" else (precision, _largest_difference(run, model, files))


def _check_model(model: keras.Model, name: str) -> None:
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ModelError(
            f"an export starts from TensorFlow, not {keras.backend.backend()}; set KERAS_BACKEND=tensorflow"
        )
    for tensor in model.inputs:
        if tensor.name not in _HOLDS or len(tensor.shape) != 5:
            raise ModelError(
                f"{name} has the input {tensor.name} {tensor.shape}; export takes appearance and motion, of five axes"
            )


def _in_float32(model: keras.Model) -> keras.Model:
    """The model itself, or one that computes in f32 with the weights of a model in mixed precision."""
    import keras

    config = model.to_json()
    in_float32 = re.sub('"mixed_b?float16"', '"float32"', config)
    if in_float32 == config:
        return model
    copy = keras.models.model_from_json(in_float32)
    copy.set_weights(model.get_weights())
    return copy


def _check_space(model: keras.Model, folder: Path) -> None:
    """Raises OSError if the disk is too full: not every converter says so when it fails for that reason."""
    needed = 2 * 4 * model.count_params()  # LiteRT and OpenVINO write twice
    if shutil.disk_usage(folder).free < needed:
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} ({needed / 1e6:.0f} MB are needed)")


def _card(model: keras.Model, files: ModelFiles) -> str:
    """What to feed the exported model and what comes out: the input spec, with the shapes of inputs and output."""
    inputs = {t.name: {"shape": list(t.shape), "dtype": "float32", "holds": _HOLDS[t.name]} for t in model.inputs}
    logits = {"shape": list(model.outputs[0].shape), "dtype": "float32", "holds": "one a class; softmax gives scores"}
    facts = {"model": files.name, "sha256": files.sha256, "inputs": inputs, "outputs": {"logits": logits}}
    return json.dumps(asdict(files.spec) | facts, indent=1, ensure_ascii=False, allow_nan=False)


def _largest_difference(run: Run, model: keras.Model, files: ModelFiles) -> float:
    """The largest difference of the logits, as a part of the largest logit, over batches of one and of two clips."""
    largest = 0.0
    for batch in (1, 2):
        clips = _random_clips(model, files.spec, batch)
        expected = np.asarray(model(clips, training=False), np.float32)
        if not np.isfinite(expected).all():
            raise ModelError(f"{files.name} gives logits that are not finite, so that nothing can be compared")
        answer = run(clips)
        if answer.shape != expected.shape or not np.isfinite(answer).all():
            return float("inf")
        size = max(float(np.abs(expected).max()), float(np.finfo(np.float32).tiny))
        largest = max(largest, float(np.abs(answer - expected).max()) / size)
    return largest


def _random_clips(model: keras.Model, spec: InputSpec, batch: int) -> Clips:
    """Clips of noise: frames in 0..255, flow of a few pixels. A size that the model leaves free is the spec's."""
    rng = np.random.default_rng(batch)
    sizes = (batch, spec.num_frames, spec.height, spec.width)
    clips = {}
    for tensor in model.inputs:
        shape = (*(own or other for own, other in zip(tensor.shape[:4], sizes, strict=True)), tensor.shape[4])
        noise = rng.integers(0, 256, shape) if tensor.name == "appearance" else rng.normal(0, 2, shape)
        clips[tensor.name] = noise.astype(np.float32)
    return clips
