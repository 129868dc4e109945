"""UCF101 and HMDB51 with their official lists."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from actionzoo.data.layouts.class_lists import read_class_names, read_lines
from actionzoo.data.layouts.found import TEST, TRAIN, Entry, Found, counted, shortened
from actionzoo.data.layouts.tree import Tree
from actionzoo.errors import DataError

LATER = {"kick_ball": "kick", "sword_exercise": "sword"}
"""HMDB51's classes are in order of name, but for these, which come before the other."""

_UCF_GROUP = re.compile(r"_(g\d+)_c\d+$")
_UCF_LIST = re.compile(r"(train|test)list\d+\.txt")
_HMDB_LIST = re.compile(r"(.+)_test_split1\.txt")


def read_official(tree: Tree, official_split: int) -> Found | None:
    """The videos of UCF101 or HMDB51; `None` if the lists of neither are in the folder or in one below.

    Raises DataError if the set is not whole, or there is no such official split.
    """
    folders: dict[str, list[str]] = {}
    for name in tree.files:
        if name.count("/") <= 1:
            folder, _, file = name.rpartition("/")
            folders.setdefault(folder, []).append(file)
    for folder, files in sorted(folders.items()):
        if "classInd.txt" in files and any(map(_UCF_LIST.fullmatch, files)):
            return _read_ucf101(tree, tree.root / folder, official_split)
        if classes := [match[1] for match in map(_HMDB_LIST.fullmatch, files) if match]:
            return _read_hmdb51(tree, tree.root / folder, classes, official_split)
    return None


def _read_ucf101(tree: Tree, lists: Path, official_split: int) -> Found:
    """`classInd.txt`, `trainlist01.txt`, `testlist01.txt`. They say v_Handstand, files v_HandStand."""
    classes = read_class_names(lists / "classInd.txt")
    known = set(classes)
    files = _by_name(tree, str.lower)
    entries: list[Entry] = []
    missing: list[str] = []
    for split in (TRAIN, TEST):
        path = _official(lists / f"{split}list0{official_split}.txt", official_split)
        for line, text in enumerate(read_lines(path), start=1):
            name = text.split()[0]
            label, stem = name.partition("/")[0], Path(name).stem
            if label not in known:
                raise DataError(f"{lists}: {name} is of no class of classInd.txt")
            found = files.get(stem.lower())
            if found is None:
                missing.append(name)
                continue
            match = _UCF_GROUP.search(stem)
            entries.append(Entry(found, label, f"{label}_{match[1]}" if match else None, split, path, line))
    return _complete(tree, classes, entries, missing)


def _read_hmdb51(tree: Tree, lists: Path, names: list[str], official_split: int) -> Found:
    """`<class>_test_split1.txt` with `name.avi 1` for train, 2 for test and 0 for neither."""
    classes = sorted(names, key=lambda name: (LATER.get(name, name), name not in LATER))
    files = _by_name(tree, lambda stem: stem)
    entries: list[Entry] = []
    missing: list[str] = []
    neither = 0
    for label in classes:
        path = _official(lists / f"{label}_test_split{official_split}.txt", official_split)
        for line, text in enumerate(read_lines(path), start=1):
            file, _, split = text.rpartition(" ")
            if split not in ("1", "2"):
                neither += 1
            elif found := files.get(Path(file).stem):
                entries.append(Entry(found, label, None, TRAIN if split == "1" else TEST, path, line))
            else:
                missing.append(file)
    whole = _complete(tree, classes, entries, missing)
    if neither:
        whole.notes.append(f"{counted(neither, 'video')} in neither train nor test of official split {official_split}")
    return whole


def _complete(tree: Tree, classes: list[str], entries: list[Entry], missing: list[str]) -> Found:
    if missing:
        raise DataError(
            f"{tree.root} lacks {shortened(missing)} of its official lists; the numbers would not be comparable"
        )
    return Found(entries, tuple(classes))


def _official(path: Path, official_split: int) -> Path:
    if not path.is_file():
        raise DataError(f"there is no official split {official_split}: {path} is missing")
    return path


def _by_name(tree: Tree, key: Callable[[str], str]) -> dict[str, str]:
    return {key(os.path.splitext(video.rpartition("/")[2])[0]): tree.path(video) for video in tree.videos}
