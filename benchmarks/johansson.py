"""Point-light puppets: does motion alone tell an action, as it does for people (Johansson 1973)?

    python -m benchmarks.johansson [--clips 20] [--json benchmarks/johansson.json --figure docs/johansson.png]

Puppets of a seed that no training has used are rendered twice, whole and as moving dots at their joints, with the same
movements. `mini` has learned from whole puppets and real people, and has seen no dots. Its appearance stream sees six
frames, half a second apart, so it sees movement as well, coarsely: `still` shows it the middle frame of each clip only.
Standard errors are binomial.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import tempfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from matplotlib.figure import Figure

from actionzoo.cli.main import main as actionzoo
from actionzoo.data.dataset import read_dataset
from actionzoo.data.decoded import DecodedVideo, Source, VideoSource
from actionzoo.evaluation import evaluate
from actionzoo.figures import png
from actionzoo.inference import load_model
from actionzoo.video.flow import flow_to_colour
from benchmarks._machine import machine

SEED = 7_300_000
KINDS = {"whole": [], "points": ["--point-light"]}
LEGEND = {"whole": "whole puppets", "points": "points"}
NAMES = ("still", "appearance", "motion", "answer")
TITLES = ("one frame", "appearance", "motion", "both")


def render(folder: Path, clips: int) -> None:
    """Both sets of puppets."""
    for kind, options in KINDS.items():
        arguments = ["data", "puppets", str(folder / kind), "--clips", str(clips), "--seed", str(SEED), *options]
        with redirect_stdout(io.StringIO()):  # the name of every video
            code = actionzoo(arguments)
        if code != 0:
            raise SystemExit("no puppets could be rendered")


class Stills:
    """Videos in which nothing happens: the middle frame of each, as long as it was."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.classes, self.videos, self.video_format = source.classes, source.videos, source.video_format

    def __len__(self) -> int:
        return len(self._source)

    def read(self, index: int) -> DecodedVideo:
        """Of `videos[index]`."""
        whole = self._source.read(index)
        middle = np.asarray(whole.frames[len(whole.frames) // 2])
        frames, flow = np.broadcast_to(middle, whole.frames.shape), np.zeros_like(whole.flow)
        return DecodedVideo(whole.name, whole.class_index, frames, flow)


def measure(folder: Path) -> tuple[dict[str, Any], DecodedVideo]:
    """Top-1 accuracy of both streams and of each alone, and the recall of each class; and a clip."""
    model = load_model("mini")
    source = VideoSource(read_dataset(folder), model.spec.video_format, folder / "cache")
    scores = evaluate(model, source).scores
    logits = {**scores.logits, "still": evaluate(model, Stills(source)).scores.logits["appearance"]}
    found: dict[str, Any] = {"videos": len(scores.labels)}
    for name in NAMES:
        correct = logits[name].argmax(axis=1) == scores.labels
        error = np.sqrt(correct.mean() * (1 - correct.mean()) / len(correct))
        by_class = {label: float(correct[scores.labels == index].mean()) for index, label in enumerate(scores.classes)}
        found[name] = {
            "correct": round(float(correct.mean()), 4),
            "standard_error": round(float(error), 4),
            "classes": by_class,
        }
    kick = next(index for index, video in enumerate(source.videos) if source.classes[video.class_index] == "kick")
    return found, source.read(kick)


def draw(found: dict[str, Any], clips: dict[str, DecodedVideo]) -> Figure:
    """A kick, whole and as points, with its flow; and what each stream makes of such clips."""
    figure = Figure((10, 4.6), layout="constrained", dpi=120)
    places = figure.subplot_mosaic("abe\ncde", width_ratios=(1, 1, 1.3))
    for row, (kind, names) in enumerate(zip(KINDS, ("ab", "cd"), strict=True)):
        decoded = clips[kind]
        lengths = np.linalg.norm(np.asarray(decoded.flow, np.float32), axis=-1).mean(axis=(1, 2))
        time = int(lengths.argmax())
        pictures = decoded.frames[time], flow_to_colour(np.asarray(decoded.flow[time], np.float32))
        for name, picture, title in zip(names, pictures, ("a frame", "its flow"), strict=True):
            places[name].imshow(picture)
            places[name].axis("off")
            if row == 0:
                places[name].set_title(title, fontsize=10)
    bars = places["e"]
    for place, name in enumerate(NAMES):
        for side, (kind, colour) in enumerate(zip(KINDS, ("tab:gray", "tab:orange"), strict=True)):
            row = found[kind][name]
            bar = bars.bar(
                place + 0.4 * side - 0.2, 100 * row["correct"], 0.38, yerr=100 * row["standard_error"], color=colour,
                label=LEGEND[kind] if place == 0 else None,
            )  # fmt: skip
            bars.bar_label(bar, [f"{100 * row['correct']:.0f}"], padding=2, fontsize=9)
    bars.axhline(100 / 6, color="black", linewidth=1, linestyle=":")
    bars.set_xticks(range(len(NAMES)), TITLES)
    bars.set(ylabel="top-1 accuracy, % (dotted: chance)", ylim=(0, 112))
    bars.legend(frameon=False, loc="upper left", fontsize=8)
    bars.spines[["top", "right"]].set_visible(False)
    return figure


def main() -> None:
    """Render, test, print, write, draw."""
    parser = argparse.ArgumentParser(description="Point-light puppets.")
    parser.add_argument("--clips", type=int, default=20, help="of each action")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {"machine": machine(), "seed": SEED}
    with tempfile.TemporaryDirectory() as work:
        render(Path(work), options.clips)
        tested = {kind: measure(Path(work) / kind) for kind in KINDS}
        found |= {kind: rows for kind, (rows, _) in tested.items()}
        for kind in KINDS:
            print(kind, {name: found[kind][name]["correct"] for name in NAMES}, flush=True)
        if options.json:
            options.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        if options.figure:
            options.figure.write_bytes(png(draw(found, {kind: clip for kind, (_, clip) in tested.items()})))


if __name__ == "__main__":
    main()
