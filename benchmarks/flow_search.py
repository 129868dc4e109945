"""What OpenCV's DIS costs at the size of `mini`, and how far off it is, by its settings.

    python -m benchmarks.flow_search [--data FOLDER] [--pairs 8] [--size 112 144] [--small]

FOLDER holds the clips of `benchmarks.flow`; photometric and end-point errors are measured as there. "worst clip" is the
highest ratio of a clip's photometric error to that with `dis-fine`. The first lines are methods of
`actionzoo.video.flow`; the others go to full resolution, with a stride between patches, a number of descents, and of
steps of variational refinement. Milliseconds are of one thread, by CPU time.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np

from actionzoo.video.flow import optical_flow
from benchmarks._clips import Exact, Real, clip_paths, puppet_pairs, real_clip
from benchmarks._machine import describe, machine
from benchmarks._measures import end_point_errors, photometric_error
from benchmarks.flow import add_data

Method = Callable[[np.ndarray], np.ndarray]
"""From a pair `(2, height, width)` to its flow."""

NAMED = ("dis-fine", "dis-fine-fast", "dis", "tvl1")
STRIDES, DESCENTS, REFINEMENTS = (4, 5, 6), (4, 8, 12, 16), (0, 1, 5)


def dis(stride: int, descents: int, refinements: int) -> Method:
    """DIS up to the full resolution, without mean normalization of the patches."""
    algorithm = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    algorithm.setFinestScale(0)
    algorithm.setPatchStride(stride)
    algorithm.setGradientDescentIterations(descents)
    algorithm.setVariationalRefinementIterations(refinements)
    algorithm.setUseMeanNormalization(False)
    return lambda pair: algorithm.calc(*pair, None)


def methods() -> Iterator[tuple[str, Method]]:
    """Every method with its name."""
    for name in NAMED:
        yield name, lambda pair, name=name: optical_flow(pair, name, workers=1)[0]
    for stride, descents, refinements in itertools.product(STRIDES, DESCENTS, REFINEMENTS):
        yield f"stride {stride}, {descents} descents, {refinements} refined", dis(stride, descents, refinements)


def measure(method: Method, clips: Sequence[Real], puppets: Sequence[Exact]) -> tuple[float, np.ndarray, list[float]]:
    """Milliseconds a pair, photometric error of each clip, and end-point errors of all and of moving pixels."""
    method(clips[0].pairs[0])
    begun = time.process_time()
    flows = [[method(pair) for pair in clip.pairs] for clip in clips]
    spent = time.process_time() - begun
    photometric = [
        np.mean([photometric_error(*pair, flow) for pair, flow in zip(clip.pairs, fields, strict=True)])
        for clip, fields in zip(clips, flows, strict=True)
    ]
    errors = zip(*(end_point_errors(method(puppet.frames), puppet.flow) for puppet in puppets), strict=True)
    end_point = [float(np.concatenate(part).mean()) for part in errors]
    return 1000 * spent / sum(len(clip.pairs) for clip in clips), np.array(photometric), end_point


def main() -> None:
    """Prints a line for each method."""
    parser = argparse.ArgumentParser(description="Cost and error of DIS by its settings.")
    add_data(parser)
    parser.add_argument("--pairs", type=int, default=8, help="of each clip")
    parser.add_argument("--size", type=int, nargs=2, default=(112, 144), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--small", action="store_true", help="the example clip and few puppets: seconds, for tests")
    given = parser.parse_args()
    size = tuple(given.size)
    print(describe(machine()))
    paths = clip_paths(None if given.small else given.data)
    clips = [real_clip(name, path, 2 if given.small else given.pairs, size) for name, path in paths.items()]
    puppets = puppet_pairs(size, ("kick",), 1) if given.small else puppet_pairs(size)
    print(f"\n{'':<34}ms a pair  photometric  worst clip  end-point  moving")
    first: np.ndarray | None = None
    for name, method in methods():
        spent, photometric, (everywhere, moving) = measure(method, clips, puppets)
        first = photometric if first is None else first
        errors = photometric.mean(), (photometric / first).max(), everywhere, moving
        print("{:<34}{:9.2f}{:13.3f}{:12.3f}{:11.3f}{:8.3f}".format(name, spent, *errors), flush=True)


if __name__ == "__main__":
    main()
