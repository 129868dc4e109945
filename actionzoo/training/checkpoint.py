"""The state of a training in one file, which is whole at any time."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from actionzoo.errors import OutputError, TrainingError

FACTS = "actionzoo"


def save_state(path: Path, variables: Sequence[Any], facts: dict[str, Any]) -> None:
    """Write variables and facts (JSON), beside the file and then renamed. Raises OutputError."""
    arrays = {f"{index:05d}": np.array(variable) for index, variable in enumerate(variables)}
    replace_file(path, save(arrays, {FACTS: json.dumps(facts)}))


def load_facts(path: Path) -> dict[str, Any]:
    """The facts in a state file. Raises TrainingError if it is damaged or there is none."""
    try:
        with safe_open(path, "np") as file:
            facts = json.loads((file.metadata() or {})[FACTS])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise TrainingError(f"{path} cannot be read ({error}); start again without --resume, elsewhere") from error
    return dict(facts)


def load_state(path: Path, variables: Sequence[Any]) -> None:
    """Set variables to what a state file holds: all or none. Raises TrainingError if they are not those of the file."""
    try:
        with safe_open(path, "np") as file:
            arrays = [file.get_tensor(name) for name in sorted(file.keys())]
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{path} cannot be read ({error}); start again without --resume, elsewhere") from error
    if [array.shape for array in arrays] != [tuple(variable.shape) for variable in variables]:
        raise TrainingError(f"{path} is of another network or recipe; start again without --resume, elsewhere")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


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
