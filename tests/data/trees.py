"""Trees of empty files, and what is read of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from actionzoo.data.dataset import VideoDataset


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def listed(dataset: VideoDataset, folder: Path) -> list[tuple[str, str, str | None, str | None]]:
    return [
        (video.path.relative_to(folder).as_posix(), dataset.classes[video.class_index], video.group, video.split)
        for video in dataset.videos
    ]


def crossed(*levels: Iterable[str]) -> list[str]:
    """A clip in every folder of folders of these names."""
    names = [""]
    for level in levels:
        names = [f"{name}{folder}/" for name in names for folder in level]
    return [f"{name}{number}.mp4" for number, name in enumerate(names)]
