"""Batched TV-L1 flow on the device that Keras has: pairs a second, and how far it is from that of `actionzoo.video`.

    KERAS_BACKEND=jax python -m benchmarks.batched_flow [--pairs 64] [--size 256 340] [--batch 24]

Run from the root of the repository, on consecutive frames of the example clip, over and over if it is short. The first
call, which compiles, is timed apart; of three more the best counts. "numba" is `TVL1(epsilon=0)`, one pair a thread.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import keras
import numpy as np

from actionzoo.models.tvl1_layer import BatchedTVL1
from actionzoo.video.reader import read_frames
from actionzoo.video.tvl1 import TVL1
from benchmarks._clips import EXAMPLE, shrink
from benchmarks._machine import cores, describe, machine


def example_pairs(pairs: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """First and second frames `(pairs, height, width)` of the example clip."""
    frames = [shrink(cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY), size) for frame in read_frames(EXAMPLE)]
    starts = np.arange(pairs) % (len(frames) - 1)
    return np.stack(frames)[starts], np.stack(frames)[starts + 1]


def one_by_one(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The flow of every pair by numba, one pair a thread."""
    cv2.setNumThreads(1)
    with ThreadPoolExecutor(cores()) as pool:
        return np.stack(list(pool.map(TVL1(epsilon=0).calc, first, second)))


def main() -> None:
    """Prints a line for the device, one for numba, and the difference."""
    parser = argparse.ArgumentParser(description="Speed of batched TV-L1 flow.")
    parser.add_argument("--pairs", type=int, default=64)
    parser.add_argument("--size", type=int, nargs=2, default=(256, 340), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--batch", type=int, help="pairs at a time")
    given = parser.parse_args()
    first, second = example_pairs(given.pairs, tuple(given.size))
    batched = BatchedTVL1(batch=given.batch)
    spent = []
    for method in (*(batched,) * 4, *(one_by_one,) * 3):
        begun = time.perf_counter()
        flow = method(first, second)
        spent.append(time.perf_counter() - begun)
        if method is batched:
            found = flow
    compiled, best, numba = spent[0], min(spent[1:4]), min(spent[5:])
    difference = np.abs(found - flow)
    print(describe(machine()))
    print(f"{keras.backend.backend()} on {keras.ops.zeros(()).device}")
    print(f"batched {given.pairs / best:9.1f} pairs/s; the first call took {compiled - best:.1f} s more")
    print(f"numba   {given.pairs / numba:9.1f} pairs/s on {cores()} cores")
    print(f"difference in pixels: mean {difference.mean():.1e}, 99.9 % within {np.quantile(difference, 0.999):.1e}")


if __name__ == "__main__":
    main()
