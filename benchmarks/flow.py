"""How far optical flow is off, and what it costs: every method against the exact flow of puppets.

    python benchmarks/flow.py [--clips 2] [--size 112 144] [--fps 15]

Clips of all six actions are rendered with their exact flow, at the rate and size at which `mini` sees video. The error
is the mean end-point error over the pixels that move by more than 0.7 px against the background, in pixels; `still` is
that of a flow of zero. One thread.
"""

from __future__ import annotations

import argparse
import time

import cv2
import numpy as np

from actionzoo.data.puppets import ACTIONS, render
from actionzoo.video.flow import METHODS, optical_flow
from actionzoo.video.resize import fit_size

MOVING = 0.7
"""Pixels a frame step from the median of the frame's flow: what counts as a moving part."""


def scaled_clip(action: str, seed: int, size: tuple[int, int], fps: float) -> tuple[np.ndarray, np.ndarray]:
    """Frames `(frames, height, width, 3)` and exact flow `(frames-1, height, width, 2)` of the middle of a clip."""
    clip = render(action, seed, fps=fps, with_flow=True)
    assert clip.flow is not None
    source = clip.frames.shape[1:3]
    height, width = fit_size(source, size)
    scale = np.array([width / source[1], height / source[0]], np.float32)
    middle = slice(len(clip.flow) // 3, 2 * len(clip.flow) // 3)

    def shrink(image: np.ndarray) -> np.ndarray:
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)

    frames = np.stack([shrink(frame) for frame in clip.frames[middle.start : middle.stop + 1]])
    return frames, np.stack([shrink(field) * scale for field in clip.flow[middle]])


def moving_error(flow: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """End-point errors of the moving pixels of a clip, one after the other."""
    background = np.median(exact, axis=(1, 2), keepdims=True)
    return np.linalg.norm(flow - exact, axis=-1)[np.linalg.norm(exact - background, axis=-1) > MOVING]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Error and cost of optical flow on puppets.")
    parser.add_argument("--clips", type=int, default=2, help="of each action")
    parser.add_argument("--size", type=int, nargs=2, default=(112, 144), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--fps", type=float, default=15.0)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=[name for name in METHODS if name != "tvl1"])
    given = parser.parse_args()
    clips = [
        scaled_clip(action, seed, tuple(given.size), given.fps) for action in ACTIONS for seed in range(given.clips)
    ]
    pairs = sum(len(exact) for _, exact in clips)
    still = np.concatenate([moving_error(np.zeros_like(exact), exact) for _, exact in clips])
    print(
        f"{len(clips)} clips, {pairs} pairs, at most {given.size[0]}x{given.size[1]}, {given.fps:g} frames a second\n"
    )
    print(f"{'method':<16}{'error (px)':>12}{'ms a pair':>12}")
    print(f"{'still':<16}{still.mean():>12.2f}{'':>12}")
    for method in given.methods:
        begun = time.perf_counter()
        flows = [optical_flow(frames, method, workers=1) for frames, _ in clips]
        cost = 1000 * (time.perf_counter() - begun) / pairs
        error = np.concatenate([moving_error(flow, exact) for flow, (_, exact) in zip(flows, clips, strict=True)])
        print(f"{method:<16}{error.mean():>12.2f}{cost:>12.1f}", flush=True)


if __name__ == "__main__":
    main()
