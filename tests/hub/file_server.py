"""A web server on the loopback interface that serves one file as such servers do, and fails as they do."""

from __future__ import annotations

import hashlib
import http.server
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class FileServer(http.server.ThreadingHTTPServer):
    """Serves `content` at /folder/net.mat.

    Attributes:
        content: the file's bytes.
        cut: after so many bytes of a reply the connection ends.
        status: what it answers instead, if that is not 200.
        redirect: where it sends everyone.
        ranges: whether it gives parts of the file.
        validator: whether it tells an ETag.
        wrong_range: gives another part than asked for.
        endless: gives no length and goes on.
        stalls: sends nothing for so many seconds.
        requests: path and headers of each request.
    """

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = content
        self.cut: int | None = None
        self.status = 200
        self.redirect: str | None = None
        self.ranges = self.validator = self.strict = True
        self.wrong_range = self.endless = False
        self.stalls = 0.0
        self.requests: list[tuple[str, dict[str, str]]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/folder/net.mat"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


@contextmanager
def serving(content: bytes) -> Iterator[FileServer]:
    """A server that runs while inside."""
    server = FileServer(content)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: FileServer

    def log_message(self, *_: Any) -> None:
        """Tests stay quiet."""

    def do_GET(self) -> None:
        server = self.server
        server.requests.append((self.path, dict(self.headers.items())))
        time.sleep(server.stalls)
        if server.redirect is not None and self.path == "/folder/net.mat":
            return self._reply(302, b"", {"Location": server.redirect})
        if server.status != 200:
            return self._reply(server.status, b"no", {})
        etag = f'"{hashlib.sha256(server.content).hexdigest()[:16]}"'
        headers = {"ETag": etag} if server.validator else {}
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if wanted is None or not server.ranges or (server.strict and self.headers.get("If-Range") != etag):
            return self._reply(200, server.content, headers)
        first, total = int(wanted[1]) + server.wrong_range, len(server.content)
        if first >= total:
            return self._reply(416, b"", {"Content-Range": f"bytes */{total}"})
        headers["Content-Range"] = f"bytes {first}-{total - 1}/{total}"
        return self._reply(206, server.content[first:], headers)

    def _reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        if not self.server.endless:
            headers = {"Content-Length": str(len(body)), **headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: self.server.cut])
