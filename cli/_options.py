"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

from ._output import printable

Format = TypeVar("Format", bound=str)

Videos = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        show_default=False,
        help="Class folders, also in train/val/test; a CSV with path,label[,group][,split]; a data set with its lists.",
    ),
]
VideosOrShards = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        show_default=False,
        help="Class folders, also in train/val/test; a CSV with path,label[,group][,split]; a data set with its lists; "
        "or shards of `data build`.",
    ),
]
Split = Annotated[int, typer.Option(min=1, max=3, metavar="N", help="Of UCF101 and HMDB51: the official split.")]
Group = Annotated[
    str | None,
    typer.Option(
        metavar="REGEX",
        show_default=False,
        help="What names a video's group in its path, in parentheses, such as '_p(\\d+)_'.",
    ),
]
Backgrounds = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        show_default=False,
        help="Pictures and videos to show behind the figures of half of the clips.",
    ),
]
Strategy = Annotated[str, typer.Option(metavar="NAME", help="auto, mirrored or multiworker (TF_CONFIG).")]
FlowMethod = Literal["dis", "dis-fine", "dis-fine-fast", "tvl1", "farneback", "tvl1-opencv"]
ModelName = Annotated[
    str,
    typer.Option(metavar="MODEL", help="A catalog name, a .keras file, a run folder, or hf://user/repo[@revision]."),
]
Offline = Annotated[bool, typer.Option("--offline", help="Never use the network.")]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Write the results to a file; its suffix says how. [default: stdout]"
    ),
]
Step = Annotated[
    float | None,
    typer.Option(
        "--step", "--stride", metavar="SECONDS", help="From one window's start to the next's. [default: the window]"
    ),
]


def format_of(given: Format | None, output: Path | None, suffixes: Mapping[str, Format]) -> Format | None:
    """The format of `--format`, else that of the suffix of `--output`; None without either. Raises BadParameter."""
    suffix = output.suffix.lower() if output is not None else ""
    if given is not None or not suffix:
        return given
    if suffix not in suffixes:
        raise typer.BadParameter(
            f"{printable(output)} ends in none of {', '.join(suffixes)}; name it otherwise, or give --format",
            param_hint="--output",
        )
    return suffixes[suffix]
