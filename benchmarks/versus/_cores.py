"""What a second core gives: two processes that know nothing of each other against one, as JSON.

    python benchmarks/versus/_cores.py [--seconds 3]

Cores that are two threads of one share its units for floating point: what works there hardly gains by the second, and
no way of dividing the work can change that. Each process is bound to a core where the system allows it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def matrices() -> Callable[[], Any]:
    """The work of a network: a product of matrices."""
    import numpy as np

    matrix = np.random.default_rng(0).normal(size=(512, 512)).astype(np.float32)
    return lambda: matrix @ matrix


def tvl1() -> Callable[[], Any]:
    """The work of `data build`: TV-L1 flow of a pair, in one thread."""
    import numpy as np

    from actionzoo.video.flow import optical_flow

    frames = np.random.default_rng(0).integers(0, 255, (16, 21)).astype(np.uint8).repeat(16, 0).repeat(16, 1)
    pair = np.stack([frames, np.roll(frames, 2, axis=1)])
    return lambda: optical_flow(pair, "tvl1", workers=1)


def speed(work: Callable[[], Any], seconds: float) -> float:
    """Calls a second, after one."""
    work()
    calls, begun = 0, time.perf_counter()
    while (spent := time.perf_counter() - begun) < seconds:
        work()
        calls += 1
    return calls / spent


def on_cores(name: str, cores: int, seconds: float) -> float:
    """Calls a second of so many processes at once, added up."""
    command = [sys.executable, __file__, "--seconds", str(seconds), "--child", name]
    pipe, environment = subprocess.PIPE, os.environ | ONE_THREAD
    running = [
        subprocess.Popen([*command, "--core", str(core)], stdout=pipe, text=True, env=environment)
        for core in range(cores)
    ]
    return sum(float(process.communicate()[0]) for process in running)


def main() -> None:
    """Measures, prints."""
    parser = argparse.ArgumentParser(description="What a second core gives.")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--child", choices=WORK)
    parser.add_argument("--core", type=int)
    given = parser.parse_args()
    if given.child is None:
        print(json.dumps({n: on_cores(n, 2, given.seconds) / on_cores(n, 1, given.seconds) for n in WORK}))
        return
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[given.core % len(cores)]})
    print(speed(WORK[given.child](), given.seconds))


WORK = {"matrices": matrices, "tvl1": tvl1}

if __name__ == "__main__":
    main()
