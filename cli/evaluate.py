"""`actionzoo evaluate`: how good a model is on labelled videos."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from actionzoo.data.dataset import VideoDataset, read_dataset
from actionzoo.data.decoded import VideoSource
from actionzoo.data.shards import open_shards
from actionzoo.errors import DataError
from actionzoo.hub.openvino import silent
from actionzoo.hub.resolve import ModelFiles, resolve_model
from actionzoo.inference.model import Model

from ._listing import columns, print_json, print_table, standard_console
from ._options import Group, Offline, Split, Strategy, VideosOrShards
from ._output import complain, note, printable
from ._progress import bar

if TYPE_CHECKING:
    from actionzoo.evaluation import Metrics
    from actionzoo.visualization.page import Page


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
    """Test a model on labelled videos: accuracy with its uncertainty, per class, and what is mistaken for what.

    The exit code is 3 if some videos could not be read.
    """
    with silent():
        from actionzoo.evaluation import Protocol, measure
        from actionzoo.evaluation import evaluate as test
        from actionzoo.evaluation.report import write_report
        from actionzoo.evaluation.selection import choose, source_of
        from actionzoo.files import make_folder
        from actionzoo.training.strategy import is_chief, make_strategy
        from actionzoo.visualization.page import Page
    devices = make_strategy(strategy)
    files = resolve_model(model, offline=offline)
    try:
        how = Protocol(files.spec, protocol, frames=frames, average=average, views=views)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--views") from error
    shards = open_shards(data)
    if shards is None:
        dataset = read_dataset(data, split=split, group=group)
    else:
        dataset = VideoDataset(shards.classes, shards.videos)
    typer.echo(printable(dataset.summary()), err=True)
    chosen, which = choose(dataset, files, part, force=force)
    videos = VideoSource(chosen, how.video_format) if shards is None else source_of(shards, chosen, how.video_format)
    if report is not None:
        make_folder(report)
    note(f"{which}; protocol {how.name}")
    with bar("testing") as progress:
        done = test(files, videos, how, controls=report is not None, strategy=devices, progress=progress)
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
    if report is not None:  # last: painting takes time
        painted = paint if is_chief(devices) else 0
        _write_pages(report, files, Page(done, metrics, videos, files.spec, facts), painted)
    if done.broken:
        raise typer.Exit(3)


def _write_pages(folder: Path, files: ModelFiles, page: Page, paint: int) -> None:
    """The page without paintings, which take time, and then again with them."""
    from actionzoo.visualization.gallery import paint_gallery
    from actionzoo.visualization.page import SPEEDS, confused_classes, write_page
    from actionzoo.visualization.targets import class_target

    path = write_page(folder, page)
    labels = confused_classes(page.done)[:paint]
    if not labels:
        return
    note(f"{path} is there; painting {len(labels)} classes for it ...")
    model = Model(files)
    targets = [class_target(model, files.spec.classes[label]) for label in labels]
    with bar("painting", "objective") as progress:
        shown = paint_gallery(model, targets, SPEEDS, folder / "painted", progress=progress)
        write_page(folder, replace(page, shown=list(shown)))


def _print(metrics: Metrics) -> None:
    from actionzoo.evaluation.metrics import summary

    typer.echo(summary(metrics))
    console = standard_console()
    table = columns(
        console, "class", "right", "of", "%", "95 %", "taken for it, % right", "mistaken for", whole=("class",)
    )
    for row in metrics.per_class:
        cells = [
            _percent(row.recall),
            _interval(row.recall_interval),
            _percent(row.precision),
            printable(row.confused_with or "-"),
        ]
        table.add_row(printable(row.name), str(row.right), str(row.videos), *cells)
    print_table(console, table)


def _interval(ends: tuple[float, float] | None) -> str:
    return "-" if ends is None else " to ".join(map(_percent, ends))


def _percent(share: Any) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
