"""`actionzoo weights`, with servers on the loopback interface."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from actionzoo.cli.main import main
from actionzoo.hub import InputSpec, catalog, save_model
from actionzoo.models import create_model
from tests.convert.author_networks import SIDE, resnet
from tests.convert.dagnn_reference import DagNN
from tests.convert.mat_files import write_v7
from tests.hub.conftest import use_hub
from tests.hub.file_server import FileServer, serving
from tests.hub.hub_server import serving_hub

CATALOG = """
["st_resnet50.test"]
kind = "authors"
summary = "a file of the authors"
licence = "none stated"
data = "UCF101"
address = "{address}"
["resnet50.test"]
kind = "hub"
summary = "a file of the hub"
licence = "MIT"
data = "ImageNet-1k"
repository = "someone/missing"
revision = "main"
file = "model.safetensors"
[mini]
kind = "embedded"
summary = "a model that ships"
licence = "MIT"
data = "puppets"
[mini.files]
"""


@pytest.fixture
def mat_file(tmp_path: Path) -> bytes:
    net = DagNN()
    resnet(net, 3)
    return write_v7(tmp_path / "net.mat", {"net": net.struct()}).read_bytes()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mat_file: bytes) -> Iterator[FileServer]:
    """Serves a network; the catalog names it, a file that the hub does not have, and a model that ships."""
    with serving(mat_file) as running, serving_hub() as hub:
        use_hub(monkeypatch, tmp_path, hub.endpoint)
        folder = tmp_path / "catalog"
        folder.mkdir()
        (folder / "catalog.toml").write_text(CATALOG.format(address=running.address))
        monkeypatch.setattr(catalog.importlib.resources, "files", lambda _: folder)
        monkeypatch.chdir(tmp_path)
        yield running


def test_the_list_fits_eighty_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(catalog.load_catalog())
    assert all(len(line) <= 80 and line == line.rstrip() for line in lines)
    assert lines[0].split() == ["mini", "package", "yes", "six", "actions", "between", "two", "people"]


def test_the_list_narrowed_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "list", "*.tv_in1k", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {entry["licence"] for entry in listed} == {"BSD-3-Clause"}
    assert main(["weights", "list", "nothing*"]) == 1
    assert "no weights match 'nothing*'" in capsys.readouterr().err


def test_show_tells_everything_once_it_is_here(server: FileServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "show", "st_resnet50.test"]) == 0
    before = capsys.readouterr().out
    assert server.address in before
    assert "none stated" in before
    assert main(["weights", "pull", "st_resnet50.test"]) == 0
    path = capsys.readouterr().out.split()[1]
    assert Path(path).read_bytes() == server.content
    assert main(["weights", "show", "st_resnet50.test", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["here"] == path
    assert facts["first_fetched"]["size"] == len(server.content)


def test_pull_goes_on_after_a_failure(server: FileServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "pull", "resnet50.test", "st_resnet50.test", "mini"]) == 3
    done = capsys.readouterr()
    assert [line.split()[0] for line in done.out.splitlines()] == ["st_resnet50.test", "mini"]
    assert "resnet50.test: no such repository" in done.err
    assert main(["weights", "pull", "resnet50.test"]) == 1
    assert main(["weights", "pull", "resnet50"]) == 1
    assert "did you mean" in capsys.readouterr().err


def test_pull_of_any_model_of_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Path(str(importlib.resources.files("actionzoo.weights"))) / "mini" / "model.keras"
    with serving_hub() as hub:
        use_hub(monkeypatch, tmp_path, hub.endpoint)
        commit = hub.add("someone/some-model", {"model.keras": model.read_bytes()})
        assert main(["weights", "pull", "hf://someone/some-model", f"hf://someone/some-model@{commit}"]) == 0
        for line in capsys.readouterr().out.splitlines():
            address, path = line.split()
            assert address.startswith("hf://someone/some-model")
            assert Path(path).read_bytes() == model.read_bytes()
        assert main(["weights", "pull", "hf://someone/none", "mini"]) == 3
        done = capsys.readouterr()
        assert "hf://someone/none: no such repository" in done.err
        assert done.out == "mini  comes with actionzoo\n"
        assert main(["weights", "pull", "hf://someone/some-model", "--offline"]) == 0


def test_pull_offline(server: FileServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "pull", "st_resnet50.test", "--offline"]) == 1
    assert "the network is off" in capsys.readouterr().err
    assert server.requests == []


def test_verify_finds_what_is_damaged(server: FileServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["weights", "pull", "st_resnet50.test"]) == 0
    path = Path(capsys.readouterr().out.split()[1])
    assert main(["weights", "verify"]) == 0
    assert capsys.readouterr().out.splitlines() == ["st_resnet50.test  good", "resnet50.test  not here", "mini  good"]
    path.write_bytes(b"damaged")
    assert main(["weights", "verify"]) == 1
    done = capsys.readouterr()
    assert "st_resnet50.test" in done.err
    assert "good" in done.out, "the others are looked at all the same"


@pytest.mark.parametrize("source", ["file", "address", "name"])
def test_import(server: FileServer, capsys: pytest.CaptureFixture[str], source: str, tmp_path: Path) -> None:
    named = {"file": "net.mat", "address": server.address, "name": "st_resnet50.test"}[source]
    assert main(["weights", "import", named]) == 0
    printed = capsys.readouterr().out
    expected = "st_resnet50.test.keras" if source == "name" else "net.keras"
    assert printed.startswith(f"{expected}  appearance_resnet50, 5 classes, ")
    assert (tmp_path / expected).is_file()


def test_import_of_what_is_none(server: FileServer, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for source, says in (
        ("nowhere.mat", "there is no file nowhere.mat"),
        ("mini", "is no file of the papers' authors"),
        (server.address.replace("net.mat", ""), "is no address of a file"),
    ):
        assert main(["weights", "import", source]) == 1
        assert says in capsys.readouterr().err
    (tmp_path / "text.mat").write_text("text")
    assert main(["weights", "import", "text.mat"]) == 1
    assert "no MATLAB file with a network" in capsys.readouterr().err
    assert not (tmp_path / "text.keras").exists()
    assert main(["weights", "import", "net.mat", "--output", "model.h5"]) == 2


def test_push(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[Any]) -> None:
    model = create_model("motion_resnet18", 2, 1, channel_factor=0.0625, height=SIDE, width=SIDE, stack_length=2)
    save_model(model, InputSpec(("a", "b"), SIDE, SIDE, num_frames=1, stack_length=2), tmp_path / "model.keras")
    with serving_hub() as hub:
        use_hub(monkeypatch, tmp_path, hub.endpoint)
        assert main(["weights", "push", str(tmp_path), "hf://someone/new"]) == 1
        assert "nobody is logged in" in capsys.readouterr().err
        monkeypatch.setenv("HF_TOKEN", hub.token)
        assert hub.endpoint == constants.ENDPOINT
        assert main(["weights", "push", str(tmp_path), "hf://someone/new", "--licence", "mit"]) == 0
        address = capsys.readouterr().out.strip()
        assert address.startswith("hf://someone/new@")
        assert b"license" in hub.repositories["someone/new"][-1]["README.md"]
        assert main(["models", "show", address]) == 0
