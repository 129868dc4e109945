"""`actionzoo data`: data sets on disk."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

import typer

from actionzoo.data.build import Estimate
from actionzoo.data.build import build as build_shards
from actionzoo.data.check import Checked, check_videos
from actionzoo.data.dataset import VideoDataset, read_dataset
from actionzoo.data.layouts.found import SPLITS
from actionzoo.errors import DataError
from actionzoo.hub.resolve import resolve_model
from actionzoo.video.spec import VideoFormat

from ._listing import columns, print_json, print_table, standard_console
from ._options import Group, Split, Videos
from ._output import complain, note, printable
from ._progress import bar
from .cutouts import cutouts
from .puppets import puppets

PAPERS = VideoFormat(256, 256, 25.0, "tvl1", "short")
"""What the papers keep of a video."""

app = typer.Typer(
    help="Make and check data sets.", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False
)


@app.callback()
def _group() -> None:
    """Make and check data sets."""


@app.command("check")
def check(
    data: Videos,
    split: Split = 1,
    group: Group = None,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Threads. [default: one a core]", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Decode every video of a data set and say what is in it and what is broken.

    The exit code is 3 if some videos are broken, and 1 if all are.
    """
    dataset = read_dataset(data, official_split=split, group=group)
    typer.echo(printable(dataset.summary()), err=True)
    with bar("decoding") as progress:
        checked = check_videos([video.path for video in dataset.videos], workers=workers, progress=progress)
    broken = [video for video in checked if video.problem is not None]
    if as_json:
        print_json(_facts(dataset, checked))
    else:
        _print_summary(dataset, checked)
    for video in broken:
        complain(DataError(f"{video.path}: {video.problem}"))
    if broken:
        raise typer.Exit(1 if len(broken) == len(checked) else 3)


@app.command("build")
def build(
    data: Videos,
    out: Annotated[
        str, typer.Argument(metavar="OUT", show_default=False, help="A folder, or an address such as s3://bucket/path.")
    ],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            show_default=False,
            help="Keep size, rate and flow that this model wants. [default: the papers': short side 256, 25 frames a "
            "second, TV-L1]",
        ),
    ] = None,
    split: Split = 1,
    group: Group = None,
    workers: Annotated[int, typer.Option(min=1, metavar="N", help="Processes on this machine.")] = 1,
    scheduler: Annotated[
        str | None, typer.Option(metavar="tcp://HOST:PORT", show_default=False, help="A Dask cluster instead.")
    ] = None,
) -> None:
    """Decode videos and their flow once, into shards that `finetune` reads. Started again, it goes on.

    The exit code is 3 if some videos cannot be read: they are listed, and left out.
    """
    video_format = PAPERS if model is None else resolve_model(model).spec.video_format
    dataset = read_dataset(data, official_split=split, group=group)
    typer.echo(printable(dataset.summary()), err=True)
    announce = partial(_announce, workers=None if scheduler else workers)
    with bar("building") as progress:
        done = build_shards(
            dataset, out, video_format, workers=workers, scheduler=scheduler, estimated=announce, progress=progress
        )
    for path, reason in done.failed:
        complain(DataError(f"{path}: {reason}"))
    size = f"{done.size / 1e6:,.1f} MB"
    typer.echo(f"{printable(done.place)}  {done.videos} videos in {done.shards} shards, {size}")
    if done.failed:
        raise typer.Exit(3)


def _announce(estimate: Estimate, workers: int | None) -> None:
    minutes = max(1, round(estimate.seconds / (workers or 1) / 60))
    by = "of one core" if workers is None else f"on {workers} core{'s' * (workers > 1)}"
    note(f"about {estimate.size / 1e6:,.1f} MB, {minutes} minute{'s' * (minutes > 1)} {by}")


app.command("puppets")(puppets)
app.command("cutouts")(cutouts)


def _facts(dataset: VideoDataset, checked: list[Checked]) -> dict[str, Any]:
    """Everything that was found, for programs."""
    videos = [
        asdict(found)
        | {"path": str(found.path), "label": dataset.classes[video.class_index], "index": video.class_index}
        | {"group": video.group, "split": video.split}
        for video, found in zip(dataset.videos, checked, strict=True)
    ]
    return {"classes": dataset.classes, "videos": videos}


def _print_summary(dataset: VideoDataset, checked: list[Checked]) -> None:
    """A line for every class, and what can be said of all."""
    console = standard_console()
    splits = [split for split in SPLITS if any(video.split == split for video in dataset.videos)]
    table = columns(console, "class", "videos", "minutes", "groups", *splits, whole=("class",))
    held: dict[int, list[tuple[Any, Checked]]] = defaultdict(list)
    for video, found in zip(dataset.videos, checked, strict=True):
        held[video.class_index].append((video, found))
    for class_index, name in enumerate(dataset.classes):
        own = held[class_index]
        groups = {video.group for video, _ in own if video.group is not None}
        minutes = sum(found.seconds for _, found in own) / 60
        counts = [sum(video.split == split for video, _ in own) for split in splits]
        table.add_row(printable(name), str(len(own)), f"{minutes:.1f}", str(len(groups) or "-"), *map(str, counts))
    print_table(console, table)
    typer.echo(_summary(dataset, checked))


def _range(numbers: list[Any]) -> str:
    """The first and the last of some numbers in order; one where they are alike.

    >>> _range([25.0, 29.97]), _range([30.0, 30.0])
    ('25 to 30', '30')
    """
    first, last = (f"{number:.3g}" if number < 1000 else f"{number:.0f}" for number in (numbers[0], numbers[-1]))
    return first if first == last else f"{first} to {last}"


def _summary(dataset: VideoDataset, checked: list[Checked]) -> str:
    good = [found for found in checked if found.problem is None]
    text = f"{len(checked)} videos of {len(dataset.classes)} classes"
    if good:
        heights, rates = sorted(found.size[0] for found in good), sorted(found.fps for found in good)
        frames = sorted(found.frames for found in good)
        text += f"; {_range(frames)} frames, {_range(heights)} pixels high, {_range(rates)} a second"
    text += f"; {len(checked) - len(good)} broken" if len(good) < len(checked) else "; all good"
    if all(video.group is None and video.split is None for video in dataset.videos):
        text += "\nno groups are known: videos of one person or place may end up in both splits; name them with --group"
    return text
