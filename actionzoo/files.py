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
def replacing(path: Path) -> Iterator[Path]:
    """Gives a name beside `path` to write to, a file or a folder, and renames it to `path` when that went well.

    Its permissions are those of any new file, so that other users of a cache can read it; those of `tempfile` are not.
    Missing folders are made. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name[:32]}-{secrets.token_hex(4)}")
    try:
        yield beside
        os.replace(beside, path)
    finally:
        remove(beside)


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file atomically; text is UTF-8.

    Raises OutputError.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomic(Path(folder, "answer.txt"), "hug")
    ...     Path(folder, "answer.txt").read_text()
    'hug'
    """
    try:
        with replacing(path) as beside:
            beside.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def make_folder(folder: Path) -> None:
    """Make a folder, and see that files can be written there, before long work for them. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = "a file is in its place" if isinstance(error, FileExistsError) else error.strerror or error
        raise OutputError(f"cannot write into {folder}: {reason}") from error


def remove(path: Path) -> None:
    """Remove a file or folder, if there is one and that is possible."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
