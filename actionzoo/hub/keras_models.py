"""Keras models in and out of files: loaded in Keras' safe mode, saved with their input spec."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from actionzoo.errors import ModelError, WeightsError
from actionzoo.files import cannot_write, folder_beside
from actionzoo.hub.download import MODEL_FILE
from actionzoo.hub.keras_file import check_spec, write_spec
from actionzoo.hub.loading import check_finite
from actionzoo.hub.resolve import ModelFiles
from actionzoo.hub.safety import check_keras_file
from actionzoo.video.spec import InputSpec

if TYPE_CHECKING:
    import keras

_silencing = threading.RLock()


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Keep TensorFlow's start-up messages, which no setting of its own turns off, from standard error."""
    if os.environ.get("ACTIONZOO_DEBUG"):
        yield
        return
    with _silencing:  # what another thread prints meanwhile is lost, but standard error comes back for all
        try:
            kept = os.dup(2)
        except OSError:  # closed already
            yield
            return
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def load_keras(files: ModelFiles) -> keras.Model:
    """The Keras model, loaded in Keras' safe mode: a file from outside cannot bring code of its own.

    Args:
        files: of the model (`resolve_model`).

    Returns:
        A functional model whose inputs are a dictionary by their names.

    Raises:
        ModelError: Keras cannot load it, or it does not take what its spec says.
        WeightsError: the file is damaged, or weights are non-finite.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        with silent():
            import keras

            import actionzoo.models  # noqa: F401  registers our layers
    except ImportError as error:
        raise ModelError(f"{files.name} needs Keras and a backend for it: {error}") from error
    with _on_disk(files) as path:
        try:
            if files.entry is None:  # what has a checksum in the catalog is known
                check_keras_file(path, files.name)
            model = keras.models.load_model(path, compile=False, safe_mode=True)
        except WeightsError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split())
            raise ModelError(f"{files.name} cannot be loaded by Keras {keras.__version__}: {reason[:300]}") from error
    if len(model.outputs) != 1 or len(model.outputs[0].shape) != 2:
        raise ModelError(f"{files.name} does not give one logit for each class: its output is {model.output_shape}")
    # Whoever built it may have given its inputs as a list; ours are known by their names.
    model = keras.Model({tensor.name: tensor for tensor in model.inputs}, model.outputs[0], name=model.name)
    inputs = {tensor.name: tuple(tensor.shape[1:]) for tensor in model.inputs}
    check_spec(files.name, files.spec, inputs, int(model.output_shape[-1]))
    check_finite(((weight.path, np.asarray(weight)) for weight in model.weights), files.name)
    return model


@contextlib.contextmanager
def _on_disk(files: ModelFiles) -> Iterator[Path]:
    """The `.keras` file as a path: Keras reads nothing else."""
    source = files.keras_file()
    if isinstance(source, Path):
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="actionzoo-") as folder:
        path = Path(folder, MODEL_FILE)
        path.write_bytes(source.getvalue())
        yield path


def save_model(model: keras.Model, spec: InputSpec, path: str | Path) -> None:
    """Save a Keras model with its input spec as one `.keras` file, written atomically.

    Args:
        model: the model.
        spec: what it takes.
        path: of the file; missing folders are made.

    Raises:
        OutputError: the file cannot be written.

    >>> save_model(model, InputSpec(("push", "hug"), 112, 144), "best.keras")  # doctest: +SKIP
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with folder_beside(path) as folder:
            saved = folder / MODEL_FILE  # Keras wants this suffix
            model.save(saved)
            write_spec(saved, spec, path)
    except OSError as error:
        raise cannot_write(path, error) from error
