"""Figures of an evaluation: confusion matrix, recall of each class, calibration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from actionzoo.evaluation.metrics import Metrics
from actionzoo.figures import readable_fonts

LABELLED = 30
"""Up to so many classes, a figure writes counts and names in full size."""


@readable_fonts()
def draw_confusion(classes: Sequence[str], metrics: Metrics) -> Figure:
    """Labels down, answers across; the shade is the share of a label's videos, the number their count."""
    table = np.array(metrics.confusion)
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    side = min(max(4.0, 1.6 + 0.42 * len(classes)), 20.0)
    figure = Figure((side + 0.8, side), layout="constrained", dpi=120)
    axes = figure.add_subplot()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    small = len(classes) > LABELLED
    axes.set_xticks(range(len(classes)), classes, rotation=90 if small else 45, ha="center" if small else "right")
    axes.set_yticks(range(len(classes)), classes)
    axes.tick_params(labelsize=5 if small else 9)
    if not small:
        for (row, column), count in np.ndenumerate(table):
            if count:
                colour = "white" if shares[row, column] > 0.6 else "black"
                axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=9)
    axes.set(xlabel="answer", ylabel="label")
    figure.colorbar(image, label="share of the label's videos", shrink=0.8)
    return figure


@readable_fonts()
def draw_classes(metrics: Metrics) -> Figure:
    """Recall of every class, the lowest at the top; numbers are correct answers of all videos."""
    rows = sorted((row for row in metrics.per_class if row.recall is not None), key=lambda row: row.recall or 0.0)
    figure = Figure((6, max(2.0, 0.8 + 0.26 * len(rows))), layout="constrained", dpi=120)
    axes = figure.add_subplot()
    shares = [100 * (row.recall or 0.0) for row in rows]
    bars = axes.barh([row.name for row in rows], shares, color="tab:blue")
    axes.bar_label(bars, [f"{row.correct}/{row.videos}" for row in rows], padding=3, fontsize=8)
    axes.invert_yaxis()
    axes.set(xlim=(0, 112), xlabel="recall, %")
    axes.axvline(100 * metrics.mean_class, color="gray", linewidth=1, linestyle="--")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def draw_reliability(metrics: Metrics) -> Figure:
    """Accuracy by the probability of the answer; on the diagonal the network is calibrated."""
    figure = Figure((4.5, 4.2), layout="constrained", dpi=120)
    axes = figure.add_subplot()
    sure, accuracy, counts = (np.array(column) for column in zip(*metrics.reliability, strict=True))
    axes.plot([0, 1], [0, 1], color="gray", linewidth=1, linestyle="--")
    axes.scatter(sure, accuracy, s=20 + 180 * counts / counts.max(), color="tab:blue", alpha=0.8)
    for x, y, count in zip(sure, accuracy, counts, strict=True):
        axes.annotate(str(count), (x, y), xytext=(0, 9), textcoords="offset points", ha="center", fontsize=8)
    axes.set(xlim=(0, 1.03), ylim=(-0.03, 1.09), xlabel="probability of the answer", ylabel="accuracy")
    axes.set_title(f"expected calibration error {100 * metrics.calibration_error:.1f} %", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
