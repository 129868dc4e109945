"""The Hugging Face hub on the loopback interface, as far as its Python client asks: reading, uploading, and failing."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

Files = dict[str, bytes]


class Hub(http.server.ThreadingHTTPServer):
    """Repositories by `user/repo`; each is a list of its commits, the newest last, and each of those all files.

    Repositories of the user "gated" need permission, those of "private" a token.

    Attributes:
        repositories: the commits of each.
        damaged: sends other bytes of the right size.
        cut: after so many bytes of a file the connection ends.
        token: what a client that may write has to show.
        read_only: refuses every upload.
        requests: method, path and headers of each request.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, list[Files]] = {}
        self.damaged = False
        self.cut: int | None = None
        self.token = "hf_local"
        self.read_only = False
        self.requests: list[tuple[str, str, dict[str, str]]] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, repo: str, files: Files) -> str:
        """A new commit on top of the newest; its id."""
        commits = self.repositories.setdefault(repo, [{}])
        commits.append(commits[-1] | files)
        return commit_id(repo, len(commits) - 1)

    def files(self, repo: str, revision: str) -> tuple[str, Files] | None:
        """A commit's id and files, by its id or as "main"."""
        commits = self.repositories[repo]
        ids = [commit_id(repo, place) for place in range(len(commits))]
        place = len(commits) - 1 if revision == "main" else ids.index(revision) if revision in ids else None
        return None if place is None else (ids[place], commits[place])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


def commit_id(repo: str, place: int) -> str:
    return hashlib.sha1(f"{repo} {place}".encode()).hexdigest()


@contextmanager
def serving_hub() -> Iterator[Hub]:
    """A hub that runs while inside."""
    hub = Hub()
    threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def log_message(self, *_: Any) -> None:
        """Tests stay quiet."""

    def do_GET(self) -> None:
        path = self._path()
        if path == "api/whoami-v2":
            if not self._has_token():
                return self._fail(401, "", "no token")
            return self._json({"type": "user", "name": "someone", "auth": {"type": "access_token"}})
        if match := re.fullmatch(r"([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            return self._file(*match.groups())
        if match := re.fullmatch(r"api/models/([^/]+/[^/]+)(?:/revision/([^/]+))?", path):
            return self._describe(match[1], match[2] or "main")
        return self._fail(404, "", f"no such endpoint {path}")

    do_HEAD = do_GET  # noqa: N815  the base class's name

    def do_POST(self) -> None:
        body, path = self.rfile.read(int(self.headers.get("Content-Length") or 0)), self._path()
        if not self._has_token():
            return self._fail(401, "", "no token")
        if self.server.read_only:
            return self._fail(403, "", "you may not write here")
        if path == "api/repos/create":
            asked = json.loads(body)
            repo = f"{asked.get('organization') or 'someone'}/{asked['name']}"
            known = repo in self.server.repositories
            self.server.repositories.setdefault(repo, [{}])
            answer = {"url": f"{self.server.endpoint}/{repo}", "id": "1", "name": repo}
            return self._send(409 if known else 200, json.dumps(answer).encode(), {"Content-Type": "application/json"})
        if path == "api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        if match := re.fullmatch(r"api/models/([^/]+/[^/]+)/preupload/main", path):
            files = json.loads(body)["files"]
            return self._json(
                {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]}
            )
        if match := re.fullmatch(r"api/models/([^/]+/[^/]+)/commit/main", path):
            lines = [json.loads(line) for line in body.splitlines()]
            files = {e["value"]["path"]: base64.b64decode(e["value"]["content"]) for e in lines if e["key"] == "file"}
            commit = self.server.add(match[1], files)
            return self._json({"commitUrl": f"{self.server.endpoint}/{match[1]}/commit/{commit}", "commitOid": commit})
        return self._fail(404, "", f"no such endpoint {path}")

    def _file(self, repo: str, revision: str, name: str) -> None:
        found = self._allowed(repo, revision)
        if found is None:
            return None
        commit, files = found
        if name not in files:
            return self._fail(404, "EntryNotFound", "no such file")
        content = files[name]
        etag = f'"{hashlib.sha256(content).hexdigest()}"'
        headers = {"X-Repo-Commit": commit, "ETag": etag, "X-Linked-Etag": etag, "X-Linked-Size": str(len(content))}
        if self.server.damaged:
            content = b"X" * len(content)
        if (part := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))) and self.command == "GET":
            headers["Content-Range"] = f"bytes {part[1]}-{len(content) - 1}/{len(content)}"
            return self._send(206, content[int(part[1]) :], headers)
        return self._send(200, content, headers)

    def _describe(self, repo: str, revision: str) -> None:
        if found := self._allowed(repo, revision):
            siblings = [{"rfilename": name} for name in found[1]]
            self._json(
                {"_id": "1", "id": repo, "modelId": repo, "sha": found[0], "private": False, "siblings": siblings}
            )

    def _allowed(self, repo: str, revision: str) -> tuple[str, Files] | None:
        """The files, if there are any to be seen; otherwise says why not."""
        if repo.startswith("gated/"):
            return self._fail(403, "GatedRepo", "access is restricted")
        if repo not in self.server.repositories or (repo.startswith("private/") and not self._has_token()):
            return self._fail(401 if repo.startswith("private/") else 404, "RepoNotFound", "no such repository")
        if (found := self.server.files(repo, revision)) is None:
            return self._fail(404, "RevisionNotFound", "no such revision")
        return found

    def _path(self) -> str:
        self.server.requests.append((self.command, self.path, dict(self.headers.items())))
        return unquote(urlsplit(self.path).path).strip("/")

    def _has_token(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {self.server.token}"

    def _json(self, content: Any) -> None:
        self._send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _fail(self, status: int, code: str, message: str) -> None:
        headers = {"Content-Type": "application/json", "X-Error-Message": message}
        self._send(status, json.dumps({"error": message}).encode(), headers | ({"X-Error-Code": code} if code else {}))

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            cut = self.server.cut if "X-Linked-Etag" in headers else None
            self.wfile.write(body[:cut])
            self.close_connection = self.close_connection or cut is not None
