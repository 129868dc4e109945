"""Files and folders written atomically: whole, or as they were."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from actionzoo.errors import OutputError


@contextlib.contextmanager
def replacing(path: Path, *, parents: bool = True) -> Iterator[Path]:
    """Gives a name beside `path` to write to, a file or a folder, and renames it to `path` when that went well.

    Its permissions are those of any new file, so that other users of a cache can read it; those of `tempfile` are not.
    Missing folders are made, unless `parents` is False. Raises OSError.
    """
    if parents:
        path.parent.mkdir(parents=True, exist_ok=True)
    beside = _name_beside(path)
    try:
        yield beside
        os.replace(beside, path)
    finally:
        remove(beside)


@contextlib.contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """Gives a new folder beside `path`, for what is not whole yet, and removes it in the end. Raises OSError.

    Its name is chosen first: `tempfile.TemporaryDirectory` knows its folder only after that is there, and leaves it
    behind when a Ctrl-C comes in between.
    """
    beside = _name_beside(path)
    try:
        beside.mkdir()
        yield beside
    finally:
        remove(beside)


def _name_beside(path: Path) -> Path:
    return path.with_name(f".{path.name[:32]}-{secrets.token_hex(4)}")


@contextlib.contextmanager
def replacing_output(path: Path) -> Iterator[Path]:
    """Like `replacing`, for a file that a user named: in a folder that exists, and behind the link if it is one.

    Raises OutputError if `path` is a folder, OSError otherwise.
    """
    place = Path(os.path.realpath(path))
    if place.is_dir():
        raise OutputError(f"{path}: is a folder; name a file in it")
    with replacing(place, parents=False) as beside:
        yield beside


def cannot_write(path: Path, error: Exception) -> OutputError:
    """The error that tells why a file was not written."""
    reason = getattr(error, "strerror", None) or error
    return OutputError(f"{path}: cannot be written ({reason}); choose another place or make room")


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file atomically, into a folder that exists; text is UTF-8.

    Raises OutputError.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomic(Path(folder, "answer.txt"), "hug")
    ...     Path(folder, "answer.txt").read_text()
    'hug'
    """
    try:
        with replacing_output(path) as beside:
            beside.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise cannot_write(path, error) from error


def make_folder(folder: Path) -> None:
    """Make a folder, and see that files can be written there, before long work for them. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = "a file is in its place" if isinstance(error, FileExistsError) else error.strerror or error
        raise OutputError(f"{folder}: cannot be written into ({reason}); choose another place or make room") from error


def remove(path: Path) -> None:
    """Remove a file or folder, if there is one and that is possible."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
