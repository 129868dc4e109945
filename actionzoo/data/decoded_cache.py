"""Decoded videos on disk, by key: checked when they are first read, shared by users where that is allowed."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import os
import tempfile
import threading
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actionzoo.errors import OutputError
from actionzoo.files import remove, replacing

logger = logging.getLogger("actionzoo")

ENTRY = "entry.json"
KINDS = {"frames": np.uint8, "flow": np.float16}
"""The arrays of an entry, each a file of its bytes."""

DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
LEFT_S = 86400.0
"""An unfinished entry that is older than so many seconds is of a process that was killed."""

Arrays = tuple[NDArray[np.uint8], NDArray[np.float16]]
"""Frames and flow of `actionzoo.data.decoded.DecodedVideo`."""


class DecodedVideoCache:
    """A folder of entries, and one of this user alone for when the folder belongs to somebody else.

    An entry is a folder of its own, written atomically, with the checksum of each of its files.
    Its arrays are mapped into memory; a process reads them through for their checksums when it first uses them.
    """

    def __init__(self, folder: Path, others: Sequence[Path] = ()) -> None:
        """`folder` is where entries are kept; `others` are looked through first, and not written to."""
        self._folder, self._others = folder, tuple(others)
        self._checked: set[Path] = set()
        self._swept: set[Path] = set()
        self._lock = threading.Lock()
        self._private: Path | None = None

    def load(self, key: str, name: str) -> Arrays | None:
        """The arrays of an entry, or `None` if there is none; one that is damaged is removed, with a warning.

        `name` is the video's, for the warning.
        """
        for folder in (*self._others, self._folder, self._private):
            place = folder and folder / key
            with contextlib.suppress(OSError):  # it is somebody else's, who does not let us read or mend it
                if place and place.is_dir() and (arrays := self._intact(place, name)) is not None:
                    return arrays
        return None

    def store(self, key: str, name: str, frames: NDArray[np.uint8], flow: NDArray[np.float16]) -> Arrays:
        """Keep arrays under a key, and give them as they are kept. Raises OutputError if nothing can be written."""
        content: dict[str, NDArray[Any]] = {"frames": frames, "flow": flow}
        try:
            if self._private is None:
                try:
                    return self._kept(self._folder, key, name, content)
                except OSError as error:
                    if error.errno not in DENIED:
                        raise
                    self._go_private(error)
            assert self._private is not None
            return self._kept(self._private, key, name, content)
        except OSError as error:
            raise OutputError(
                f"cannot keep {name} in {self._private or self._folder}: {error.strerror or error}; set "
                "ACTIONZOO_CACHE to a folder with space"
            ) from error

    def _intact(self, place: Path, name: str) -> Arrays | None:
        """The arrays of an entry; one that is damaged is removed. Raises OSError if it may not be read or removed."""
        try:
            return self._read(place)
        except PermissionError:
            raise
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning(
                "%s: what the cache keeps of it in %s is damaged (%s); decoding it again", name, place, error
            )
        self._checked.discard(place)
        aside = place.with_name(f".{place.name}-damaged-{os.getpid()}")
        with contextlib.suppress(FileNotFoundError):  # another process removed it
            place.rename(aside)
            remove(aside)
        return None

    def _read(self, place: Path) -> Arrays:
        """The arrays of an entry. Raises OSError, ValueError, KeyError or TypeError if it is damaged."""
        facts = json.loads((place / ENTRY).read_text("utf-8"))
        arrays = {kind: _mapped(place / kind, dtype, facts[kind]["shape"]) for kind, dtype in KINDS.items()}
        if place not in self._checked:
            for kind, array in arrays.items():
                if _checksum(array) != facts[kind]["crc32"]:
                    raise ValueError(f"{kind} has another checksum")
            self._checked.add(place)
        return arrays["frames"], arrays["flow"]

    def _kept(self, folder: Path, key: str, name: str, content: dict[str, NDArray[Any]]) -> Arrays:
        """Write an entry, unless another process was faster. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        if folder not in self._swept:
            self._swept.add(folder)
            _sweep(folder)
        place = folder / key
        try:
            with replacing(place) as beside:
                beside.mkdir()
                for kind, array in content.items():
                    (beside / kind).write_bytes(np.ascontiguousarray(array).data)
                facts = {kind: {"shape": array.shape, "crc32": _checksum(array)} for kind, array in content.items()}
                (beside / ENTRY).write_text(json.dumps(facts), "utf-8")
        except OSError:
            if not place.is_dir():
                raise
        arrays = self._intact(place, name)
        if arrays is None:
            raise OSError(errno.EIO, f"{place} does not hold what was written")
        return arrays

    def _go_private(self, error: OSError) -> None:
        """Keep entries where only this user can write from now on, with a warning. Raises OSError."""
        with self._lock:
            if self._private is not None:
                return
            user = os.getuid() if hasattr(os, "getuid") else "user"
            private = Path(tempfile.gettempdir(), f"actionzoo-{user}")
            private.mkdir(mode=0o700, exist_ok=True)
            if hasattr(os, "getuid") and (private.is_symlink() or private.stat().st_uid != os.getuid()):
                raise PermissionError(errno.EACCES, f"{private} belongs to somebody else")
            logger.warning(
                "%s cannot be written (%s); decoded videos are kept in %s; set ACTIONZOO_CACHE to a folder of your own",
                self._folder, error.strerror, private,
            )  # fmt: skip
            self._private = private / "recordings"


def _mapped(path: Path, dtype: Any, shape: list[int]) -> NDArray[Any]:
    """A file's array, mapped into memory. Raises OSError, ValueError or TypeError."""
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if path.stat().st_size != size:
        raise ValueError(f"{path.name} has {path.stat().st_size} bytes, not {size}")
    if not size:  # an empty file cannot be mapped
        return np.empty(shape, dtype)
    return np.memmap(path, dtype, "r", shape=tuple(shape))


def _checksum(array: NDArray[Any]) -> int:
    return zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def _sweep(folder: Path) -> None:
    """Remove what killed processes left unfinished, beside the places of entries."""
    for left in folder.glob(".*-*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > LEFT_S:
                remove(left)
