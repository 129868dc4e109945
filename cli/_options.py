"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

FlowMethod = Literal["dis", "dis-fine", "tvl1", "farneback", "tvl1-opencv"]
Model = Annotated[
    str,
    typer.Option(metavar="MODEL", help="A catalog name, a .keras file, a run folder, or hf://user/repo[@revision]."),
]
Offline = Annotated[bool, typer.Option("--offline", help="Never use the network.")]
Output = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write the results to a file instead of standard output.")
]
Stride = Annotated[
    float | None, typer.Option(metavar="SECONDS", help="From one window's start to the next's. [default: the window]")
]
