"""Videos that lists name: a file of one's own, lists by split, Kinetics, Something-Something, Jester, VideoFolder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from actionzoo.data.layouts.class_lists import ClassList, find_class_list
from actionzoo.data.layouts.found import Entry, Found, counted, shortened, split_in, split_of, unknown_split
from actionzoo.data.layouts.places import Places
from actionzoo.data.layouts.tables import SUFFIXES, NotAListError, Row, Table, is_video_name, read_table
from actionzoo.data.layouts.tree import Tree
from actionzoo.errors import DataError

METADATA = ("metadata.csv", "metadata.jsonl")
MANY = 1000
"""Classes of one video each above which a list is thought to have its columns swapped."""

DIGITS = 10
"""So many make a name and no number of a class."""

DEEP = 1
"""Folders below the set's own in which lists are looked for."""


def read_list(path: Path, *, missing_ok: bool = False) -> Found:
    """The videos that one file lists, from its own folder.

    Args:
        path: of the list.
        missing_ok: also take videos that are not there.

    Raises DataError if the file is no list, or names videos that are not there.
    """
    table = read_table(path)
    if not table.labelled:
        raise DataError(f"{path} has no labels; it takes a column label beside those for the video")
    _refuse_swapped(table)
    if missing_ok:
        found = Found([_entry(table, row, os.path.join(path.parent, row.path)) for row in table.rows])
    else:
        found = _located([table], Places(path.parent))
    return _indexed(found, None if missing_ok else find_class_list([path.parent], [path]))


def read_metadata(tree: Tree) -> Found | None:
    """VideoFolder of Hugging Face: `metadata.csv` or `.jsonl` with `file_name,label`, in the set or in each split."""
    tables = [read_table(tree.root / name) for name in tree.files if name.rpartition("/")[2] in METADATA]
    found = _read(tree, [table for table in tables if table.labelled])
    if found is not None:
        found.entries = [entry._replace(split=entry.split or _split_above(tree, entry)) for entry in found.entries]
    return found


def _split_above(tree: Tree, entry: Entry) -> str | None:
    """The split that the uppermost folder of such a name puts a video into."""
    folders = entry.path[len(tree.top) :].split(os.sep)[:-1]
    return next(filter(None, map(split_of, folders)), None)


def read_split_lists(tree: Tree) -> tuple[Found | None, list[str]]:
    """Lists that are named after splits, such as `train.csv` and `val.csv`; `None` where there are none.

    Also a phrase about each file of such a name that is none.
    """
    notes: list[str] = []
    tables = _tables(tree, [name for name in _lists(tree) if split_in(Path(name).stem)], notes)
    splits = {table.path: split_in(table.path.stem) for table in tables}
    if len({*splits.values()}) > 1:  # of one alone, nobody says that the others are elsewhere
        tables = [replace(table, split=splits[table.path]) for table in tables]
    return _read(tree, tables), notes


def read_only_list(tree: Tree) -> Found | None:
    """The one list in a folder that names videos of it; `None` where there is none. Raises DataError if several do."""
    tables = _tables(tree, _lists(tree), [])
    if len(tables) > 1:
        names = shortened([table.path.name for table in tables])
        raise DataError(f"{tree.root} has several lists of videos, {names}; give one of them instead of the folder")
    return _read(tree, tables)


def _lists(tree: Tree) -> list[str]:
    return [name for name in tree.files if os.path.splitext(name)[1].lower() in SUFFIXES and name.count("/") <= DEEP]


def _tables(tree: Tree, names: Sequence[str], notes: list[str]) -> list[Table]:
    """Those of some files that list labelled videos of the set; `notes` gets a phrase about each other."""
    tables, places = [], Places(tree.root, tree)
    for name in names:
        try:
            table = read_table(tree.root / name)
        except NotAListError:
            notes.append(f"{name} is no list of labelled videos")
            continue
        if not table.labelled:
            notes.append(f"{counted(len(table.rows), 'video')} of {name} have no label")
        elif places.names_any(table):
            tables.append(table)
        else:
            _refuse_swapped(table)
            notes.append(f"{name} names no videos of the set")
    return tables


def _read(tree: Tree, tables: Sequence[Table]) -> Found | None:
    """The videos of some lists of a set; `None` without lists."""
    if not tables:
        return None
    for table in tables:
        _refuse_swapped(table)
    found = _located(tables, Places(tree.root, tree))
    named = {entry.path for entry in found.entries}
    unnamed = sum(tree.path(video) not in named for video in tree.videos)
    found.notes += [f"{counted(unnamed, 'video')} in no list left out"] if unnamed else []
    folders = dict.fromkeys([*(table.path.parent for table in tables), tree.root])
    return _indexed(found, find_class_list(list(folders), [table.path for table in tables]))


def _located(tables: Sequence[Table], places: Places) -> Found:
    """The videos of lists with their places.

    Raises DataError if some are missing, unless that is to be expected of the list.
    """
    found = Found([])
    if named := [table.path.name for table in tables if table.by_folder]:
        found.notes.append(f"labels in {shortened(named)} are the names of the folders")
    for table in tables:
        pairs = list(zip(table.rows, places.paths(table), strict=True))
        found.entries += [_entry(table, row, path) for row, path in pairs if path]
        lacking = [row for row, path in pairs if path is None]
        if lacking and table.kinetics and len(lacking) < len(pairs):  # videos vanish from where it has them
            there = f"{len(lacking)} of {counted(len(pairs), 'clip')} of {table.path.name}"
            found.notes.append(f"{there} not there, such as {lacking[0].path}.mp4")
        elif lacking:
            raise _missing(table, lacking)
    return found


def _missing(table: Table, lacking: Sequence[Row]) -> DataError:
    name = lacking[0].path + (".mp4" if table.kinetics else "")
    rest = f"; {len(lacking)} of {counted(len(table.rows), 'video')} are missing" if len(lacking) > 1 else ""
    where = "" if os.path.isabs(name) else f" in {table.path.parent}"
    return DataError(f"{table.path}, line {lacking[0].line}: there is no {name}{where}{rest}")


def _entry(table: Table, row: Row, path: str) -> Entry:
    split = split_of(row.split) if row.split else table.split
    if row.split and split is None:
        raise unknown_split(f"{table.path}, line {row.line}", row.split)
    return Entry(path, row.label, row.group or None, split, table.path, row.line)


def _refuse_swapped(table: Table) -> None:
    """Before time is spent on it, refuse a list whose labels are videos."""
    labels = {row.label for row in table.rows}
    if table.labelled and (all(map(is_video_name, labels)) or MANY < len(labels) == len(table.rows)):
        raise DataError(
            f"{table.path} has {counted(len(labels), 'class')} in {counted(len(table.rows), 'video')}: are the columns "
            "path and label swapped?"
        )


def _indexed(found: Found, listed: ClassList | None) -> Found:
    """Names for numbers, and the order of classes that a file beside the list gives."""
    labels = {entry.label for entry in found.entries}
    numbers = all(label.isdecimal() and len(label) < DIGITS for label in labels)
    if listed is None or not (numbers or labels <= set(listed.names)):
        found.classes = tuple(sorted(labels, key=int)) if numbers else None
        return found
    if numbers:
        folders = {(entry.label, os.path.basename(os.path.dirname(entry.path))) for entry in found.entries}
        names = listed.numbered(folders)
        found.entries = [entry._replace(label=names[entry.label]) for entry in found.entries]
        labels = set(names.values())
    found.classes = tuple(name for name in listed.names if name in labels)
    found.notes.append(f"classes in the order of {listed.path.name}")
    if lacking := [name for name in listed.names if name not in labels]:
        found.notes.append(f"{counted(len(lacking), 'class')} of it without videos: {shortened(lacking)}")
    return found
