"""How long a large set takes to be read and split: class folders, parts, and a list of the same videos.

    python -m benchmarks.annotations [--videos 100000] [--classes 400]

The files are empty and made in a temporary folder. What is measured is what a user waits for before the first video is
decoded, with names in the system's cache.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from actionzoo.data.dataset import read_dataset, split_by_group, write_csv
from benchmarks._machine import describe, machine

SPLITS = ("train", "val")


def make(folder: Path, videos: int, classes: int, parts: tuple[str, ...] = ("",)) -> Path:
    """Class folders of empty files, in folders of parts if there are any."""
    places = [folder / part / f"class {label:03}" for part in parts for label in range(classes)]
    for place in places:
        place.mkdir(parents=True)
    for number in range(videos):
        (places[number % len(places)] / f"v_{number:06}.mp4").touch()
    return folder


def measured(videos: int, classes: int) -> Iterator[tuple[str, float]]:
    """What was done, and the seconds that it took."""
    with tempfile.TemporaryDirectory() as place:
        plain = make(Path(place, "plain"), videos, classes)
        since = time.perf_counter()
        found = read_dataset(plain)
        yield "class folders", time.perf_counter() - since
        since = time.perf_counter()
        found = split_by_group(found)
        yield "  split, a group a video", time.perf_counter() - since
        since = time.perf_counter()
        write_csv(found, plain / "set.csv")
        yield "  written as a list", time.perf_counter() - since
        since = time.perf_counter()
        found = read_dataset(plain / "set.csv")
        yield "  the list", time.perf_counter() - since
        assert len(found.videos) == videos
        since = time.perf_counter()
        people = read_dataset(plain, group=r"(\d\d\d)\.mp4")
        yield "class folders, groups by a pattern", time.perf_counter() - since
        since = time.perf_counter()
        split_by_group(people)
        yield "  split by group", time.perf_counter() - since
        parts = make(Path(place, "parts"), videos, classes, SPLITS)
        since = time.perf_counter()
        assert read_dataset(parts).summary().startswith(f"{len(SPLITS)} splits, {classes} classes, {videos} videos")
        yield "folders of parts", time.perf_counter() - since


def main() -> None:
    """Prints a line for each step."""
    parser = argparse.ArgumentParser(description="Reading and splitting a large set.")
    parser.add_argument("--videos", type=int, default=100_000)
    parser.add_argument("--classes", type=int, default=400)
    given = parser.parse_args()
    print(describe(machine()))
    print(f"{given.videos:,} videos of {given.classes} classes, seconds")
    for what, seconds in measured(given.videos, given.classes):
        print(f"{what:<36}{seconds:8.2f}", flush=True)


if __name__ == "__main__":
    main()
