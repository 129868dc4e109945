"""The present build against an earlier one, measured in turn in one session, so that every number is a ratio.

    python -m benchmarks.versus REVISION [--data FOLDER] [--rows predict cold ...] [--repeats 3] [--json FILE] [--small]

Run from the root of the repository, on a machine that does nothing else. Both builds use the packages of this
environment. FOLDER has `ucf101_sample`, `ut_interaction` and the clips of `benchmarks/_clips.py`; without it the
example clip and rendered puppets are all. Each row is measured REPEATS times with either build, one after the other;
the table has medians, and the lowest and the highest. `--small` is for tests: it takes a minute and proves nothing
about speed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from actionzoo.puppets import ACTIONS, write_dataset
from benchmarks._clips import EXAMPLE, TEN_SECONDS, clip_paths, real_clip
from benchmarks._machine import describe, machine
from benchmarks.flow import add_data
from benchmarks.versus.builds import ROOT, Build, earlier, present
from benchmarks.versus.rows import ROWS, Figure, Material, correlation

WORK = ROOT / "build" / "versus"
SMALL_PIXELS, TRAINING_CLIPS = 64, 56

Samples = dict[str, list[float]]


def material(data: Path | None, work: Path, *, small: bool) -> Material:
    """What the builds work on; what is not in the folder of data is made once and kept in `work`."""
    puppets = work / ("puppets small" if small else "puppets")
    classes = ACTIONS[:2] if small else ACTIONS
    if not puppets.exists():
        count = 4 if small else -(-TRAINING_CLIPS // len(ACTIONS))
        write_dataset(puppets, count, 0, actions=classes, height=SMALL_PIXELS)
    few = work / "few"
    if not few.exists():
        write_dataset(few, 4, 1, actions=ACTIONS[:2], height=SMALL_PIXELS)
    paths = clip_paths(data)
    for name, size, count in (("pairs", (112, 144), 8), ("runs", (64, 86) if small else (256, 340), 8)):
        clips = [real_clip(clip, path, 2 if small else count, size) for clip, path in paths.items()]
        np.save(work / f"{name}.npy", np.concatenate([clip.pairs for clip in clips]))
        if name == "runs":
            np.save(work / f"{name}.npy", np.stack([clip.run for clip in clips]))
    return Material(
        videos=data / "ucf101_sample" if data else few,
        clip=data / TEN_SECONDS if data else EXAMPLE,
        pairs=work / "pairs.npy",
        runs=work / "runs.npy",
        training=puppets,
        few=few,
        test=data / "ut_interaction" if data else puppets,
        shards=few,
        work=work / "out",
        small=small,
    )


def measure(builds: tuple[Build, Build], row: str, given: Material, repeats: int) -> tuple[Samples, Samples]:
    """Every figure of a row, as often as it was measured, of the earlier build and of the present one."""
    found: tuple[Samples, Samples] = (defaultdict(list), defaultdict(list))
    for turn in range(repeats):
        for build, samples in zip(builds, found, strict=True):
            print(f"{row}, {turn + 1} of {repeats}, {build.name}", file=sys.stderr, flush=True)
            for name, value in ROWS[row][0](build, given).items():
                samples[name].append(value)
    return found


def line(figure: Figure, before: list[float], now: list[float]) -> dict[str, Any]:
    """A line of the table."""
    old, new = statistics.median(before), statistics.median(now)
    reached = figure.met(old, new)
    return {
        "what": figure.what,
        "before": before,
        "now": now,
        "times": round(figure.ratio(old, new), 2),
        "goal": figure.goal,
        "reached": reached,
    }


def print_table(lines: list[dict[str, Any]]) -> None:
    """The table in Markdown."""
    print("\n| | before | now | times as good | goal | |\n| --- | ---: | ---: | ---: | ---: | --- |")
    for row in lines:
        verdict = {True: "reached", False: "missed", None: ""}[row["reached"]]
        print(f"| {row['what']} | {spread(row['before'])} | {spread(row['now'])} | {row['times']:.2f}", end="")
        print(f" | {row['goal']} | {verdict} |")


def spread(samples: list[float]) -> str:
    """The median, with the lowest and the highest."""
    middle = f"{statistics.median(samples):.3g}"
    return middle if len(samples) < 2 else f"{middle} ({min(samples):.3g} to {max(samples):.3g})"


def main() -> None:
    """Measures, prints the table, and writes the numbers."""
    parser = argparse.ArgumentParser(description="The present build against an earlier one.")
    parser.add_argument("revision", help="of the earlier build, as git knows it")
    add_data(parser)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--work", type=Path, default=WORK, help="folder for both builds and what they work on")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there, beside those of other rows")
    parser.add_argument("--small", action="store_true", help="everything in miniature, for tests")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    builds = earlier(given.revision, given.work), present(given.work)
    about = machine()
    print(f"{describe(about)}; before: {given.revision}")
    work_on = material(None if given.small else given.data, given.work, small=given.small)
    kept = json.loads(given.json.read_text("utf-8")) if given.json and given.json.exists() else {}
    rows = kept.get("rows", {})
    for row in given.rows:
        before, now = measure(builds, row, work_on, given.repeats)
        rows |= {name: line(figure, before[name], now[name]) for name, figure in ROWS[row][1].items()}
        if row == "visualize":
            pictures = (work_on.work.with_name(f"pictures {build.name}") for build in builds)
            print(f"lowest correlation of the arrays of both pictures: {correlation(*pictures):.3f}")
        if given.json:
            found = {"machine": about, "before": given.revision, "rows": rows}
            given.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print_table([rows[name] for row in ROWS for name in ROWS[row][1] if name in rows])


if __name__ == "__main__":
    main()
