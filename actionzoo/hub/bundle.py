"""Makes the files of a model that ships with the package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from actionzoo.hub.cache import sha256_of
from actionzoo.hub.download import MODEL_FILE
from actionzoo.hub.keras_models import save_model
from actionzoo.hub.openvino import convert
from actionzoo.hub.resolve import IR_FILES
from actionzoo.video.spec import InputSpec


def export_bundle(model: Any, spec: InputSpec, folder: str | Path) -> dict[str, str]:
    """Writes `model.keras`, `openvino.xml` and `openvino.bin` into `folder`; gives the sha256 of each by name.

    The weights are rounded to f16 first, in the model itself, so that both engines compute with the same numbers, the
    `.keras` file packs to little more than half and the `.bin` file stores two bytes a weight.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model.set_weights([weight.astype("float16").astype(weight.dtype) for weight in model.get_weights()])
    save_model(model, spec, folder / MODEL_FILE)
    convert(model, folder, half=True)
    return {name: sha256_of(folder / name) for name in (MODEL_FILE, *IR_FILES)}


def catalog_table(name: str, facts: Mapping[str, str], files: Mapping[str, str]) -> str:
    """The table of `catalog.toml` for an embedded model: facts about it, and the checksums of its files.

    >>> print(catalog_table("mini", {"summary": "six classes"}, {"model.keras": "00"}))
    [mini]
    kind = "embedded"
    summary = "six classes"
    <BLANKLINE>
    [mini.files]
    "model.keras" = "00"
    <BLANKLINE>
    """
    lines = [f"[{name}]", 'kind = "embedded"', *(f"{key} = {_quoted(value)}" for key, value in facts.items())]
    lines += ["", f"[{name}.files]", *(f"{_quoted(file)} = {_quoted(checksum)}" for file, checksum in files.items())]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
