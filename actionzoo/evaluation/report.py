"""What an evaluation found, as files: numbers for programs, tables for spreadsheets, figures for people."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from actionzoo.errors import OutputError
from actionzoo.evaluation.metrics import Metrics
from actionzoo.evaluation.scores import ANSWER, Scores, softmax, write_whole

LABELLED = 30
"""Up to so many classes, a figure writes counts and names in full size."""


def write_report(folder: Path, scores: Scores, metrics: Metrics, facts: Mapping[str, Any]) -> list[Path]:
    """Write an evaluation into a folder, file by file, each whole or not at all.

    Args:
        folder: is made if it does not exist; files of an earlier report in it are replaced.
        scores: of the videos.
        metrics: of these scores.
        facts: what else `metrics.json` should say: model, data, protocol.

    Returns:
        The files.

    Raises:
        OutputError: the folder cannot be written.
    """
    files = {
        "metrics.json": (json.dumps({**facts, **asdict(metrics)}, indent=1, ensure_ascii=False) + "\n").encode(),
        "predictions.csv": _predictions(scores),
        "classes.csv": _table(
            ["class", "videos", "right", "recall", "precision", "confused_with"],
            [list(asdict(row).values()) for row in metrics.per_class],
        ),
        "confusion.csv": _table(
            ["label", *scores.classes],
            [[name, *row] for name, row in zip(scores.classes, metrics.confusion, strict=True)],
        ),
        "scores.npz": scores.to_npz(),
        "confusion.png": _png(draw_confusion(scores.classes, metrics)),
        "classes.png": _png(draw_classes(metrics)),
        "reliability.png": _png(draw_reliability(metrics)),
    }
    make_folder(folder)
    for name, content in files.items():
        write_whole(folder / name, content)
    return [folder / name for name in files]


def make_folder(folder: Path) -> None:
    """Make the folder of a report, and see that files can be written there, before a long test. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = "a file is in its place" if isinstance(error, FileExistsError) else error.strerror or error
        raise OutputError(f"cannot write a report into {folder}: {reason}") from error


def _predictions(scores: Scores) -> bytes:
    """A line a video: its label, the answer with its probability, and what each stream alone would have said."""
    chances = softmax(scores.logits[ANSWER])
    streams = {name: logits.argmax(axis=1) for name, logits in scores.logits.items() if name != ANSWER}
    rows = [
        [
            scores.paths[place],
            scores.classes[scores.labels[place]],
            scores.classes[answer],
            f"{chances[place, answer]:.4f}",
            int(answer == scores.labels[place]),
            *(scores.classes[own[place]] for own in streams.values()),
        ]
        for place, answer in enumerate(scores.answers)
    ]
    return _table(["path", "label", "answer", "score", "right", *streams], rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


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


def draw_classes(metrics: Metrics) -> Figure:
    """Recall of every class, the worst at the top; numbers are right of all videos."""
    rows = sorted((row for row in metrics.per_class if row.recall is not None), key=lambda row: row.recall or 0.0)
    figure = Figure((6, max(2.0, 0.8 + 0.26 * len(rows))), layout="constrained", dpi=120)
    axes = figure.add_subplot()
    shares = [100 * (row.recall or 0.0) for row in rows]
    bars = axes.barh([row.name for row in rows], shares, color="tab:blue")
    axes.bar_label(bars, [f"{row.right}/{row.videos}" for row in rows], padding=3, fontsize=8)
    axes.invert_yaxis()
    axes.set(xlim=(0, 112), xlabel="% of the class's videos right")
    axes.axvline(100 * metrics.mean_class, color="gray", linewidth=1, linestyle="--")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def draw_reliability(metrics: Metrics) -> Figure:
    """How often answers are right by how sure the network was; on the diagonal it knows how good it is."""
    figure = Figure((4.5, 4.2), layout="constrained", dpi=120)
    axes = figure.add_subplot()
    sure, right, counts = (np.array(column) for column in zip(*metrics.reliability, strict=True))
    axes.plot([0, 1], [0, 1], color="gray", linewidth=1, linestyle="--")
    axes.scatter(sure, right, s=20 + 180 * counts / counts.max(), color="tab:blue", alpha=0.8)
    for x, y, count in zip(sure, right, counts, strict=True):
        axes.annotate(str(count), (x, y), xytext=(0, 9), textcoords="offset points", ha="center", fontsize=8)
    axes.set(xlim=(0, 1.03), ylim=(-0.03, 1.09), xlabel="probability of the answer", ylabel="share right")
    axes.set_title(f"calibration error {100 * metrics.calibration_error:.1f} %", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(file, format="png")
    return file.getvalue()
