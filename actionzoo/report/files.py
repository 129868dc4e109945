"""What an evaluation found, as files: metrics for programs, tables for spreadsheets, figures for people."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scipy.special import softmax

from actionzoo.evaluation.evaluating import EvaluationResult
from actionzoo.evaluation.metrics import ClassResult
from actionzoo.evaluation.scores import Scores
from actionzoo.figures import png
from actionzoo.files import make_folder, write_atomic
from actionzoo.names import ANSWER
from actionzoo.report.figures import draw_classes, draw_confusion, draw_reliability


def write_files(result: EvaluationResult, folder: Path) -> None:
    """Write `metrics.json`, the tables, `scores.npz` and the figures, each atomically.

    Raises:
        OutputError: the folder cannot be written.
    """
    scores, metrics = result.scores, result.metrics
    numbers = json.dumps(result.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    files = {
        # `\udc80`, of a path that cannot be decoded, is an escape of JSON as well.
        "metrics.json": numbers.encode("utf-8", "backslashreplace"),
        "predictions.csv": _predictions(scores),
        "classes.csv": _table(
            ["class", "videos", "correct", "recall", "recall_low", "recall_high", "precision", "confused_with"],
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


def _class_row(row: ClassResult) -> list[Any]:
    low, high = row.recall_interval or (None, None)
    return [row.name, row.videos, row.correct, row.recall, low, high, row.precision, row.confused_with]


def _predictions(scores: Scores) -> bytes:
    """A line for each video: its label, the answer with its probability, and the answer of each stream alone."""
    chances = softmax(scores.logits[ANSWER].astype(float), axis=1)
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
    return _table(["path", "label", "answer", "score", "correct", *streams], rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")
