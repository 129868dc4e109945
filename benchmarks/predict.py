"""How long `actionzoo predict` takes for one clip, from shell to shell, and where the time goes.

    python -m benchmarks.predict [--data FOLDER] [--scenarios vgg16 ...] [--precision auto bf16] [--json FILE]
    python -m benchmarks.predict CLIP [--model mini] [--flow tvl1] [--precision auto] [--repeat 5]

Run from the root of the repository. The first form goes through the scenarios below, with a clip of 10 s from FOLDER
(or the environment's ACTIONZOO_BENCHMARK_DATA; without it the example clip), against `benchmarks/_peer.py`: what a
user would write with OpenCV and torch. The second form times one model on one clip.

A cold run is a new process each time, after one that is not counted: it converts the model for OpenVINO and compiles
what is compiled once. `start-up` is what comes before and after the video: the interpreter, the imports, loading the
model, printing. Decoding, flow and network overlap in ours, so that their busy seconds, added up over threads, can be
more than the total. A warm run asks the same `Model` again; for the peer, which does one thing after the other, it
is the sum of its stages.

The peer computes TV-L1 at two sizes: that of the network's input, as ours does, and 256x340, as the papers do. Both
networks hold the same weights: their logits for the same frames and flow are compared, and then the answers, for which
each has decoded, scaled and computed flow by itself.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._clips import EXAMPLE, TEN_SECONDS, find_clip
from benchmarks._machine import describe, machine
from benchmarks._prepare import KERAS_FILE, TORCH_FILE, Network
from benchmarks.flow import add_data, height_by_width, print_goals

ROOT = Path(__file__).parents[1]
STAGES = {"decode": "decode", "flow": "flow", "model": "network"}
"""What our answers call a stage, and what the tables do."""
LONG_S = 20.0
"""The peer is run again until it has taken so long."""

Seconds = dict[str, float]
Results = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """OpenCV's flow method, and the size at which it is computed; None for that of the network's input."""

    method: str
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Scenario:
    """A model on a clip: `mini` where no network is given."""

    title: str
    network: Network | None = None
    peers: tuple[Peer, ...] = ()
    example: bool = False
    """On the example clip, also where there is one of 10 s."""
    times_faster: float | None = None
    """The goal: how many times as fast as the peer, and faster than the video."""
    total_s: float | None = None
    """The goal: seconds from shell to shell."""


PEERS = (Peer("tvl1"), Peer("tvl1", (256, 340)))
SCENARIOS = {
    "vgg16": Scenario("two-stream VGG-16, TV-L1", Network("vgg16", "tvl1"), PEERS, times_faster=30.0),
    "resnet50": Scenario("two-stream ResNet-50, DIS", Network("resnet50", "dis"), (Peer("dis"),), total_s=2.5),
    "mini": Scenario("mini"),
    "mini-example": Scenario("mini, example clip", example=True),
}
SMALL = {
    "small": Scenario(
        "two-stream ResNet-18, TV-L1",
        Network("resnet18", "tvl1", side=32, frames=2, width=0.0625, classes=5, stride=200),
        (Peer("tvl1"), Peer("tvl1", (64, 86))),
    ),
    "mini-example": SCENARIOS["mini-example"],
}


def timed(command: list[str]) -> tuple[dict[str, Any], Seconds]:
    """What a process printed, as JSON, and its seconds: as it counted its own stages, and in all as its caller saw."""
    begun = time.perf_counter()
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    total = time.perf_counter() - begun
    if run.returncode != 0:
        sys.exit(run.stderr.strip() or f"{command[2]} ended with code {run.returncode}")
    printed = json.loads(run.stdout)
    answer = printed[0] if isinstance(printed, list) else printed
    timing = answer["timing_s"]
    stages = {name: timing[stage] for stage, name in STAGES.items()}
    return answer, {"start_up": total - timing.get("total", sum(stages.values())), **stages, "total": total}


def cold(command: list[str], repeat: int, least_s: float = float("inf")) -> tuple[dict[str, Any], list[Seconds]]:
    """The last answer, and the seconds of every run: `repeat` of them, fewer if they take `least_s`."""
    runs: list[Seconds] = []
    while not runs or (len(runs) < repeat and sum(run["total"] for run in runs) < least_s):
        answer, spent = timed(command)
        runs.append(spent)
    return answer, runs


def warm(source: str, model: str, precision: str, flow: str | None, repeat: int) -> tuple[str, list[Seconds]]:
    """What the network computes in, and the seconds of a `Model` that has been used before."""
    from actionzoo.inference import load_model

    loaded = load_model(model, precision=precision, flow=flow, force=True, offline=True)
    loaded.predict(source)
    timings = [loaded.predict(source).timing_s for _ in range(repeat)]
    runs = [{name: t[stage] for stage, name in STAGES.items()} | {"total": t["total"]} for t in timings]
    return loaded.precision, runs


def medians(runs: list[Seconds]) -> Seconds:
    """The median of every column."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def ours(source: str, model: str, precision: str, flow: str | None, repeat: int) -> Results:
    """Cold and warm runs of `actionzoo predict`, its scores and how many times as fast as the video it is."""
    command = [sys.executable, "-m", "actionzoo", "predict", source, "--format", "json", "--offline", "--model", model]
    command += ["--precision", precision, "--top-k", "1000", *(("--flow", flow, "--force") if flow else ())]
    timed(command)
    answer, runs = cold(command, repeat)
    computed_in, warm_runs = warm(source, model, precision, flow, repeat)
    scores = sorted((prediction["index"], prediction["score"]) for prediction in answer["predictions"])
    return {
        "computed_in": computed_in,
        "cold": medians(runs),
        "cold_totals": [run["total"] for run in runs],
        "warm": medians(warm_runs),
        "duration_s": answer["duration_s"],
        "times_real_time": answer["duration_s"] / medians(runs)["total"],
        "scores": [score for _, score in scores],
    }


def peer(source: str, folder: Path, network: Network, what: Peer, repeat: int, pairs: int | None) -> Results:
    """Runs of the peer, and its scores."""
    command = [sys.executable, "-m", "benchmarks._peer", source, str(folder / TORCH_FILE), network.to_json()]
    command += [what.method, *(("--flow-size", *map(str, what.size)) if what.size else ())]
    command += () if pairs is None else ("--pairs", str(pairs))
    answer, runs = cold(command, repeat, LONG_S)
    powers = np.exp(np.array(answer["logits"]) - max(answer["logits"]))
    whole = medians(runs)
    return {
        "method": what.method,
        "size": what.size or (network.side, network.side),
        "pairs": answer["pairs"],
        "cold": whole,
        "cold_totals": [run["total"] for run in runs],
        "warm": {"total": sum(whole[name] for name in STAGES.values())},
        "scores": (powers / powers.sum()).tolist(),
    }


def compare(mine: Results, other: Results) -> Results:
    """How many times as fast ours is, cold and warm, and how far apart the scores are."""
    scores = np.array(mine["scores"]), np.array(other["scores"])
    return {
        "times_faster": other["cold"]["total"] / mine["cold"]["total"],
        "times_faster_warm": other["warm"]["total"] / mine["warm"]["total"],
        "scores_off": float(np.abs(scores[0] - scores[1]).max()),
        "log_scores_off": float(np.abs(np.log(scores[0]) - np.log(scores[1])).max()),
        "same_top": bool(scores[0].argmax() == scores[1].argmax()),
    }


def prepare(network: Network, source: str, folder: Path) -> Results:
    """Makes the network's files; how far OpenVINO's logits are from torch's for the same input."""
    command = [sys.executable, "-m", "benchmarks._prepare", network.to_json(), source, str(folder)]
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    if run.returncode != 0:
        sys.exit(f"no files for {network.base}:\n{run.stderr[-3000:]}")
    return json.loads(run.stdout)


def measure(scenario: Scenario, source: str, precisions: list[str], repeat: int, peer_pairs: int | None) -> Results:
    """One scenario: ours in every precision, then the peers."""
    with tempfile.TemporaryDirectory(prefix="actionzoo-benchmark-") as name:
        folder, network = Path(name), scenario.network
        results: Results = {"title": scenario.title, "clip": Path(source).name, "repeat": repeat}
        results["flow"] = None if network is None else network.flow
        os.environ["ACTIONZOO_CACHE"] = str(folder / "cache")  # where what was converted for this scenario is kept
        model = "mini" if network is None else str(folder / KERAS_FILE)
        if network is not None:
            results["same_input"] = prepare(network, source, folder)
        results["ours"] = {given: ours(source, model, given, results["flow"], repeat) for given in precisions}
        results["peers"] = {}
        for what in scenario.peers:
            other = peer(source, folder, network, what, repeat, peer_pairs)
            other["ours"] = {given: compare(mine, other) for given, mine in results["ours"].items()}
            results["peers"][f"{what.method} at {height_by_width(other['size'])}"] = other
    for row in (*results["ours"].values(), *results["peers"].values()):
        del row["scores"]  # they have been compared
    return results


def goals(scenario: Scenario, results: Results) -> list[Results]:
    """What a scenario is to reach in the faster precision, against every peer with the same flow."""
    same_flow = {name: other for name, other in results["peers"].items() if other["method"] == results["flow"]}
    judged = []
    precision, mine = min(results["ours"].items(), key=lambda item: item[1]["cold"]["total"])
    what, total = f"{scenario.title}, {precision}", mine["cold"]["total"]
    if (goal := scenario.times_faster) is not None:
        for name, other in same_flow.items():
            ratio = other["ours"][precision]["times_faster"]
            judged.append(at_least(f"{what}: times as fast as the peer with {name}", ratio, goal))
        judged.append(at_least(f"{what}: times real time", mine["times_real_time"], 1.0))
    if (goal := scenario.total_s) is not None:
        judged.append({"what": f"{what}: seconds", "value": total, "at_most": goal, "holds": total <= goal})
    return judged


def at_least(what: str, value: float, goal: float) -> Results:
    """A goal that is reached from below."""
    return {"what": what, "value": value, "at_least": goal, "holds": value >= goal}


COLUMNS = ("start_up", "decode", "flow", "network", "total")


def print_table(results: Results) -> None:
    """One scenario's table: a line for ours in every precision, and one for every peer."""
    first = next(iter(results["peers"].values()), None)
    print(f"\n{results['title']}, {results['clip']}; median seconds of up to {results['repeat']} runs\n")
    titles = (*COLUMNS, "warm", "x real time", *(("x peer",) if first else ()))
    print(" " * 24 + "".join(f"{title.replace('_', '-'):>12}" for title in titles) + "   from-to, cold")
    for name, mine in results["ours"].items():
        print_row(f"ours, {name} ({mine['computed_in']})", mine, mine["duration_s"], first)
    for name, other in results["peers"].items():
        print_row(f"peer, {name}", other, mine["duration_s"], first)
    print_comparison(results)


def print_row(name: str, row: Results, duration_s: float, first: Results | None) -> None:
    """One line: the stages of a cold run, the totals, and how it compares to the video and to the first peer."""
    total = row["cold"]["total"]
    cells = [row["cold"][column] for column in COLUMNS] + [row["warm"]["total"], duration_s / total]
    cells += [first["cold"]["total"] / total] if first else []
    spread = f"   {min(row['cold_totals']):.2f}-{max(row['cold_totals']):.2f}"
    print(f"{name:<24}" + "".join(f"{cell:12.2f}" for cell in cells) + spread, flush=True)


def print_comparison(results: Results) -> None:
    """How far the answers are apart."""
    if "same_input" in results:
        same = results["same_input"]
        off = f"{same['logits_off']:.1e} off torch's, whose deviation is {same['logits_spread']:.2f}"
        print(f"\n  same frames and flow: OpenVINO's logits in f32 are at most {off}")
    for name, other in results["peers"].items():
        for precision, off in other["ours"].items():
            top = "same top class" if off["same_top"] else "another top class"
            far = f"scores at most {off['scores_off']:.4f} off, their logarithms {off['log_scores_off']:.3f}"
            print(f"  {precision} and the peer with {name}: {far}; {top}")


def run(
    data: Path | None,
    names: list[str] | None = None,
    precisions: list[str] | None = None,
    repeat: int = 5,
    peer_pairs: int | None = None,
    *,
    small: bool = False,
) -> Results:
    """Measures and prints the scenarios; `small` takes a tiny network that looks at two frames, and has no goals."""
    scenarios = SMALL if small else SCENARIOS
    clip = EXAMPLE if data is None or small else find_clip(data, TEN_SECONDS)
    if data is None:
        print("only the example clip: for one of 10 s name the folder of clips with --data")
    if small:
        repeat = 1
    if peer_pairs is not None:
        print(f"the peer computes flow for {peer_pairs} pairs alone: how it compares means nothing")
    results: Results = {"scenarios": {}, "goals": []}
    for name in names or scenarios:
        scenario = scenarios[name]
        source = str((EXAMPLE if scenario.example else clip).resolve())
        wanted = precisions or (["f32", "bf16"] if scenario.network else ["auto"])
        found = measure(scenario, source, wanted, repeat, peer_pairs)
        print_table(found)
        results["scenarios"][name] = found
        results["goals"] += goals(scenario, found) if peer_pairs is None else []
    print()
    print_goals(results["goals"])
    return results


def single(clip: str, model: str, flow: str | None, precisions: list[str], repeat: int) -> Results:
    """Measures and prints one model on one clip."""
    rows = {precision: ours(clip, model, precision, flow, repeat) for precision in precisions}
    results = {"title": model, "clip": Path(clip).name, "repeat": repeat, "ours": rows, "peers": {}}
    print_table(results)
    return {"scenarios": {model: results}, "goals": []}


def main() -> None:
    """Prints the tables and which goals are met; exit code 0 if all are."""
    parser = argparse.ArgumentParser(description="Times `actionzoo predict` on one clip.")
    parser.add_argument("clip", nargs="?", help="time this clip alone, without a peer")
    parser.add_argument("--model", default="mini", help="for CLIP")
    parser.add_argument("--flow", choices=("dis", "tvl1", "farneback"), help="for CLIP")
    add_data(parser)
    parser.add_argument("--scenarios", nargs="+", choices=SCENARIOS)
    parser.add_argument("--precision", nargs="+", choices=("auto", "f32", "bf16"))
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument(
        "--peer-pairs", type=int, metavar="N", help="flow for N pairs alone, to try things out: no goals"
    )
    parser.add_argument(
        "--small", action="store_true", help="a tiny network that looks at two frames: seconds, for tests"
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    about = machine()
    print(describe(about))
    if given.clip:
        precisions = given.precision or ["auto"]
        results = single(str(Path(given.clip).resolve()), given.model, given.flow, precisions, given.repeat)
    else:
        results = run(given.data, given.scenarios, given.precision, given.repeat, given.peer_pairs, small=given.small)
    if given.json:
        given.json.write_text(json.dumps({"machine": about, "predict": results}, indent=2) + "\n", "utf-8")
    sys.exit(0 if all(goal["holds"] for goal in results["goals"]) else 1)


if __name__ == "__main__":
    main()
