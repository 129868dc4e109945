"""Where shards lie: a folder, or a place on an object store. An object appears whole or not at all."""

from __future__ import annotations

import contextlib
import functools
import http.client
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from actionzoo.errors import ActionzooError, DataError, OutputError
from actionzoo.files import remove, write_atomic

OBJECT_STORES = ("s3", "gs", "az", "hf")
"""Schemes of addresses: Amazon's S3 and all that speak like it, Google, Azure, and Hugging Face."""

INSTALL = "pip install 'actionzoo[io]'"
ADVICE = "check the address and your credentials (of S3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile)"
WAIT_S = 5.0
"""Seconds for an object store to answer at all."""

ENDPOINTS = ("S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
"""Environment variables with the address of an S3 server of one's own, the first of them before others."""

READ_S, ATTEMPTS = 20.0, 3
"""Seconds of silence in an answer, and how often a request is made, before a request to S3 has failed."""

_UNFINISHED = re.compile(r"\.(manifest|plan|shard-\d+)\.(json|tfrecord)-[0-9a-f]{8}")


class Storage(Protocol):
    """A flat set of objects by name."""

    place: str

    def write(self, name: str, content: bytes) -> None:
        """Put an object there, in place of one of that name. Raises OutputError."""

    def read(self, name: str) -> bytes:
        """An object. Raises DataError."""

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """`length` bytes of an object, from `offset` on. Raises DataError."""

    def names(self) -> set[str]:
        """The objects that are there. Raises DataError."""

    def free(self) -> int | None:
        """Bytes that can still be written, or `None` where nobody knows."""


def is_address(place: object) -> bool:
    """Whether a place is an address, such as `s3://bucket/path`, and no folder."""
    return "://" in str(place)


def in_bytes(count: float) -> str:
    """A number of bytes, for people.

    >>> in_bytes(100), in_bytes(2_345_678), in_bytes(6.4e10)
    ('100 bytes', '2.3 MB', '64.0 GB')
    """
    for limit, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= limit:
            return f"{count / limit:,.1f} {unit}"
    return f"{count:.0f} bytes"


def open_storage(place: str | os.PathLike[str]) -> Storage:
    """The storage at a folder or an address; nothing is written there yet.

    Args:
        place: a folder, or `s3://bucket/path`, `gs://...`, `az://...`, `hf://datasets/user/repo/path`.

    Raises:
        OutputError: the object store cannot be used: what it needs is not installed, or it does not answer.
    """
    text = os.fspath(place)
    if not is_address(text):
        return _Folder(Path(text))
    scheme = text.partition("://")[0]
    if scheme not in OBJECT_STORES:
        known = ", ".join(f"{name}://" for name in OBJECT_STORES)
        raise OutputError(f"{text}: not an object store; give a folder, or an address that begins with {known}")
    return _ObjectStore(text.rstrip("/"), _s3_options() if scheme == "s3" else {})


class _Folder:
    def __init__(self, path: Path) -> None:
        self.place = str(path)
        self._path = path

    def write(self, name: str, content: bytes) -> None:
        write_atomic(self._path / name, content)

    def read(self, name: str) -> bytes:
        return self.read_range(name, 0, -1)

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        try:
            with (self._path / name).open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except OSError as error:
            raise DataError(f"cannot read {self._path / name}: {error.strerror or error}") from error

    def names(self) -> set[str]:
        there = {path.name for path in self._path.glob("*")}
        for name in filter(_UNFINISHED.fullmatch, there):  # of a process that was killed while it wrote
            remove(self._path / name)
        return {name for name in there if not name.startswith(".")}

    def free(self) -> int | None:
        there = next(folder for folder in (self._path, *self._path.absolute().parents) if folder.is_dir())
        return shutil.disk_usage(there).free


class _ObjectStore:
    """An object store as fsspec has it, which tries a request again that failed on the way."""

    def __init__(self, place: str, options: dict[str, Any]) -> None:
        self.place = place
        try:
            import fsspec

            self._files, self._root = fsspec.url_to_fs(place, **options)
        except ImportError as error:
            raise OutputError(f"{place}: {error}; for S3, {INSTALL}") from error

    def write(self, name: str, content: bytes) -> None:
        with _reported(f"cannot write {self.place}/{name}", OutputError):
            self._files.pipe_file(f"{self._root}/{name}", content)

    def read(self, name: str) -> bytes:
        with _reported(f"cannot read {self.place}/{name}", DataError):
            return bytes(self._files.cat_file(f"{self._root}/{name}"))

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        with _reported(f"cannot read {self.place}/{name}", DataError):
            if self.place.startswith("s3://") and (gfile := _tensorflow_s3()) is not None:
                with gfile.GFile(f"{self.place}/{name}", "rb") as file:
                    file.seek(offset)
                    return bytes(file.read(length))
            return bytes(self._files.cat_file(f"{self._root}/{name}", start=offset, end=offset + length))

    def names(self) -> set[str]:
        with _reported(f"cannot list {self.place}", DataError):
            self._files.invalidate_cache()
            try:
                return {path.rpartition("/")[2] for path in self._files.ls(self._root, detail=False)}
            except FileNotFoundError:
                return set()

    def free(self) -> int | None:
        return None


@contextlib.contextmanager
def _reported(what: str, kind: type[ActionzooError]) -> Iterator[None]:
    """Raises errors of an object store as those of this package."""
    try:
        yield
    except Exception as error:  # the clients of object stores have no class of errors in common
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        if isinstance(error, FileNotFoundError):
            reason = f"not found ({reason})"
        raise kind(f"{what}: {reason}; {ADVICE}") from error


def _s3_options() -> dict[str, Any]:
    """What the client of S3 is told. Raises OutputError if a server of one's own does not answer."""
    tries = {"mode": "standard", "total_max_attempts": ATTEMPTS}
    options: dict[str, Any] = {"config_kwargs": {"connect_timeout": WAIT_S, "read_timeout": READ_S, "retries": tries}}
    if variable := next(filter(os.environ.get, ENDPOINTS), None):
        _check_endpoint(variable, os.environ[variable])
        options["endpoint_url"] = os.environ[variable]
    return options


def _check_endpoint(variable: str, endpoint: str) -> None:
    """Raises OutputError if a server does not answer, at once: the client would try for minutes."""
    parts = urlsplit(endpoint)
    if not parts.scheme or not parts.hostname:
        raise OutputError(f"{variable} is {endpoint!r}; give an address such as http://host:9000")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    with contextlib.closing(kind(parts.hostname, parts.port, timeout=WAIT_S)) as connection:
        try:
            connection.request("HEAD", "/")
            connection.getresponse().read()  # any answer will do
        except (OSError, http.client.HTTPException) as error:
            reason = error or type(error).__name__
            raise OutputError(f"{endpoint} does not answer ({reason}); check {variable}") from error


@functools.cache
def _tensorflow_s3() -> Any:
    """`tf.io.gfile` where tensorflow-io has taught it S3, as with TensorFlow 2.16 and 2.17; else `None`."""
    try:
        import tensorflow_io

        del tensorflow_io
    except ImportError:
        return None
    import tensorflow as tf

    # Without these, tensorflow-io does not know the server, and tries one that is gone for minutes.
    if variable := next(filter(os.environ.get, ENDPOINTS), None):
        os.environ["S3_ENDPOINT"] = os.environ[variable]
    for name, value in {"S3_REQUEST_TIMEOUT_MSEC": f"{READ_S * 1000:.0f}", "AWS_MAX_ATTEMPTS": f"{ATTEMPTS}"}.items():
        os.environ.setdefault(name, value)
    return tf.io.gfile if "s3" in tf.io.gfile.get_registered_schemes() else None
