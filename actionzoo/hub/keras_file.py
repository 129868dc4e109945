"""The input spec: what a weights file says about the input it was trained on.

It travels inside the `.keras` file, which is a zip, as one more member, so that a model is one file and reading the
spec needs no Keras.
"""

from __future__ import annotations

import json
import math
import shutil
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any

from actionzoo.errors import ModelError, ModelNotFoundError, WeightsError
from actionzoo.files import cannot_write, replacing
from actionzoo.names import STREAMS
from actionzoo.video.spec import DEFAULT_FRAMES, DEFAULT_SIDE, DEFAULT_STACK, InputSpec

MEMBER = "actionzoo.json"
MAX_JSON_BYTES = 16 << 20
MAX_BYTES = 8 << 30


def write_spec(path: str | Path, spec: InputSpec, target: str | Path | None = None) -> None:
    """Put the spec into a `.keras` file, in place of one that is there. Written atomically.

    The file is packed on the way (zip's deflate, which Keras reads as well).

    Args:
        path: the `.keras` file.
        spec: what its model takes.
        target: where the result goes, if the file itself stays as it is.

    Raises:
        OutputError: the result cannot be written.
        WeightsError: the file is not a Keras model.
    """
    target = Path(target or path)
    try:
        with (
            replacing(target) as beside,
            zipfile.ZipFile(path) as old,
            zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as new,
        ):
            for member in old.infolist():
                if member.filename != MEMBER:
                    with old.open(member) as source, new.open(_dated(member.filename), "w", force_zip64=True) as copy:
                        shutil.copyfileobj(source, copy, 1 << 20)
            new.writestr(_dated(MEMBER), spec.to_json())
    except zipfile.BadZipFile as error:
        raise WeightsError(f"{path} is not a Keras model file") from error
    except OSError as error:
        raise cannot_write(target, error) from error


def _dated(name: str) -> zipfile.ZipInfo:
    """A zip member with a fixed date: the same model gives the same bytes and so the same sha256."""
    member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    member.compress_type = zipfile.ZIP_DEFLATED
    member.external_attr = 0o644 << 16
    return member


def read_spec(path: str | Path | IO[bytes]) -> InputSpec:
    """The input spec of a `.keras` file; without one, what the model's inputs tell and defaults for the rest.

    Args:
        path: the file, or a binary file object with its content.

    Raises:
        ModelNotFoundError: there is no such file, or it cannot be read.
        WeightsError: it is not a Keras model, or its spec is not valid.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(archive, path)
            if MEMBER in archive.namelist():
                return InputSpec.from_json(_read_member(archive, MEMBER))
            return _spec_of_inputs(json.loads(_read_member(archive, "config.json")))
    except FileNotFoundError as error:
        raise ModelNotFoundError(f"there is no model file {path}") from error
    except OSError as error:
        raise ModelNotFoundError(f"cannot read {path}: {error.strerror or error}") from error
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        zlib.error,
        EOFError,
        KeyError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise WeightsError(f"{path} is not a Keras model file, or is damaged") from error
    except (ValueError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise WeightsError(f"{path} does not say which input it takes: {error}") from error


def stream_classifiers(path: str | Path | IO[bytes]) -> frozenset[str]:
    """The streams that have classifiers of their own in the network of a `.keras` file, which `read_spec` can read."""
    with zipfile.ZipFile(path) as archive:
        config = _read_member(archive, "config.json").decode("utf-8", "replace")
    return frozenset(stream for stream in STREAMS if f'"logits_{stream}"' in config)


def check_spec(model: str, spec: InputSpec, inputs: Mapping[str, tuple[int | None, ...]], classes: int) -> None:
    """Check that a network takes what its spec says.

    Args:
        model: what the error calls it.
        spec: what it should take.
        inputs: the shape of each input, without the batch axis and with `None` where any size will do.
        classes: how many it has.

    Raises:
        ModelError: it takes other inputs, or gives another number of classes.
    """
    if spec.classes and len(spec.classes) != classes:
        raise ModelError(f"{model} names {len(spec.classes)} classes but its network has {classes}")
    channels = {"appearance": 3, "motion": 2 * spec.stack_length}
    for name, shape in inputs.items():
        if name not in channels:
            raise ModelError(f"{model} wants an input {name!r}; it can have appearance and motion")
        expected = (spec.num_frames, spec.height, spec.width, channels[name])
        if len(shape) != 4 or any(size not in (None, known) for size, known in zip(shape, expected, strict=True)):
            raise ModelError(f"{model} records {name} of {expected} but its network takes {shape}")


def _check_members(archive: zipfile.ZipFile, path: object) -> None:
    """Raises WeightsError for a file that would unpack elsewhere, or to more than a disk should have to take."""
    members = archive.infolist()
    if any(PurePosixPath(member.filename).is_absolute() or ".." in member.filename for member in members):
        raise WeightsError(f"{path} names a place outside of itself; it is no model to be trusted")
    if sum(member.file_size for member in members) > MAX_BYTES:
        raise WeightsError(f"{path} unpacks to more than any model that we know; it is no model to be trusted")


def _read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > MAX_JSON_BYTES:
        raise ValueError(f"{name} is too large")
    return archive.read(name)


def _spec_of_inputs(config: dict[str, Any]) -> InputSpec:
    shapes: dict[str, list[int | None]] = {}
    for layer in config.get("config", {}).get("layers", []):
        if layer.get("class_name") == "InputLayer":
            settings = layer["config"]
            shapes[settings["name"]] = settings.get("batch_shape") or settings["batch_input_shape"]
    shape = shapes.get("appearance") or shapes.get("motion")
    if shape is None or len(shape) != 5:
        found = ", ".join(shapes) or "none"
        raise ValueError(f"it needs an input named appearance or motion with five axes (its inputs: {found})")
    stack = shapes["motion"][-1] if "motion" in shapes else None
    return InputSpec(
        classes=(),
        num_frames=shape[1] or DEFAULT_FRAMES,
        height=shape[2] or DEFAULT_SIDE,
        width=shape[3] or DEFAULT_SIDE,
        stack_length=math.ceil(stack / 2) if stack else DEFAULT_STACK,
        flow=None,
    )
