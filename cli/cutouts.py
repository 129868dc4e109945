"""`actionzoo data cutouts`: rendered videos of people that depth recordings show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from actionzoo.puppets import read_depth, write_cutout_dataset

from ._options import Backgrounds, Group
from ._progress import bar


def _refused(flow: bool) -> None:
    if flow:
        raise typer.BadParameter("the exact flow of cut-outs is not known; `actionzoo flow` estimates that of a video")


def cutouts(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            show_default=False,
            help="Class folders of depth videos: a person, lighter where nearer, on black.",
        ),
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", show_default=False, help="The folder that gets a folder for each label.")
    ],
    clips: Annotated[int, typer.Option(min=1, metavar="N", help="Videos of each label.")],
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="The same seed makes the same bytes.")] = 0,
    label: Annotated[
        list[str] | None, typer.Option(metavar="LABEL", help="Only this label; may be given several times.")
    ] = None,
    group: Group = None,
    mirror: Annotated[bool, typer.Option("--mirror/--no-mirror", help="Mirror half of the clips.")] = True,
    height: Annotated[int, typer.Option(min=32, max=1080, metavar="PIXELS", help="Rows of the picture.")] = 240,
    backgrounds: Backgrounds = None,
    flow: Annotated[bool, typer.Option("--flow", hidden=True, callback=_refused)] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Processes. [default: one a core]", show_default=False)
    ] = None,
) -> None:
    """Render people cut out of depth videos, with their outlines and motion, in other clothes and surroundings."""
    recordings = read_depth(data, group=group)
    with bar("rendering") as progress:
        paths = write_cutout_dataset(
            out,
            recordings,
            clips,
            seed,
            labels=label,
            height=height,
            mirror=mirror,
            backgrounds=backgrounds,
            workers=workers,
            progress=progress,
        )
    for path in paths:
        typer.echo(path)
