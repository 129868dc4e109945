"""The state of a training in one file, which is whole at any time and tells when it is damaged."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from actionzoo.errors import OutputError, TrainingError

FACTS, DIGEST = "actionzoo", "blake2b"
"""Keys in the header of the file: what is known of the training as JSON, and the digest of facts and arrays."""

Arrays = Mapping[str, NDArray[Any]]


def save_checkpoint(path: Path, arrays: Arrays, facts: Mapping[str, Any]) -> None:
    """Write arrays and facts (JSON) atomically, with their digest. Raises OutputError."""
    # safetensors writes arrays of Fortran's order shuffled.
    arrays = {name: np.array(array, order="C") for name, array in arrays.items()}
    text = json.dumps(facts)
    replace_file(path, save(arrays, {FACTS: text, DIGEST: _digest(text, arrays.items())}))


def load_checkpoint(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays and facts of a checkpoint. Raises TrainingError if it is damaged or cannot be read."""
    try:
        with safe_open(path, "np") as file:
            header = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if _digest(header[FACTS], arrays.items()) != header[DIGEST]:
            raise ValueError("its content does not have the digest that was written with it")
        facts = dict(json.loads(header[FACTS]))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise _damaged(path, error) from error
    return arrays, facts


def load_facts(path: Path) -> dict[str, Any]:
    """The facts of a checkpoint alone, its digest unchecked. Raises TrainingError if they cannot be read."""
    try:
        with safe_open(path, "np") as file:
            return dict(json.loads((file.metadata() or {})[FACTS]))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise _damaged(path, error) from error


def assign(variables: Sequence[Any], arrays: Sequence[NDArray[Any]], path: Path) -> None:
    """Set variables to the arrays of a checkpoint: all or none. Raises TrainingError if they are of other shapes."""
    if [array.shape for array in arrays] != [tuple(variable.shape) for variable in variables]:
        raise TrainingError(f"{path} is of another network or recipe; start again without --resume, in another folder")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _damaged(path: Path, error: Exception) -> TrainingError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return TrainingError(
        f"{path} is damaged ({reason}); put back a copy of it, or start again without --resume, in another folder"
    )


def _digest(facts: str, arrays: Iterable[tuple[str, NDArray[Any]]]) -> str:
    digest = hashlib.blake2b(facts.encode(), digest_size=16)
    for name, array in sorted(arrays, key=lambda entry: entry[0]):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def replace_file(path: Path, content: bytes | str) -> None:
    """Write a file beside its place, make sure that it is on the disk, and rename it. Raises OutputError."""
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
