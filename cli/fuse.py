"""`actionzoo fuse`: late fusion of several models' scores of the same videos."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Annotated, Literal

import typer

from actionzoo.files import write_atomic
from actionzoo.hub.keras_models import silent

from ._output import printable


def fuse(
    scores: Annotated[
        list[str], typer.Argument(metavar="A.npz B.npz", show_default=False, help="scores.npz of evaluation reports.")
    ],
    weights: Annotated[
        list[float] | None,
        typer.Option(metavar="W W", show_default=False, help="One for each file, in order. [default: all alike]"),
    ] = None,
    average: Annotated[Literal["logits", "softmax"], typer.Option(help="What is averaged.")] = "logits",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE.npz", show_default=False, help="Also keep the fused scores."),
    ] = None,
) -> None:
    """Average the scores of several models: the accuracy of each, and of all together."""
    with silent():
        from actionzoo import evaluation
        from actionzoo.evaluation.metrics import summary
    files, shares = _with_weights(scores, weights or [])
    if output is not None and output.suffix.lower() != ".npz":
        raise typer.BadParameter("must end in .npz", param_hint="--output")
    many = [evaluation.read_scores(path) for path in files]
    fused = evaluation.fuse(many, shares, average)
    for path, own in zip(files, many, strict=True):
        typer.echo(f"{printable(path)}  {summary(evaluation.measure(own))}")
    typer.echo(f"fused  {summary(evaluation.measure(fused))}")
    if output is not None:
        write_atomic(output, fused.to_npz())


def _with_weights(given: list[str], weights: list[float]) -> tuple[list[str], list[float]]:
    """Files and weights: the option takes one number, and those that follow it stand among the files.

    >>> _with_weights(["a.npz", "b.npz", "2"], [1.0])
    (['a.npz', 'b.npz'], [1.0, 2.0])
    """
    files = [name for name in given if not _is_number(name)] if weights else given
    shares = weights + [float(name) for name in given if weights and _is_number(name)]
    if len(files) < 2:
        raise typer.BadParameter("give two files or more", param_hint="A.npz B.npz")
    shares = shares or [1.0] * len(files)
    if len(shares) != len(files) or not all(0 <= share < inf for share in shares) or not sum(shares):
        raise typer.BadParameter(f"give {len(files)} weights, none below 0 and not all 0", param_hint="--weights")
    return files, shares


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
