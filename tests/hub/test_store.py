"""Catalogued weights on this machine: fetched once, pinned, checked; never a packet where the network is off."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from huggingface_hub import constants
from safetensors.numpy import save

from actionzoo.errors import ModelNotFoundError, OfflineError, WeightsError
from actionzoo.hub import resolve_model, store
from actionzoo.hub.catalog import CatalogEntry

from .file_server import FileServer, serving
from .hub_server import Hub

CONTENT = b"MATLAB 5.0 MAT-file, a network"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("ACTIONZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with serving(CONTENT) as running:
        yield running


@pytest.fixture
def entry(server: FileServer) -> CatalogEntry:
    return CatalogEntry("st_resnet50.test", "authors", "a network", "none", "none", address=server.address)


def test_a_file_is_fetched_once_and_pinned(entry: CatalogEntry, server: FileServer, tmp_path: Path) -> None:
    assert store.find_weights(entry) is None
    assert store.read_pin(entry) is None
    path = store.fetch_weights(entry)
    assert path.read_bytes() == CONTENT
    assert tmp_path / "cache" in path.parents
    assert store.fetch_weights(entry, offline=True) == store.find_weights(entry) == path
    assert len(server.requests) == 1
    assert store.read_pin(entry) == store.Pin(SHA256, len(CONTENT))
    store.verify_weights(entry)


def test_a_kept_file_that_is_damaged_is_fetched_again(
    entry: CatalogEntry, server: FileServer, caplog: pytest.LogCaptureFixture
) -> None:
    for fetch in (lambda: store.fetch_weights(entry), lambda: store.fetch_address(server.address)):
        path = fetch()
        path.write_bytes(CONTENT[::-1])
        assert fetch().read_bytes() == CONTENT
        assert caplog.records[-1].message == f"{path} is damaged; it is fetched again"
    path.write_bytes(CONTENT[::-1])
    with pytest.raises(OfflineError):
        store.fetch_address(server.address, offline=True)


def test_equal_names_at_other_addresses_do_not_meet(entry: CatalogEntry, server: FileServer) -> None:
    other = server.address.replace("/folder/", "/other/")
    assert store.fetch_address(server.address) != store.fetch_address(other)


def test_another_file_than_the_first_is_refused(entry: CatalogEntry, server: FileServer) -> None:
    store.fetch_weights(entry).unlink()
    server.content = b"something else"
    with pytest.raises(WeightsError, match=f"another file than the one first fetched here .* not {SHA256}"):
        store.fetch_weights(entry)
    with pytest.raises(WeightsError, match="another file"):
        store.verify_weights(entry)


def test_another_file_than_the_catalogs_is_refused(entry: CatalogEntry) -> None:
    store.fetch_weights(replace(entry, sha256=SHA256))
    with pytest.raises(WeightsError, match="is not the file of the catalog"):
        store.fetch_weights(replace(entry, sha256="0" * 64))


def test_a_damaged_pin_is_not_passed_over(entry: CatalogEntry, tmp_path: Path) -> None:
    store.fetch_weights(entry)
    (pin,) = (tmp_path / "cache" / "pins").iterdir()
    pin.write_text("{")
    with pytest.raises(WeightsError, match=f"{pin} is damaged; remove it"):
        store.verify_weights(entry)


def test_what_ships_is_verified_too(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "model.keras").write_bytes(CONTENT)
    entry = CatalogEntry("tiny", "embedded", "a", "b", "c", files={"model.keras": SHA256}, root=tmp_path)
    store.verify_weights(entry)
    with pytest.raises(WeightsError, match="comes with actionzoo"):
        store.fetch_weights(entry)
    (tmp_path / "tiny" / "model.keras").write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="is not the file of the catalog"):
        store.verify_weights(entry)


def on_hub(entry: CatalogEntry) -> CatalogEntry:
    return replace(
        entry, kind="hub", address=None, repository="someone/some-model", revision="main", file="model.safetensors"
    )


def test_a_branch_of_the_hub_is_pinned_to_what_was_first_fetched(
    entry: CatalogEntry, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = hub.add("someone/some-model", {"model.safetensors": CONTENT})
    path = store.fetch_weights(on_hub(entry))
    assert path.read_bytes() == CONTENT
    assert store.read_pin(on_hub(entry)) == store.Pin(SHA256, len(CONTENT), commit)
    hub.add("someone/some-model", {"model.safetensors": b"a newer version"})
    assert store.fetch_weights(on_hub(entry)) == path, "the cache stays as it was"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "emptied"))
    with pytest.raises(WeightsError, match="another file than the one first fetched here"):
        store.fetch_weights(on_hub(entry))


def test_wrong_bytes_of_the_hub(entry: CatalogEntry, hub: Hub) -> None:
    hub.add("someone/some-model", {"model.safetensors": CONTENT})
    hub.damaged = True
    with pytest.raises(WeightsError, match="came damaged"):
        store.fetch_weights(on_hub(entry))
    hub.damaged = False
    path = store.fetch_weights(on_hub(entry))
    path.resolve().write_bytes(b"damaged later")
    with pytest.raises(WeightsError, match="is damaged"):
        store.verify_weights(on_hub(entry))


def test_weights_of_the_hub_that_are_not_finite(entry: CatalogEntry, hub: Hub) -> None:
    tensors = {"conv1.weight": np.array([1, np.nan], np.float32), "steps": np.array([1])}
    hub.add("someone/some-model", {"model.safetensors": save(tensors)})
    store.fetch_weights(on_hub(entry))
    with pytest.raises(WeightsError, match=r"non-finite numbers in conv1\.weight"):
        store.verify_weights(on_hub(entry))


@pytest.mark.parametrize("how", ["argument", "environment"])
def test_offline_sends_nothing(entry: CatalogEntry, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    def refuse(*arguments: Any, **_: Any) -> NoReturn:
        raise AssertionError(f"the network was asked: {arguments}")

    for call in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, call, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", how == "environment")
    offline = how == "argument"
    for wanted in (entry, on_hub(entry)):
        with pytest.raises(OfflineError, match="is not in the cache and the network is off"):
            store.fetch_weights(wanted, offline=offline)
        store.verify_weights(wanted)
    with pytest.raises(OfflineError):
        resolve_model("hf://someone/some-model", offline=offline)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("resnet50.tv_in1k", 'create_model("two_stream_resnet50", 101, weights="imagenet")'),
        ("st_resnet50.ucf101_split1", "actionzoo weights import st_resnet50.ucf101_split1 --output st_resnet50.keras"),
    ],
)
def test_weights_that_are_no_model_say_what_they_are_for(name: str, says: str) -> None:
    with pytest.raises(ModelNotFoundError) as caught:
        resolve_model(name)
    assert says in str(caught.value)
