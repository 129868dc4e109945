"""The bar chart of a benchmark's results.

python -m benchmarks._chart RESULTS.json CHART.png
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

OURS, OTHER = "#0072B2", "#B0B0B0"
"""Blue of the palette of Okabe and Ito, and grey: told apart by every eye and in print."""
METHODS = {
    "tvl1": "TV-L1, ours",
    "plain loop": "TV-L1, OpenCV",
    "tvl1-opencv": "TV-L1, OpenCV,\none pair a thread",
    "dis": "DIS, OpenCV",
    "farneback": "Farnebäck, OpenCV",
}
Bar = tuple[str, float, bool]
"""Label, length, whether it is ours."""


def flow_bars(methods: dict[str, Any]) -> list[Bar]:
    """Pairs a second of every method, the fastest first."""
    bars = [(METHODS.get(name, name), row["fps"], name == "tvl1") for name, row in methods.items() if "fps" in row]
    return sorted(bars, key=lambda bar: -bar[1])


def predict_bars(found: dict[str, Any]) -> list[Bar]:
    """Seconds of ours in every precision, and of the peers with the same flow."""
    ours = [(f"actionzoo, {row['computed_in']}", row["cold"]["total"], True) for row in found["ours"].values()]
    peers = [
        (f"OpenCV and torch,\nflow at {row['size'][1]}x{row['size'][0]}", row["cold"]["total"], False)
        for row in found["peers"].values()
        if row["method"] == found["flow"]
    ]
    return ours + peers


def draw_bars(axes: Axes, title: str, bars: Sequence[Bar], unit: str) -> None:
    """Horizontal bars with their values, the first on top; the end of the axis leaves room for the values."""
    labels, lengths, mine = zip(*bars, strict=True)
    places = range(len(bars))
    axes.barh(places, lengths, height=0.7, color=[OURS if ours else OTHER for ours in mine])
    for place, length in zip(places, lengths, strict=True):
        value = f"{length:.0f}" if length >= 100 else f"{length:.1f}"
        axes.annotate(f" {value}{unit}", (length, place), va="center", fontsize=10)
    axes.set_yticks(places, labels, fontsize=10)
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.invert_yaxis()
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(left=False, bottom=False, which="both")


def draw(results: dict[str, Any], path: Path) -> None:
    """Writes the chart: flow on the left, the whole path of the scenarios that have a peer on the right."""
    found = {name: one for name, one in results["predict"]["scenarios"].items() if one["peers"]}
    bars = {name: predict_bars(one) for name, one in found.items()}
    figure = Figure(figsize=(9, 4), layout="constrained")
    heights = [len(several) + 1 for several in bars.values()]
    axes = figure.subplot_mosaic([["flow", name] for name in bars], height_ratios=heights)
    height, width = results["flow"]["size"]
    pairs = flow_bars(results["flow"]["methods"])
    draw_bars(axes["flow"], f"Flow of {width}x{height}: pairs a second", pairs, "")
    axes["flow"].set_xscale("log")
    axes["flow"].set_xlim(min(bar[1] for bar in pairs) / 3, max(bar[1] for bar in pairs) * 4)
    axes["flow"].xaxis.set_major_formatter("{x:g}")
    axes["flow"].set_xlabel("log scale", loc="right")
    longest = max(bar[1] for several in bars.values() for bar in several)
    for name, one in found.items():
        clip_s = next(iter(one["ours"].values()))["duration_s"]
        draw_bars(axes[name], f"{one['title'].removeprefix('two-stream ')}: {clip_s:.3g} s of video", bars[name], " s")
        axes[name].set_xlim(0, 1.2 * longest)
        axes[name].tick_params(labelbottom=False)
    figure.savefig(path, dpi=200, facecolor="white")


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text("utf-8")), Path(sys.argv[2]))
