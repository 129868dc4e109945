"""Answers for programs: JSON, JSON lines and CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from ._output import printable

if TYPE_CHECKING:
    from actionzoo.inference import Answer, LiveAnswer, Prediction, Window


class Writer:
    """Takes the results one by one, as they arrive, and writes them in one format, which may leave some out."""

    def answer(self, answer: Answer) -> None:
        """Takes the answer about one source."""

    def live(self, source: str, answer: LiveAnswer) -> None:
        """Takes an answer about the newest frames of a camera or stream."""

    def window(self, source: str, window: Window) -> None:
        """Takes one window of a source that may have no end."""

    def failure(self, source: str, error: Exception) -> None:
        """Takes the error of a source that has no answer."""

    def end(self) -> None:
        """Writes what had to wait for the last result."""


class JsonLinesWriter(Writer):
    """One object per line, each written at once."""

    def __init__(self, out: TextIO, model: str) -> None:
        self.out = out
        self.model = model

    def answer(self, answer: Answer) -> None:
        self.write(answer.to_dict())

    def live(self, source: str, answer: LiveAnswer) -> None:
        self.write({"source": source, "model": self.model, **answer.to_dict()})

    def window(self, source: str, window: Window) -> None:
        self.write({"source": source, "model": self.model, **window.to_dict()})

    def failure(self, source: str, error: Exception) -> None:
        reason = {"type": type(error).__name__, "message": str(error)}
        self.write({"source": source, "model": self.model, "error": reason})

    def write(self, result: dict[str, Any]) -> None:
        self.out.write(json.dumps(result, ensure_ascii=False, allow_nan=False) + "\n")
        self.out.flush()


class JsonWriter(JsonLinesWriter):
    """One list of the same objects, written at the end: half a list is not JSON."""

    def __init__(self, out: TextIO, model: str) -> None:
        super().__init__(out, model)
        self.results: list[dict[str, Any]] = []

    def write(self, result: dict[str, Any]) -> None:
        self.results.append(result)

    def end(self) -> None:
        self.out.write(json.dumps(self.results, ensure_ascii=False, allow_nan=False, indent=2) + "\n")


class CsvWriter(Writer):
    """One row per prediction and window; a source without an answer has none.

    Rows of a camera or stream start and end at the time of the newest frame and have a further column, the latency.
    """

    HEADER = ("source", "start_s", "end_s", "rank", "label", "index", "score")

    def __init__(self, out: TextIO, *, live: bool = False) -> None:
        self.out = out
        self.rows = csv.writer(out, lineterminator="\n")
        self.rows.writerow((*self.HEADER, "latency_s") if live else self.HEADER)

    def answer(self, answer: Answer) -> None:
        for window in answer.windows:
            self.window(answer.source, window)

    def window(self, source: str, window: Window) -> None:
        self._write((source, round(window.start_s, 3), round(window.end_s, 3)), window.predictions)

    def live(self, source: str, answer: LiveAnswer) -> None:
        time = round(answer.time_s, 3)
        self._write((source, time, time), answer.predictions, (round(answer.latency_s, 4),))

    def _write(
        self, where: tuple[object, ...], predictions: Sequence[Prediction], more: tuple[object, ...] = ()
    ) -> None:
        for rank, prediction in enumerate(predictions, 1):
            self.rows.writerow((*where, rank, prediction.label, prediction.index, f"{prediction.score:.6f}", *more))
        self.out.flush()


def write_labels(out: TextIO, labels: Sequence[str], format: str) -> None:
    """The classes of a model by index, one per line; in JSON a list.

    >>> import sys
    >>> write_labels(sys.stdout, ("hug", "kick"), "csv")
    index,label
    0,hug
    1,kick
    """
    if format == "json":
        out.write(json.dumps(list(labels), ensure_ascii=False, allow_nan=False, indent=2) + "\n")
    elif format == "csv":
        csv.writer(out, lineterminator="\n").writerows([("index", "label"), *enumerate(labels)])
    else:
        line = json.dumps if format == "jsonl" else printable
        out.writelines(f"{line(label)}\n" for label in labels)
