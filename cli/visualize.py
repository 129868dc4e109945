"""`actionzoo visualize`: pictures of what a network has learned."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from actionzoo.hub.keras_models import silent

from ._options import Offline
from ._output import note, printable
from ._progress import bar


def visualize(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", show_default=False, help="A run folder, .keras file, catalog name or hf://."),
    ],
    class_: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="NAME", show_default=False, help="A class, or `all`; again for several."),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option(
            metavar="LAYER", show_default=False, help="A layer of `models show --layers`, or `all` of its kind."
        ),
    ] = None,
    channel: Annotated[
        list[int] | None,
        typer.Option(min=0, metavar="K", show_default=False, help="A channel of the layer; again for several."),
    ] = None,
    first: Annotated[
        int | None, typer.Option(min=1, metavar="N", show_default=False, help="The first N channels.")
    ] = None,
    speed: Annotated[
        str | None,
        typer.Option(
            metavar="SPEEDS",
            show_default=False,
            help="How fast the motion changes: some of slow, medium, fast, with commas. [default: all]",
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", show_default=False, help="Of the ascent. [default: the network's]")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="The same seed gives the same picture.")] = 0,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DATA", show_default=False, help="Paint nothing: find the strongest clips of these videos."
        ),
    ] = None,
    video: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", show_default=False, help="Paint nothing: show where this video speaks for the class."
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the pictures go.")] = Path(
        "visualized"
    ),
    offline: Offline = False,
) -> None:
    """Show what a class, or a channel of a layer, responds to most: appearance and motion.

    Clips are painted by activation maximization. They come as a PNG sheet and, for each speed, as WebP and MP4; started
    again, it paints what is missing. With --data: the strongest clips of real videos, and the tuning to their speed.
    With --video: Grad-CAM of the clip with the highest probability, for the class or, without one, the answer.
    """
    with silent():
        from actionzoo.visualization import ArgumentError, PaintedFiles
        from actionzoo.visualization import visualize as show
    with bar("looking") if data or video else bar("painting", "objective") as progress:
        try:
            results = show(
                model,
                label=class_,
                layer=layer,
                channel=channel,
                first=first,
                speed=None if speed is None else [name.strip() for name in speed.split(",")],
                steps=steps,
                seed=seed,
                data=data,
                video=video,
                output=output,
                offline=offline,
                progress=progress,
                on_result=lambda result: typer.echo(printable(result)),
            )
        except ArgumentError as error:
            raise typer.BadParameter(str(error)) from error
    painted = [result for result in results if isinstance(result, PaintedFiles)]
    if len(painted) > 1:
        typer.echo(printable(output / "overview.png"))
    kept = sum(not result.fresh for result in painted)
    if kept:
        note(f"{kept} of {len(painted)} were there already")
