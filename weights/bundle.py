"""The files of a model that ships with the package, and its table in the catalog."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import tomli_w

from actionzoo.convert.openvino import convert
from actionzoo.hub.cache import sha256_of
from actionzoo.hub.download import MODEL_FILE
from actionzoo.hub.keras_models import save_model
from actionzoo.hub.resolve import IR_FILES
from actionzoo.video.spec import InputSpec

if TYPE_CHECKING:
    import keras


def export_bundle(model: keras.Model, spec: InputSpec, folder: str | Path) -> dict[str, str]:
    """Write `model.keras`, `openvino.xml` and `openvino.bin`.

    The weights are rounded to f16 first, in the model itself, so that both engines compute with the same numbers, the
    `.keras` file packs to little more than half and the `.bin` file stores two bytes a weight.

    Args:
        model: a functional model of one output.
        spec: its input spec.
        folder: where the files go; made if it is missing.

    Returns:
        The sha256 of each file by its name.

    Raises:
        OutputError: a file cannot be written.
        ModelError: the model cannot be converted for OpenVINO.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model.set_weights([weight.astype("float16").astype(weight.dtype) for weight in model.get_weights()])
    save_model(model, spec, folder / MODEL_FILE)
    convert(model, folder / IR_FILES[0], half=True)
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
    return tomli_w.dumps({name: {"kind": "embedded", **facts, "files": files}})
