"""Downloads, from a hub that is served on the loopback interface."""

from __future__ import annotations

import hashlib
import http.server
import socket
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from actionzoo.errors import ModelError, ModelNotFoundError, OfflineError, WeightsError
from actionzoo.hub import InputRecord, resolve_model
from actionzoo.hub.download import parse_address

RECORD = InputRecord(("push", "hug"), 48, 64)
COMMIT = "a" * 40


class Hub(http.server.ThreadingHTTPServer):
    """Answers HEAD and GET of /{repo}/resolve/{revision}/model.keras as the hub does."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = content
        self.damaged = False
        self.requests: list[str] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *_: Any) -> None:
        """Tests stay quiet."""

    def do_HEAD(self) -> None:
        self.server.requests.append(self.path)
        _, user, repo, _, revision, file = self.path.split("/", 5)
        if user == "gated":
            self._send(403, b"", {"X-Error-Code": "GatedRepo"})
        elif repo == "missing":
            self._send(404, b"", {"X-Error-Code": "RepoNotFound"})
        elif revision not in ("main", COMMIT):
            self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
        elif repo == "empty" or file != "model.keras":
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
        else:
            content = self.server.content
            etag = f'"{hashlib.sha256(content).hexdigest()}"'
            headers = {"X-Repo-Commit": COMMIT, "ETag": etag, "X-Linked-Etag": etag, "X-Linked-Size": str(len(content))}
            self._send(200, b"X" * len(content) if self.server.damaged else content, headers)

    do_GET = do_HEAD  # noqa: N815  the base class's name

    def _send(self, code: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    model = tmp_path / "model.keras"
    with zipfile.ZipFile(model, "w") as archive:
        archive.writestr("actionzoo.json", RECORD.to_json())
    server = Hub(model.read_bytes())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    use(monkeypatch, tmp_path, server.server_address[1])
    yield server
    server.shutdown()
    server.server_close()


def use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, port: int) -> None:
    """Points the client at a port of this machine, with an empty cache."""
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(
        constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        f"http://127.0.0.1:{port}/{{repo_id}}/resolve/{{revision}}/{{filename}}",
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def test_a_model_is_fetched_once(hub: Hub) -> None:
    files = resolve_model("hf://someone/some-model")
    assert files.record == RECORD
    assert files.sha256 == hashlib.sha256(hub.content).hexdigest()
    asked = len(hub.requests)
    assert resolve_model("hf://someone/some-model").sha256 == files.sha256
    assert resolve_model("hf://someone/some-model", offline=True).path == files.path
    assert resolve_model(f"hf://someone/some-model@{COMMIT}").record == RECORD
    assert len(hub.requests) == asked


def test_offline_asks_nobody(hub: Hub) -> None:
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
def test_what_the_hub_does_not_have(hub: Hub, address: str, says: str) -> None:
    with pytest.raises(ModelNotFoundError, match=says) as caught:
        resolve_model(address)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(address)


def test_wrong_bytes_of_the_right_size_are_found_and_removed(hub: Hub) -> None:
    hub.damaged = True
    with pytest.raises(WeightsError, match="damaged"):
        resolve_model("hf://someone/some-model")
    hub.damaged = False
    assert resolve_model("hf://someone/some-model").record == RECORD


def test_a_cached_file_that_was_damaged_later(hub: Hub) -> None:
    path = resolve_model("hf://someone/some-model").path
    assert path is not None
    path.resolve().write_bytes(b"X")
    with pytest.raises(WeightsError, match="damaged"):
        resolve_model("hf://someone/some-model")
    assert resolve_model("hf://someone/some-model").record == RECORD


def test_a_hub_that_refuses_or_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actionzoo.hub.download.WAIT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (silent.getsockname()[1], 9):
            use(monkeypatch, tmp_path, port)
            begun = time.monotonic()
            with pytest.raises(ModelError, match="does not answer") as caught:
                resolve_model("hf://someone/some-model")
            assert time.monotonic() - begun < 5
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("address", ["hf://", "hf://repo", "hf://a/b/c", "hf://a/b@", "hf://a/b c", "hf://a/../b"])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(ModelNotFoundError, match="is no hub address"):
        parse_address(address)
