"""The catalog: what it says, and what it does not let pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from actionzoo.errors import ModelNotFoundError, WeightsError
from actionzoo.hub.catalog import KINDS, find_entry, load_catalog
from actionzoo.names import NETWORKS, STREAM_BASES

EMBEDDED = """
[tiny]
kind = "embedded"
summary = "a model"
licence = "MIT"
data = "none"
[tiny.files]
"model.keras" = "{}"
[tiny.input]
rgb_mean = [1, 2.5, 3]
flow_bound = 20
""".format("0" * 64)
HUB = """
["net.tag"]
kind = "hub"
summary = "a model"
licence = "MIT"
data = "none"
repository = "someone/some-model"
revision = "main"
file = "model.safetensors"
"""
MORE = "at the end"


def catalog(folder: Path, text: str) -> Path:
    (folder / "catalog.toml").write_text(text)
    return folder


def test_everything_in_it_is_whole_and_named_after_a_network() -> None:
    entries = load_catalog()
    assert next(iter(entries)) == "mini"
    assert {entry.kind for entry in entries.values()} == set(KINDS)
    for name, entry in entries.items():
        network, _, tag = name.partition(".")
        assert entry.network == network, name
        assert network in {*NETWORKS, *STREAM_BASES, "mini"}
        assert bool(tag) == (entry.kind != "embedded")
        assert entry.classes is not None
        assert entry.input.rgb_order == "RGB" or entry.input.flow
        assert len(entry.summary) <= 30, "fits a line of `weights list`"


def test_every_accuracy_has_a_protocol_and_a_source() -> None:
    measured = [entry.accuracy for entry in load_catalog().values() if entry.accuracy]
    assert measured
    assert all(0 < each.percent < 100 and each.protocol and each.source for each in measured)


def test_values_come_as_their_fields_say(tmp_path: Path) -> None:
    entry = load_catalog(catalog(tmp_path, EMBEDDED))["tiny"]
    assert entry.input.rgb_mean == (1.0, 2.5, 3.0)
    assert (entry.input.flow_bound, entry.input.flow, entry.accuracy, entry.precision) == (20, None, None, "f32")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('licence = "MIT"', "", r"\[net.tag\] licence is missing"),
        ('file = "model.safetensors"', "", r"\[net.tag\] file is missing"),
        ('licence = "MIT"', 'licence = "MIT"\nlicense = "MIT"', r"\[net.tag\] license is unknown"),
        ('licence = "MIT"', "licence = 5", r"\[net.tag\] licence must be str, not 5"),
        ('licence = "MIT"', 'licence = "MIT"\nclasses = true', r"\[net.tag\] classes must be int, not True"),
        ('kind = "hub"', 'kind = "ftp"', r"\[net.tag\] kind must be one of embedded, hub, authors"),
        ('kind = "hub"', "", r"\[net.tag\] kind must be one of"),
        ('["net.tag"]', '["Net Tag"]', r"\[Net Tag\] its name must be like"),
        ('["net.tag"]', '["../tag"]', r"\[../tag\] its name must be like"),
        ('"someone/some-model"', '"someone/../model"', r"\[net.tag\] repository cannot be"),
        ('"someone/some-model"', '"someone"', r"\[net.tag\] repository cannot be"),
        ('"model.safetensors"', '"../model"', r"\[net.tag\] file cannot be"),
        ('"model.safetensors"', '"a/b"', r"\[net.tag\] file cannot be"),
        (
            'revision = "main"',
            'revision = "main"\naddress = "http://a/b"',
            r"\[net.tag\] address belongs to the kind authors",
        ),
        (MORE, 'sha256 = "12"', r"\[net.tag\] sha256 cannot be '12'"),
        (MORE, 'precision = "f16"', r"\[net.tag\] precision cannot be"),
        (MORE, "input = {flow = 3}", r"\[net.tag.input\] flow must be str"),
        (
            'revision = "main"',
            'revision = "main"\ninput = {rgb_std = ["a"]}',
            r"\[net.tag.input\] rgb_std must be numbers",
        ),
        (MORE, "input = {mean = 3}", r"\[net.tag.input\] mean is unknown"),
        (
            'revision = "main"',
            'revision = "main"\naccuracy = {percent = 9}',
            r"\[net.tag.accuracy\] protocol is missing",
        ),
        ('["net.tag"]', 'one = 1\n["net.tag"]', r"\[one\] must be a table"),
        ('["net.tag"]', '["net.tag"', "is damaged"),
        ('["net.tag"]', f'a = {"[" * 3000}\n["net.tag"]', "is damaged"),
        ('kind = "hub"', 'kind = ["hub"]', r"\[net.tag\] kind must be one of"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    wrong = f"{HUB}{new}" if old == MORE else HUB.replace(old, new, 1)
    assert wrong != HUB
    load_catalog(catalog(tmp_path, HUB))
    with pytest.raises(WeightsError, match=f"^catalog.toml: .*{says}"):
        load_catalog(catalog(tmp_path, wrong))


def test_files_of_a_model_that_ships(tmp_path: Path) -> None:
    for wrong in (EMBEDDED.replace("0" * 64, "12"), EMBEDDED.replace('"model.keras"', '"../model.keras"')):
        with pytest.raises(WeightsError, match=r"\[tiny\] files: "):
            load_catalog(catalog(tmp_path, wrong))


def test_addresses_are_of_files(tmp_path: Path) -> None:
    text = HUB.replace('kind = "hub"', 'kind = "authors"')
    text = "\n".join(line for line in text.splitlines() if not line.startswith(("repository", "revision", "file")))
    for address in ("ftp://host/a.mat", "http://host/", "http://host", "http:///a.mat", "file:///a.mat"):
        with pytest.raises(WeightsError, match=r"\[net.tag\] address cannot be"):
            load_catalog(catalog(tmp_path, f'{text}\naddress = "{address}"'))


def test_no_catalog(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="is missing"):
        load_catalog(tmp_path)


def test_names_that_are_not_in_it() -> None:
    with pytest.raises(ModelNotFoundError, match=r"did you mean .*resnet50.tv_in1k"):
        find_entry("resnet50.tv_in1")
    with pytest.raises(ModelNotFoundError, match="`actionzoo weights list` names them all"):
        find_entry("???")
