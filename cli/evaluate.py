"""`actionzoo evaluate`: how good a model is on labelled videos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from actionzoo.errors import DataError
from actionzoo.files import make_folder
from actionzoo.hub.keras_models import silent
from actionzoo.inference.model import load_model

from ._listing import columns, print_json, print_table, standard_console
from ._options import Group, Offline, Split, Strategy, VideosOrShards
from ._output import complain, note, printable
from ._progress import bar

if TYPE_CHECKING:
    from actionzoo.evaluation import EvaluationResult


def evaluate(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", show_default=False, help="A run folder, .keras file, catalog name or hf://."),
    ],
    data: VideosOrShards,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", show_default=False, help="Also write tables, figures and a page there."),
    ] = None,
    protocol: Annotated[
        Literal["auto", "papers", "windows"],
        typer.Option(
            help="papers: 25 frames and their mirror image, whole frames. windows: the clips that predict sees. "
            "auto: windows for models that see whole frames anyway, papers for others."
        ),
    ] = "auto",
    frames: Annotated[int, typer.Option(min=1, metavar="N", help="Of the papers' clip.")] = 25,
    views: Annotated[
        int | None,
        typer.Option(
            metavar="1|2|10",
            show_default=False,
            help="Of a clip: itself, also its mirror image, or ten crops. [default: 2 for papers, else the model's]",
        ),
    ] = None,
    average: Annotated[Literal["logits", "softmax"], typer.Option(help="What is averaged over clips.")] = "logits",
    part: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", show_default=False, help="Of the set: test, train, all ... [default: test, if there is one]"
        ),
    ] = None,
    split: Split = 1,
    group: Group = None,
    unknown: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            show_default=False,
            help="Videos that show none of the classes: how well the model tells them from the others.",
        ),
    ] = None,
    strategy: Strategy = "auto",
    paint: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="For the report, paint the N classes that are confused most; on a CPU this takes time.",
        ),
    ] = 6,
    force: Annotated[bool, typer.Option("--force", help="Even on videos that the model has learned from.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    offline: Offline = False,
) -> None:
    """Evaluate a model on labelled videos: accuracy with its interval, recall and precision per class, confusions.

    The exit code is 3 if some videos could not be read.
    """
    from actionzoo import evaluation

    loaded = load_model(model, offline=offline)
    how: dict[str, Any] = {"protocol": protocol, "num_frames": frames, "views": views, "average": average}
    try:
        evaluation.Protocol(loaded.spec, **how)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--views") from error
    if report is not None:
        make_folder(report)
    with bar("testing") as progress:
        result = evaluation.evaluate(
            loaded,
            data,
            **how,
            split=part,
            official_split=split,
            group=group,
            force=force,
            controls=report is not None,
            unknown=unknown,
            strategy=strategy,
            note=note,
            progress=progress,
        )
    if as_json:
        print_json(result.to_dict())
    else:
        _print(result)
    for path, reason in result.broken:
        complain(DataError(f"{path}: {reason}"))
    if report is not None:  # last: painting takes time
        with silent():
            from actionzoo.report import write_report
        with bar("painting", "objective") as progress:
            write_report(result, report, paint=paint if result.chief else 0, note=note, progress=progress)
    if result.broken:
        raise typer.Exit(3)


def _print(result: EvaluationResult) -> None:
    from actionzoo.evaluation.metrics import percent, summary
    from actionzoo.evaluation.unknown import unknown_summary

    metrics = result.metrics
    for line in (summary(metrics), *unknown_summary(result.refused, result.unknown)):
        typer.echo(line)
    console = standard_console()
    heads = ("class", "correct", "of", "recall, %", "95 % interval", "precision, %", "mistaken for")
    table = columns(console, *heads, whole=("class",))
    for row in metrics.per_class:
        interval = "-" if row.recall_interval is None else " to ".join(map(percent, row.recall_interval))
        numbers = str(row.correct), str(row.videos), percent(row.recall), interval, percent(row.precision)
        table.add_row(printable(row.name), *numbers, printable(row.confused_with or "-"))
    print_table(console, table)
