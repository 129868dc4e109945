"""What an evaluation found, as files: numbers for programs, tables for spreadsheets, figures for people."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from actionzoo.evaluation.metrics import ClassResult, Metrics
from actionzoo.evaluation.scores import ANSWER, Scores, softmax
from actionzoo.figures import png
from actionzoo.files import make_folder, write_atomic
from actionzoo.report.figures import draw_classes, draw_confusion, draw_reliability


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
        "metrics.json": (
            json.dumps({**facts, **asdict(metrics)}, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        ).encode(),
        "predictions.csv": _predictions(scores),
        "classes.csv": _table(
            ["class", "videos", "right", "recall", "recall_low", "recall_high", "precision", "confused_with"],
            [_class_row(row) for row in metrics.per_class],
        ),
        "confusion.csv": _table(
            ["label", *scores.classes],
            [[name, *row] for name, row in zip(scores.classes, metrics.confusion, strict=True)],
        ),
        "scores.npz": scores.to_npz(),
        "confusion.png": png(draw_confusion(scores.classes, metrics)),
        "classes.png": png(draw_classes(metrics)),
        "reliability.png": png(draw_reliability(metrics)),
    }
    make_folder(folder)
    for name, content in files.items():
        write_atomic(folder / name, content)
    return [folder / name for name in files]


def _class_row(row: ClassResult) -> list[Any]:
    """A line of `classes.csv`."""
    low, high = row.recall_interval or (None, None)
    return [row.name, row.videos, row.right, row.recall, low, high, row.precision, row.confused_with]


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
