"""Sources of videos on the command line: expanding and checking them, and progress on one of them."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

import actionzoo
from actionzoo.errors import ActionzooError, OfflineError, VideoNotFoundError

from ._output import printable, shows_progress

if TYPE_CHECKING:
    from actionzoo.inference import Model

Report = Callable[[float, float | None], None]
"""Takes the seconds of a video that are done, and its duration in seconds if it is known."""


def with_listed(sources: list[str]) -> Iterator[str]:
    """The sources as they are, with `-` replaced by the lines of standard input."""
    for source in sources:
        if source == "-" and sys.stdin is None:
            continue  # closed: an empty list
        if source == "-":
            lines = (os.fsdecode(line.rstrip(b"\r\n")) for line in sys.stdin.buffer)
            yield from (line for line in lines if line)
        else:
            yield source


def check_names(names: Sequence[str]) -> None:
    """Raises if there is no source, or a source has no name."""
    if not names:
        raise ActionzooError("no sources: the list on standard input is empty")
    if "" in names:
        raise typer.BadParameter("a source has no name", param_hint="SOURCE")


def check_source(name: str, *, offline: bool) -> None:
    """Raises if a source cannot be read, whatever its content."""
    if os.path.isdir(name) and not actionzoo.video.files.is_frame_folder(name):
        raise VideoNotFoundError(name, "holds no videos; name another folder, or the files themselves")
    if offline and actionzoo.inference.sources.is_address(name):
        raise OfflineError(f"{name}: needs the network, which --offline forbids")


def check_windows(window: float | None, step: float | None) -> None:
    """Raises if windows, in seconds, are not above zero, or a step has no window."""
    for option, seconds in (("--window", window), ("--step", step)):
        if seconds is not None and not 0 < seconds < math.inf:
            raise typer.BadParameter("must be more than 0 seconds", param_hint=option)
    if window is None and step is not None:
        raise typer.BadParameter("needs --window", param_hint="--step")


def check_step(window: float | None, step: float | None, model: Model) -> None:
    """Raises if the step of windows is shorter than that of the frames that the model samples."""
    seconds, shortest = window if step is None else step, 1 / model.spec.fps
    if seconds is not None and seconds < shortest:
        raise typer.BadParameter(
            f"must be at least {shortest:.3f} seconds, a frame of {model.name}", param_hint="--step"
        )


@contextmanager
def progress_bar(name: str, count: str = "") -> Iterator[Report | None]:
    """A bar on stderr during the block, if stderr is a terminal."""
    if not shows_progress():
        yield None
        return
    name = printable(name)
    what = TextColumn(("…" + name[-39:] if len(name) > 40 else name) + count, markup=False)
    with Progress(what, BarColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
