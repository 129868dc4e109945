"""Training: a step against torch, two workers against one, building shards with two processes against one.

    python -m benchmarks.training --clips UCF101_SAMPLE [--parts step workers build] [--json benchmarks/training.json]

Run from the root of the repository, with torch and Dask installed, on a machine that does nothing else.

step: forward, loss, backward and an SGD step with momentum on one batch that stays in memory; our loop's compiled step
and torch eager, each in a process of its own on all cores, twice each in turn; the median step of all.
workers: `mini` learns from rendered puppets, alone on one core and as two workers on a core each, with the same
batches, of 8 clips (the default) and of 24, and as two trainings with half the batch that know nothing of each other,
which is what the machine can do; clips a second of the epochs behind the first, and the share of the time that was
waited for clips.
build: shards in the papers' form (short side 256, TV-L1) of the clips, with one process and with two, from the first
video to the last, with what the processes import, without the estimate.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks._machine import machine

STEPS: dict[str, dict[str, Any]] = {
    "two_stream_resnet18": {"size": 112, "batch": 8, "options": {"fusion": "late"}},
    "st_resnet50": {"size": 224, "batch": 1, "options": {"dropout": 0.0}},
}
FRAMES, CLASSES, CALLS, TURNS = 5, 101, 5, 2
EPOCHS, BATCHES = 5, (8, 24)


def batch_of(network: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Clips of noise with labels."""
    rng, what = np.random.default_rng(0), STEPS[network]
    shape = (what["batch"], FRAMES, what["size"], what["size"])
    clips = {
        "appearance": rng.uniform(0, 255, (*shape, 3)).astype(np.float32),
        "motion": rng.normal(0, 2, (*shape, 20)).astype(np.float32),
    }
    return clips, rng.integers(0, CLASSES, what["batch"]).astype(np.int32)


def our_step(network: str) -> list[float]:
    """Milliseconds of our steps."""
    import tensorflow as tf

    from actionzoo.models import create_model
    from actionzoo.training.network import rebuilt
    from actionzoo.training.norm import FusedBatchNormalization
    from actionzoo.training.recipe import Recipe
    from actionzoo.training.steps import DistributedSteps

    what, (clips, labels) = STEPS[network], batch_of(network)
    model = create_model(network, CLASSES, FRAMES, height=what["size"], width=what["size"], **what["options"])
    model = rebuilt(model, norm=FusedBatchNormalization)
    recipe = Recipe(init="random", optimizer="sgd", schedule="constant", learning_rate=1e-6, batch_size=what["batch"])
    steps = DistributedSteps(model, recipe, 100, tf.distribute.get_strategy())
    given = {name: tf.constant(clip) for name, clip in clips.items()}
    shares = tf.fill([len(labels)], 1 / len(labels))
    return timed(lambda: steps.train((given, tf.constant(labels), shares)))


def torch_step(network: str) -> list[float]:
    """Milliseconds of steps of torch eager, with the same layers, loss and optimizer."""
    import torch

    from tests.models import torch_reference as reference

    clips, labels = batch_of(network)
    depth = int(network.removeprefix("st_resnet")) if network.startswith("st_resnet") else 0
    module = reference.st_resnet(depth, CLASSES, FRAMES) if depth else reference.two_stream("resnet18", CLASSES)
    module.train()
    optimizer = torch.optim.SGD(module.parameters(), 1e-6, momentum=0.9)
    inputs = [reference.torch_input(clip).contiguous() for clip in clips.values()]
    wanted = torch.from_numpy(labels.astype(np.int64))

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(module(*inputs), wanted)
        loss.backward()
        optimizer.step()
        return float(loss)

    return timed(step)


def timed(step: Any) -> list[float]:
    """Milliseconds of calls, the first two left out."""
    found = []
    for _ in range(CALLS + 2):
        since = time.perf_counter()
        step()
        found.append(1000 * (time.perf_counter() - since))
    return found[2:]


def measure_steps() -> dict[str, Any]:
    """Median milliseconds of a step, by network and side, and how many times as fast ours is."""
    rows = {}
    for network in STEPS:
        times: dict[str, list[float]] = {"ours": [], "torch": []}
        for _ in range(TURNS):
            for side, found in times.items():
                command = [sys.executable, "-m", "benchmarks.training", "--child", side, network]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                found += json.loads(done.stdout.splitlines()[-1])
        ours, other = (statistics.median(times[side]) for side in ("ours", "torch"))
        rows[network] = {
            "ours_ms": round(ours, 1),
            "torch_ms": round(other, 1),
            "times_as_fast": round(other / ours, 2),
        }
        rows[network] |= STEPS[network] | {"frames": FRAMES}
        print(f"{network}: {ours:.0f} ms, torch eager {other:.0f} ms, {other / ours:.2f} times as fast", flush=True)
    return rows


def measure_workers(batch: int) -> dict[str, Any]:
    """Clips a second of one worker on one core, of two on a core each, and of two that know nothing of each other."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "puppets")
        command = [sys.executable, "-m", "actionzoo", "data", "puppets", str(data), "--clips", "8"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        one = train(data, [Path(folder, "one")], batch)
        two = train(data, [Path(folder, "two")] * 2, batch)
        apart = train(data, [Path(folder, "left"), Path(folder, "right")], batch // 2)
    found = {
        "one": round(one[0][0], 2),
        "two": round(two[0][0], 2),
        "apart": round(apart[0][0] + apart[1][0], 2),
        "ratio": round(two[0][0] / one[0][0], 2),
        "ratio_apart": round((apart[0][0] + apart[1][0]) / one[0][0], 2),
        "waited": [round(one[0][1], 4), round(two[0][1], 4)],
    }
    print(f"batch {batch}: clips a second, times those of one worker, share waited: {found}", flush=True)
    return found


def train(data: Path, runs: list[Path], batch: int) -> list[tuple[float, float]]:
    """Train in a process a core, together where they share a run: clips a second and share waited of each."""
    ports = []
    for _ in runs:
        with socket.create_server(("127.0.0.1", 0)) as free:
            ports.append(free.getsockname()[1])
    processes = []
    for index, run in enumerate(runs):
        environment = dict(os.environ, TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1")
        if runs.count(run) > 1:
            workers = [f"127.0.0.1:{port}" for port in ports]
            task = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
            environment["TF_CONFIG"] = json.dumps(task)
        command = ["taskset", "-c", str(index), sys.executable, "-m", "actionzoo", "finetune", data, "--output", run]
        command += ["--test", "0", "--epochs", str(EPOCHS), "--batch-size", str(batch)]
        processes.append(subprocess.Popen([*map(str, command)], env=environment, stderr=subprocess.DEVNULL))
    assert not any(process.wait() for process in processes)
    found = []
    for run in runs:
        lines = (run / "history.csv").read_text().splitlines()
        rows = [dict(zip(lines[0].split(","), map(float, line.split(",")), strict=True)) for line in lines[2:]]
        found.append(tuple(statistics.median(row[name] for row in rows) for name in ("clips_a_second", "waited")))
    return found


def measure_build(clips: Path) -> dict[str, Any]:
    """Seconds and bytes a clip of building shards, with one process and two."""
    from actionzoo.data.build import build
    from actionzoo.data.dataset import LabeledVideo, VideoDataset
    from actionzoo.video.files import videos_below
    from actionzoo.video.reader import probe
    from actionzoo.video.spec import VideoFormat

    paths = [Path(path) for path in videos_below(clips)]
    data = VideoDataset(("a", "b"), tuple(LabeledVideo(path, number % 2) for number, path in enumerate(paths)))
    seconds = sum(probe(path).duration_s or 0 for path in paths)
    took, size = {}, 0
    for workers in (1, 2):
        moments: list[float] = []
        with tempfile.TemporaryDirectory() as folder:
            size = build(
                data,
                folder,
                VideoFormat(256, 256, 25.0, "tvl1", "short"),
                workers=workers,
                progress=lambda *_, seen=moments: seen.append(time.perf_counter()),
            ).size
        took[workers] = moments[-1] - moments[0]
    ratio = took[1] / took[2]
    print(
        f"{len(paths)} clips: {took[1]:.0f} s with one process, {took[2]:.0f} s with two, {ratio:.2f} times", flush=True
    )
    return {
        "clips": len(paths),
        "video_seconds": round(seconds, 1),
        "one_s": round(took[1], 1),
        "two_s": round(took[2], 1),
        "ratio": round(ratio, 2),
        "bytes_a_clip": size // len(paths),
    }


def main() -> None:
    """Measure, print, and write the numbers."""
    parser = argparse.ArgumentParser(description="Measure training and building of shards.")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--clips", type=Path, help="a folder of videos, for building shards")
    parser.add_argument("--parts", nargs="+", default=["step", "workers", "build"])
    parser.add_argument("--json", type=Path, help="write the numbers there, beside those of other parts")
    options = parser.parse_args()
    if options.child:
        side, network = options.child
        print(json.dumps(our_step(network) if side == "ours" else torch_step(network)))
        return
    found: dict[str, Any] = {"machine": machine()}
    if "step" in options.parts:
        found["step"] = measure_steps()
    if "workers" in options.parts:
        found["workers"] = {f"batch_{batch}": measure_workers(batch) for batch in BATCHES}
    if "build" in options.parts:
        found["build"] = measure_build(options.clips)
    if options.json:
        before = json.loads(options.json.read_text()) if options.json.exists() else {}
        options.json.write_text(json.dumps(before | found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
