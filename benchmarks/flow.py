"""Optical flow: how fast every method is, and how far off, against OpenCV's TV-L1 as a user would call it.

    python -m benchmarks.flow [--data FOLDER] [--pairs 8] [--size 256 340] [--methods tvl1 ...] [--json FILE]

Run from the root of the repository. FOLDER (or the environment's ACTIONZOO_BENCHMARK_DATA) holds the ten clips that
`benchmarks/_clips.py` lists; without it the example clip is all.

Speed: a run of consecutive frames from the middle of each clip, through `optical_flow` on all cores, one pair a thread.
"plain loop" is OpenCV's DualTVL1 with its defaults and its own threads, called for one pair after the other. The
methods take turns, clip by clip, after a warm-up; a fast one is repeated until half a second has passed, and the median
counts.

Photometric error: pairs evenly spread over each clip; the mean of |second frame where the flow leads - first frame| in
grey levels. A low one alone proves little, as flow that is torn to pieces can have it. End-point error, in pixels: six
clips of puppets at 15 and 30 frames a second, whose flow is known; of all pixels, and of those that move by more than
0.7 px against the background. "still" is a flow of zero.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from actionzoo.video.flow import METHODS, optical_flow
from benchmarks._clips import Exact, Real, clip_paths, puppet_pairs, real_clip
from benchmarks._machine import cores, describe, machine
from benchmarks._measures import end_point_errors, photometric_error

OURS, OPENCV, PLAIN, STILL = "tvl1", "tvl1-opencv", "plain loop", "still"
DEFAULT_METHODS = (OURS, OPENCV, "dis", "farneback")
TIMES_FASTER, REAL_TIME_FPS = 50.0, 30.0
"""The goals: how many times as fast as the plain loop, and how many pairs a second."""
AT_LEAST_S = 0.5

Results = dict[str, Any]


def plain_loop(run: np.ndarray) -> list[np.ndarray]:
    """What a user writes: the flow from each frame to the next by OpenCV's DualTVL1."""
    algorithm = cv2.optflow.DualTVL1OpticalFlow.create()
    return [algorithm.calc(first, second, None) for first, second in pairwise(run)]


def unrelated(pairs: Sequence[np.ndarray], method: str) -> list[np.ndarray]:
    """The flow of pairs that have nothing to do with each other, one a thread."""
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(lambda pair: optical_flow(pair, method, workers=1)[0], pairs))


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes: the median of as many as fill half a second, at least one."""
    times: list[float] = []
    while sum(times) < AT_LEAST_S:
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def measure_clip(clip: Real, methods: Sequence[str]) -> Results:
    """Photometric error of every method, and its seconds for the run of consecutive frames."""
    calls = {name: lambda name=name: optical_flow(clip.run, name) for name in methods}
    calls |= {PLAIN: lambda: plain_loop(clip.run)} if OPENCV in methods else {}
    flows = {name: unrelated(clip.pairs, name) for name in methods}
    flows[STILL] = [np.zeros((*clip.pairs.shape[2:], 2), np.float32)] * len(clip.pairs)
    errors = {
        name: statistics.fmean(photometric_error(*pair, flow) for pair, flow in zip(clip.pairs, fields, strict=True))
        for name, fields in flows.items()
    }
    return {"photometric": errors, "seconds": {name: seconds(call) for name, call in calls.items()}}


def measure_puppets(pairs: Sequence[Exact], methods: Sequence[str]) -> Results:
    """Mean end-point error over all pixels of all pairs, and over the moving ones, of every method."""
    flows = {name: unrelated([pair.frames for pair in pairs], name) for name in methods}
    flows[STILL] = [np.zeros_like(pair.flow) for pair in pairs]
    results = {}
    for name, fields in flows.items():
        errors = [end_point_errors(flow, pair.flow) for flow, pair in zip(fields, pairs, strict=True)]
        everywhere, moving = (np.concatenate(part) for part in zip(*errors, strict=True))
        results[name] = {"end_point": float(everywhere.mean()), "end_point_moving": float(moving.mean())}
    return results


def latency(pairs: Sequence[np.ndarray], methods: Sequence[str]) -> Results:
    """Milliseconds from two frames to their flow: with all cores, OpenCV's TV-L1 in its own threads, and in one thread.

    The mean over the pairs.
    """

    def milliseconds(call: Callable[[np.ndarray], object]) -> float:
        return 1000 * statistics.fmean(seconds(partial(call, pair)) for pair in pairs)

    return {
        name: {
            "pair_ms": milliseconds(plain_loop if name == OPENCV else partial(optical_flow, method=name)),
            "pair_one_thread_ms": milliseconds(partial(optical_flow, method=name, workers=1)),
        }
        for name in methods
    }


def summary(clips: Sequence[Results], pairs: int) -> Results:
    """Every method's pairs a second and mean photometric error, and how many times as fast as the plain loop it is."""
    rows: Results = {name: {} for name in (*clips[0]["seconds"], STILL)}
    for name in clips[0]["seconds"]:
        spent = sum(clip["seconds"][name] for clip in clips)
        rows[name] = {"seconds": spent, "fps": pairs * len(clips) / spent}
    for name in clips[0]["seconds"] if PLAIN in rows else ():
        rows[name]["times_plain"] = rows[PLAIN]["seconds"] / rows[name]["seconds"]
        rows[name]["times_plain_lowest"] = min(clip["seconds"][PLAIN] / clip["seconds"][name] for clip in clips)
    for name in clips[0]["photometric"]:
        rows[name]["photometric"] = statistics.fmean(clip["photometric"][name] for clip in clips)
    return rows


def goals(clips: Sequence[Results], methods: Results) -> list[Results]:
    """What our TV-L1 is to reach, what it reaches, and whether that holds; nothing without both TV-L1s."""
    if not {OURS, OPENCV} <= methods.keys():
        return []
    ours, other = methods[OURS], methods[OPENCV]
    worst = max(clip["photometric"][OURS] / clip["photometric"][OPENCV] for clip in clips)
    at_most = [
        ("photometric error to OpenCV's, clip where it is highest", worst),
        ("end-point error to OpenCV's, all pixels", ours["end_point"] / other["end_point"]),
        ("end-point error to OpenCV's, moving pixels", ours["end_point_moving"] / other["end_point_moving"]),
    ]
    at_least = [
        ("times as fast as OpenCV's plain loop, all clips", ours["times_plain"], TIMES_FASTER),
        ("pairs a second", ours["fps"], REAL_TIME_FPS),
    ]
    return [
        *({"what": what, "value": value, "at_least": goal, "holds": value >= goal} for what, value, goal in at_least),
        *({"what": what, "value": value, "at_most": 1.0, "holds": value <= 1.0} for what, value in at_most),
    ]


def run(
    data: Path | None,
    pairs: int = 8,
    size: tuple[int, int] = (256, 340),
    methods: Sequence[str] = DEFAULT_METHODS,
    *,
    small: bool = False,
) -> Results:
    """Measures and prints everything. `small` looks at little pictures and few pairs, and judges no goal."""
    if small:
        data, pairs, size = None, 3, (64, 86)
    paths = clip_paths(data)
    print(f"optical flow of {height_by_width(size)}, {pairs} pairs of each of {len(paths)} clips")
    if data is None:
        print("only the example clip: for the ten real ones name their folder with --data")
    clips = [real_clip(name, path, pairs, size) for name, path in paths.items()]
    puppets = puppet_pairs(size, ("kick",), 1) if small else puppet_pairs(size)
    warm_up(clips[0], methods)
    print()
    print_clip("photometric error (grey levels)", (STILL, *methods))
    measured = {}
    for clip in clips:
        measured[clip.name] = measure_clip(clip, methods)
        print_clip(clip.name, (f"{measured[clip.name]['photometric'][name]:.3f}" for name in (STILL, *methods)))
    rows = summary([*measured.values()], pairs)
    for more in (
        measure_puppets(puppets, methods),
        latency([clip.pairs[len(clip.pairs) // 2] for clip in clips], methods),
    ):
        for name, numbers in more.items():
            rows[name] |= numbers
    print_summary(rows)
    judged = [] if small else goals([*measured.values()], rows)
    print_goals(judged)
    return {"size": size, "pairs": pairs, "clips": measured, "methods": rows, "goals": judged}


def warm_up(clip: Real, methods: Sequence[str]) -> None:
    """Every method once, so that nothing is compiled or loaded while it is timed."""
    for name in methods:
        optical_flow(clip.run[:3], name)
        optical_flow(clip.run[:2], name, workers=1)


def height_by_width(size: tuple[int, int]) -> str:
    """A size as it is written everywhere: 256x340."""
    return "{}x{}".format(*size)


def print_clip(name: str, cells: Iterable[str]) -> None:
    """A line of the table of clips."""
    print(f"{name:<58}" + "".join(f"{cell:>13}" for cell in cells), flush=True)


COLUMNS = {
    "fps": "pairs/s",
    "times_plain": "x plain",
    "times_plain_lowest": "lowest",
    "pair_ms": "ms a pair",
    "pair_one_thread_ms": "1 thread",
    "photometric": "photometric",
    "end_point": "end-point",
    "end_point_moving": "moving",
}


def print_summary(rows: Results) -> None:
    """One line a method."""
    print(f"\n{'':<13}" + "".join(f"{title:>13}" for title in COLUMNS.values()))
    for name, row in rows.items():
        cells = (f"{row[column]:13.2f}" if column in row else f"{'':13}" for column in COLUMNS)
        print(f"{name:<13}" + "".join(cells))


def print_goals(judged: Sequence[Results]) -> None:
    """Which goals are met."""
    for goal in judged:
        limit = f"at least {goal['at_least']:g}" if "at_least" in goal else f"at most {goal['at_most']:g}"
        print(f"  {goal['what']}: {goal['value']:.3g}, {'meets' if goal['holds'] else 'MISSES'} the goal of {limit}")


def add_data(parser: argparse.ArgumentParser) -> None:
    """The option that names the folder of real clips."""
    given = os.environ.get("ACTIONZOO_BENCHMARK_DATA")
    parser.add_argument("--data", type=Path, default=given and Path(given), help="folder of the real clips")


def main() -> None:
    """Prints the tables and which goals are met; exit code 0 if all are."""
    parser = argparse.ArgumentParser(description="Speed and error of optical flow.")
    add_data(parser)
    parser.add_argument("--pairs", type=int, default=8, help="of each clip")
    parser.add_argument("--size", type=int, nargs=2, default=(256, 340), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=DEFAULT_METHODS)
    parser.add_argument("--small", action="store_true", help="little pictures and few pairs: seconds, for tests")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    about = machine()
    print(describe(about))
    results = run(given.data, given.pairs, tuple(given.size), given.methods, small=given.small)
    if given.json:
        given.json.write_text(json.dumps({"machine": about, "flow": results}, indent=2) + "\n", "utf-8")
    sys.exit(0 if all(goal["holds"] for goal in results["goals"]) else 1)


if __name__ == "__main__":
    main()
