"""A flow method in one build: CPU milliseconds a pair in one thread, and the photometric error, as JSON.

    python benchmarks/versus/_flow.py FRAMES.npz METHOD

FRAMES are those of `_frames.py`. Run by the interpreter of the build that is measured.
"""

from __future__ import annotations

import argparse
import json
import runpy
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from actionzoo.video.flow import optical_flow

AT_LEAST_S = 0.5


def cpu_s(frames: Any, method: str) -> float:
    """CPU seconds of a run of frames: the median of as many calls as fill half a second, after one."""
    optical_flow(frames, method, workers=1)
    times: list[float] = []
    while sum(times) < AT_LEAST_S:
        begun = time.process_time()
        optical_flow(frames, method, workers=1)
        times.append(time.process_time() - begun)
    return statistics.median(times)


def main() -> None:
    """Measures, prints."""
    parser = argparse.ArgumentParser(description="Speed and error of a flow method.")
    parser.add_argument("frames", type=Path)
    parser.add_argument("method")
    given = parser.parse_args()
    measures = runpy.run_path(str(Path(__file__).parents[1] / "_measures.py"))
    with np.load(given.frames) as file:
        runs, pairs = file["runs"], file["pairs"]
    spent = statistics.fmean(cpu_s(run, given.method) for run in runs) / (runs.shape[1] - 1)
    flows = [(pair, optical_flow(pair, given.method)[0]) for clip in pairs for pair in clip]
    error = statistics.fmean(measures["photometric_error"](*pair, flow) for pair, flow in flows)
    found = {"clips": len(runs), "cpu_ms": 1000 * spent, "photometric": error}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
