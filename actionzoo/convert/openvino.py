"""OpenVINO: its import without what we do not want of it, and the conversion of Keras models to its format.

Importing the package normally sends usage statistics and loads the converters with it. Both are kept out: the
statistics always, the converters until a model is to be converted.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import importlib
import json
import logging
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from actionzoo.errors import ModelError
from actionzoo.files import folder_beside, replacing
from actionzoo.hub.cache import cache_folder, cache_folders, sha256_of
from actionzoo.hub.keras_models import load_keras
from actionzoo.hub.resolve import IR_FILES, ModelFiles

if TYPE_CHECKING:
    import keras

FORMAT = "v2"
"""Names the folder of converted models; a change in how we convert gets a new one."""

CHECKSUMS = "sha256.json"
"""Beside the files of a conversion: the sha256 of each by its name."""

logger = logging.getLogger("actionzoo")

_importing = threading.Lock()
_converting = threading.Lock()


def import_openvino() -> ModuleType:
    """The module `openvino`, imported in a twentieth of a second and without its telemetry. Raises ImportError."""
    with _importing:  # a second thread must not see a module that is only half there
        return _import_openvino()


@functools.cache
def _import_openvino() -> ModuleType:
    if "openvino" in sys.modules:
        return sys.modules["openvino"]
    with _absent("openvino.tools.ovc"):
        openvino = importlib.import_module("openvino")

    def later(name: str) -> Any:
        if name != "convert_model":
            raise AttributeError(f"module 'openvino' has no attribute {name!r}")
        with _absent("openvino_telemetry"):
            return importlib.import_module("openvino.tools.ovc").convert_model

    openvino.__dict__.setdefault("__getattr__", later)
    return openvino


@contextlib.contextmanager
def _absent(module: str) -> Iterator[None]:
    """While inside, importing `module` fails, unless it has been imported before."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]


@contextlib.contextmanager
def exclusive_conversion() -> Iterator[None]:
    """While inside, no other thread converts; afterwards the root logger is as it was.

    OpenVINO's converter sets the root logger to errors only, and back at its end: not after a failure, and wrongly when
    two conversions overlap.
    """
    with _converting:
        root = logging.getLogger()
        level, filters, handlers = root.level, root.filters[:], root.handlers[:]
        try:
            yield
        finally:
            root.setLevel(level)
            root.filters, root.handlers = filters, handlers


def openvino_source(files: ModelFiles) -> Path | tuple[bytes, bytes]:
    """What OpenVINO reads a model from.

    A model that comes without is converted once and kept in the cache folder under the sha256 of its weights; a
    conversion that is not what was written is made again. If none can be kept, it serves this process alone.

    Returns:
        The path of an XML file with its weights beside it, or the content of both.

    Raises:
        ModelError: the model cannot be converted.
    """
    shipped = files.openvino_ir()
    if shipped is not None:
        return shipped
    for folder in _kept(files.sha256):
        if _is_whole(folder):
            return folder / IR_FILES[0]
        logger.warning("the conversion of %s in %s is damaged; it is made again", files.name, folder)
        shutil.rmtree(folder, ignore_errors=True)
    logger.info("converting %s for OpenVINO, once", files.name)
    model = load_keras(files)
    folder = converted_folder(files.sha256)
    try:
        return _convert_into(model, folder)
    except OSError as error:
        logger.warning("the converted model is not kept: %s: %s", error.filename or folder, error.strerror or error)
        with tempfile.TemporaryDirectory(prefix="actionzoo-") as temporary:
            convert(model, Path(temporary, IR_FILES[0]))
            return Path(temporary, IR_FILES[0]).read_bytes(), Path(temporary, IR_FILES[1]).read_bytes()


def is_converted(files: ModelFiles) -> bool:
    """Whether OpenVINO can read the model as it is: it came with a conversion, or one is kept."""
    return files.has_openvino_ir or bool(_kept(files.sha256))


def converted_folder(sha256: str) -> Path:
    """Where the OpenVINO files of the weights with this checksum are written."""
    return cache_folder("openvino", FORMAT) / sha256


def _kept(sha256: str) -> list[Path]:
    """The folders with a conversion of these weights, unchecked."""
    return [place / sha256 for place in cache_folders("openvino", FORMAT) if os.path.isdir(place / sha256)]


def _is_whole(folder: Path) -> bool:
    """Whether the files of a conversion are those that were written. A gigabyte takes about a second."""
    try:
        written = json.loads((folder / CHECKSUMS).read_text("utf-8"))
        return bool(written == {name: sha256_of(folder / name) for name in IR_FILES})
    except (OSError, ValueError):
        return False


def _convert_into(model: keras.Model, folder: Path) -> Path:
    """Raises OSError; none if another process was first, whose files are as good as ours."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(folder.parent).free < 2 * 4 * model.count_params():  # converted, then written again
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder.parent))  # which OpenVINO does not tell
        with replacing(folder) as beside:
            beside.mkdir()
            convert(model, beside / IR_FILES[0])
            checksums = {name: sha256_of(beside / name) for name in IR_FILES}
            (beside / CHECKSUMS).write_text(json.dumps(checksums), "utf-8")
    except OSError:
        if not _is_whole(folder):
            raise
    return folder / IR_FILES[0]


def convert(model: keras.Model, path: Path, *, half: bool = False) -> None:
    """Write a model in OpenVINO's format, for any batch size. Inputs keep their names.

    Args:
        model: a functional model of one output.
        path: of the graph, which ends in `.xml`; the weights lie beside it in a file that ends in `.bin`.
        half: store the weights as f16.

    Raises:
        ModelError: the model cannot be converted.
        OSError: the files cannot be written.
    """
    openvino = import_openvino()
    with folder_beside(path) as temporary:
        exported_path = os.fspath(temporary / "model.xml")
        try:
            with exclusive_conversion():
                model.export(exported_path, format="openvino", verbose=False)
            exported = openvino.Core().read_model(exported_path)
            # Keras adds an output for every batch size that a layer reads off its input; the first is the model's.
            single = openvino.Model([exported.outputs[0]], exported.get_parameters(), "actionzoo")
        except OSError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            raise ModelError(f"{model.name} cannot be converted for OpenVINO ({reason}); use --engine keras") from error
        openvino.save_model(single, path, compress_to_fp16=half)
