"""Labelled videos: which there are, what they show, and which of them may be learned from.

Read are class folders, with folders of splits and of groups; lists in any dialect; and the official lists of UCF101,
HMDB51, Kinetics, Something-Something and Jester. Videos of one group (a person, a place, one long recording) stay
together in any split made here: a network that has seen one of them has seen the others.
"""

from __future__ import annotations

import csv
import io
import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np

from actionzoo.data.layouts.folders import read_folders
from actionzoo.data.layouts.found import SPLITS, TEST, TRAIN, Entry, Found, counted, shortened, split_of
from actionzoo.data.layouts.lists import read_list, read_metadata, read_only_list, read_split_lists
from actionzoo.data.layouts.official import read_official
from actionzoo.data.layouts.tree import Tree, survey
from actionzoo.errors import DataError
from actionzoo.files import write_atomic

__all__ = ["TEST", "TRAIN", "LabeledVideo", "VideoDataset", "read_dataset", "split_by_group", "write_csv"]

COLUMNS = ("path", "label", "group", "split")


@dataclass(frozen=True)
class LabeledVideo:
    """A video with its label.

    Attributes:
        path: of the file.
        class_index: of its class, from 0.
        group: what it shares with other videos, or `None` where nobody knows.
        split: "train", "val" or "test", or `None` where nobody has said.
    """

    path: Path
    class_index: int
    group: str | None = None
    split: str | None = None


@dataclass(frozen=True)
class VideoDataset:
    """A set of videos, and the names of their classes by index.

    Attributes:
        classes: names by index.
        videos: of the set.
        notes: how it was read and what was left out, a phrase each.
    """

    classes: tuple[str, ...]
    videos: tuple[LabeledVideo, ...]
    notes: tuple[str, ...] = field(default=(), compare=False)

    def in_split(self, split: str) -> VideoDataset:
        """The videos of one split, by any of its names. Raises DataError if there are none."""
        split = split_of(split) or split
        videos = tuple(video for video in self.videos if video.split == split)
        if not videos:
            there = sorted({video.split for video in self.videos if video.split})
            raise DataError(f"no video is in the split {split!r}; there are {', '.join(there) or 'no splits'}")
        return replace(self, videos=videos)

    def summary(self) -> str:
        """What there is, and what was left out, in one line.

        >>> VideoDataset(("bend", "wave"), (LabeledVideo(Path("a.mp4"), 0, None, "train"),)).summary()
        '1 split, 2 classes, 1 video: train 1'
        """
        counts = Counter(video.split for video in self.videos)
        named = [name for name in SPLITS if counts[name]]
        groups = len({video.group for video in self.videos} - {None})
        facts = [counted(len(named), "split")] if named else []
        facts += [counted(len(self.classes), "class"), *([counted(groups, "group")] if groups else [])]
        text = f"{', '.join(facts)}, {counted(len(self.videos), 'video')}"
        if named:
            shares = [f"{name} {counts[name]}" for name in named]
            text += ": " + ", ".join(shares + ([f"in no split {counts[None]}"] if counts[None] else []))
        return "; ".join([text, *self.notes])


def read_dataset(
    data: str | Path,
    *,
    official_split: int = 1,
    group: str | None = None,
    missing_ok: bool = False,
    one_class_ok: bool = False,
) -> VideoDataset:
    r"""Find out what `data` is, and read it.

    Args:
        data: a folder with a folder of videos for every class, also within or around folders named after splits (train,
            val, test) or groups; a list of videos with columns for path and label and, if known, group and split; a
            folder with such lists; or the folder of a data set with its official lists.
        official_split: which of the official splits of UCF101 and HMDB51, 1 to 3.
        group: a regular expression on a video's path below `data`; what its first group matches is the video's group.
        missing_ok: also take videos that a list names and that are not there, as those of shards.
        one_class_ok: also take a set of a single class, from which nothing can be learned.

    Raises:
        DataError: there is no such thing, it has no videos or less than two classes, a list does not match the videos,
            two levels of folders may be the classes, or the expression is none or matches nothing.

    >>> read_dataset("my_videos", group=r"person(\d+)")                                      # doctest: +SKIP
    """
    path = Path(data)
    expression = None if group is None else _expression(group)
    if path.is_file():
        found = read_list(path, missing_ok=missing_ok)
    elif not path.is_dir():
        raise DataError(f"there is no folder or file {data}; give class folders, a CSV, or a data set with its lists")
    else:
        found = _read_folder(path, official_split, expression)
    _refuse_twice(found)
    dataset = _dataset(found)
    _check(dataset, data, one_class_ok)
    return dataset if expression is None else _grouped(dataset, path, expression)


def _read_folder(path: Path, official_split: int, group: re.Pattern[str] | None) -> Found:
    """The videos of a folder: official lists come first, then other lists, then class folders."""
    tree = survey(path)
    official = read_official(tree, official_split) or read_metadata(tree)
    if official is not None:
        return official
    listed, notes = read_split_lists(tree)
    found = listed or _read_unlisted(tree, group)
    found.notes += notes
    return found


def _read_unlisted(tree: Tree, group: re.Pattern[str] | None) -> Found:
    """The videos of class folders or, where there are none, of the only list."""
    try:
        found = read_folders(tree, group)
    except DataError:
        only = read_only_list(tree)
        if only is None:
            raise
        return only
    return found if len({entry.label for entry in found.entries}) > 1 else read_only_list(tree) or found


def _dataset(found: Found) -> VideoDataset:
    names = {label: label for label in {entry.label for entry in found.entries}}
    if found.classes is None:  # an accent is one character in some names, and two in those that macOS wrote
        names = {label: unicodedata.normalize("NFC", label) for label in names}
    classes = found.classes or tuple(sorted(set(names.values())))
    places = {name: place for place, name in enumerate(classes)}
    numbers = {label: places[name] for label, name in names.items()}
    videos = (LabeledVideo(Path(entry.path), numbers[entry.label], entry.group, entry.split) for entry in found.entries)
    return VideoDataset(classes, tuple(videos), tuple(found.notes))


def split_by_group(dataset: VideoDataset, *, test: float = 0.2, seed: int = 0) -> VideoDataset:
    """Put whole groups into "train" and "test".

    A video without a group is a group of its own. Groups come in an order that `seed` draws, and go into the test as
    long as each of their classes has room there. Both splits have videos of every class.

    Args:
        dataset: the videos; what splits they are in does not count.
        test: share of the videos of every class for the test, about.
        seed: of the order.

    Raises:
        DataError: whole groups cannot be shared out so.
    """
    if not 0 < test < 1:
        raise ValueError(f"test is a share above 0 and below 1, not {test}")
    names = [video.group if video.group is not None else f"\0{video.path}" for video in dataset.videos]
    groups: dict[str, Counter[int]] = defaultdict(Counter)
    for name, video in zip(names, dataset.videos, strict=True):
        groups[name][video.class_index] += 1
    chosen = _test_groups(groups, test, seed)
    for split in (chosen, groups.keys() - chosen):
        if lacking := _lacking(dataset, {index for name in split for index in groups[name]}):
            raise DataError(f"videos of {shortened(lacking)} are of too few groups to have some for the test")
    videos = (
        LabeledVideo(video.path, video.class_index, video.group, TEST if name in chosen else TRAIN)
        for name, video in zip(names, dataset.videos, strict=True)
    )
    return replace(dataset, videos=tuple(videos))


def write_csv(dataset: VideoDataset, path: str | Path) -> None:
    """Write videos with their groups and splits as a CSV that `read_dataset` reads, atomically.

    Paths are relative to the file's folder where they lie below it. Raises OutputError.
    """
    path = Path(path)
    real, below = _real_paths(), os.path.join(os.path.realpath(path.parent), "")
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for video in dataset.videos:
        name = real(str(video.path)).removeprefix(below).replace(os.sep, "/")
        writer.writerow([name, dataset.classes[video.class_index], video.group or "", video.split or ""])
    write_atomic(path, text.getvalue())


def _test_groups(groups: Mapping[str, Mapping[int, int]], test: float, seed: int) -> set[str]:
    """The groups for the test; `groups` tells how many videos of each class they have."""
    order = sorted(groups)
    np.random.default_rng(seed).shuffle(order)
    whole: Counter[int] = Counter()
    holders: dict[int, list[str]] = defaultdict(list)
    for name in order:
        whole.update(groups[name])
        for index in groups[name]:
            holders[index].append(name)
    chosen: set[str] = set()
    taken: Counter[int] = Counter()

    def take(name: str) -> None:
        chosen.add(name)
        taken.update(groups[name])

    for name in order:
        if all(taken[index] + count / 2 <= test * whole[index] for index, count in groups[name].items()):
            take(name)
    for index in whole:  # of which every group alone is more than the test should have
        if not taken[index]:
            spare = [
                name
                for name in holders[index]
                if all(taken[own] + count < whole[own] for own, count in groups[name].items())
            ]
            if spare:
                take(min(spare, key=lambda name: sum(groups[name].values())))
    return chosen


def _expression(group: str) -> re.Pattern[str]:
    try:
        expression = re.compile(group)
    except re.error as error:
        raise DataError(f"{group!r} is no regular expression: {error}") from error
    if not expression.groups:
        raise DataError(f"{group!r} has no parentheses around what names the group, as in 'person(\\d+)'")
    return expression


def _grouped(dataset: VideoDataset, path: Path, expression: re.Pattern[str]) -> VideoDataset:
    below = os.path.join(path if path.is_dir() else path.parent, "")
    videos = []
    for video in dataset.videos:
        name = os.fspath(video.path).removeprefix(below).replace(os.sep, "/")
        match = expression.search(name)
        if match is None or match[1] is None:
            raise DataError(f"{expression.pattern!r} finds no group in {name}")
        videos.append(replace(video, group=match[1]))
    return replace(dataset, videos=tuple(videos))


def _lacking(dataset: VideoDataset, there: Collection[int]) -> list[str]:
    """The names of the classes that are not among `there`."""
    return [name for index, name in enumerate(dataset.classes) if index not in there]


def _check(dataset: VideoDataset, data: object, one_class_ok: bool) -> None:
    if empty := _lacking(dataset, {video.class_index for video in dataset.videos}):
        raise DataError(f"{data}: no videos of {shortened(empty)}; add some, or remove the class")
    least, word = (1, "one") if one_class_ok else (2, "two")
    if len(dataset.classes) < least:
        only = f" ({dataset.classes[0]})" if dataset.classes else ""
        notes = "".join(f"; {note}" for note in dataset.notes)
        raise DataError(f"{data} has videos of {len(dataset.classes)} classes{only}; it takes {word}{notes}")


def _refuse_twice(found: Found) -> None:
    """Refuse a set that names one file twice, in whatever way links spell it."""
    real = _real_paths()
    seen: dict[str, Entry] = {}
    for entry in found.entries:
        first = seen.setdefault(real(entry.path), entry)
        if first is not entry:
            where, before = (f"{one.source}, line {one.line}" if one.source else one.path for one in (entry, first))
            raise DataError(f"{where}: names {entry.path} more than once, first in {before}")


def _real_paths() -> Callable[[str], str]:
    """What tells where a file lies in truth, and asks the system once for each folder."""
    real_folder = cache(os.path.realpath)

    def real(path: str) -> str:
        folder, name = os.path.split(path)
        return os.path.join(real_folder(folder), name)

    return real
