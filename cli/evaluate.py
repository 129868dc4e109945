"""`actionzoo evaluate`: how good a model is on labelled videos."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from actionzoo.data.annotations import Annotations, read_annotations
from actionzoo.data.shards import open_shards
from actionzoo.errors import DataError
from actionzoo.hub.openvino import silent
from actionzoo.hub.resolve import resolve_model

from ._listing import columns, print_json, print_table, standard_console
from ._options import Group, Offline, Split, Strategy, VideosOrShards
from ._output import complain, printable
from ._progress import bar

if TYPE_CHECKING:
    from actionzoo.evaluation import Metrics


def evaluate(
    model: Annotated[
        str,
        typer.Argument(metavar="MODEL", show_default=False, help="A run folder, .keras file, catalog name or hf://."),
    ],
    data: VideosOrShards,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", show_default=False, help="Also write numbers, tables and figures there."),
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
    strategy: Strategy = "auto",
    force: Annotated[bool, typer.Option("--force", help="Even on videos that the model has learned from.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    offline: Offline = False,
) -> None:
    """Test a model on labelled videos: accuracy with its uncertainty, per class, and what is mistaken for what.

    The exit code is 3 if some videos could not be read.
    """
    with silent():
        from actionzoo.evaluation import Protocol, measure
        from actionzoo.evaluation import evaluate as test
        from actionzoo.evaluation.report import make_folder, write_report
        from actionzoo.evaluation.selection import choose, source_of
        from actionzoo.training.strategy import make_strategy
    devices = make_strategy(strategy)
    files = resolve_model(model, offline=offline)
    try:
        how = Protocol(files.record, protocol, frames=frames, average=average, views=views)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--views") from error
    shards = open_shards(data)
    if shards is None:
        chosen, which = choose(read_annotations(data, split=split, group=group), files, part, force=force)
    else:
        chosen, which = choose(Annotations(shards.classes, shards.videos), files, part, force=force)
    videos = chosen if shards is None else source_of(shards, chosen, how.form)
    if report is not None:
        make_folder(report)
    typer.echo(f"{printable(which)}; protocol {how.name}", err=True)
    with bar("testing") as progress:
        done = test(files, videos, how, strategy=devices, progress=progress)
    metrics = measure(done.scores)
    facts: dict[str, Any] = {
        "model": files.name,
        "data": data,
        "which": which,
        "protocol": done.protocol,
        "average": average,
    }
    facts |= {"broken": [[str(path), reason] for path, reason in done.broken]} if done.broken else {}
    if report is not None:
        write_report(report, done.scores, metrics, facts)
    if as_json:
        print_json({**facts, **asdict(metrics)})
    else:
        _print(metrics)
    for path, reason in done.broken:
        complain(DataError(f"{path}: {reason}"))
    if done.broken:
        raise typer.Exit(3)


def _print(metrics: Metrics) -> None:
    typer.echo(summary(metrics))
    console = standard_console()
    table = columns(console, "class", "right", "of", "%", "taken for it, % right", "mistaken for", whole=("class",))
    for row in metrics.per_class:
        cells = [_percent(row.recall), _percent(row.precision), printable(row.confused_with or "-")]
        table.add_row(printable(row.name), str(row.right), str(row.videos), *cells)
    print_table(console, table)


def summary(metrics: Metrics) -> str:
    """The result in one line."""
    low, high = metrics.top1_interval
    interval = f"{_percent(low)} to {_percent(high)}: 95 %, over {metrics.groups} groups"
    text = f"{_percent(metrics.top1)} % of {metrics.videos} videos right ({interval})"
    text += f", mean of classes {_percent(metrics.mean_class)} %"
    if len(metrics.per_class) > 5:
        text += f", top 5 {_percent(metrics.top5)} %"
    streams = ", ".join(f"{name} {_percent(share)} %" for name, share in metrics.streams.items())
    return text + (f"; alone: {streams}" if len(metrics.streams) > 1 else "")


def _percent(share: Any) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
