"""`actionzoo visualize`: pictures of what a network has learned."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from actionzoo.data.dataset import read_dataset
from actionzoo.data.decoded import VideoSource, decode_video
from actionzoo.errors import ModelError
from actionzoo.hub.keras_models import load_keras
from actionzoo.hub.resolve import ModelFiles, resolve_model

from ._options import Offline
from ._output import note, printable
from ._progress import bar

if TYPE_CHECKING:
    from actionzoo.visualization import Target

SPEEDS = ("slow", "medium", "fast")
OUTPUT = Path("visualized")


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
    seed: Annotated[
        int | None, typer.Option(min=0, metavar="S", help="The same seed gives the same picture. [default: 0]")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DATA", show_default=False, help="Paint nothing: find what drives the channels in these videos."
        ),
    ] = None,
    video: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", show_default=False, help="Paint nothing: show where this video speaks for the class."
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the pictures go.")] = OUTPUT,
    offline: Offline = False,
) -> None:
    """Show what a class, or a channel of a layer, responds to most: appearance and motion.

    Painted clips come as a PNG sheet and, for each speed, as WebP and MP4; started again, it paints what is missing.
    With --data: the strongest clips of real videos, and the response by their speed. With --video: Grad-CAM of the
    surest clip, for the class or, without one, the network's answer.
    """
    painting = {"--speed": speed, "--steps": steps, "--seed": seed}
    _check_ways(painting, data, video)
    speeds = list(SPEEDS) if speed is None else _speeds(speed)
    if video:
        _check_video(class_, channel, first)
    else:
        _check_choice(class_, layer, channel, first)
    files = resolve_model(model, offline=offline)
    network = load_keras(files)
    if video:
        _explain(network, files, video, class_[0] if class_ else None, layer, output)
        return
    if speed is not None and all(tensor.name != "motion" for tensor in network.inputs):
        raise ModelError(f"{files.name} has no motion, so it has no speeds; leave --speed out")
    targets = _targets(network, files, class_, layer, channel, first)
    if data is not None:
        _drive(network, files, targets, data, output)
    else:
        _paint(network, files, targets, speeds, steps, seed or 0, output)


def _paint(
    network: Any,
    files: ModelFiles,
    targets: list[Target],
    speeds: list[str],
    steps: int | None,
    seed: int,
    output: Path,
) -> None:
    """Clips that the targets respond to most."""
    from actionzoo.visualization.gallery import paint_gallery, write_overview
    from actionzoo.visualization.presets import preset_for

    preset = preset_for(network)
    if steps is not None:
        preset = replace(preset, steps=steps)
    shown: list[Any] = []
    with bar("painting", "objective") as progress:
        for each in paint_gallery(
            network, files.spec, targets, speeds, output, preset=preset, seed=seed, progress=progress
        ):
            shown.append(each)
            typer.echo(_line(each))
    if len(shown) > 1:
        typer.echo(printable(write_overview(output, shown)))
    fresh = sum(each.fresh for each in shown)
    if fresh < len(targets):
        note(f"{len(targets) - fresh} of {len(targets)} were there already")


def _drive(network: Any, files: ModelFiles, targets: list[Target], data: Path, output: Path) -> None:
    """Clips of real videos that drive the targets most."""
    from actionzoo.files import make_folder
    from actionzoo.visualization.studies import study_drivers

    source = VideoSource(read_dataset(data), files.spec.video_format)
    make_folder(output)
    for _, of_layer in groupby(targets, lambda target: target.layer):
        with bar("looking") as progress:
            for target, paths in study_drivers(network, files.spec, list(of_layer), source, output, progress):
                typer.echo(printable(f"{target.label}  {paths[0]}  {paths[2]}"))


def _explain(
    network: Any, files: ModelFiles, videos: list[Path], class_: str | None, layer: str | None, output: Path
) -> None:
    """Where videos speak for a class."""
    from actionzoo.files import make_folder
    from actionzoo.visualization.attribution import explain_clip, layers_for
    from actionzoo.visualization.gallery import file_name
    from actionzoo.visualization.studies import write_attention
    from actionzoo.visualization.targets import class_target

    label = None if class_ is None else class_target(network, files.spec, class_, files.name).channel
    layers = None if layer is None else layers_for(network, layer, files.name)
    decoded_videos = [decode_video(path, 0, files.spec.video_format) for path in videos]
    make_folder(output)
    for path, decoded in zip(videos, decoded_videos, strict=True):
        found = explain_clip(network, files.spec, decoded, label, layers)
        name = files.spec.classes[found.label] if files.spec.classes else str(found.label)
        title = f"{path.name}, {name} {found.probability:.2f}"
        sheet, _ = write_attention(output, file_name(f"{path.stem}_{name}"), title, found, files.spec.fps)
        typer.echo(printable(f"{path}  {name} {found.probability:.3f}  {sheet}"))


def _check_ways(painting: dict[str, Any], data: Path | None, video: list[Path] | None) -> None:
    if data is not None and video:
        raise typer.BadParameter("give either --data or --video", param_hint="--data")
    for option, value in painting.items():
        if value is not None and (data is not None or video):
            raise typer.BadParameter("is for painted clips, not for real ones", param_hint=option)


def _check_video(classes: list[str] | None, channels: list[int] | None, first: int | None) -> None:
    if channels or first:
        raise typer.BadParameter("a video is looked at for a class", param_hint="--channel" if channels else "--first")
    if classes is not None and (len(classes) > 1 or classes == ["all"]):
        raise typer.BadParameter("name one class for --video", param_hint="--class")


def _speeds(text: str) -> list[str]:
    speeds = [name.strip() for name in text.split(",") if name.strip()]
    for name in speeds:
        if name not in SPEEDS:
            raise typer.BadParameter(f"{name!r} is not one of {', '.join(SPEEDS)}", param_hint="--speed")
    if not speeds:
        raise typer.BadParameter("names no speed", param_hint="--speed")
    return list(dict.fromkeys(speeds))


def _check_choice(classes: list[str] | None, layer: str | None, channels: list[int] | None, first: int | None) -> None:
    if (classes is None) == (layer is None):
        raise typer.BadParameter("give either --class or --layer, or a --video", param_hint="--class")
    if layer is None and (channels or first):
        raise typer.BadParameter("belongs to --layer", param_hint="--channel" if channels else "--first")
    if layer is not None and bool(channels) == bool(first):
        raise typer.BadParameter("needs either --channel or --first", param_hint="--layer")


def _targets(
    network: Any,
    files: ModelFiles,
    classes: list[str] | None,
    layer: str | None,
    channels: list[int] | None,
    first: int | None,
) -> list[Target]:
    """Everything that is to be painted. Raises ModelError for what the model has not."""
    from actionzoo.models.graph import layer_output
    from actionzoo.visualization.targets import channel_target, class_target, visible_layers

    if classes is not None:
        names = list(files.spec.classes) if classes == ["all"] else classes
        if not names:
            raise ModelError(f"{files.name} names no classes; give --layer and --channel")
        return [class_target(network, files.spec, name, files.name) for name in dict.fromkeys(names)]
    found = []
    for name in visible_layers(network) if layer == "all" else [str(layer)]:
        count = int(layer_output(network, name, files.name).shape[-1])
        wanted = channels or range(min(first or 0, count))
        found += [channel_target(network, name, place, files.name) for place in dict.fromkeys(wanted)]
    return found


def _line(shown: Any) -> str:
    sure = "".join(f"  {speed} {chance:.3f}" for speed, chance in shown.probabilities.items())
    if not sure:
        sure = "".join(f"  {speed} {value:.3g}" for speed, value in shown.responses.items())
    return printable(f"{shown.target.label}{sure}  {shown.files[0]}")
