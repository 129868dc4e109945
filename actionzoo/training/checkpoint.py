"""The state of a training in one file, written atomically, with a digest that tells when it is damaged."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from actionzoo.errors import TrainingError
from actionzoo.files import cannot_write, replacing

FACTS, DIGEST = "actionzoo", "blake2b"
"""Keys in the header of the file: facts of the training as JSON, and the digest of facts and arrays."""

Arrays = Mapping[str, NDArray[Any]]


def save_checkpoint(path: Path, arrays: Arrays, facts: Mapping[str, Any]) -> None:
    """Write arrays and facts (JSON) with their digest. Raises OutputError."""
    # safetensors writes arrays of Fortran's order shuffled.
    arrays = {name: np.array(array, order="C") for name, array in arrays.items()}
    text = json.dumps(facts)
    write_durable(path, save(arrays, {FACTS: text, DIGEST: _digest(text, arrays.items())}))


def load_checkpoint(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """The arrays and facts of a checkpoint. Raises TrainingError if it is damaged, or of a version without digests."""
    with _reading(path) as file:
        header = file.metadata() or {}
        if FACTS in header and DIGEST not in header:
            raise TrainingError(f"{path} is of an older actionzoo; start without --resume, in another folder")
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if _digest(header[FACTS], arrays.items()) != header[DIGEST]:
            raise ValueError("its content does not have the digest that was written with it")
        return arrays, dict(json.loads(header[FACTS]))


def load_facts(path: Path) -> dict[str, Any]:
    """The facts of a checkpoint, without checking its digest. Raises TrainingError if they cannot be read."""
    with _reading(path) as file:
        return dict(json.loads((file.metadata() or {})[FACTS]))


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, "np") as file:
            yield file
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise TrainingError(
            f"{path} is damaged ({reason}); put back a copy of it, or start without --resume, in another folder"
        ) from error


def assign(variables: Sequence[Any], arrays: Sequence[NDArray[Any]], path: Path) -> None:
    """Set variables to the arrays of a checkpoint: all or none. Raises TrainingError if shapes differ."""
    if [array.shape for array in arrays] != [tuple(variable.shape) for variable in variables]:
        raise TrainingError(f"{path} is of another network or recipe; start without --resume, in another folder")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _digest(facts: str, arrays: Iterable[tuple[str, NDArray[Any]]]) -> str:
    digest = hashlib.blake2b(facts.encode(), digest_size=16)
    for name, array in sorted(arrays, key=lambda entry: entry[0]):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def write_durable(path: Path, content: bytes | str) -> None:
    """Write a file atomically, and have it on the disk, so that it survives a power cut. Raises OutputError."""
    try:
        with replacing(path) as beside, beside.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise cannot_write(path, error) from error
