"""A two-stream network with random weights, as `actionzoo predict --model FILE` takes it and as torch does.

    python -m benchmarks._prepare NETWORK CLIP FOLDER

Runs in a process of its own, so that neither framework is in memory when something is timed. NETWORK is a `Network` as
JSON. Prints how far OpenVINO's logits in f32 are from torch's for the same frames and flow.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

KERAS_FILE, TORCH_FILE = "model.keras", "model.pt"
GAIN = {"appearance": 1 / 64, "motion": 1 / 4}
"""Brings preprocessed frames, and the flow of people, to order 1."""


@dataclass(frozen=True)
class Network:
    """A two-stream network with late fusion that sees a whole video as one clip: `frames` of them, evenly spread.

    The frames are taken from `fps` frames a second and stretched to `side` x `side`, each with a stack of flow fields.
    Videos of up to 10 s give one clip.
    """

    base: str
    flow: str
    side: int = 224
    frames: int = 25
    width: float = 1.0
    classes: int = 101
    fps: float = 25.0
    stride: int = 10
    stack_length: int = 10

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Network:
        return cls(**json.loads(text))


def keras_model(network: Network) -> Any:
    """The network in Keras."""
    from actionzoo.models import create_model

    return create_model(
        f"two_stream_{network.base}",
        network.classes,
        network.frames,
        fusion="late",
        height=network.side,
        width=network.side,
        stack_length=network.stack_length,
        channel_factor=network.width,
    )


def torch_module(network: Network) -> Any:
    """The network in torch."""
    from tests.models.torch_reference import two_stream

    return two_stream(network.base, network.classes, network.width, stack_length=network.stack_length)


def real_clip(network: Network, source: str) -> dict[str, np.ndarray]:
    """The frames and flow stacks of a video as a batch of one, flow by DIS."""
    from actionzoo.video.flow import optical_flow
    from actionzoo.video.reader import read_frames
    from actionzoo.video.sampling import ClipSpec, clip_centres, gather_clip

    size = (network.side, network.side)
    frames = np.stack([frame.image for frame in read_frames(source, fps=network.fps, size=size)])
    clip_spec = ClipSpec(network.frames, network.stride, network.stack_length)
    centres = clip_centres(len(frames), clip_spec)
    if len(centres) != 1:
        sys.exit(f"{source} is longer than one clip")
    appearance, motion = gather_clip(frames, optical_flow(frames), centres[0], network.stack_length)
    return {"appearance": appearance[None].astype(np.float32), "motion": motion[None]}


def save(network: Network, clips: dict[str, np.ndarray], folder: Path) -> np.ndarray:
    """Writes both files of the network, with random weights under which its logits are of order 1; torch's logits."""
    import torch

    from actionzoo.hub.keras_models import save_model
    from actionzoo.video.spec import InputSpec
    from tests.models.torch_reference import copy_weights, random_weights, torch_input

    model, module = keras_model(network), torch_module(network).eval()
    random_weights(model, clips, GAIN)
    copy_weights(model, module)
    side, time = network.side, (network.frames, network.stride, network.stack_length)
    save_model(model, InputSpec((), side, side, network.fps, *time, network.flow, "stretch"), folder / KERAS_FILE)
    torch.save(module.state_dict(), folder / TORCH_FILE)
    with torch.inference_mode():
        return module(*(torch_input(clip).contiguous() for clip in clips.values())).numpy()


def main() -> None:
    """Writes the files, converts the model for OpenVINO into actionzoo's cache, and compares the two."""
    network, source, folder = Network.from_json(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the frameworks print goes elsewhere
    clips = real_clip(network, source)
    logits = save(network, clips, folder)

    from actionzoo.hub.resolve import resolve_model
    from actionzoo.inference.engines import load_engine

    engine = load_engine(resolve_model(folder / KERAS_FILE), "openvino", "f32")
    off = float(np.abs(engine(**clips) - logits).max())
    print(json.dumps({"logits_off": off, "logits_spread": float(logits.std())}), file=answers, flush=True)


if __name__ == "__main__":
    main()
