"""The catalog: the weights that actionzoo knows by name, where they are, and what they may be used for."""

from __future__ import annotations

import hashlib
import importlib.resources
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from typing import Any

from actionzoo.errors import ModelNotFoundError, WeightsError, did_you_mean

PACKAGE = "actionzoo.weights"
FILE = "catalog.toml"

KINDS = ("embedded", "hub", "authors")
"""Where weights lie: in the package, on the Hugging Face hub, on the papers' authors' server."""


@dataclass(frozen=True)
class InputFacts:
    """What weights expect to see, as far as it is known; `None` where it is not, or where they see nothing of it.

    Attributes:
        rgb_order: of the channels of frames.
        rgb_scale: the largest value of a frame, before mean and deviation.
        rgb_mean: subtracted from R, G, B.
        rgb_std: R, G, B are divided by it.
        flow: the method of `actionzoo.video.flow`.
        flow_bound: pixels; faster motion was clipped.
        stack_length: flow fields a stack, L.
        stack_order: of its 2L channels.
        resize: what was done to the frames of a video first.
    """

    rgb_order: str | None = None
    rgb_scale: float | None = None
    rgb_mean: Sequence[float] | None = None
    rgb_std: Sequence[float] | None = None
    flow: str | None = None
    flow_bound: float | None = None
    stack_length: int | None = None
    stack_order: str | None = None
    resize: str | None = None


@dataclass(frozen=True)
class Accuracy:
    """A measured accuracy in percent, how it was measured, and who says so."""

    percent: float
    protocol: str
    source: str


@dataclass(frozen=True)
class CatalogEntry:
    """One entry of the catalog.

    Attributes:
        name: `architecture.tag`, or one word.
        kind: where the files lie, one of `KINDS`.
        summary: what it is, in a few words.
        licence: of the weights, by its SPDX name, or what is known of it.
        data: what they were trained on.
        network: what they are weights of, a name of `actionzoo.names`.
        split: of the data, the part that was trained on.
        classes: number of classes.
        paper: that describes the network.
        precision: the fastest one whose answers were measured to agree with f32.
        input: what they expect to see.
        accuracy: measured, or `None` where nothing trustworthy is known.
        note: what else one should know.
        files: embedded: the sha256 of every file by its name.
        repository: hub: `user/repo`.
        revision: hub: a commit, or a branch where the commit is not known.
        file: hub: the file's name.
        address: authors: of the file.
        sha256: of the file, where known.
        size: of the file in bytes, where known.
        root: the folder of the catalog.
    """

    name: str
    kind: str
    summary: str
    licence: str
    data: str
    network: str | None = None
    split: str | None = None
    classes: int | None = None
    paper: str | None = None
    precision: str = "f32"
    input: InputFacts = field(default_factory=InputFacts)
    accuracy: Accuracy | None = None
    note: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    repository: str | None = None
    revision: str | None = None
    file: str | None = None
    address: str | None = None
    sha256: str | None = None
    size: int | None = None
    root: Traversable | None = None

    def read(self, file: str) -> bytes:
        """The bytes of one of an embedded entry's files, checked.

        Raises:
            WeightsError: it is missing, or not the file of the catalog.
        """
        assert self.root is not None
        try:
            content = (self.root / self.name / file).read_bytes()
        except OSError as error:
            raise WeightsError(f"{self.name}: its file {file} is missing; install actionzoo again") from error
        if hashlib.sha256(content).hexdigest() != self.files.get(file):
            raise WeightsError(f"{self.name}: {file} is not the file of the catalog (sha256); install actionzoo again")
        return content


def load_catalog(root: Traversable | None = None) -> dict[str, CatalogEntry]:
    """Every entry by name.

    Args:
        root: the folder of `catalog.toml`, by default the one that comes with the package.

    Raises:
        ModelNotFoundError: there is no catalog.
        WeightsError: it is damaged.

    >>> load_catalog()["mini"].classes
    6
    """
    try:
        root = importlib.resources.files(PACKAGE) if root is None else root
        tables = tomllib.loads((root / FILE).read_text("utf-8"))
        return {name: _entry(name, table, root) for name, table in tables.items()}
    except (ModuleNotFoundError, OSError) as error:
        raise ModelNotFoundError("the catalog of models is missing; install actionzoo again") from error
    except (AttributeError, RecursionError, TypeError, ValueError) as error:
        raise WeightsError(f"{FILE}: the catalog of models is damaged ({error}); install actionzoo again") from error


def _entry(name: str, table: Mapping[str, Any], root: Traversable) -> CatalogEntry:
    """Values are as TOML has them; what they may be is tested, not checked."""
    accuracy = table.get("accuracy")
    values = {
        **table,
        "input": InputFacts(**table.get("input", {})),
        "accuracy": None if accuracy is None else Accuracy(**accuracy),
    }
    return CatalogEntry(name, **values, root=root)


def find_entry(name: str, catalog: Mapping[str, CatalogEntry] | None = None) -> CatalogEntry:
    """The entry of that name.

    Raises:
        ModelNotFoundError: there is none; tells the nearest names.
    """
    catalog = load_catalog() if catalog is None else catalog
    if name not in catalog:
        hint = did_you_mean(name, catalog) or "; `actionzoo weights list` names them all"
        raise ModelNotFoundError(f"there are no weights {name!r} in the catalog{hint}")
    return catalog[name]
