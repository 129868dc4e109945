"""Which files and folders are videos."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from actionzoo.errors import VideoNotFoundError
from actionzoo.video.stills import IMAGE_SUFFIXES, is_animated_webp, is_frame_folder

__all__ = ["VIDEO_SUFFIXES", "is_frame_folder", "videos_below"]

VIDEO_SUFFIXES = frozenset(
    {".264", ".265", ".3g2", ".3gp", ".apng", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".gxf", ".h264"}
    | {".h265", ".hevc", ".ivf", ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg"}
    | {".mts", ".mxf", ".nut", ".obu", ".ogm", ".ogv", ".rm", ".rmvb", ".swf", ".ts", ".vob", ".webm", ".wmv", ".y4m"}
)


def videos_below(folder: str | os.PathLike[str]) -> list[str]:
    """List the videos in a folder and its subfolders, sorted; hidden files and folders are left out.

    A video is a file with a suffix of `VIDEO_SUFFIXES`, an animated WebP, or a folder of numbered images. Links are
    followed, except into a folder that is being listed.

    Raises:
        VideoNotFoundError: a folder may not be read.
    """
    folder = os.fspath(folder)
    try:
        return sorted(_videos(folder, frozenset({_identity(folder)})))
    except PermissionError as error:
        raise VideoNotFoundError(error.filename, "may not be read; check its permissions") from None


def _videos(folder: str, above: frozenset[tuple[int, int]]) -> Iterator[str]:
    images = False
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            suffix = os.path.splitext(entry.name)[1].lower()
            if entry.is_dir():
                identity = _identity(entry.path)
                if identity not in above:
                    yield from _videos(entry.path, above | {identity})
            elif suffix in VIDEO_SUFFIXES or (suffix == ".webp" and is_animated_webp(Path(entry.path))):
                yield entry.path
            else:
                images = images or suffix in IMAGE_SUFFIXES
    if images and is_frame_folder(folder):
        yield folder


def _identity(folder: str) -> tuple[int, int]:
    facts = os.stat(folder)
    return facts.st_dev, facts.st_ino
