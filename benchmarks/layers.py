"""How layers differ: their tuning to speed, and how fine what they look for is, in appearance and in motion.

    python -m benchmarks.layers UT_INTERACTION --work FOLDER [--json benchmarks/layers.json --figure docs/layers.png]

The network joins two ResNet-18 streams of a quarter of the channels by a convolution behind their last stage, and
learns the six actions from all clips for 300 steps (the recipe of `benchmarks.ablation`). It is kept in the work
folder.

Tuning: each channel is shown the clip, of 24, to which it responds most, with flow from 1/8 to 8 times as long. Its
breadth is the number of octaves in which it responds at least 70 % as much as at its best. A channel counts if flow
matters to it: its least response is below half of its greatest.

Fineness: some channels of each layer are painted. The frequency of a picture is the mean of its spectrum, each
frequency weighted by its energy, in cycles a pixel; the mean colour and the mean flow are left out.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from matplotlib.figure import Figure

from actionzoo.data.dataset import read_dataset
from actionzoo.figures import png
from actionzoo.inference.clips import Clip
from actionzoo.inference.model import Model, load_model
from actionzoo.training import finetune
from actionzoo.visualization import channel_target, maximize
from actionzoo.visualization.top_activations import layer_responses
from actionzoo.visualization.tuning import magnitude_tuning
from benchmarks._machine import machine
from benchmarks.ablation import BATCH, OPTIONS, RECIPE, STEPS
from benchmarks.visualize import real_clips

STAGES = ("conv1_relu", "stage2_unit1_relu", "stage3_unit1_relu", "stage4_unit1_relu", "stage5_unit1_relu")
FUSED = "fusion_stage5_unit1_relu_relu"
FACTORS = 2.0 ** np.arange(-3, 3.5, 0.5)
CLIPS, CHANNELS = 24, 6
ENOUGH, MATTERS = 0.7, 0.5


def trained(data: Path, work: Path) -> Path:
    """The run folder of the network, which is trained if it is not there."""
    run = work / "conv"
    if not (run / "model.keras").exists():
        clips = len(read_dataset(data).videos)
        recipe = replace(
            RECIPE, model="two_stream_resnet18", options=OPTIONS | {"fusion": "conv"}, test=0.0,
            epochs=round(STEPS / -(-clips // BATCH)),
        )  # fmt: skip
        finetune(data, run, recipe, resume=(run / "checkpoint.safetensors").exists())
    return run


def tuning(model: Model, layer: str, clips: list[Clip]) -> dict[str, Any]:
    """How broadly the channels of a layer are tuned to the length of the flow."""
    usual = layer_responses(model, layer, clips)
    curves = []
    for clip in np.unique(usual.argmax(axis=0)):
        rows = magnitude_tuning(model, layer, clips[clip], FACTORS)
        curves += [rows[:, channel] for channel in np.flatnonzero(usual.argmax(axis=0) == clip)]
    shares = [curve / curve.max() for curve in curves if curve.max() > 1e-6]
    tuned = [share for share in shares if share.min() < MATTERS]
    octaves = [float((share >= ENOUGH).sum() * np.log2(FACTORS[1] / FACTORS[0])) for share in tuned]
    best = [float(FACTORS[share.argmax()]) for share in tuned]
    return {
        "channels": len(curves),
        "tuned": len(tuned),
        "octaves": round(float(np.mean(octaves)), 2),
        "standard_error": round(float(np.std(octaves) / np.sqrt(len(octaves))), 2),
        "best_at_the_fastest": round(float(np.mean(np.array(best) == FACTORS[-1])), 2),
        "curve": [round(float(value), 3) for value in np.median(tuned, axis=0)],
    }


def fineness(model: Model, layer: str) -> dict[str, float]:
    """The mean frequency of what channels of a layer look for, in the stream that it belongs to."""
    count = int(model.network.get_layer(layer).output.shape[-1])
    channels = np.linspace(0, count - 1, CHANNELS).round().astype(int)
    targets = [channel_target(model, layer, int(channel)) for channel in channels]
    painted = maximize(model, targets, ["medium"])
    found: dict[str, float] = {}
    for name in ("appearance", "flow"):
        pictures = [getattr(clip, name) for clip in painted]
        if all(picture is not None for picture in pictures):
            found[name] = round(float(np.mean([frequency(np.asarray(p, np.float32)) for p in pictures])), 4)
    return found


def frequency(pictures: np.ndarray) -> float:
    """The mean of the spectrum of `(N, height, width, channels)`, in cycles a pixel.

    >>> wave = np.cos(2 * np.pi * np.arange(32) / 8)[None, None, :, None] * np.ones((1, 16, 1, 1))
    >>> round(frequency(wave), 6)
    0.125
    """
    energy = np.abs(np.fft.fft2(pictures - pictures.mean(axis=(1, 2), keepdims=True), axes=(1, 2))) ** 2
    places = np.hypot(np.fft.fftfreq(pictures.shape[1])[:, None], np.fft.fftfreq(pictures.shape[2])[None])
    return float((energy * places[None, ..., None]).sum() / energy.sum())


def draw(found: dict[str, Any]) -> Figure:
    """Median tuning curves, their breadth, and frequencies, by layer."""
    figure = Figure((11, 3.4), layout="constrained", dpi=120)
    curves, breadth, fine = figure.subplots(1, 3)
    layers = [*found["tuning"]]
    for place, layer in enumerate(layers):
        shade = str(0.75 - 0.75 * place / (len(layers) - 1)) if layer != FUSED else "tab:red"
        curves.plot(FACTORS, found["tuning"][layer]["curve"], color=shade, label=short(layer))
    curves.set_xscale("log", base=2)
    curves.set(xlabel="length of the flow, times as usual", ylabel="response, in parts of the greatest")
    curves.set_title("Tuning to speed (medians)", fontsize=10)
    curves.legend(frameon=False, fontsize=7)
    rows = [found["tuning"][layer] for layer in layers]
    octaves, errors = [row["octaves"] for row in rows], [row["standard_error"] for row in rows]
    colours = ["tab:red" if layer == FUSED else "gray" for layer in layers]
    breadth.bar([short(layer) for layer in layers], octaves, yerr=errors, color=colours)
    breadth.set(ylabel="octaves above 70 %")
    breadth.set_title("Its breadth", fontsize=10)
    for stream, kind, style in (("appearance", "appearance", "o-"), ("motion", "flow", "s--")):
        values = [found["frequency"][f"{stream}_{stage}"][kind] for stage in STAGES]
        fine.plot([short(stage) for stage in STAGES], values, style, label=stream)
    fine.set(ylabel="cycles a pixel", ylim=(0, None))
    fine.set_title("How fine what they look for is", fontsize=10)
    fine.legend(frameon=False)
    for axes in (curves, breadth, fine):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    return figure


def short(layer: str) -> str:
    """A layer's stage.

    >>> short("motion_stage3_unit1_relu"), short("conv1_relu"), short(FUSED)
    ('stage3', 'conv1', 'fusion')
    """
    return next(part for part in layer.split("_") if part.startswith(("conv1", "stage", "fusion")))


def main() -> None:
    """Measure, print, write, draw."""
    parser = argparse.ArgumentParser(description="How layers differ.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    model = load_model(trained(options.data, options.work))
    found: dict[str, Any] = {"machine": machine(), "tuning": {}, "frequency": {}}
    clips = real_clips(model, options.data, CLIPS)
    for layer in (*(f"motion_{stage}" for stage in STAGES), FUSED):
        found["tuning"][layer] = tuning(model, layer, clips)
        print(layer, found["tuning"][layer], flush=True)
    for stage in STAGES:
        for stream in ("appearance", "motion"):
            found["frequency"][f"{stream}_{stage}"] = fineness(model, f"{stream}_{stage}")
            print(stream, stage, found["frequency"][f"{stream}_{stage}"], flush=True)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    if options.figure:
        options.figure.write_bytes(png(draw(found)))


if __name__ == "__main__":
    main()
