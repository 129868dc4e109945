"""Which files are videos."""

from __future__ import annotations

import os

VIDEO_SUFFIXES = frozenset(
    {".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ts"}
    | {".vob", ".webm", ".wmv"}
)


def videos_below(folder: str | os.PathLike[str]) -> list[str]:
    """The video files in a folder and below, by their suffix, sorted; hidden files and folders are left out.

    Links to folders are followed, each folder once.
    """
    found = []
    visited: set[tuple[int, int]] = set()
    for where, folders, names in os.walk(folder, followlinks=True):
        facts = os.stat(where)
        if (facts.st_dev, facts.st_ino) in visited:
            folders.clear()
            continue
        visited.add((facts.st_dev, facts.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        shown = (name for name in names if not name.startswith("."))
        found += [os.path.join(where, name) for name in shown if os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES]
    return sorted(found)
