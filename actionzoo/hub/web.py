"""Files from a web server: streamed, gone on with after an interruption, checked, and there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar
from urllib.parse import unquote, urlsplit

from filelock import FileLock

from actionzoo.errors import ActionzooError, ModelError, ModelNotFoundError, OutputError, WeightsError
from actionzoo.files import cannot_write
from actionzoo.hub.cache import sha256_of

WAIT_S = 8.0
"""Seconds to wait for a server's reply, and for each further part of a file; a dead address fails within ten."""

MAX_BYTES = 4 << 30
"""No file of weights that we know has a quarter of that."""

PIECE = 1 << 20

REPLY_S = 30.0
"""Seconds for all that comes before a file: redirects and headers, however they trickle in."""

SLOWEST, PATIENCE_S = 1000, 30.0
"""A server that sends fewer bytes a second, over so many seconds, is given up."""

TRIES = 5
"""A download that breaks off goes on by itself so often, while each try brings something."""

clock = time.monotonic

T = TypeVar("T")

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there, and with those that there will be, if the server says so."""

_LENGTH = re.compile(r"bytes (?P<first>\d+)-\d+/(?P<total>\d+)")


def file_name(address: str) -> str:
    """The file's name at the end of an address, fit for a folder of ours.

    Raises:
        ModelNotFoundError: there is none.

    >>> file_name("http://host/a/net%3D1.mat?download=1")
    'net=1.mat'
    """
    parts = urlsplit(address)
    name = re.sub(r"[^\w.=-]", "_", unquote(parts.path).rpartition("/")[2])
    if parts.scheme not in ("http", "https") or not parts.hostname or not name.strip("._"):
        raise ModelNotFoundError(f"{address} is no address of a file; write http://host/folder/file.mat")
    return name.lstrip(".")


class _BrokeOffError(ModelError):
    """The connection ended in the middle of the file."""


def download(
    address: str,
    target: Path,
    *,
    sha256: str | None = None,
    progress: Progress | None = None,
    headers: Mapping[str, str] | None = None,
    content: str | None = None,
) -> Path:
    """Fetch a file to `target`. What arrives lies beside it until it is whole; a second try goes on there.

    Two processes that want the same file wait for each other. Redirects lead to http or https only, and never from
    https to http.

    Args:
        address: of the file.
        target: where it goes.
        sha256: it must have.
        progress: is told of every piece.
        headers: of the request; `Authorization` is for the address' own host only.
        content: what the server calls this content, where that is known: a beginning of the same name is gone on with.

    Raises:
        ModelNotFoundError: there is no such file, or it may not be read.
        ModelError: the server does not answer, stopped in the middle, or is too slow.
        WeightsError: the file is not the one with this sha256, or larger than any that we know.
        OutputError: there is no room for it.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{part}.lock"):
            if not target.is_file():  # another process may have been quicker
                _fetch(_Beginning(part, address, dict(headers or {}), content), progress)
                if sha256 is not None and (found := sha256_of(part)) != sha256:
                    _forget(part)
                    raise WeightsError(f"{address} came damaged: its sha256 is {found}, not {sha256}; it was removed")
                part.replace(target)
                _forget(part)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise OutputError(f"{target.parent}: no room for {target.name}; make some and try again") from error
        raise cannot_write(target, error) from error
    return target


def within(seconds: float, work: Callable[[], T]) -> T:
    """What `work` returns.

    Raises:
        TimeoutError: it takes longer than `seconds`; it is left alone then.
    """
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return done.result(seconds)


def _fetch(beginning: _Beginning, progress: Progress | None) -> None:
    """Until the file is whole. Tries again while that brings something."""
    for left in reversed(range(TRIES)):
        before = beginning.size
        try:
            return _try(beginning, progress)
        except _BrokeOffError:
            if not left or beginning.size <= before:
                raise
    return None


def _try(beginning: _Beginning, progress: Progress | None) -> None:
    address = beginning.address
    with _reply(beginning) as reply:
        total = _total(reply, beginning)
        if total is not None and total > MAX_BYTES:
            raise WeightsError(f"{address} has {total / 1e9:.1f} GB, more than any weights that we know")
        goes_on = reply.status == http.HTTPStatus.PARTIAL_CONTENT
        with beginning.part.open("ab" if goes_on else "wb") as file:  # what is of another file goes before its note
            beginning.remember(reply.headers.get("ETag") or reply.headers.get("Last-Modified"))
            there = _copy(address, reply, file, total, progress)
    if total is not None and there != total:
        raise _BrokeOffError(
            f"{address} broke off after {there:,} of {total:,} bytes; try again, it goes on from there"
        )


def _copy(address: str, reply: Any, file: IO[bytes], total: int | None, progress: Progress | None) -> int:
    """All that comes, to the end of the file. Gives the file's size."""
    begun, before = clock(), file.tell()
    while True:
        try:
            piece = reply.read1(PIECE)
        except (OSError, http.client.HTTPException) as error:
            file.flush()
            reason = " ".join(str(error).split()) or type(error).__name__
            raise _BrokeOffError(f"{address} broke off ({reason}); try again, it goes on from there") from error
        if not piece:
            return file.tell()
        file.write(piece)
        if file.tell() > MAX_BYTES:
            raise WeightsError(f"{address} does not end; more than {MAX_BYTES / 1e9:.1f} GB is no weights that we know")
        if progress is not None:
            progress(file.tell(), total)
        if (spent := clock() - begun) >= PATIENCE_S:
            if file.tell() - before < SLOWEST * spent:
                raise ModelError(
                    f"{address} sends fewer than {SLOWEST} bytes a second; try again later, it goes on from there"
                )
            begun, before = clock(), file.tell()


@dataclass(frozen=True)
class _Beginning:
    """The part of a file that is there, what asks for it, and by what the server tells whether it is the same file."""

    part: Path
    address: str
    headers: Mapping[str, str]
    content: str | None

    @property
    def size(self) -> int:
        with contextlib.suppress(OSError):
            return self.part.stat().st_size
        return 0

    def rest(self) -> dict[str, str]:
        """The headers that ask for the rest, if the file has not changed; nothing where that cannot be told."""
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            known = json.loads(_note(self.part).read_text("utf-8"))
            if known["address"] == self.address and isinstance(known["state"], str) and self.size > 0:
                if self.content is not None:
                    return {"Range": f"bytes={self.size}-"} if known["state"] == self.content else {}
                return {"Range": f"bytes={self.size}-", "If-Range": known["state"]}
        return {}

    def remember(self, state: str | None) -> None:
        weak = state is None or state.startswith("W/")
        known = {"address": self.address, "state": self.content or (None if weak else state)}
        _note(self.part).write_text(json.dumps(known), "utf-8")


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _forget(part: Path) -> None:
    for path in (part, _note(part)):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _reply(beginning: _Beginning) -> Iterator[Any]:
    """The server's reply with the file, or with the rest of it where the beginning is here."""
    address = beginning.address
    reply = _open(address, {**beginning.headers, **beginning.rest()})
    if reply.status == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        reply.close()
        _forget(beginning.part)  # what is there is as long as the file, or longer: another one
        reply = _open(address, beginning.headers)
    with reply:
        if reply.status not in (http.HTTPStatus.OK, http.HTTPStatus.PARTIAL_CONTENT):
            raise _refused(address, reply.status)
        yield reply


def _open(address: str, headers: Mapping[str, str]) -> Any:
    request = urllib.request.Request(address, headers={**headers, "Accept-Encoding": "identity"})
    opener = urllib.request.build_opener(_Redirects)
    try:
        return within(REPLY_S, lambda: opener.open(request, timeout=WAIT_S))
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
        further = super().redirect_request(request, file, code, message, headers, address)
        if further is not None and urlsplit(address).netloc != urlsplit(request.full_url).netloc:
            further.remove_header("Authorization")  # the token is for the hub, not for its stores
        return further


def _total(reply: Any, beginning: _Beginning) -> int | None:
    """The size of the whole file. Raises ModelError if the server goes on somewhere else than asked."""
    if reply.status == http.HTTPStatus.PARTIAL_CONTENT:
        place = _LENGTH.fullmatch(reply.headers.get("Content-Range", ""))
        if place is None or int(place["first"]) != beginning.size:
            _forget(beginning.part)
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
