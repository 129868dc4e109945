"""Annotated videos: which there are, what they show, and which of them may be learned from.

Read are folders of classes, CSV files, Kinetics' CSV files, and UCF101 and HMDB51 with their official lists. Videos of
one group (a person, a place, one long recording) stay together in any split made here: a network that has seen one of
them has seen the others.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from actionzoo.errors import DataError, OutputError
from actionzoo.video.files import videos_below

TRAIN, TEST = "train", "test"
COLUMNS = ("path", "label", "group", "split")
KINETICS_COLUMNS = {"label", "youtube_id", "time_start", "time_end"}
LATER = {"kick_ball": "kick", "sword_exercise": "sword"}
"""HMDB51's classes are in order of name, but for these, which come before the other."""

_UCF_GROUP = re.compile(r"_(g\d+)_c\d+$")
_MISSING_SHOWN = 3


@dataclass(frozen=True)
class Annotated:
    """A video with its label.

    Attributes:
        path: of the file.
        label: index of its class.
        group: what it shares with other videos, or `None` where nobody knows.
        split: "train", "test" or another part's name, or `None` where nobody has said.
    """

    path: Path
    label: int
    group: str | None = None
    split: str | None = None


@dataclass(frozen=True)
class Annotations:
    """A set of videos, and the names of their classes by index."""

    classes: tuple[str, ...]
    videos: tuple[Annotated, ...]

    def part(self, split: str) -> Annotations:
        """The videos of one part. Raises DataError if there are none."""
        videos = tuple(video for video in self.videos if video.split == split)
        if not videos:
            there = sorted({video.split for video in self.videos if video.split})
            raise DataError(f"no video is in the part {split!r}; there are {', '.join(there) or 'no parts'}")
        return replace(self, videos=videos)


def read_annotations(data: str | Path, *, split: int = 1, group: str | None = None) -> Annotations:
    r"""Find out what `data` is, and read it.

    Args:
        data: a folder with a folder of videos for every class; a CSV file with the columns path, label and, if known,
            group and split; Kinetics' CSV beside its videos; or the folder of UCF101 or HMDB51 with the official lists
            in it.
        split: which of the official splits, 1 to 3.
        group: a regular expression on a video's path below `data`; what its first group matches is the video's group.

    Raises:
        DataError: there is no such thing, it has no videos or less than two classes, a list does not match the videos,
            or the expression is none or matches nothing.

    >>> read_annotations("my_videos", group=r"person(\d+)")                                      # doctest: +SKIP
    """
    path = Path(data)
    if path.is_file():
        found = _from_csv(path)
    elif not path.is_dir():
        raise DataError(f"there is no folder or file {data}; give class folders, a CSV, or a data set with its lists")
    elif lists := _folder_with(path, "classInd.txt"):
        found = _from_ucf101(path, lists, split)
    elif lists := _folder_with(path, "*_test_split1.txt"):
        found = _from_hmdb51(path, lists, split)
    else:
        found = _from_class_folders(path)
    if group is not None:
        found = _grouped(found, path if path.is_dir() else path.parent, group)
    _check(found, data)
    return found


def split_by_group(annotations: Annotations, *, test: float = 0.2, seed: int = 0) -> Annotations:
    """Put whole groups into "train" and "test", about the share `test` of every class's videos into the latter.

    A video without a group is a group of its own. Groups come in an order that `seed` draws, and go into the test as
    long as each of their classes has room there. Both parts have videos of every class.

    Raises DataError if whole groups cannot be shared out so.
    """
    if not 0 < test < 1:
        raise ValueError(f"test is a share above 0 and below 1, not {test}")
    names = [video.group if video.group is not None else f"\0{video.path}" for video in annotations.videos]
    groups: dict[str, Counter[int]] = defaultdict(Counter)
    for name, video in zip(names, annotations.videos, strict=True):
        groups[name][video.label] += 1
    chosen = _test_groups(groups, test, seed)
    for part in (chosen, groups.keys() - chosen):
        seen = {label for name in part for label in groups[name]}
        if lacking := [name for label, name in enumerate(annotations.classes) if label not in seen]:
            raise DataError(f"videos of {', '.join(lacking)} are of too few groups to have some for the test")
    parts = (TEST if name in chosen else TRAIN for name in names)
    videos = (replace(video, split=part) for video, part in zip(annotations.videos, parts, strict=True))
    return replace(annotations, videos=tuple(videos))


def write_csv(annotations: Annotations, path: str | Path) -> None:
    """Write videos with their groups and parts as a CSV that `read_annotations` reads, beside its place, then renamed.

    Paths are relative to the file's folder where they lie below it. Raises OutputError.
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.part")
    try:
        with beside.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for video in annotations.videos:
                name = _relative(video.path, path.parent)
                writer.writerow([name, annotations.classes[video.label], video.group or "", video.split or ""])
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def _test_groups(groups: Mapping[str, Counter[int]], test: float, seed: int) -> set[str]:
    """The groups for the test; `groups` tells how many videos of each class they have."""
    whole = sum(groups.values(), Counter())
    wanted = {label: test * count for label, count in whole.items()}
    order = sorted(groups)
    np.random.default_rng(seed).shuffle(order)
    chosen: set[str] = set()
    taken: Counter[int] = Counter()
    for name in order:
        if all(taken[label] + count / 2 <= wanted[label] for label, count in groups[name].items()):
            chosen.add(name)
            taken += groups[name]
    for label in whole:  # of which every group alone is more than the test should have
        if not taken[label]:
            spare = [
                name
                for name in order
                if label in groups[name] and all(taken[own] + count < whole[own] for own, count in groups[name].items())
            ]
            if spare:
                smallest = min(spare, key=lambda name: groups[name].total())
                chosen.add(smallest)
                taken += groups[smallest]
    return chosen


def _from_class_folders(folder: Path) -> Annotations:
    classes = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    videos = [Annotated(path, label) for label, name in enumerate(classes) for path in _videos(folder / name)]
    return Annotations(tuple(classes), tuple(videos))


def _from_csv(path: Path) -> Annotations:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
            columns = set(rows[0]) if rows else set()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as CSV: {error}") from error
    if columns >= KINETICS_COLUMNS:
        rows = [dict(row, path=_kinetics_name(row)) for row in rows]
    elif not {"path", "label"} <= columns:
        there = ", ".join(sorted(map(str, columns))) or "none"
        raise DataError(f"{path} needs a first line that names the columns path and label; it has {there}")
    strange = [place for place, row in enumerate(rows, start=2) if None in row or not row["path"] or not row["label"]]
    if strange:
        raise DataError(f"{path}, line {strange[0]}: there must be a path and a label, and no more than the columns")
    classes = sorted({row["label"] for row in rows})
    videos = tuple(
        Annotated(
            path.parent / row["path"], classes.index(row["label"]), row.get("group") or None, row.get("split") or None
        )
        for row in rows
    )
    return Annotations(tuple(classes), videos)


def _kinetics_name(row: Mapping[str, str]) -> str:
    """Where Kinetics' downloaders put a clip: `label/id_000010_000020.mp4`."""
    try:
        start, end = (int(float(row[key])) for key in ("time_start", "time_end"))
    except (TypeError, ValueError):
        return ""
    return f"{row['label']}/{row['youtube_id']}_{start:06d}_{end:06d}.mp4"


def _from_ucf101(folder: Path, lists: Path, split: int) -> Annotations:
    """UCF101: `classInd.txt`, `trainlist01.txt`, `testlist01.txt`. They say v_Handstand, files v_HandStand."""
    classes = [line.split(maxsplit=1)[1] for line in _lines(lists / "classInd.txt")]
    files = _by_name(folder, str.lower)
    labels = {name: label for label, name in enumerate(classes)}
    videos: list[Annotated] = []
    missing: list[str] = []
    for part in (TRAIN, TEST):
        for line in _lines(_official(lists / f"{part}list0{split}.txt", split)):
            name = line.split()[0]
            label, stem = labels.get(name.partition("/")[0]), Path(name).stem
            if label is None:
                raise DataError(f"{lists}: {name} is of no class of classInd.txt")
            found = files.get(stem.lower())
            if found is None:
                missing.append(name)
                continue
            match = _UCF_GROUP.search(stem)
            videos.append(Annotated(found, label, f"{classes[label]}_{match[1]}" if match else None, part))
    return _complete(classes, videos, missing, folder)


def _from_hmdb51(folder: Path, lists: Path, split: int) -> Annotations:
    """HMDB51: `<class>_test_split1.txt` with `name.avi 1` for train, 2 for test and 0 for neither."""
    names = sorted(path.name.removesuffix("_test_split1.txt") for path in lists.glob("*_test_split1.txt"))
    classes = sorted(names, key=lambda name: (LATER.get(name, name), name not in LATER))
    files = _by_name(folder, lambda stem: stem)
    videos: list[Annotated] = []
    missing: list[str] = []
    for label, name in enumerate(classes):
        for line in _lines(_official(lists / f"{name}_test_split{split}.txt", split)):
            file, _, part = line.rpartition(" ")
            if part in ("1", "2"):
                found = files.get(Path(file).stem)
                if found is None:
                    missing.append(file)
                else:
                    videos.append(Annotated(found, label, None, TRAIN if part == "1" else TEST))
    return _complete(classes, videos, missing, folder)


def _complete(classes: list[str], videos: list[Annotated], missing: list[str], folder: Path) -> Annotations:
    if missing:
        more = f" and {len(missing) - _MISSING_SHOWN} more" if len(missing) > _MISSING_SHOWN else ""
        shown = ", ".join(missing[:_MISSING_SHOWN])
        raise DataError(f"{folder} lacks {shown}{more} of its official lists; the numbers would not be comparable")
    return Annotations(tuple(classes), tuple(videos))


def _official(path: Path, split: int) -> Path:
    if not path.is_file():
        raise DataError(f"there is no official split {split}: {path} is missing")
    return path


def _grouped(annotations: Annotations, folder: Path, pattern: str) -> Annotations:
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise DataError(f"{pattern!r} is no regular expression: {error}") from error
    if not expression.groups:
        raise DataError(f"{pattern!r} has no parentheses around what names the group, as in 'person(\\d+)'")
    videos = []
    for video in annotations.videos:
        name = _relative(video.path, folder)
        match = expression.search(name)
        if match is None or match[1] is None:
            raise DataError(f"{pattern!r} finds no group in {name}")
        videos.append(replace(video, group=match[1]))
    return replace(annotations, videos=tuple(videos))


def _check(annotations: Annotations, data: object) -> None:
    counts = Counter(video.label for video in annotations.videos)
    if empty := [name for label, name in enumerate(annotations.classes) if not counts[label]]:
        raise DataError(f"{data}: no videos of {', '.join(empty[:_MISSING_SHOWN])}; add some, or remove the class")
    if len(annotations.classes) < 2:
        raise DataError(f"{data} has videos of {len(annotations.classes)} classes, each a folder; it takes two")
    twice = [str(path) for path, count in Counter(video.path for video in annotations.videos).items() if count > 1]
    if twice:
        raise DataError(f"{data} names {twice[0]} more than once")


def _folder_with(folder: Path, pattern: str) -> Path | None:
    """The folder itself, or one in it, that has such files."""
    places = [folder, *sorted(entry for entry in folder.iterdir() if entry.is_dir())]
    return next((place for place in places if any(place.glob(pattern))), None)


def _by_name(folder: Path, key: Callable[[str], str]) -> dict[str, Path]:
    return {key(path.stem): path for path in _videos(folder)}


def _videos(folder: Path) -> list[Path]:
    return [Path(path) for path in videos_below(folder)]


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _relative(path: Path, folder: Path) -> str:
    try:
        return path.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        return str(path.resolve())
