"""How long `actionzoo predict` takes for one clip, from shell to shell, and where the time goes.

    python benchmarks/predict.py [clip.mp4] [--model mini] [--repeat 5] [--precision auto]

A cold run is a new process each time. `start-up` is what comes before and after the video: the interpreter, the
imports, finding the model, printing. The model is compiled while the first frames are decoded. Decoding, flow and
network overlap, so that their busy seconds can add up to more than the total. A warm run asks the same `Predictor`
again.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

EXAMPLE = str(Path(__file__).parents[1] / "examples" / "handshake.mp4")
STAGES = ("decode", "flow", "model")


def cold(command: list[str]) -> dict[str, float]:
    """Seconds of one process: as it counted its own stages, and in all as its caller saw it."""
    begun = time.perf_counter()
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    total = time.perf_counter() - begun
    if run.returncode != 0:
        sys.exit(run.stderr.strip() or f"actionzoo ended with code {run.returncode}")
    timing = json.loads(run.stdout)[0]["timing_s"]
    return {"start-up": total - timing["total"], **{stage: timing[stage] for stage in STAGES}, "total": total}


def warm(source: str, model: str, precision: str, repeat: int) -> list[dict[str, float]]:
    """The same for a `Predictor` that has been used before."""
    from actionzoo.inference import Predictor

    predictor = Predictor(model, precision=precision, offline=True)
    predictor.predict(source)
    timings = [predictor.predict(source).timing_s for _ in range(repeat)]
    return [{"start-up": 0.0, **{stage: t[stage] for stage in STAGES}, "total": t["total"]} for t in timings]


def row(name: str, runs: list[dict[str, float]]) -> str:
    """One line of the table: the median of every column, and the fastest and slowest total."""
    medians = (f"{statistics.median(run[stage] for run in runs):9.2f}" for stage in runs[0])
    spread = f"{min(run['total'] for run in runs):.2f}-{max(run['total'] for run in runs):.2f}"
    return f"{name:<8}" + "".join(medians) + f"   {spread}"


def machine() -> str:
    """The processor, how busy it is, and Python's version."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    return f"{name}, {os.cpu_count()} cores{load}; Python {platform.python_version()}"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="Times `actionzoo predict` on one clip.")
    parser.add_argument("clip", nargs="?", default=EXAMPLE)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--precision", default="auto", choices=("auto", "f32", "bf16"))
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    print(machine())
    command = [sys.executable, "-m", "actionzoo", "predict", given.clip, "--format", "json", "--offline"]
    command += ["--model", given.model, "--precision", given.precision]
    cold_runs = [cold(command) for _ in range(given.repeat)]
    print(f"\nmedian seconds of {given.repeat} runs; model {given.model}, precision {given.precision}\n")
    print(" " * 8 + "".join(f"{name:>9}" for name in ("start-up", "decode", "flow", "network", "total")) + "   from-to")
    print(row("cold", cold_runs))
    print(row("warm", warm(given.clip, given.model, given.precision, given.repeat)))


if __name__ == "__main__":
    main()
