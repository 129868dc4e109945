"""What the readers of all layouts give back, and the names that splits go by."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from actionzoo.errors import DataError

TRAIN, VALIDATION, TEST = "train", "val", "test"
SPLITS = {
    TRAIN: ("training",),
    VALIDATION: ("valid", "validate", "validation", "dev"),
    TEST: ("testing", "eval", "evaluation"),
}
"""The splits, and what else they are called, as Hugging Face's datasets and Kinetics have it."""

SHOWN = 3
"""Names that a message lists before it only counts."""

_SPLIT_OF = {name: split for split, others in SPLITS.items() for name in (split, *others)}


class Entry(NamedTuple):
    """A labelled video of a set.

    Attributes:
        path: of the file, or of the folder of its frames.
        label: name of its class.
        group: what it shares with other videos, or `None`.
        split: "train", "val", "test" or `None`.
        source: the list that names it, or `None`.
        line: of that list, from 1.
    """

    path: str
    label: str
    group: str | None = None
    split: str | None = None
    source: Path | None = None
    line: int = 0


@dataclass
class Found:
    """The videos of a set as a reader found them.

    Attributes:
        entries: the videos.
        classes: names of the classes by index, where the set itself says their order.
        notes: how the set was read and what was left out, a phrase each.
    """

    entries: list[Entry]
    classes: tuple[str, ...] | None = None
    notes: list[str] = field(default_factory=list)


@lru_cache
def split_of(name: str) -> str | None:
    """The split that is meant by a name, or `None` if that is no name of a split.

    >>> split_of("Validation"), split_of("kick")
    ('val', None)
    """
    return _SPLIT_OF.get(name.strip().casefold())


def split_in(name: str) -> str | None:
    """The split that a word in a longer name means, or `None` if none or more than one do.

    >>> split_in("jester-v1-validation"), split_in("train_and_test")
    ('val', None)
    """
    found = {_SPLIT_OF[word] for word in re.split(r"[^a-z]+", name.casefold()) if word in _SPLIT_OF}
    return found.pop() if len(found) == 1 else None


def unknown_split(place: object, name: str) -> DataError:
    """The error for a name that no split goes by."""
    known = ", ".join(f"{split} ({', '.join(others)})" for split, others in SPLITS.items())
    return DataError(f"{place}: {name!r} is not a split; the splits are {known}")


def shortened(names: Collection[str]) -> str:
    """A few names, and how many more there are.

    >>> shortened(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    listed = list(names)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "file"), counted(1200, "video"), counted(2, "class")
    ('1 file', '1200 videos', '2 classes')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}{'es' if noun.endswith('s') else 's'}"
