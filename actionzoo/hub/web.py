"""Files from a web server: streamed, gone on with after an interruption, checked, and there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from filelock import FileLock

from actionzoo.errors import ActionzooError, ModelError, ModelNotFoundError, OutputError, WeightsError
from actionzoo.hub.cache import sha256_of

WAIT_S = 8.0
"""Seconds to wait for a server's reply, and for each further part of a file; a dead address fails within ten."""

MAX_BYTES = 4 << 30
"""No file of weights that we know has a quarter of that."""

PIECE = 1 << 20

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there, and with those that there will be, if the server says so."""

_LENGTH = re.compile(r"bytes (?P<first>\d+)-\d+/(?P<total>\d+)")


def file_name(address: str) -> str:
    """The file's name at the end of an address, fit for a folder of ours. Raises ModelNotFoundError if there is none.

    >>> file_name("http://host/a/net%3D1.mat?download=1")
    'net=1.mat'
    """
    parts = urlsplit(address)
    name = re.sub(r"[^\w.=-]", "_", unquote(parts.path).rpartition("/")[2])
    if parts.scheme not in ("http", "https") or not parts.hostname or not name.strip("._"):
        raise ModelNotFoundError(f"{address} is no address of a file; write http://host/folder/file.mat")
    return name.lstrip(".")


def download(address: str, target: Path, *, sha256: str | None = None, progress: Progress | None = None) -> Path:
    """Fetch a file to `target`. What arrives lies beside it until it is whole; a second try goes on there.

    Two processes that want the same file wait for each other. Redirects lead to http or https only, and never from
    https to http.

    Raises:
        ModelNotFoundError: there is no such file, or it may not be read.
        ModelError: the server does not answer, or stopped in the middle.
        WeightsError: the file is not the one with this sha256, or larger than any that we know.
        OutputError: there is no room for it.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{part}.lock"):
            if not target.is_file():  # another process may have been quicker
                _fetch(address, part, progress)
                if sha256 is not None and (found := sha256_of(part)) != sha256:
                    _Beginning(part).forget()
                    raise WeightsError(f"{address}: its sha256 is {found}, not {sha256}; the file was removed")
                part.replace(target)
                _Beginning(part).forget()
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise OutputError(f"{target.parent}: no room for {target.name}; make some and try again") from error
        raise OutputError(f"cannot write {target}: {error.strerror or error}") from error
    return target


def _fetch(address: str, part: Path, progress: Progress | None) -> None:
    beginning = _Beginning(part)
    with _reply(address, beginning) as reply:
        total = _total(reply, beginning)
        if total is not None and total > MAX_BYTES:
            raise WeightsError(f"{address} has {total / 1e9:.1f} GB, more than any weights that we know")
        goes_on = reply.status == http.HTTPStatus.PARTIAL_CONTENT
        with part.open("ab" if goes_on else "wb") as file:  # what belongs to another file is gone before its note is
            beginning.remember(address, reply.headers.get("ETag") or reply.headers.get("Last-Modified"))
            there = _copy(address, reply, file, total, progress)
    if total is not None and there != total:
        raise ModelError(f"{address} broke off after {there:,} of {total:,} bytes; try again, it goes on from there")


def _copy(address: str, reply: Any, file: IO[bytes], total: int | None, progress: Progress | None) -> int:
    """All that comes, to the end of the file. Gives the file's size."""
    while True:
        try:
            piece = reply.read(PIECE)
        except (OSError, http.client.HTTPException) as error:
            file.flush()
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ModelError(f"{address} broke off ({reason}); try again, it goes on from there") from error
        if not piece:
            return file.tell()
        file.write(piece)
        if file.tell() > MAX_BYTES:
            raise WeightsError(f"{address} does not end; more than {MAX_BYTES / 1e9:.1f} GB is no weights that we know")
        if progress is not None:
            progress(file.tell(), total)


@dataclass(frozen=True)
class _Beginning:
    """The part of a file that is there, and by what the server tells whether it is still the same file."""

    part: Path

    @property
    def note(self) -> Path:
        return self.part.with_name(f"{self.part.name}.json")

    def headers(self, address: str) -> dict[str, str]:
        """What asks for the rest, if the file has not changed; nothing where that cannot be told."""
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            known = json.loads(self.note.read_text("utf-8"))
            size = self.part.stat().st_size
            if known["address"] == address and isinstance(known["state"], str) and size > 0:
                return {"Range": f"bytes={size}-", "If-Range": known["state"]}
        return {}

    def remember(self, address: str, state: str | None) -> None:
        weak = state is None or state.startswith("W/")
        self.note.write_text(json.dumps({"address": address, "state": None if weak else state}), "utf-8")

    def forget(self) -> None:
        for path in (self.part, self.note):
            path.unlink(missing_ok=True)


@contextlib.contextmanager
def _reply(address: str, beginning: _Beginning) -> Iterator[Any]:
    """The server's reply with the file, or with the rest of it where the beginning is here."""
    reply = _open(address, beginning.headers(address))
    if reply.status == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        reply.close()
        beginning.forget()  # what is there is as long as the file, or longer: another one
        reply = _open(address, {})
    with reply:
        if reply.status not in (http.HTTPStatus.OK, http.HTTPStatus.PARTIAL_CONTENT):
            raise _refused(address, reply.status)
        yield reply


def _open(address: str, headers: dict[str, str]) -> Any:
    request = urllib.request.Request(address, headers={"Accept-Encoding": "identity", **headers})
    try:
        return urllib.request.build_opener(_Redirects).open(request, timeout=WAIT_S)
    except urllib.error.HTTPError as reply:
        return reply  # it is one, and says why
    except (OSError, http.client.HTTPException) as error:
        reason = " ".join(str(getattr(error, "reason", "") or error).split())[:200] or type(error).__name__
        raise ModelError(f"{address}: the server does not answer ({reason}); check the network") from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, request: Any, file: Any, code: int, message: str, headers: Any, address: str) -> Any:
        schemes = ("https",) if request.full_url.startswith("https:") else ("http", "https")
        if urlsplit(address).scheme not in schemes:
            file.close()
            raise ModelError(
                f"{request.full_url} leads to {address}, where it is not followed; give that address itself"
            )
        return super().redirect_request(request, file, code, message, headers, address)


def _total(reply: Any, beginning: _Beginning) -> int | None:
    """The size of the whole file. Raises ModelError if the server goes on somewhere else than asked."""
    if reply.status == http.HTTPStatus.PARTIAL_CONTENT:
        place = _LENGTH.fullmatch(reply.headers.get("Content-Range", ""))
        if place is None or int(place["first"]) != beginning.part.stat().st_size:
            beginning.forget()
            raise ModelError(f"{reply.url}: the server sent another part than asked for; try again")
        return int(place["total"])
    length = reply.headers.get("Content-Length")
    return int(length) if length is not None and length.isdigit() else None


def _refused(address: str, code: int) -> ActionzooError:
    if code in (401, 403):
        return ModelNotFoundError(f"{address} may not be read (HTTP {code}); fetch it by hand and give the file")
    if code in (404, 410):
        return ModelNotFoundError(f"{address}: the server has no such file (HTTP {code}); look for it in its folder")
    if code < http.HTTPStatus.BAD_REQUEST:
        return ModelError(
            f"{address} leads where it is not followed (HTTP {code}); give the address of the file itself"
        )
    return ModelError(f"{address}: the server fails (HTTP {code}); try again later")
