"""The peer of `actionzoo predict`: what a user would write with OpenCV and torch for the same answer.

    python -m benchmarks._peer CLIP WEIGHTS NETWORK METHOD [--flow-size 256 340] [--pairs N]

Decodes the clip, computes OpenCV's flow for every pair of frames that the flow stacks need, and runs the network in
torch. NETWORK is a `benchmarks._prepare.Network` as JSON; METHOD is OpenCV's "tvl1" or "dis". Prints the seconds of its
stages and the logits. Nothing of actionzoo is used.
"""

from __future__ import annotations

import argparse
import json
import time

import cv2
import numpy as np
import torch

from benchmarks._prepare import Network, torch_module

METHODS = {
    "tvl1": lambda: cv2.optflow.DualTVL1OpticalFlow.create(),
    "dis": lambda: cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM),
}


def decode(clip: str, fps: float) -> list[np.ndarray]:
    """The RGB frames nearest to `fps` frames a second."""
    capture = cv2.VideoCapture(clip)
    step = max(capture.get(cv2.CAP_PROP_FPS) / fps, 1.0)
    frames: list[np.ndarray] = []
    index = 0
    while capture.grab():
        if index == int(len(frames) * step + 0.5):
            frames.append(cv2.cvtColor(capture.retrieve()[1], cv2.COLOR_BGR2RGB))
        index += 1
    return frames


def stacks(frames: int, network: Network) -> tuple[np.ndarray, np.ndarray]:
    """The frames that the network sees, `(time,)`, and the flow fields around each, `(time, stack_length)`."""
    before = network.stack_length // 2
    evenly = np.linspace(before, frames - 1 - (network.stack_length - before), network.frames)
    centres = np.floor(evenly + 0.5).astype(int)
    return centres, centres[:, None] - before + np.arange(network.stack_length)


def flow_fields(
    frames: list[np.ndarray], wanted: list[int], method: str, size: tuple[int, int], side: int
) -> dict[int, np.ndarray]:
    """The flow from frame k to frame k+1 for every k that is wanted, at `size` and then scaled to side x side."""
    algorithm = METHODS[method]()
    scale = np.array([side / size[1], side / size[0]], np.float32)
    small = [cv2.resize(frame, size[::-1], interpolation=cv2.INTER_AREA) for frame in frames]
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in small]
    flows = {}
    for index in wanted:
        flow = algorithm.calc(grey[index], grey[index + 1], None)
        flows[index] = flow if size == (side, side) else cv2.resize(flow, (side, side)) * scale
    return flows


def answer(module: torch.nn.Module, appearance: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """The logits of one clip: frames `(time, height, width, 3)`, flow `(time, height, width, 2 * stack_length)`."""
    clips = [torch.from_numpy(clip.transpose(0, 3, 1, 2)[None].astype(np.float32)) for clip in (appearance, motion)]
    with torch.inference_mode():
        return module(*clips)[0].numpy()


def main() -> None:
    """Prints the answer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("clip")
    parser.add_argument("weights")
    parser.add_argument("network", type=Network.from_json)
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("--flow-size", type=int, nargs=2)
    parser.add_argument("--pairs", type=int, help="compute only so many pairs, for tests")
    given = parser.parse_args()
    network, side = given.network, given.network.side
    module = torch_module(network).eval()
    module.load_state_dict(torch.load(given.weights, mmap=True))
    times = [time.perf_counter()]
    frames = decode(given.clip, network.fps)
    times.append(time.perf_counter())
    centres, indices = stacks(len(frames), network)
    wanted = sorted({*indices.ravel().tolist()})[: given.pairs]
    flows = flow_fields(frames, wanted, given.method, tuple(given.flow_size or (side, side)), side)
    still = np.zeros((side, side, 2), np.float32)
    motion = np.stack([np.concatenate([flows.get(index, still) for index in stack], -1) for stack in indices])
    times.append(time.perf_counter())
    appearance = np.stack([cv2.resize(frames[k], (side, side), interpolation=cv2.INTER_AREA) for k in centres])
    logits = answer(module, appearance, motion)
    times.append(time.perf_counter())
    stages = dict(zip(("decode", "flow", "model"), np.diff(times).tolist(), strict=True))
    facts = {"frames": len(frames), "pairs": len(wanted)}
    print(json.dumps({**facts, "timing_s": stages, "logits": logits.astype(float).tolist()}))


if __name__ == "__main__":
    main()
