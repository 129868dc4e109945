"""The user's cache folder, and the checksum that everything in it goes by."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

SETTLED_S = 2.0
"""A file that changed within so many seconds may change again without another time of change."""


def cache_folder() -> Path:
    """Where actionzoo keeps what it can make again: `ACTIONZOO_CACHE`, or `actionzoo` in the system's cache folder."""
    if chosen := os.environ.get("ACTIONZOO_CACHE"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "actionzoo"


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
    note = cache_folder() / "checksums" / f"{hashlib.sha256(os.fsencode(place)).hexdigest()}.json"
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
        known = json.loads(note.read_text("utf-8"))
        if known["state"] == state and len(bytes.fromhex(known["sha256"])) == 32:
            return str(known["sha256"])
    checksum = sha256_of(place)
    if time.time() - max(facts.st_mtime, facts.st_ctime) > SETTLED_S:
        _write_note(note, json.dumps({"state": state, "sha256": checksum}))
    return checksum


def _write_note(note: Path, text: str) -> None:
    """Beside its place, then renamed; what cannot be kept is computed again."""
    with contextlib.suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=note.parent, delete=False, encoding="utf-8") as beside:
            beside.write(text)
        os.replace(beside.name, note)
