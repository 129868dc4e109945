"""From a model's name, as a user writes it, to its files."""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from actionzoo.errors import ModelNotFoundError, did_you_mean
from actionzoo.hub.cache import remembered_sha256
from actionzoo.hub.catalog import CatalogEntry, load_catalog
from actionzoo.hub.download import MODEL_FILE, fetch
from actionzoo.hub.keras_file import read_spec, stream_classifiers
from actionzoo.names import NETWORKS
from actionzoo.video.spec import InputSpec

IR_FILES = ("openvino.xml", "openvino.bin")
CHECKPOINT_FILE = "checkpoint.safetensors"
"""In a run folder: what its training goes on from."""


@dataclass(frozen=True)
class ModelFiles:
    """The files of one model. A catalog's model has its `entry`, any other its `path`, a `.keras` file from outside."""

    name: str
    spec: InputSpec
    entry: CatalogEntry | None = None
    path: Path | None = None

    @functools.cached_property
    def sha256(self) -> str:
        """The sha256 of the `.keras` file, which is the identity of the weights."""
        if self.entry is not None:
            return self.entry.files[MODEL_FILE]
        assert self.path is not None
        return remembered_sha256(self.path)

    @property
    def precision(self) -> str:
        """The precision that "auto" stands for: f32 unless a faster one was measured to agree with it."""
        return self.entry.precision if self.entry else "f32"

    def keras_file(self) -> Path | io.BytesIO:
        """The `.keras` file: a path, or the checked content of a catalog's file."""
        if self.entry is not None:
            return io.BytesIO(self.entry.read(MODEL_FILE))
        assert self.path is not None
        return self.path

    @functools.cached_property
    def towers(self) -> frozenset[str]:
        """The streams that have classifiers of their own. Raises as `read_spec`."""
        return stream_classifiers(self.keras_file())

    @property
    def has_openvino_ir(self) -> bool:
        """Whether the model comes with files for OpenVINO."""
        return self.entry is not None and set(IR_FILES) <= set(self.entry.files)

    def openvino_ir(self) -> tuple[bytes, bytes] | None:
        """Graph (XML) and weights for OpenVINO, checked, where the model comes with them."""
        if self.entry is None or not self.has_openvino_ir:
            return None
        return self.entry.read(IR_FILES[0]), self.entry.read(IR_FILES[1])


class HasFiles(Protocol):
    """A model that knows its files, such as `actionzoo.Model`."""

    files: ModelFiles


def resolve_model(name: str | os.PathLike[str] | HasFiles, *, offline: bool = False) -> ModelFiles:
    """The files of a model.

    Args:
        name: a name of the catalog, a `.keras` file, a folder with a `model.keras`, `hf://user/repo[@revision]`, or an
            `actionzoo.Model`. A name of the catalog goes before a file of the same name; write `./mini` for the file.
        offline: never use the network.

    Raises:
        ModelNotFoundError: there is no such model; tells the nearest names that exist.
        WeightsError: a file is damaged.
        OfflineError: it must be fetched and the network is off.
        ModelError: it cannot be fetched.

    >>> resolve_model("mini").spec.num_frames
    6
    """
    if not isinstance(name, str | os.PathLike):
        return name.files
    name = os.fspath(name)
    if name.startswith("hf://"):
        path = fetch(name, offline=offline)
        return ModelFiles(name, read_spec(path), path=path)
    catalog = load_catalog()
    if name in catalog:
        entry = catalog[name]
        if entry.kind != "embedded":
            raise ModelNotFoundError(_not_a_model(entry))
        return ModelFiles(name, read_spec(io.BytesIO(entry.read(MODEL_FILE))), entry=entry)
    path = Path(name)
    if path.is_dir():
        if not (path / MODEL_FILE).is_file() and (path / CHECKPOINT_FILE).is_file():
            raise ModelNotFoundError(
                f"the training in {name} was interrupted in its first epoch, so there is no model yet; go on with it: "
                f"`actionzoo finetune DATA --output {name} --resume`"
            )
        if not (path / MODEL_FILE).is_file():
            raise ModelNotFoundError(
                f"the folder {name} holds no {MODEL_FILE}; give a run folder of `actionzoo finetune`"
            )
        path = path / MODEL_FILE
    elif not path.is_file():
        raise ModelNotFoundError(_not_found(name, catalog))
    elif path.suffix != ".keras":
        raise ModelNotFoundError(f"{name} is not a model; give a .keras file{did_you_mean(name, _beside(path))}")
    return ModelFiles(name, read_spec(path), path=path)


def _not_a_model(entry: CatalogEntry) -> str:
    if entry.kind == "hub":
        return (
            f"{entry.name} are weights of an image network, for a network to begin with: "
            f'`actionzoo.create_model("two_stream_{entry.network}", 101, weights="imagenet")`'
        )
    return (
        f"{entry.name} is a file of the papers' authors; make a model of it: "
        f"`actionzoo weights import {entry.name} --output {entry.network}.keras`"
    )


def _not_found(name: str, catalog: Mapping[str, CatalogEntry]) -> str:
    names = [known for known, entry in catalog.items() if entry.kind == "embedded"]
    if name in NETWORKS:
        return f"{name} is a network without weights; give a model of it, saved as a .keras file"
    return (
        f"there is no model {name!r}{did_you_mean(name, [*names, *_beside(Path(name))])}"
        f" (a model is one of {', '.join(names)}; a .keras file; a run folder; or hf://user/repo)"
    )


def _beside(path: Path) -> list[str]:
    """The models in the folder where `path` should be, written as the user would."""
    try:
        return [
            str(path.parent / found.name)
            for found in sorted(path.parent.iterdir())[:1000]
            if found.suffix == ".keras" or (found / MODEL_FILE).is_file()
        ]
    except OSError:
        return []
