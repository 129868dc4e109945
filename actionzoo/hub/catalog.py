"""The catalog: the weights that actionzoo knows by name, where they are, and what they may be used for."""

from __future__ import annotations

import hashlib
import importlib.resources
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from typing import Any

from actionzoo.errors import ModelNotFoundError, WeightsError, did_you_mean

PACKAGE = "actionzoo.weights"
FILE = "catalog.toml"

KINDS = {"embedded": ("files",), "hub": ("repository", "revision", "file"), "authors": ("address",)}
"""Where weights lie: in the package, on the Hugging Face hub, on the papers' authors' server; and what says where."""

_NAME = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)?")
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=-]*")
_SHAPES = {
    "repository": re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*"),
    "revision": re.compile(r"[\w-][\w./-]*"),
    "file": _PLAIN,
    "address": re.compile(r"https?://[^/\s]+/(\S*/)?" + _PLAIN.pattern),
    "sha256": re.compile(r"[0-9a-f]{64}"),
    "precision": re.compile("f32|bf16"),
}


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
    rgb_mean: tuple[float, ...] | None = None
    rgb_std: tuple[float, ...] | None = None
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
    """One record of the catalog.

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

        Raises WeightsError if it is missing or not as catalogued.
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
    """Every entry by name. `root` is the folder of `catalog.toml`, by default the one that comes with the package.

    Raises ModelNotFoundError if there is no catalog, WeightsError if a key of it is missing, unknown or of another kind
    than it should be.
    """
    try:
        root = importlib.resources.files(PACKAGE) if root is None else root
        tables = tomllib.loads((root / FILE).read_text("utf-8"))
    except (ModuleNotFoundError, OSError) as error:
        raise ModelNotFoundError("the catalog of models is missing; install actionzoo again") from error
    except (RecursionError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WeightsError(f"{FILE}: the catalog of models is damaged ({error}); install actionzoo again") from error
    return {name: _entry(name, table, root) for name, table in tables.items()}


def find_entry(name: str, catalog: Mapping[str, CatalogEntry] | None = None) -> CatalogEntry:
    """The entry of that name. Raises ModelNotFoundError, which tells the nearest names."""
    catalog = load_catalog() if catalog is None else catalog
    if name not in catalog:
        hint = did_you_mean(name, catalog) or "; `actionzoo weights list` names them all"
        raise ModelNotFoundError(f"there are no weights {name!r} in the catalog{hint}")
    return catalog[name]


_TEXTS = (
    *("kind", "summary", "licence", "data", "network", "split", "paper", "precision", "note"),
    *("repository", "revision", "file", "address", "sha256"),
)
_ENTRY = dict.fromkeys(_TEXTS, str) | {"classes": int, "size": int, "input": dict, "accuracy": dict, "files": dict}
_INPUT = dict.fromkeys(("rgb_order", "flow", "stack_order", "resize"), str) | {
    **dict.fromkeys(("rgb_mean", "rgb_std"), list),
    **dict.fromkeys(("rgb_scale", "flow_bound"), float),
    "stack_length": int,
}
_ACCURACY = {"percent": float, "protocol": str, "source": str}


def _entry(name: str, table: Any, root: Traversable) -> CatalogEntry:
    if _NAME.fullmatch(name) is None:
        raise _wrong(name, "its name must be like resnet50.tv_in1k")
    if not isinstance(table, dict):
        raise _wrong(name, "must be a table")
    kind = table.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise _wrong(name, f"kind must be one of {', '.join(KINDS)}")
    values = _checked(name, table, _ENTRY, ("summary", "licence", "data", *KINDS[kind]))
    for other, keys in KINDS.items():
        if other != kind and (stray := [key for key in keys if key in values]):
            raise _wrong(name, f"{stray[0]} belongs to the kind {other}, this is of the kind {kind}")
    for key, shape in _SHAPES.items():
        if key in values and shape.fullmatch(values[key]) is None:
            raise _wrong(name, f"{key} cannot be {values[key]!r}")
    for file, checksum in values.get("files", {}).items():
        if _PLAIN.fullmatch(file) is None or not _is_checksum(checksum):
            raise _wrong(name, f"files: {file!r} must be a file's name, with its sha256")
    facts = _checked(f"{name}.input", values.pop("input", {}), _INPUT)
    accuracy = values.pop("accuracy", None)
    if accuracy is not None:
        accuracy = Accuracy(**_checked(f"{name}.accuracy", accuracy, _ACCURACY, tuple(_ACCURACY)))
    for key in ("rgb_mean", "rgb_std"):
        if key in facts:
            facts[key] = tuple(map(float, facts[key]))
    return CatalogEntry(name, **values, input=InputFacts(**facts), accuracy=accuracy, root=root)


def _checked(
    where: str, table: Mapping[str, Any], types: Mapping[str, type], required: tuple[str, ...] = ()
) -> dict[str, Any]:
    """A copy of a table whose keys are known and of their types."""
    for key in required:
        if key not in table:
            raise _wrong(where, f"{key} is missing")
    for key, value in table.items():
        if key not in types:
            raise _wrong(where, f"{key} is unknown")
        wanted: Any = (int, float) if types[key] is float else types[key]
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise _wrong(where, f"{key} must be {types[key].__name__}, not {value!r}")
        if types[key] is list and not all(isinstance(number, int | float) for number in value):
            raise _wrong(where, f"{key} must be numbers, not {value!r}")
    return dict(table)


def _is_checksum(value: object) -> bool:
    return isinstance(value, str) and _SHAPES["sha256"].fullmatch(value) is not None


def _wrong(where: str, what: str) -> WeightsError:
    return WeightsError(f"{FILE}: [{where}] {what}")
