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
    listed: list[Entry] = []
    for split in (TRAIN, TEST):
        path = _official(lists / f"{split}list0{official_split}.txt", official_split)
        for line, text in enumerate(read_lines(path), start=1):
            name = text.split()[0]
            label, match = name.partition("/")[0], _UCF_GROUP.search(Path(name).stem)
            if label not in known:
                raise DataError(f"{lists}: {name} is of no class of classInd.txt")
            listed.append(Entry(name, label, f"{label}_{match[1]}" if match else None, split, path, line))
    return _located(tree, classes, listed, str.lower)


def _read_hmdb51(tree: Tree, lists: Path, names: list[str], official_split: int) -> Found:
    """`<class>_test_split1.txt` with `name.avi 1` for train, 2 for test and 0 for neither."""
    classes = sorted(names, key=lambda name: (LATER.get(name, name), name not in LATER))
    listed: list[Entry] = []
    for label in classes:
        path = _official(lists / f"{label}_test_split{official_split}.txt", official_split)
        for line, text in enumerate(read_lines(path), start=1):
            name, _, number = text.rpartition(" ")
            listed.append(Entry(name, label, None, {"1": TRAIN, "2": TEST}.get(number), path, line))
    used = [entry for entry in listed if entry.split]
    found = _located(tree, classes, used, str)
    if neither := len(listed) - len(used):
        found.notes.append(f"{counted(neither, 'video')} in neither train nor test of official split {official_split}")
    return found


def _located(tree: Tree, classes: list[str], listed: list[Entry], spelled: Callable[[str], str]) -> Found:
    """The videos of official lists with their places; `spelled` gives what a list and the files have in common.

    Raises DataError if some are missing.
    """
    there = {spelled(os.path.splitext(video.rpartition("/")[2])[0]): tree.path(video) for video in tree.videos}
    stems = [spelled(Path(entry.path).stem) for entry in listed]
    if missing := [entry.path for entry, stem in zip(listed, stems, strict=True) if stem not in there]:
        raise DataError(
            f"{tree.root} lacks {shortened(missing)} of its official lists; the numbers would not be comparable"
        )
    return Found([entry._replace(path=there[stem]) for entry, stem in zip(listed, stems, strict=True)], tuple(classes))


def _official(path: Path, official_split: int) -> Path:
    if not path.is_file():
        raise DataError(f"there is no official split {official_split}: {path} is missing")
    return path
