"""Where shards lie: a folder, or a bucket of an object store. An object appears whole or not at all."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from actionzoo.errors import DataError, OutputError

WAIT_S = 5.0
"""Seconds for an object store to answer at all."""

INSTALL = "pip install 'actionzoo[io]' 'tensorflow<2.18'"
BOUNDS = {"AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": "2", "S3_REQUEST_TIMEOUT_MSEC": "10000"}
"""Without these the client tries a dead or unwilling server for minutes."""


class Storage(Protocol):
    """A flat set of objects by name."""

    place: str

    def write(self, name: str, content: bytes) -> None:
        """Put an object there, in place of one of that name. Raises OutputError."""

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """An object, or a part of it. Raises DataError."""

    def names(self) -> list[str]:
        """The objects that are there. Raises DataError."""

    def free(self) -> int | None:
        """Bytes that can still be written, or `None` where nobody knows."""


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
    """The storage at a folder or an address `s3://bucket/path`; nothing is made there yet.

    Raises OutputError if the object store cannot be used: what it takes is not installed, or it does not answer.
    """
    text = os.fspath(place)
    if text.startswith("s3://"):
        return _Bucket(text.rstrip("/"))
    if "://" in text:
        raise OutputError(f"{text}: shards go into a folder or to s3://bucket/path")
    return _Folder(Path(text))


class _Folder:
    def __init__(self, path: Path) -> None:
        self.place = str(path)
        self._path = path

    def write(self, name: str, content: bytes) -> None:
        place = self._path / name
        beside = place.with_name(f".{name}.{os.getpid()}.part")
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(place)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise OutputError(f"cannot write {place}: {error.strerror or error}") from error

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        try:
            with (self._path / name).open("rb") as file:
                file.seek(offset)
                return file.read(-1 if length is None else length)
        except OSError as error:
            raise DataError(f"cannot read {self._path / name}: {error.strerror or error}") from error

    def names(self) -> list[str]:
        if not self._path.is_dir():
            return []
        for left in self._path.glob(".*.part"):  # of a process that was killed
            if not _alive(left.name.rsplit(".", 2)[1]):
                left.unlink(missing_ok=True)
        return sorted(entry.name for entry in self._path.iterdir() if not entry.name.startswith("."))

    def free(self) -> int | None:
        there = next(folder for folder in (self._path, *self._path.absolute().parents) if folder.is_dir())
        return shutil.disk_usage(there).free


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (OSError, ValueError):
        return False
    return True


class _Bucket:
    """Through TensorFlow's file systems, of which tensorflow-io brings that for S3."""

    def __init__(self, place: str) -> None:
        self.place = place
        for name, value in BOUNDS.items():
            os.environ.setdefault(name, value)
        _check_endpoint(place)
        try:
            import tensorflow as tf
            import tensorflow_io

            del tensorflow_io
            tf.io.gfile.exists(place)
        except ImportError as error:
            raise OutputError(f"{place} needs tensorflow-io; {INSTALL}") from error
        except tf.errors.UnimplementedError as error:
            raise OutputError(f"{place}: tensorflow-io does not work with this TensorFlow; {INSTALL}") from error
        except tf.errors.OpError:  # what is wrong, the first reading or writing says
            pass
        self._tf: Any = tf

    def write(self, name: str, content: bytes) -> None:
        try:
            with self._tf.io.gfile.GFile(f"{self.place}/{name}", "wb") as file:
                file.write(content)
        except self._tf.errors.OpError as error:
            raise OutputError(f"cannot write {self.place}/{name}: {_reason(error)}") from error

    def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        try:
            with self._tf.io.gfile.GFile(f"{self.place}/{name}", "rb") as file:
                file.seek(offset)
                return bytes(file.read(-1 if length is None else length))
        except self._tf.errors.OpError as error:
            raise DataError(f"cannot read {self.place}/{name}: {_reason(error)}") from error

    def names(self) -> list[str]:
        try:
            return sorted(name.rstrip("/") for name in self._tf.io.gfile.listdir(self.place))
        except self._tf.errors.NotFoundError:
            return []
        except self._tf.errors.OpError as error:
            raise DataError(f"cannot list {self.place}: {_reason(error)}") from error

    def free(self) -> int | None:
        return None


def _check_endpoint(place: str) -> None:
    """Raises OutputError if the object store does not answer; its client would try for long."""
    endpoint = os.environ.get("S3_ENDPOINT", "https://s3.amazonaws.com")
    parts = urlsplit(endpoint)
    if not parts.scheme or not parts.hostname:
        raise OutputError(f"S3_ENDPOINT is an address such as http://host:9000, not {endpoint!r}")
    lacking = [name for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if not os.environ.get(name)]
    if lacking:
        raise OutputError(f"{place} needs the environment variables {' and '.join(lacking)}")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    with contextlib.closing(kind(parts.hostname, parts.port, timeout=WAIT_S)) as connection:
        try:
            connection.request("HEAD", "/")
            connection.getresponse().read()  # any answer will do
        except (OSError, http.client.HTTPException) as error:
            raise OutputError(
                f"{endpoint} does not answer ({error or type(error).__name__}); check S3_ENDPOINT"
            ) from error


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())[:200]
    hint = "; check the bucket and AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"
    return f"{text or type(error).__name__}{hint}"
