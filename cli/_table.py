"""Answers for people: fitted and coloured on a terminal, plain text elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from actionzoo.inference.familiarity import NO_CLASS, NONE_OF_THESE

from ._output import printable
from ._writers import Writer

if TYPE_CHECKING:
    from actionzoo.inference import Answer, LiveAnswer, Model, Prediction, Window

UNCERTAIN = "uncertain"
BAR_WIDTH = 32


class TableWriter(Writer):
    """Prints each answer at once.

    The best classes of a source; with `windows`, a line per window; for `many` sources without windows, a line per
    source. A line has `top_k` classes, side by side.
    """

    def __init__(self, out: TextIO, model: Model, *, top_k: int, many: bool, windows: bool) -> None:
        self.terminal = out.isatty()
        self.console = Console(file=out, width=None if self.terminal else 10_000, highlight=False)
        self.model = model
        self.top_k = top_k
        self.one_line_each = many and not windows
        self.windows = windows
        self.begun = False

    def answer(self, answer: Answer) -> None:
        """Prints the answer about one source."""
        if self.one_line_each:
            self._line(answer.predictions, Text(printable(answer.source)))
            return
        if self.begun:
            self.console.print()
        self.begun = True
        frames = "1 frame" if answer.frames == 1 else f"{answer.frames} frames"
        facts = f"{answer.duration_s:.1f} s, {frames} at {answer.fps:.3g} fps, model {answer.model}"
        self.console.print(Text(printable(answer.source), style="bold"), soft_wrap=True)
        self.console.print(Text(printable(facts), style="dim"), soft_wrap=True)
        table = Table.grid(padding=(0, 2))
        if self.windows:
            for window in answer.windows:
                span = f"{clock(window.start_s)} - {clock(window.end_s)}"
                table.add_row(span, *self._cells(window.predictions))
        else:
            for rank, prediction in enumerate(answer.predictions):
                table.add_row(*self._row_with_bar(prediction, best=rank == 0))
        self._show(table)

    def live(self, source: str, answer: LiveAnswer) -> None:
        """Prints one line about the newest frames."""
        latency = Text(f"latency {answer.latency_s:.2f} s", style="dim")
        self._line(answer.predictions, latency, before=f"{clock(answer.time_s)}  ")

    def window(self, source: str, window: Window) -> None:
        """Prints one line about a window of a source that may have no end."""
        self._line(window.predictions, Text(""), before=f"{clock(window.start_s)} - {clock(window.end_s)}  ")

    def _row(self, prediction: Prediction, *, best: bool) -> list[Text]:
        label, style = prediction.label, _style(prediction, best=best)
        if label == UNCERTAIN:
            label = f"{label} ({self.model.labels[prediction.index]})"
        return [Text(printable(label), style=style), Text(percent(prediction.score))]

    def _row_with_bar(self, prediction: Prediction, *, best: bool) -> list[Text]:
        """On a terminal, with a bar of the length of the score."""
        if not self.terminal:
            return self._row(prediction, best=best)
        mark = "#" if self.console.options.ascii_only else "━"
        bar = Text(mark * round(BAR_WIDTH * prediction.score), style=_style(prediction, best=best, plain="dim"))
        return [*self._row(prediction, best=best), bar]

    def _cells(self, predictions: Sequence[Prediction]) -> list[Text]:
        """The best classes of a window: several side by side, or one with its bar."""
        if self.top_k == 1:
            return self._row_with_bar(predictions[0], best=True)
        return [cell for rank, each in enumerate(predictions[: self.top_k]) for cell in self._row(each, best=not rank)]

    def _line(self, predictions: Sequence[Prediction], after: Text, before: str = "") -> None:
        none = (NONE_OF_THESE,) if self.model.spec.known else ()
        width = max(map(len, (UNCERTAIN, *none, *self.model.labels)))
        line = Text(before)
        for rank, each in enumerate(predictions[: self.top_k]):
            line.append(f"{printable(each.label):<{width}}", _style(each, best=not rank)).append(
                f"  {percent(each.score)}  "
            )
        self._show(line + after)

    def _show(self, what: Text | Table) -> None:
        self.console.print(what, soft_wrap=isinstance(what, Text))
        self.console.file.flush()


def _style(prediction: Prediction, *, best: bool, plain: str = "") -> str:
    """The colour of a prediction: yellow where no class is named for sure, green for the best class."""
    if prediction.label == UNCERTAIN or prediction.index == NO_CLASS:
        return "yellow"
    return "bold green" if best else plain


def percent(score: float) -> str:
    """A score in seven characters.

    >>> percent(0.1234), percent(1)
    (' 12.3 %', '100.0 %')
    """
    return f"{100 * score:5.1f} %"


def clock(seconds: float) -> str:
    """A time in a video, in minutes and seconds.

    >>> clock(5.04), clock(3725)
    ('0:05.0', '1:02:05.0')
    """
    tenths = round(10 * seconds)
    hours, minutes = divmod(tenths // 600, 60)
    rest = f"{tenths % 600 / 10:04.1f}"
    return f"{hours}:{minutes:02}:{rest}" if hours else f"{minutes}:{rest}"
