"""Flow and the whole path of `actionzoo predict`, against what a user would write with OpenCV and torch.

    python -m benchmarks [--data FOLDER] [--small] [--json FILE] [--chart FILE.png]

Run from the root of the repository, or as `make benchmark`. Runs `benchmarks.flow` and `benchmarks.predict` and ends
with one table of both. With the real clips it takes about a quarter of an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks import flow, predict
from benchmarks._chart import draw
from benchmarks._machine import describe, machine

Results = dict[str, Any]


def comparison(what: str, unit: str, ours: float, other: float, *, more: bool = False) -> Results:
    """A line of the last table. The ratio is above 1 where ours is better; `more` says that more is better."""
    return {"what": what, "unit": unit, "ours": ours, "other": other, "ratio": ours / other if more else other / ours}


def flow_lines(results: Results) -> list[Results]:
    """Our TV-L1 against OpenCV's."""
    methods = results["methods"]
    ours, opencv, plain = (methods[name] for name in (flow.OURS, flow.OPENCV, flow.PLAIN))
    errors = {"photometric": "grey levels", "end_point": "px", "end_point_moving": "px"}
    names = ("photometric error", "end-point error, all pixels", "end-point error, moving pixels")
    return [
        comparison("TV-L1, OpenCV in a plain loop", "pairs/s", ours["fps"], plain["fps"], more=True),
        comparison("TV-L1, OpenCV with one pair a thread", "pairs/s", ours["fps"], opencv["fps"], more=True),
        comparison("TV-L1, a single pair, all cores", "ms", ours["pair_ms"], opencv["pair_ms"]),
        comparison("TV-L1, a single pair, one thread", "ms", ours["pair_one_thread_ms"], opencv["pair_one_thread_ms"]),
        *(
            comparison(f"TV-L1, {name}", unit, ours[key], opencv[key])
            for name, (key, unit) in zip(names, errors.items(), strict=True)
        ),
    ]


def predict_lines(results: Results) -> list[Results]:
    """Every scenario, from shell to shell, against each of its peers and against the length of the video."""
    lines = []
    for found in results["scenarios"].values():
        for mine in found["ours"].values():
            what, total = f"{found['title']}, {mine['computed_in']}", mine["cold"]["total"]
            lines += [
                comparison(f"{what}: {name}", "s", total, other["cold"]["total"])
                for name, other in found["peers"].items()
            ]
            lines.append(comparison(f"{what}: the video's length", "s", total, mine["duration_s"]))
    return lines


def print_lines(lines: list[Results]) -> None:
    """The last table."""
    print(f"\n{'':<68}{'ours':>10}{'other':>10}{'':>13}{'ratio':>9}")
    for line in lines:
        numbers = "".join(f"{line[name]:10.2f}" for name in ("ours", "other"))
        print(f"{line['what']:<68}{numbers}  {line['unit']:<11}{line['ratio']:8.2f}x")


def main() -> None:
    """Prints the tables and which goals are met."""
    parser = argparse.ArgumentParser(description="Flow and prediction against OpenCV and torch.")
    flow.add_data(parser)
    parser.add_argument("--small", action="store_true", help="seconds, for tests: the numbers mean nothing")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--chart", type=Path, metavar="FILE.png")
    given = parser.parse_args()
    results: Results = {"machine": machine()}
    print(describe(results["machine"]), end="\n\n")
    results["flow"] = flow.run(given.data, small=given.small)
    print()
    results["predict"] = predict.run(given.data, small=given.small)
    results["comparison"] = flow_lines(results["flow"]) + predict_lines(results["predict"])
    print_lines(results["comparison"])
    if given.json:
        given.json.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    if given.chart:
        draw(results, given.chart)
    judged = results["flow"]["goals"] + results["predict"]["goals"]
    print(
        "\nno goals for miniatures"
        if given.small
        else f"\n{sum(goal['holds'] for goal in judged)} of {len(judged)} goals are met"
    )


if __name__ == "__main__":
    main()
