"""The catalog that ships: every entry is whole and of the form that the code relies on."""

from __future__ import annotations

import importlib.resources
import re
import tomllib
from dataclasses import asdict
from typing import Any

import pytest

from actionzoo.errors import ModelNotFoundError
from actionzoo.hub.catalog import KINDS, Accuracy, CatalogEntry, InputFacts, find_entry, load_catalog
from actionzoo.names import NETWORKS, STREAM_BASES

ENTRIES = load_catalog()
TABLES = tomllib.loads((importlib.resources.files("actionzoo.weights") / "catalog.toml").read_text("utf-8"))

PLACES = {"embedded": {"files"}, "hub": {"repository", "revision", "file"}, "authors": {"address"}}
"""The keys that say where the files of an entry are, by its kind."""

FILE = r"[A-Za-z0-9_][A-Za-z0-9_.=-]*"
SHAPES = {
    "name": r"[a-z0-9_]+(\.[a-z0-9_]+)?",
    "kind": "|".join(KINDS),
    "repository": r"[\w-][\w.-]*/[\w-][\w.-]*",
    "revision": r"[\w-][\w./-]*",
    "file": FILE,
    "address": r"https?://[^/\s]+/(\S*/)?" + FILE,
    "sha256": r"[0-9a-f]{64}",
    "precision": "f32|bf16",
}
TYPES = {"str": str, "int": int, "float": (int, float), "Sequence[float]": list}


def of_its_fields(table: dict[str, Any], owner: type) -> bool:
    """Whether every value of a table is of the type that the field of that name has."""
    fields = {name: annotation.removesuffix(" | None") for name, annotation in owner.__annotations__.items()}
    return all(
        isinstance(value, TYPES[fields[key]]) and not isinstance(value, bool)
        for key, value in table.items()
        if not isinstance(value, dict)
    )


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=list(ENTRIES))
def test_every_entry_is_whole(entry: CatalogEntry) -> None:
    table = TABLES[entry.name]
    for key, shape in SHAPES.items():
        value = getattr(entry, key)
        assert value is None or re.fullmatch(shape, value), key
    assert of_its_fields(table, CatalogEntry)
    assert of_its_fields(table.get("input", {}), InputFacts)
    assert of_its_fields(table.get("accuracy", {}), Accuracy)
    assert entry.summary
    assert entry.licence
    assert entry.data
    given = {key for key in set.union(*PLACES.values()) if getattr(entry, key)}
    assert given == PLACES[entry.kind], "says where its files are, and of no other kind"
    for file, checksum in entry.files.items():
        assert re.fullmatch(FILE, file)
        assert re.fullmatch(SHAPES["sha256"], checksum)
    for channels in (entry.input.rgb_mean, entry.input.rgb_std):
        assert channels is None or (len(channels) == 3 and all(isinstance(value, float) for value in channels))


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=list(ENTRIES))
def test_every_entry_is_named_after_its_network(entry: CatalogEntry) -> None:
    network, _, tag = entry.name.partition(".")
    assert entry.network == network
    assert network in {*NETWORKS, *STREAM_BASES, "mini", "everyday"}
    assert bool(tag) == (entry.kind != "embedded")
    assert entry.classes is not None
    assert entry.input.rgb_order == "RGB" or entry.input.flow
    assert len(entry.summary) <= 30, "fits a line of `weights list`"


def test_every_kind_has_an_entry() -> None:
    assert next(iter(ENTRIES)) == "mini"
    assert {entry.kind for entry in ENTRIES.values()} == set(KINDS)


def test_every_accuracy_has_a_protocol_and_a_source() -> None:
    measured = [entry.accuracy for entry in ENTRIES.values() if entry.accuracy]
    assert measured
    assert all(0 < each.percent < 100 and each.protocol and each.source for each in measured)


def test_values_are_those_of_the_file() -> None:
    entry = ENTRIES["mini"]
    assert entry.input.rgb_mean == [0.485, 0.456, 0.406]
    assert (entry.input.stack_length, entry.input.flow_bound, entry.precision) == (10, None, "bf16")
    assert entry.accuracy is not None
    assert asdict(entry.accuracy) == TABLES["mini"]["accuracy"]
    assert dict(entry.files) == TABLES["mini"]["files"]
    assert (ENTRIES["vgg16.tv_in1k"].accuracy, ENTRIES["vgg16.tv_in1k"].precision) == (None, "f32")


def test_names_that_are_not_in_it() -> None:
    with pytest.raises(ModelNotFoundError, match=r"did you mean .*resnet50.tv_in1k"):
        find_entry("resnet50.tv_in1")
    with pytest.raises(ModelNotFoundError, match="`actionzoo weights list` names them all"):
        find_entry("???")
