"""Measures inside the process of a build: run by `benchmarks.versus` with that build's Python, printing JSON.

python probes.py flow PAIRS.npy METHOD       milliseconds of CPU a pair, and the flow's photometric error
python probes.py tvl1 RUNS.npy               how many times as fast TV-L1 is as OpenCV's in a plain loop
python probes.py workers                     `benchmarks.training`'s measure of two workers
"""

from __future__ import annotations

import json
import sys
import time
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

sys.path.append(str(Path(__file__).parents[2]))

from actionzoo.video.flow import optical_flow
from benchmarks._measures import photometric_error
from benchmarks.training import measure_workers


def flow(pairs: np.ndarray, method: str) -> dict[str, float]:
    """Of pairs `(pairs, 2, height, width)`, in one thread."""
    optical_flow(pairs[0], method, workers=1)
    begun = time.process_time()
    flows = [optical_flow(pair, method, workers=1)[0] for pair in pairs]
    spent = time.process_time() - begun
    errors = [photometric_error(*pair, field) for pair, field in zip(pairs, flows, strict=True)]
    return {"flow": 1000 * spent / len(pairs), "photometric": float(np.mean(errors))}


def tvl1(runs: np.ndarray) -> dict[str, float]:
    """Of runs of consecutive frames `(runs, frames, height, width)`, on all cores."""
    optical_flow(runs[0], "tvl1")
    begun = time.perf_counter()
    for run in runs:
        optical_flow(run, "tvl1")
    ours = time.perf_counter() - begun
    algorithm = cv2.optflow.DualTVL1OpticalFlow.create()
    begun = time.perf_counter()
    for first, second in pairwise(runs[0]):
        algorithm.calc(first, second, None)
    return {"tvl1": (time.perf_counter() - begun) * len(runs) / ours}


def main() -> None:
    """Measures, and prints the figures in the last line."""
    what, *rest = sys.argv[1:]
    if what == "workers":
        found = measure_workers(8)
    elif what == "tvl1":
        found = tvl1(np.load(rest[0]))
    else:
        found = flow(np.load(rest[0]), rest[1])
    print(json.dumps(found))


if __name__ == "__main__":
    main()
