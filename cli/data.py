"""`actionzoo data`: data sets on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from actionzoo.data.puppets import ACTIONS, write_dataset

app = typer.Typer(help="Make data sets.", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


def _known(actions: list[str] | None) -> list[str] | None:
    for action in actions or []:
        if action not in ACTIONS:
            raise typer.BadParameter(f"{action!r} is not one of {', '.join(ACTIONS)}")
    return actions


@app.callback()
def _group() -> None:
    """Make data sets."""


@app.command("puppets")
def puppets(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", show_default=False, help="The folder that gets a folder for each action.")
    ],
    clips: Annotated[int, typer.Option(min=1, metavar="N", help="Videos of each action.")],
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="The same seed makes the same bytes.")] = 0,
    action: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ACTION",
            callback=_known,
            help=f"Only this one of {', '.join(ACTIONS)}; may be given several times.",
        ),
    ] = None,
    height: Annotated[int, typer.Option(min=32, max=1080, metavar="PIXELS", help="Rows of the picture.")] = 240,
    point_light: Annotated[bool, typer.Option("--point-light", help="Joints as moving dots.")] = False,
    flow: Annotated[bool, typer.Option("--flow", help="Also write the exact optical flow, an .npz a video.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Processes. [default: one a core]", show_default=False)
    ] = None,
) -> None:
    """Render videos of two jointed figures in action, with known labels and motion."""
    columns = (TextColumn("rendering"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("rendering", total=None)
        paths = write_dataset(
            out,
            clips,
            seed,
            actions=tuple(action or ACTIONS),
            height=height,
            point_light=point_light,
            with_flow=flow,
            workers=workers,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    for path in paths:
        typer.echo(path)
