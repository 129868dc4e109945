"""Where the videos are that lists name."""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from actionzoo.data.layouts.found import shortened, split_in, split_of
from actionzoo.data.layouts.tables import SAMPLE, Row, Table, is_video_name
from actionzoo.data.layouts.tree import Tree, survey
from actionzoo.errors import DataError

KINETICS_TIMES = len("_000010_000020")


class Places:
    """Finds the videos of lists in a set. Folders are listed once, so that no file is asked for by itself."""

    def __init__(self, root: Path, tree: Tree | None = None) -> None:
        """`tree` is what lies below `root`, where that is known already."""
        self._root, self._tree = root, tree
        self._tails: dict[str, list[str]] = {}
        self._listed: dict[tuple[Path, str], dict[str, str]] = {}

    def paths(self, table: Table) -> list[str | None]:
        """The path of each video of a list, from the list's folder, else from the set's; `None` for those not there.

        Where that finds few, a video is looked for whose path ends as the list says, for lists that name videos from a
        folder of another place. Of several it is the one in the folder of the video's split.

        Raises DataError if there are several videos that a name could be.
        """
        paths: list[str | None] = [None] * len(table.rows)
        if not table.kinetics:
            for folder in dict.fromkeys((table.path.parent, self._root)):
                paths = [path or self._at(folder, row.path) for path, row in zip(paths, table.rows, strict=True)]
        if None in paths and (self._tree or 2 * paths.count(None) > len(paths)):
            paths = [path or self._by_tail(table, row) for path, row in zip(paths, table.rows, strict=True)]
        return paths

    def names_any(self, table: Table) -> bool:
        """Whether one or more of the first videos of a list are there."""
        try:
            return any(self.paths(replace(table, rows=table.rows[:SAMPLE])))
        except DataError:  # there are several
            return True

    def _at(self, folder: Path, name: str) -> str | None:
        """The path of a file by its path from a folder, with or without suffix."""
        for spelled in (name,) if name.isascii() and "\\" not in name else _spellings(name):
            below, slash, file = spelled.rstrip("/").rpartition("/")
            there = self._names(folder, below or slash)
            if file in there:
                return there[file]
        return None

    def _names(self, folder: Path, below: str) -> dict[str, str]:
        """Paths of what is in a folder below another, by their names, those of videos by names without suffix too."""
        if (folder, below) not in self._listed:
            where = os.path.join(folder, os.path.normpath(below)) if below else os.fspath(folder)
            try:
                names = {name: os.path.join(where, name) for name in os.listdir(where)}
            except (OSError, ValueError):  # the latter for names that no file can have
                names = {}
            self._listed[folder, below] = {_keys(name)[0]: path for name, path in names.items()} | names
        return self._listed[folder, below]

    def _by_tail(self, table: Table, row: Row) -> str | None:
        split = split_of(row.split) or table.split
        try:
            found = self._ending(row.path, split)
            return found or (self._ending(row.path[:-KINETICS_TIMES], split) if table.kinetics else None)
        except DataError as error:
            raise DataError(f"{table.path}, line {row.line}: {error}") from error

    def _ending(self, name: str, split: str | None) -> str | None:
        """The video whose path ends with `name`, or is itself its end."""
        if self._tree is None:
            self._tree = survey(self._root)
        if not self._tails:
            self._tails = _by_name(self._tree.videos)
        names = [folder for folder in name.replace("\\", "/").split("/") if folder not in ("", ".", "..")]
        if not names:
            return None
        found = [
            video
            for video in self._tails.get(names[-1], [])
            if all(own == told for own, told in zip(video.split("/")[-2::-1], names[-2::-1], strict=False))
        ]
        if len(found) > 1 and split:
            found = [video for video in found if split in map(split_in, video.split("/")[:-1])] or found
        if len(found) > 1:
            raise DataError(f"{name} may be {shortened(found)}")
        return self._tree.path(found[0]) if found else None


def _spellings(name: str) -> tuple[str, ...]:
    """A path as it is, with the slashes of POSIX, and with accents as one character or as two."""
    plain = name.replace("\\", "/")
    return (name, plain, unicodedata.normalize("NFC", plain), unicodedata.normalize("NFD", plain))


def _by_name(videos: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for video in videos:
        for key in _keys(video.rpartition("/")[2]):
            found[key].append(video)
    return dict(found)


def _keys(name: str) -> tuple[str, ...]:
    """What a list may call a file or folder."""
    return (os.path.splitext(name)[0], name) if is_video_name(name) else (name,)
