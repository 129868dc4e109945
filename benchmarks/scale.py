"""What a set of the size of Kinetics-700 takes on N machines: a simulation, from what benchmarks/training.json says.

    python -m benchmarks.scale

Building: every core makes one shard after the other; a shard's clips differ in length (log-normal), a finished shard
goes to the object store through its machine's link and the store's own limit, which all uploads share, one after the
other in the order they come. Training: machines step together; a step lasts as long as its slowest machine, then the
gradients go round a ring. Each machine reads its clips of the next step meanwhile, from a store that all share. What is
assumed, and not measured here, stands in `ASSUMED`.
"""

from __future__ import annotations

import heapq
import json
from pathlib import Path
from typing import Any

import numpy as np

CLIPS, CLIP_SECONDS = 650_000, 10.0
MACHINES = (1, 4, 16, 64, 256)
ASSUMED: dict[str, float] = {
    "cores": 16,  # of a machine
    "link": 10e9 / 8,  # bytes a second of a machine's network
    "store": 5e9,  # bytes a second of the object store, all machines together
    "latency": 50e-6,  # seconds of one message
    "spread": 0.3,  # standard deviation of the logarithm of a clip's length
    "jitter": 0.05,  # the same of a machine's step
    "shard_bytes": 64e6,
    "gpu_clips": 120.0,  # clips of 5 frames a second that one GPU trains ST-ResNet-50 on: not measured
    "batch": 32,  # clips a machine and step
    "epochs": 80,
}
PARAMETERS = 58e6
"""Of an ST-ResNet-50 with two streams, each of four bytes."""


def build_hours(
    machines: int, seconds_a_clip: float, bytes_a_clip: float, rng: np.random.Generator
) -> dict[str, float]:
    """Hours until the last shard is in the store, and what share of the time the cores worked."""
    each = max(1, round(ASSUMED["shard_bytes"] / bytes_a_clip))
    shards = -(-CLIPS // each)
    sigma = ASSUMED["spread"]
    lengths = rng.lognormal(-(sigma**2) / 2 / each, sigma / np.sqrt(each), shards)  # means over a shard
    work, size = seconds_a_clip * each * lengths, bytes_a_clip * each * lengths
    cores = int(machines * ASSUMED["cores"])
    shares = list(zip(work, size, strict=True))[::-1]
    events: list[tuple[float, int, float]] = []  # (when, core, bytes that then go to the store; 0: still to be sent)
    loads, links, store, end = np.zeros(cores), np.zeros(machines), 0.0, 0.0
    for core in range(min(cores, shards)):
        seconds, loads[core] = shares.pop()
        heapq.heappush(events, (seconds, core, 0.0))
    while events:
        now, core, sent = heapq.heappop(events)
        if not sent:  # a shard is made: it waits for the machine's link
            machine = core // int(ASSUMED["cores"])
            links[machine] = max(now, links[machine]) + loads[core] / ASSUMED["link"]
            heapq.heappush(events, (links[machine], core, loads[core]))
            continue
        store = max(now, store) + sent / ASSUMED["store"]
        end = max(end, store)
        if shares:
            seconds, loads[core] = shares.pop()
            heapq.heappush(events, (store + seconds, core, 0.0))
    return {"hours": end / 3600, "busy": float(work.sum()) / (cores * end)}


def train_hours(
    machines: int, clips_a_second: float, bytes_a_clip: float, rng: np.random.Generator
) -> dict[str, float]:
    """Hours of a whole training with machines that do so many clips, and the shares of a step by what it waits for."""
    batch = ASSUMED["batch"]
    slowest = (batch / clips_a_second * rng.lognormal(0, ASSUMED["jitter"], (200, machines))).max(axis=1)
    ring = 0.0
    if machines > 1:
        ring = 2 * (machines - 1) * (4 * PARAMETERS / machines / ASSUMED["link"] + ASSUMED["latency"])
    reading = batch * bytes_a_clip / min(ASSUMED["link"], ASSUMED["store"] / machines)
    step = np.maximum(slowest + ring, reading).mean()
    steps = ASSUMED["epochs"] * CLIPS / (batch * machines)
    return {"hours": step * steps / 3600, "ring": ring / step, "input": max(0.0, 1 - (slowest.mean() + ring) / step)}


def simulate(measured: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each number of machines."""
    built, step = measured["build"], measured["step"]["st_resnet50"]
    seconds = built["one_s"] / built["video_seconds"] * CLIP_SECONDS
    size = built["bytes_a_clip"] * built["clips"] / built["video_seconds"] * CLIP_SECONDS
    cpu = ASSUMED["cores"] * step["batch"] / (step["ours_ms"] / 1000 * measured["machine"]["cores"])
    rows = []
    for machines in MACHINES:
        rng = np.random.default_rng(machines)
        row: dict[str, Any] = {"machines": machines, "build": build_hours(machines, seconds, size, rng)}
        for name, rate in (("cpu", cpu), ("gpu", ASSUMED["gpu_clips"])):
            row[name] = train_hours(machines, rate, size, rng)
        rows.append(row | {"clip_s": seconds, "clip_bytes": size, "cpu_clips": cpu})
    return rows


def main() -> None:
    """Print the tables of docs/scale.md."""
    rows = simulate(json.loads(Path(__file__).with_name("training.json").read_text()))
    seconds, size, cpu = (rows[0][name] for name in ("clip_s", "clip_bytes", "cpu_clips"))
    print(f"a clip of 10 s: {seconds:.1f} core seconds, {size / 1e6:.2f} MB; all: {size * CLIPS / 1e12:.2f} TB")
    print(f"training ST-ResNet-50: {cpu:.2f} clips a second on {ASSUMED['cores']:.0f} cores\n")
    print("| machines | building | cores at work | training, CPUs | training, GPUs | all-reduce | waiting for input |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for row in rows:
        built, gpu = row["build"], row["gpu"]
        shares = " | ".join(f"{100 * gpu[name]:.0f} %" for name in ("ring", "input"))
        hours = f"{built['hours']:,.1f} h | {100 * built['busy']:.0f} % | {row['cpu']['hours']:,.0f} h"
        print(f"| {row['machines']} | {hours} | {gpu['hours']:,.0f} h | {shares} |")


if __name__ == "__main__":
    main()
