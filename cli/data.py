"""`actionzoo data`: data sets on disk."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from actionzoo.data.build import Estimate
from actionzoo.data.build import build as build_shards
from actionzoo.data.check import Checked, check_videos
from actionzoo.data.dataset import VideoDataset, read_dataset
from actionzoo.data.layouts.found import SPLITS
from actionzoo.errors import DataError
from actionzoo.hub.resolve import resolve_model
from actionzoo.motion import MotionRecording, read_motion
from actionzoo.motion.cleaning import problem
from actionzoo.puppets import ACTIONS, write_dataset, write_motion_dataset
from actionzoo.video.spec import VideoFormat

from ._listing import columns, print_json, print_table, standard_console
from ._options import Group, Split, Videos
from ._output import complain, note, printable
from ._progress import bar

PAPERS = VideoFormat(256, 256, 25.0, "tvl1", "short")
"""What the papers keep of a video."""

app = typer.Typer(
    help="Make and check data sets.", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False
)


def _known(actions: list[str] | None) -> list[str] | None:
    for action in actions or []:
        if action not in ACTIONS:
            raise typer.BadParameter(f"{action!r} is not one of {', '.join(ACTIONS)}")
    return actions


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


@app.command("puppets")
def puppets(
    out: Annotated[
        Path, typer.Argument(metavar="OUT", show_default=False, help="The folder that gets a folder for each action.")
    ],
    clips: Annotated[int, typer.Option(min=1, metavar="N", help="Videos of each action.")],
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="The same seed makes the same bytes.")] = 0,
    action: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ACTION",
            callback=_known,
            help=f"Only this one of {', '.join(ACTIONS)}; may be given several times.",
        ),
    ] = None,
    motion: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Render recorded joints instead: .npz, .bvh, .c3d, .skeleton or .json; may be given several times.",
        ),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL", help="Only this label of the recordings; may be given several times."),
    ] = None,
    motion_fps: Annotated[
        float | None,
        typer.Option(
            min=1,
            max=1000,
            metavar="RATE",
            show_default=False,
            help="Frames a second of files that tell none. [default: 30]",
        ),
    ] = None,
    mirror: Annotated[
        bool, typer.Option("--mirror/--no-mirror", help="Mirror half of the clips of recordings.")
    ] = True,
    height: Annotated[int, typer.Option(min=32, max=1080, metavar="PIXELS", help="Rows of the picture.")] = 240,
    point_light: Annotated[bool, typer.Option("--point-light", help="Joints as moving dots.")] = False,
    flow: Annotated[bool, typer.Option("--flow", help="Also write the exact optical flow, an .npz a video.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Processes. [default: one a core]", show_default=False)
    ] = None,
) -> None:
    """Render videos of jointed figures, with known labels and motion: six actions of two people, or recorded ones."""
    if motion and action:
        raise typer.BadParameter(
            "--action chooses among the actions that need no recording; use --label", param_hint="--action"
        )
    if label and not motion:
        raise typer.BadParameter(
            "--label chooses among recordings; name a file of them with --motion", param_hint="--label"
        )
    how: dict[str, Any] = {"height": height, "point_light": point_light, "with_flow": flow, "workers": workers}
    if motion:
        recordings = [recording for path in motion for recording in read_motion(path, fps=motion_fps)]
        _tell_unusable(recordings, label)
        with bar("rendering") as progress:
            paths = write_motion_dataset(
                out, recordings, clips, seed, labels=label, mirror=mirror, progress=progress, **how
            )
    else:
        with bar("rendering") as progress:
            paths = write_dataset(out, clips, seed, actions=tuple(action or ACTIONS), progress=progress, **how)
    for path in paths:
        typer.echo(path)


def _tell_unusable(recordings: list[MotionRecording], labels: list[str] | None) -> None:
    """Say which recordings are left out."""
    wanted = [recording for recording in recordings if not labels or recording.label in labels]
    problems = [f"{recording.name}: {why}" for recording in wanted if (why := problem(recording))]
    if problems:
        more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
        note(f"left out {len(problems)} of {len(wanted)} recordings: {'; '.join(problems[:3])}{more}")


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
