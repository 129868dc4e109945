"""Downloads, from a hub that is served on the loopback interface."""

from __future__ import annotations

import hashlib
import itertools
import socket
import zipfile
from pathlib import Path

import pytest

from actionzoo.errors import ModelError, ModelNotFoundError, OfflineError, OutputError, WeightsError
from actionzoo.hub import InputSpec, resolve_model
from actionzoo.hub.download import fetch_file, is_as_announced, parse_address

from .conftest import largest_file, use_hub
from .hub_server import Hub, commit_id

SPEC = InputSpec(("push", "hug"), 48, 64)


@pytest.fixture
def content(hub: Hub, tmp_path: Path) -> bytes:
    """A model, in the repository someone/some-model."""
    model = tmp_path / "model.keras"
    with zipfile.ZipFile(model, "w") as archive:
        archive.writestr("actionzoo.json", SPEC.to_json())
    hub.add("someone/some-model", {"model.keras": model.read_bytes()})
    hub.add("someone/empty", {"README.md": b"nothing"})
    return model.read_bytes()


def test_a_model_is_fetched_once(hub: Hub, content: bytes) -> None:
    files = resolve_model("hf://someone/some-model")
    assert files.spec == SPEC
    assert files.sha256 == hashlib.sha256(content).hexdigest()
    asked = len(hub.requests)
    assert resolve_model("hf://someone/some-model").sha256 == files.sha256
    assert resolve_model("hf://someone/some-model", offline=True).path == files.path
    assert resolve_model(f"hf://someone/some-model@{commit_id('someone/some-model', 1)}").spec == SPEC
    assert len(hub.requests) == asked


def test_offline_asks_nobody(hub: Hub, content: bytes) -> None:
    with pytest.raises(OfflineError, match="without --offline"):
        resolve_model("hf://someone/some-model", offline=True)
    assert hub.requests == []


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("hf://someone/missing", "no such repository"),
        ("hf://someone/some-model@v9", "no such revision"),
        ("hf://someone/empty", "has no model.keras"),
        ("hf://gated/some-model", "is gated"),
    ],
)
def test_what_the_hub_does_not_have(hub: Hub, content: bytes, address: str, says: str) -> None:
    with pytest.raises(ModelNotFoundError, match=says) as caught:
        resolve_model(address)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(address)


def test_wrong_bytes_of_the_right_size_are_found_and_removed(hub: Hub, content: bytes) -> None:
    hub.damaged = True
    with pytest.raises(WeightsError, match="damaged"):
        resolve_model("hf://someone/some-model")
    hub.damaged = False
    assert resolve_model("hf://someone/some-model").spec == SPEC


def test_a_cached_file_that_was_damaged_later_is_fetched_again(
    hub: Hub, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = resolve_model("hf://someone/some-model").path
    assert path is not None
    path.resolve().write_bytes(b"X")
    assert resolve_model("hf://someone/some-model").spec == SPEC
    assert path.read_bytes() == content
    assert [spec.message for spec in caplog.records] == [
        f"hf://someone/some-model: {path} is damaged (sha256); it is fetched again"
    ]
    path.resolve().write_bytes(b"X")
    with pytest.raises(OfflineError):
        resolve_model("hf://someone/some-model", offline=True)


def test_a_small_file_goes_by_gits_checksum(tmp_path: Path) -> None:
    """`echo hello | git hash-object --stdin`."""
    path = tmp_path / "ce013625030ba8dba906f756967f9e9ca394464a"
    path.write_text("hello\n")
    assert is_as_announced(path)
    path.write_text("hullo\n")
    assert not is_as_announced(path)


def test_a_hub_that_refuses_or_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actionzoo.hub.download.WAIT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (silent.getsockname()[1], 9):
            use_hub(monkeypatch, tmp_path, f"http://127.0.0.1:{port}")
            with pytest.raises(ModelError, match="does not answer") as caught:
                resolve_model("hf://someone/some-model")
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["hf://", "hf://repo", "hf://a/b/c", "hf://a/b@", "hf://a/b c", "hf://a/../b"])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(ModelNotFoundError, match="is no hub address"):
        parse_address(address)


@pytest.fixture
def large(hub: Hub) -> bytes:
    """The content of model.safetensors in the repository someone/large."""
    content = bytes(range(256)) * 12_000
    hub.add("someone/large", {"model.safetensors": content})
    return content


def asked_for(hub: Hub) -> list[str | None]:
    return [headers.get("Range") for method, _, headers in hub.requests if method == "GET"]


def test_a_download_that_breaks_off_goes_on(hub: Hub, large: bytes) -> None:
    hub.cut = 1_200_000
    path = fetch_file("someone/large", "main", "model.safetensors", "large")
    assert path.read_bytes() == large
    assert asked_for(hub) == [None, "bytes=1200000-", "bytes=2400000-"]
    assert sorted(kept.name for kept in path.resolve().parent.iterdir() if kept.suffix != ".lock") == [
        path.resolve().name
    ]


def test_a_download_that_was_killed_goes_on(
    hub: Hub, large: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.cut = 1_200_000
    monkeypatch.setattr("actionzoo.hub.web.TRIES", 1)
    with pytest.raises(ModelError, match="broke off after 1,200,000 of 3,072,000 bytes; try again, it goes on"):
        fetch_file("someone/large", "main", "model.safetensors", "large")
    hub.cut = None
    path = fetch_file("someone/large", "main", "model.safetensors", "large")
    assert path.read_bytes() == large
    assert asked_for(hub) == [None, "bytes=1200000-"]


def test_a_hub_that_is_too_slow(hub: Hub, large: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    days = itertools.count()
    monkeypatch.setattr("actionzoo.hub.web.clock", lambda: 86_400.0 * next(days))
    with pytest.raises(ModelError, match="sends fewer than 1000 bytes a second"):
        fetch_file("someone/large", "main", "model.safetensors", "large")


def test_a_private_repository_is_fetched_with_the_users_token(
    hub: Hub, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("private/some-model", {"model.keras": content})
    with pytest.raises(ModelNotFoundError, match="or it is private"):
        resolve_model("hf://private/some-model")
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert resolve_model("hf://private/some-model").spec == SPEC


def test_no_room_for_a_download(hub: Hub) -> None:
    """A limit on the size of files fails a write as a full disk does."""
    hub.add("someone/large", {"model.safetensors": bytes(3_000_000)})
    with largest_file(1_500_000), pytest.raises(OutputError, match="large: no room for it in the hub's cache"):
        fetch_file("someone/large", "main", "model.safetensors", "large")
    assert fetch_file("someone/large", "main", "model.safetensors", "large").stat().st_size == 3_000_000
