"""`actionzoo flow`: the optical flow of a video as files."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from actionzoo.inference.sources import is_live
from actionzoo.video.files import VIDEO_SUFFIXES
from actionzoo.video.flow_files import FlowFiles, write_flow

from ._options import FlowMethod
from ._output import note, printable
from ._sources import check_names, progress_bar

Format = Literal["jpeg", "npz", "mp4"]
SUFFIXES: dict[str, Format] = {".npz": "npz", ".mp4": "mp4"}
SHORT_SIDES = range(16, 4321)
"""Up to 8K; frames below 16 pixels have no useful flow."""


def _short_side(value: int | str) -> int | None:
    """The number in `--short-side`; None for the size of the video."""
    if value == "original":
        return None
    if not str(value).isascii() or not str(value).isdigit() or int(value) not in SHORT_SIDES:
        raise typer.BadParameter(f"must be {SHORT_SIDES[0]} to {SHORT_SIDES[-1]} pixels, or original")
    return int(value)


def flow(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", show_default=False, help="A video file or http(s):// address.")
    ],
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            show_default=False,
            help="A folder for JPEGs, which may hold other videos already, or a file ending in .npz or .mp4, which is "
            "replaced.",
        ),
    ],
    method: Annotated[FlowMethod, typer.Option(help="tvl1: the papers' choice; dis: the fastest.")] = "tvl1",
    format: Annotated[
        Format | None, typer.Option(show_default=False, help="What to write. [default: what OUT ends in, or jpeg]")
    ] = None,
    short_side: Annotated[
        int | None,
        typer.Option(metavar="PIXELS", parser=_short_side, help="Of the frames; original for the size of the video."),
    ] = 256,
    bound: Annotated[
        float | None,
        typer.Option(
            metavar="PIXELS",
            show_default=False,
            help="Where JPEGs clip; in mp4, the speed of full saturation. [default: 20; mp4: 1/32 of the short side]",
        ),
    ] = None,
    frames: Annotated[
        bool, typer.Option("--frames", help="Also write the frames as JPEGs, at the size of the flow.")
    ] = False,
) -> None:
    """Write the optical flow of a video: as the papers' JPEGs, as arrays, or in colours.

    jpeg: OUT/u/<video>/frame000001.jpg and OUT/v/<video>/frame000001.jpg hold the flow from the first frame to the
    second, clipped to the bound and coded as 0 to 255. npz: `flow` (frames-1, height, width, 2) in pixels, float16,
    `times` in seconds and `method`, read by numpy.load. mp4: the hue is the direction, the saturation the speed.
    """
    format = format or SUFFIXES.get(out.suffix.lower(), "jpeg")
    _check(source, out, format, bound, frames)
    with progress_bar(source) as progress:
        written = write_flow(
            source,
            out,
            format=format,
            method=method,
            short_side=short_side,
            bound=bound,
            frames=frames,
            progress=progress,
        )
    note(_summary(written, method))


def _check(source: str, out: Path, format: Format, bound: float | None, frames: bool) -> None:
    """Raises for what cannot be done, before the long work."""
    check_names([source])
    if is_live(source):
        raise typer.BadParameter("a camera or stream has no end: name a video", param_hint="SOURCE")
    suffix = out.suffix.lower()
    if format != "jpeg" and SUFFIXES.get(suffix) != format:
        raise typer.BadParameter(f"must end in .{format}", param_hint="OUT")
    if format == "jpeg" and suffix in VIDEO_SUFFIXES:
        raise typer.BadParameter(
            "must be a folder; a file ends in .npz, or .mp4 for the flow in colours", param_hint="OUT"
        )
    if os.path.realpath(out) == os.path.realpath(source):
        raise typer.BadParameter(f"would overwrite {printable(out)}", param_hint="OUT")
    if bound is not None and not 0 < bound < math.inf:
        raise typer.BadParameter("must be more than 0 pixels", param_hint="--bound")
    if bound is not None and format == "npz":
        raise typer.BadParameter("is for jpeg and mp4: arrays are not clipped", param_hint="--bound")
    if frames and format != "jpeg":
        raise typer.BadParameter("is for jpeg only", param_hint="--frames")


def _summary(written: FlowFiles, method: str) -> str:
    fields = "1 flow field" if written.fields == 1 else f"{written.fields} flow fields"
    where = ", ".join(map(str, written.paths))
    return printable(f"{where}: {fields}, {written.width} x {written.height} pixels, {method}")
