"""The user's cache folder, what is written into it, and the checksum that everything in it goes by."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from actionzoo.files import replacing

SETTLED_S = 2.0
"""A file that changed within so many seconds may change again without another time of change."""

logger = logging.getLogger("actionzoo")


def chosen_cache_folder() -> Path:
    """The cache folder as it was asked for: `ACTIONZOO_CACHE`, or `actionzoo` in the system's cache folder."""
    if chosen := os.environ.get("ACTIONZOO_CACHE"):
        return Path(chosen).expanduser()
    return _system_folder()


def cache_folder(*kind: str) -> Path:
    """Where actionzoo writes what it can make again.

    It is the chosen cache folder where this user may write there. Otherwise (another user made it, it is read-only) it
    is a private one, and a warning says so once.

    Args:
        kind: the subfolder, such as `"openvino", "v1"`; several users may have made different ones.
    """
    folders = cache_folders(*kind)
    if len(folders) > 1:
        _note_fallback(*(Path(*folder.parts[: len(folder.parts) - len(kind)]) for folder in folders))
    return folders[-1]


def cache_folders(*kind: str) -> list[Path]:
    """Where to look for what is kept, in this order; the last is where to write (by `cache_folder`, which says so)."""
    chosen = chosen_cache_folder()
    if is_writable(chosen.joinpath(*kind)):
        return [chosen.joinpath(*kind)]
    private = next((folder for folder in _private_folders() if is_writable(folder.joinpath(*kind))), None)
    if private is None or private == chosen:
        return [chosen.joinpath(*kind)]
    return [folder.joinpath(*kind) for folder in (chosen, private)]


def is_writable(folder: Path) -> bool:
    """Whether this user may make files in a folder, or may make the folder. Writes nothing."""
    try:
        there = next(parent for parent in (folder, *folder.absolute().parents) if os.path.lexists(parent))
    except (OSError, StopIteration):
        return False
    effective = os.access in os.supports_effective_ids
    return os.path.isdir(there) and os.access(there, os.R_OK | os.W_OK | os.X_OK, effective_ids=effective)


def sha256_of(path: str | Path) -> str:
    """The sha256 of a file's bytes, as 64 hexadecimal digits. Raises OSError."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remembered_sha256(path: str | Path) -> str:
    """The sha256 of a file's bytes, computed once and then remembered until the file changes. Raises OSError.

    A large model takes half a second to read. A file is the same while its size, place on the disk and times of change
    are, of which no program can set the last.
    """
    place = Path(path).resolve()
    facts = place.stat()
    state = [facts.st_size, facts.st_dev, facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns]
    note = f"{hashlib.sha256(os.fsencode(place)).hexdigest()}.json"
    for folder in cache_folders("checksums"):
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            known = json.loads((folder / note).read_text("utf-8"))
            if known["state"] == state and known["check"] == _check(known):
                return str(known["sha256"])
    known = {"state": state, "sha256": sha256_of(place)}
    if time.time() - max(facts.st_mtime, facts.st_ctime) > SETTLED_S:
        with (
            contextlib.suppress(OSError),
            replacing(cache_folder("checksums") / note) as beside,
        ):  # else it is computed again
            beside.write_text(json.dumps(known | {"check": _check(known)}), "utf-8")
    return str(known["sha256"])


def _check(note: Mapping[str, Any]) -> str:
    """By which a note is known to be as it was written."""
    return hashlib.sha256(f"{note['state']} {note['sha256']}".encode()).hexdigest()[:16]


def _system_folder() -> Path:
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "actionzoo"


def _private_folders() -> Iterator[Path]:
    """This user's own folders for a cache: the system's, then one among the temporary files."""
    yield _system_folder()
    if hasattr(os, "geteuid"):
        folder = Path(tempfile.gettempdir(), f"actionzoo-{os.geteuid()}")
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
            facts = folder.lstat()
            if facts.st_uid == os.geteuid() and not facts.st_mode & 0o022 and not folder.is_symlink():
                yield folder


@functools.cache  # once is enough
def _note_fallback(chosen: Path, private: Path) -> None:
    logger.warning("%s cannot be written by this user; what is new is kept in %s", chosen, private)
