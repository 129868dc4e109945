"""What lies in a folder and below: videos, other files, folders."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from actionzoo.data.layouts.found import counted, shortened
from actionzoo.video.files import videos_below


@dataclass(frozen=True)
class Tree:
    """A folder with all that is below, as paths relative to it with `/` between names, sorted.

    Attributes:
        root: the folder.
        videos: files, and folders of numbered frames, that are videos.
        files: other files.
        folders: other folders.
    """

    root: Path
    videos: list[str]
    files: list[str]
    folders: list[str]

    @cached_property
    def top(self) -> str:
        """What comes before a name in the path of something in the folder."""
        return os.path.join(self.root, "")

    def path(self, name: str) -> str:
        """The path of something in the folder."""
        return self.top + name


def survey(root: Path) -> Tree:
    """Look through a folder. Links to folders are followed; hidden files and folders are left out.

    Raises VideoNotFoundError for a folder that may not be read.
    """
    top = os.fspath(root)
    start = len(os.path.join(top, ""))
    videos = [path[start:] for path in videos_below(top) if len(path) > start]  # the folder itself may be one of frames
    known = frozenset(videos)
    files: list[str] = []
    folders: list[str] = []
    seen: set[tuple[int, int]] = set()
    for where, below, names in os.walk(top, followlinks=True):
        facts = os.stat(where)
        if (facts.st_dev, facts.st_ino) in seen:  # a link that leads back
            below.clear()
            continue
        seen.add((facts.st_dev, facts.st_ino))
        here = f"{where[start:]}/" if len(where) > start else ""
        below[:] = [name for name in below if not name.startswith(".") and here + name not in known]
        folders += [here + name for name in below]
        files += [here + name for name in names if not name.startswith(".") and here + name not in known]
    return Tree(root, videos, sorted(files), sorted(folders))


def left_out(tree: Tree, tops: Collection[str]) -> list[str]:
    """A phrase about the files that are no videos in the folders `tops`, if there are any."""
    kinds = Counter(
        os.path.splitext(name)[1].lower() or "without a suffix"
        for name in tree.files
        if "/" in name and name.partition("/")[0] in tops
    )
    listed = [f"{count} {kind}" for kind, count in kinds.most_common()]
    return [f"{counted(kinds.total(), 'file')} left out: {shortened(listed)}"] if listed else []
