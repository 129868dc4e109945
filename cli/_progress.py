"""The progress bar of a command, on standard error if that is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ._output import shows_progress


@contextmanager
def bar(title: str, value: str = "") -> Iterator[Callable[..., None]]:
    """A bar. Call what it yields with the number done, the total and, if it has a name, a value to show."""
    columns = [TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    if value:
        columns.append(TextColumn(value + " {task.fields[value]:.2f}"))
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not shows_progress()) as shown:
        task = shown.add_task(title, total=None, value=0.0)
        yield lambda done, total, value=0.0: shown.update(task, completed=done, total=total, value=value)
