"""Kills a piece of work at any of its writes: what stands on the disk then is what a kill or a power cut leaves."""

from __future__ import annotations

import builtins
import contextlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

CHANGES = ("fsync", "link", "mkdir", "remove", "rename", "replace", "rmdir", "symlink", "truncate", "unlink", "write")
"""Functions of `os` that change what is on the disk, or make it last."""

TWO_FILES = ("link", "rename", "replace", "symlink")
"""Those whose first two arguments are files."""


class Killed(BaseException):
    """Stands for the end of the process: no clean-up may change anything after it."""


class Count:
    """Counts the changes below a folder, and lets no more through from the `moment`-th on, counted from 1.

    Attributes:
        seen: their kinds, in order: functions of `os`, or "open" and "write" of files.
    """

    def __init__(self, moment: int, below: Path) -> None:
        self._moment = moment
        self._below = os.path.realpath(below)
        self.seen: list[str] = []

    def one(self, kind: str, *files: Any, folder: int | None = None) -> bool:
        """Counts a change of files: by their paths, in the folder of a descriptor if there is one, or a descriptor.

        Whether it is the one that is cut off in the middle; raises Killed behind it. Changes elsewhere, such as those
        of caches that only the first run of a process fills, and of threads of other tests, do not count.
        """
        if not any(_path(file, folder).startswith(self._below + os.sep) for file in files):
            return False
        self.seen.append(kind)
        if len(self.seen) > self._moment:
            raise Killed
        return len(self.seen) == self._moment


def _path(file: Any, folder: int | None) -> str:
    if isinstance(file, int):
        return os.path.realpath(f"/dev/fd/{file}")
    parent = "" if folder is None else os.path.realpath(f"/dev/fd/{folder}")
    return os.path.realpath(os.path.join(parent, os.fsdecode(file)))


@contextlib.contextmanager
def killed_at(moment: int, below: Path) -> Iterator[Count]:
    """Within, the `moment`-th change below a folder and all later ones raise Killed.

    A write is half done, anything else not at all.

    Changes are the calls of `os` in `CHANGES`, and opening, writing and closing files in Python. What native code
    writes by itself counts as not done yet where it lies beside its place, which is renamed by Python.
    """
    count = Count(moment, below)
    with contextlib.ExitStack() as stack:
        for name in CHANGES:
            stack.enter_context(mock.patch.object(os, name, _counted(name, getattr(os, name), count)))
        for module in (builtins, io):
            stack.enter_context(mock.patch.object(module, "open", _counted_open(io.open, count)))
        yield count


def _counted(kind: str, real: Callable[..., Any], count: Count) -> Callable[..., Any]:
    files = 2 if kind in TWO_FILES else 1

    def change(*arguments: Any, **options: Any) -> Any:
        if count.one(kind, *arguments[:files], folder=options.get("dir_fd")):
            raise Killed
        return real(*arguments, **options)

    return change


def _counted_open(real: Callable[..., Any], count: Count) -> Callable[..., Any]:
    def open_file(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if not set(mode) & set("wax+"):
            return real(file, mode, *arguments, **options)
        if count.one("open", file):
            raise Killed
        opened = real(file, mode, *arguments, **options)
        write = opened.write

        def half(content: Any) -> Any:
            if count.one("write", file):
                write(content[: len(content) // 2])
                opened.flush()
                raise Killed
            return write(content)

        return _Writing(opened, half)

    return open_file


class _Writing:
    """A file that is open for writing, whose `write` is another."""

    def __init__(self, file: Any, write: Callable[[Any], Any]) -> None:
        self._file, self.write = file, write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _Writing:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._file)
