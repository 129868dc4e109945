"""Folders named after classes, and which level of folders that is.

Beside the classes there may be a level of splits (train, val, test) and one of groups (people, places, recordings), in
any order. Folders of splits are known by their names. Of the others, the level whose folders are numbered alike
(person01, person02) is that of groups, and so is one whose names do not come back below another folder of the level
above.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

from actionzoo.data.layouts.found import Entry, Found, counted, shortened, split_in, split_of, unknown_split
from actionzoo.data.layouts.tree import Tree, left_out
from actionzoo.errors import DataError

DEEPEST = 4
"""Levels of folders among which splits are looked for."""

CROSSED = 0.5
"""Share of all pairs of an upper and a lower name above which neither level can be told from the other."""

CLASS_WORDS = frozenset({"a", "act", "action", "activity", "c", "class", "exercise", "gesture", "label", "word"})
"""What comes before the number where classes are numbered."""

_NUMBERED = re.compile(r"(\D*?)[ _-]*\d+")

Folder = tuple[str, ...]


@dataclass(frozen=True)
class _Levels:
    """Which level of folders is what, from 0 for the uppermost."""

    label: int
    group: int | None
    split: int | None


def read_folders(tree: Tree, group: re.Pattern[str] | None) -> Found:
    """Videos of class folders.

    Args:
        tree: the set.
        group: what names a video's group; decides where two levels could be that of the classes.

    Raises DataError if there are no class folders, or two levels that both could be, or splits of unknown names.
    """
    held: dict[Folder, list[str]] = defaultdict(list)
    for video in tree.videos:
        held[tuple(video.split("/")[:-1])].append(video)
    split = _split_level(tree, list(held))
    nowhere = [folder for folder in held if len(folder) < (2 if split == 0 else 1)]
    loose = [video for folder in nowhere for video in held.pop(folder)]
    if not held:
        raise _no_class_folders(tree, loose, split)
    levels = _levels(tree, held, split, group)
    entries = [_entry(tree, video, folder, levels) for folder, videos in held.items() for video in videos]
    notes = _spoken(held, levels)
    if loose:
        notes.append(f"{counted(len(loose), 'video')} in no class folder left out, such as {loose[0]}")
    notes += left_out(tree, {folder[0] for folder in held})
    if empty := _empty(tree, held, levels):
        notes.append(f"{counted(len(empty), 'folder')} without videos: {shortened(empty)}")
    return Found(sorted(entries, key=lambda entry: (entry.label, entry.path)), notes=notes)


def _entry(tree: Tree, video: str, folder: Folder, levels: _Levels) -> Entry:
    group = None if levels.group is None else folder[levels.group]
    split = None
    if levels.split is not None and len(folder) > levels.split:
        split = split_of(folder[levels.split]) or split_in(folder[levels.split])
    return Entry(tree.path(video), folder[levels.label], group, split)


def _names(folders: list[Folder], level: int) -> set[str]:
    return {folder[level] for folder in folders if len(folder) > level}


def _split_level(tree: Tree, folders: list[Folder]) -> int | None:
    """The level whose folders are all named after splits. Raises DataError if all but some are."""
    for level in range(DEEPEST):
        names = _names(folders, level)
        if 2 * sum(len(folder) > level for folder in folders) < len(folders):
            return None  # a folder here and there that goes deeper
        splits = {name: split_of(name) for name in names}
        known = {split for split in splits.values() if split}
        if names and None not in splits.values():
            return level
        inner = {split_in(name) for name in names}
        if not known and None not in inner and len(inner) == len(names) > 1:  # videos_train, videos_val
            return level
        others = sorted(name for name, split in splits.items() if split is None)
        holds = any(len(folder) > level + 1 and splits[folder[level]] for folder in folders) or level == 1
        if level < 2 and holds and (len(known) > 1 or (known and len(others) == 1)):
            raise unknown_split(tree.root, others[0])
    return None


def _no_class_folders(tree: Tree, loose: list[str], split: int | None) -> DataError:
    if not loose:
        others = left_out(tree, {name.partition("/")[0] for name in tree.files})
        return DataError("; ".join([f"{tree.root} holds no videos, in class folders or elsewhere", *others]))
    what = f"the {counted(len(loose), 'video')} in {tree.root} are in no class folders"
    where = "train/CLASS/" if split == 0 else "CLASS/"
    return DataError(f"{what}; put them into {where}, or add a metadata.csv with the columns file_name,label")


def _levels(tree: Tree, held: dict[Folder, list[str]], split: int | None, group: re.Pattern[str] | None) -> _Levels:
    """Tell the level of classes from that of groups."""
    folders = list(held)
    shared = [level for level in range(min(map(len, folders))) if level != split]
    several = [level for level in shared if len(_names(folders, level)) > 1]
    label = _label_level(tree, held, shared, several, group)
    return _Levels(label, _group_level(held, several, label), split)


def _label_level(
    tree: Tree,
    held: dict[Folder, list[str]],
    shared: list[int],
    several: list[int],
    group: re.Pattern[str] | None,
) -> int:
    folders = list(held)
    if not several:
        return shared[-1]
    top = several[0]
    rivals = [top, *(level for level in several[1:] if _crossed(folders, top, level) > 0)]
    words = [level for level in rivals if _numbered(_names(folders, level)) is None]
    if not words and len(rivals) == 1 and top != shared[0] and _numbered(_names(folders, top)):
        return shared[0]  # one class with folders of people
    rivals = words or rivals
    if len(rivals) == 1 or _crossed(folders, rivals[0], rivals[1]) < CROSSED:
        return rivals[0]
    first, second = rivals[:2]
    if group is not None:
        named = [level for level in (first, second) if _names_level(held, level, group)]
        if len(named) == 1:
            return second if named == [first] else first
    raise DataError(
        f"{tree.root}: the classes may be {shortened(sorted(_names(folders, first)))} or "
        f"{shortened(sorted(_names(folders, second)))}; if the former are people or places, add "
        f"--group '{_level_pattern(first)}', if the latter are, --group '{_level_pattern(second)}'"
    )


def _level_pattern(level: int) -> str:
    """The expression whose group is the name of a folder.

    >>> re.search(_level_pattern(1), "train/anna/kick/1.mp4")[1]
    'anna'
    """
    return f"^{'[^/]+/' * level}([^/]+)/"


def _crossed(folders: list[Folder], upper: int, lower: int) -> float:
    """The share of pairs of names of two levels that there are; 0 where each lower name is below one upper name."""
    pairs = {(folder[upper], folder[lower]) for folder in folders}
    uppers, lowers = _names(folders, upper), _names(folders, lower)
    return 0.0 if len(pairs) == len(lowers) else len(pairs) / (len(uppers) * len(lowers))


def _numbered(names: set[str]) -> str | None:
    """The word before the numbers where names are one word with numbers, if that is none for classes.

    >>> _numbered({"p01", "p2"}), _numbered({"1", "2"}), _numbered({"kick", "p2"}), _numbered({"action 1", "action 2"})
    ('p', '', None, None)
    """
    matches = [_NUMBERED.fullmatch(name) for name in names]
    words = {match[1].casefold() if match else None for match in matches}
    return words.pop() if len(words) == 1 and not words & CLASS_WORDS else None


def _names_level(held: dict[Folder, list[str]], level: int, group: re.Pattern[str]) -> bool:
    """Whether an expression gives each folder of a level a group of its own."""
    pairs = set()
    for folder, videos in held.items():
        match = group.search(videos[0])
        pairs.add((folder[level], match[1] if match else None))
    return len(pairs) == len({name for name, _ in pairs}) == len({found for _, found in pairs})


def _group_level(held: dict[Folder, list[str]], several: list[int], label: int) -> int | None:
    """The uppermost level that divides classes into folders of several videos."""
    for level in several:
        if level == label:
            continue
        names = _names(list(held), level)
        divides = len({(folder[label], folder[level]) for folder in held}) > len(_names(list(held), label))
        if divides and len(names) < sum(map(len, held.values())):
            return level
    return None


def _spoken(held: dict[Folder, list[str]], levels: _Levels) -> list[str]:
    """How the folders were read, where that is not plain."""
    folders = list(held)
    notes = []
    if levels.group is not None or levels.label != (1 if levels.split == 0 else 0):
        notes.append(f"classes are the folders {shortened(sorted(_names(folders, levels.label)))}")
    if levels.group is not None:
        notes.append(f"groups the folders {shortened(sorted(_names(folders, levels.group)))}")
    return [", ".join(notes)] if notes else []


def _empty(tree: Tree, held: dict[Folder, list[str]], levels: _Levels) -> list[str]:
    """Folders of the level of classes without videos."""
    deep = levels.label + 1
    full = {folder[:deep] for folder in held}
    there = (tuple(name.split("/")) for name in tree.folders)
    return ["/".join(folder) for folder in there if len(folder) == deep and folder not in full]
