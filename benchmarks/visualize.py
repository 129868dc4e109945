"""Painted clips against real ones: how much more a channel of `mini` responds, and whether it names the class.

    python -m benchmarks.visualize REAL [--parts layers classes vgg] [--json benchmarks/visualize.json]

REAL is a folder of class folders. Some channels of five layers, spread evenly, are painted at medium speed, and every
class at three speeds. A channel passes if it responds to the painted clip at least 10 times as much as to the real
clips on average, and 1.5 times as much as to the best of them; a class, if the network names it with a probability of
at least 0.95: as it was painted, with frames and flow read back from 8 bits, and moved by a pixel. Channels that
respond to no real clip are left out, and counted.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from scipy.special import softmax

from actionzoo.data.dataset import read_dataset
from actionzoo.data.decoded import VideoSource
from actionzoo.hub.resolve import ModelFiles
from actionzoo.inference.clips import Clip, clips_of
from actionzoo.inference.model import Model, load_model
from actionzoo.models import create_model
from actionzoo.video.flow import decode_flow, encode_flow
from actionzoo.video.spec import InputSpec
from actionzoo.visualization import SPEEDS, PaintedClip, channel_target, class_target, maximize
from actionzoo.visualization.canvas import stacked
from actionzoo.visualization.top_activations import layer_responses
from benchmarks._machine import machine

LAYERS = (
    "appearance_conv1_relu",
    "motion_conv1_relu",
    "motion_stage3_unit1_relu",
    "appearance_stage5_unit1_relu",
    "motion_stage5_unit1_relu",
)
CHANNELS = 6
PARTS = ("layers", "classes", "vgg")


def real_clips(model: Model, folder: Path, count: int) -> list[Clip]:
    """The clips of some videos of a set, spread evenly."""
    source = VideoSource(read_dataset(folder), model.spec.video_format)
    chosen = np.linspace(0, len(source) - 1, count).round().astype(int)
    return [clip for index in chosen for clip in clips_of(source.read(int(index)), model.spec)]


def measure_layer(model: Model, layer: str, real: list[Clip]) -> dict[str, Any]:
    """How often channels of a layer pass, and the ratios."""
    usual = layer_responses(model, layer, real)
    live = np.flatnonzero(usual.max(axis=0) > 1e-6)
    channels = live[np.linspace(0, len(live) - 1, CHANNELS).round().astype(int)]
    targets = [channel_target(model, layer, int(channel)) for channel in channels]
    painted = maximize(model, targets, ["medium"])
    values = np.array([clip.response for clip in painted])
    mean, best = values / usual[:, channels].mean(axis=0), values / usual[:, channels].max(axis=0)
    return {
        "dead": int(usual.shape[1] - len(live)),
        "tried": len(channels),
        "passed": int(((mean >= 10) & (best >= 1.5)).sum()),
        "above_mean": [round(float(value), 1) for value in mean],
        "above_best": [round(float(value), 1) for value in best],
    }


def measure_class(model: Model, label: str) -> dict[str, Any]:
    """Probabilities, how much the flow changes, and seconds, of a class at all speeds."""
    since = time.perf_counter()
    painted = maximize(model, [class_target(model, label)], list(SPEEDS))
    seconds = time.perf_counter() - since
    rows: dict[str, Any] = {"seconds": round(seconds, 1)}
    for clip in painted:
        assert clip.flow is not None
        rows[clip.speed] = {
            "probability": [round(chance, 4) for chance in probabilities(model, clip)],
            "change": round(float(np.abs(np.diff(clip.flow, axis=0)).mean()), 3),
            "high_frequencies": round(high_frequencies(clip.flow), 3),
        }
    return rows


def probabilities(model: Model, clip: PaintedClip) -> list[float]:
    """Of the class: as painted, from 8 bits, and moved by a pixel."""
    assert clip.appearance is not None
    assert clip.flow is not None
    coded = decode_flow(encode_flow(clip.flow))
    given = [(clip.appearance, clip.flow), (clip.appearance, coded)]
    given.append((np.roll(clip.appearance, 1, axis=2), np.roll(coded, 1, axis=2)))
    batch = {
        "appearance": np.stack([frames for frames, _ in given]).astype(np.float32),
        "motion": np.asarray(stacked(np.stack([flow for _, flow in given]), model.spec)),
    }
    logits = np.asarray(model.network.predict_on_batch(batch))
    return [float(value) for value in softmax(logits, axis=1)[:, clip.target.channel]]


def high_frequencies(flow: np.ndarray) -> float:
    """The share of the flow's energy above a tenth of the sampling rate in space; its mean is left out."""
    energy = np.abs(np.fft.fft2(flow - flow.mean(axis=(1, 2), keepdims=True), axes=(1, 2))) ** 2
    frequency = np.hypot(np.fft.fftfreq(flow.shape[1])[:, None], np.fft.fftfreq(flow.shape[2])[None])
    return float(energy[:, frequency > 0.1].sum() / energy.sum())


LAYER_HEADS = ("layer", "tried", "silent", "1.5 times the best clip", "times the mean clip", "times the best clip")
SPEED_HEADS = ("slow", "medium", "fast")
CLASS_HEADS = ("class", *(f"{what}: {speed}" for what in ("sure", "change", "fine") for speed in SPEED_HEADS), "s")


def tables(found: dict[str, Any]) -> str:
    """The numbers as Markdown."""
    lines = [_row(LAYER_HEADS), _row(("---", *["---:"] * (len(LAYER_HEADS) - 1)))]
    for layer, row in found["layers"].items():
        better = sum(value >= 1.5 for value in row["above_best"])
        ranges = (f"{min(row[name]):g} to {max(row[name]):g}" for name in ("above_mean", "above_best"))
        lines.append(_row((f"`{layer}`", row["tried"], row["dead"], better, *ranges)))
    lines += ["", _row(CLASS_HEADS), _row(("---", *["---:"] * (len(CLASS_HEADS) - 1)))]
    for name, row in found["classes"].items():
        speeds = [row[speed] for speed in SPEED_HEADS]
        cells = [f"{min(each['probability']):.3f}" for each in speeds]
        cells += [f"{each['change']:.2f}" for each in speeds]
        cells += [f"{100 * each['high_frequencies']:.1f} %" for each in speeds]
        lines.append(_row((name, *cells, f"{row['seconds']:.0f}")))
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def measure_vgg() -> dict[str, Any]:
    """Seconds for a channel of the fusion of VGG-16 at 224 pixels, three speeds; of random weights, so only seconds."""
    spec = InputSpec(("a", "b"), 224, 224, num_frames=1, stack_length=10)
    model = Model(ModelFiles("VGG-16", spec))
    model.network = create_model("two_stream_vgg16", 2, 1, fusion="conv", temporal_fusion="none")
    layer = next(layer.name for layer in reversed(model.network.layers) if layer.name.startswith("fusion"))
    since = time.perf_counter()
    maximize(model, [channel_target(model, layer, 21)], list(SPEEDS))
    return {"layer": layer, "clips": len(SPEEDS), "seconds": round(time.perf_counter() - since)}


def main() -> None:
    """Measure, print, and write the numbers; parts that are not measured anew stay in the file."""
    parser = argparse.ArgumentParser(description="Measure painted clips against real ones.")
    parser.add_argument("real", type=Path)
    parser.add_argument("--videos", type=int, default=24)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    model = load_model("mini")
    kept = json.loads(options.json.read_text("utf-8")) if options.json and options.json.exists() else {}
    found: dict[str, Any] = kept | {"machine": machine()}
    if "layers" in options.parts:
        real = real_clips(model, options.real, options.videos)
        found |= {"clips": len(real), "layers": {}}
        for layer in LAYERS:
            found["layers"][layer] = measure_layer(model, layer, real)
            print(layer, found["layers"][layer], flush=True)
    if "classes" in options.parts:
        found["classes"] = {}
        for label in model.spec.classes:
            found["classes"][label] = measure_class(model, label)
            print(label, found["classes"][label], flush=True)
    if "vgg" in options.parts:
        found["vgg"] = measure_vgg()
        print(found["vgg"], flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(tables(found))


if __name__ == "__main__":
    main()
