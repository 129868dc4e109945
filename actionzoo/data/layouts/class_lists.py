"""Files that say which class has which number."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from actionzoo.data.layouts.tables import is_video_name
from actionzoo.errors import DataError

NAMES = ("classInd.txt", "label_map.txt", "classes.txt", "labels.txt")
ENDS = ("labels.json", "labels.csv")

_NUMBERED = re.compile(r"(\d+)[\s,;:]+(\S.*)")


@dataclass(frozen=True)
class ClassList:
    """The names of classes in the order of their numbers, and the file that has them."""

    path: Path
    names: tuple[str, ...]

    def numbered(self, labels: Collection[tuple[str, str]]) -> dict[str, str]:
        """The name of every number, counted from 0 or 1 as the folders of the videos, or the numbers, say.

        Args:
            labels: numbers, each with the name of the folder that a video of it lies in.

        Raises DataError if there is no class of a number.
        """
        fitting = [
            [first, sum(self.names[int(label) - first].casefold() == folder.casefold() for label, folder in labels)]
            for first in (0, 1)
            if all(0 <= int(label) - first < len(self.names) for label, _ in labels)
        ]
        if not fitting:
            largest = max(int(label) for label, _ in labels)
            raise DataError(f"there is a label {largest}, but {self.path} has {len(self.names)} classes")
        first, _ = max(fitting, key=lambda choice: choice[1])
        return {label: self.names[int(label) - first] for label, _ in labels}


def find_class_list(folders: Sequence[Path], lists: Collection[Path] = ()) -> ClassList | None:
    """The first file with the names of classes in some folders, `lists` apart; `None` if there is none."""
    for folder in folders:
        try:
            there = sorted(entry for entry in folder.iterdir() if entry.is_file() and entry not in lists)
        except OSError:  # not to be listed, only to be read from
            continue
        chosen = [path for name in NAMES for path in there if path.name == name]
        chosen += [path for end in ENDS for path in there if path.name.lower().endswith(end)]
        for path in chosen:
            try:
                names = _json_names(path) if path.suffix.lower() == ".json" else read_class_names(path)
            except DataError:
                if path.name in NAMES:
                    raise
                continue  # labels of something else
            if names and not any(map(is_video_name, names)):
                return ClassList(path, tuple(names))
    return None


def read_class_names(path: Path) -> list[str]:
    """The names of a text file with a class in each line, behind its number or alone.

    Raises DataError if a line has a number and no name.
    """
    lines = read_lines(path)
    matches = [_NUMBERED.fullmatch(line) for line in lines]
    if lines and (path.name == NAMES[0] or (all(matches) and len(lines) > 1)):
        for number, (match, line) in enumerate(zip(matches, lines, strict=True), start=1):
            if match is None:
                raise DataError(f"{path}, line {number}: there must be a number and the name of a class, not {line!r}")
        return [match[2] for match in matches if match]
    return lines


def read_lines(path: Path) -> list[str]:
    """The lines of a text that are not blank. Raises DataError if it cannot be read."""
    try:
        return [line.strip() for line in path.read_text("utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _json_names(path: Path) -> list[str]:
    """Names of `{"name": number}`, as Something-Something has them, or of a list."""
    try:
        content = json.loads(path.read_text("utf-8-sig"))
    except (OSError, RecursionError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if isinstance(content, list) and all(isinstance(name, str) for name in content):
        return [name.strip() for name in content]
    if isinstance(content, dict) and all(str(number).isdecimal() for number in content.values()):
        return [name.strip() for name in sorted(content, key=lambda name: int(content[name]))]
    return []
