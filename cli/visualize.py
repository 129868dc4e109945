"""`actionzoo visualize`: pictures of what a network has learned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from actionzoo.errors import ModelError
from actionzoo.hub.openvino import load_keras, silent
from actionzoo.hub.resolve import ModelFiles, resolve_model

from ._options import Offline
from ._output import printable
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
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="The same seed gives the same picture.")] = 0,
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the pictures go.")] = OUTPUT,
    offline: Offline = False,
) -> None:
    """Paint the clips that a class, or a channel of a layer, responds to most: appearance and motion.

    Each gets a PNG sheet, and for each speed its motion as WebP and MP4. Started again, it paints what is missing.
    """
    speeds = list(SPEEDS) if speed is None else _speeds(speed)
    _check_choice(class_, layer, channel, first)
    files = resolve_model(model, offline=offline)
    with silent():
        from actionzoo.visualization.gallery import paint_gallery
        from actionzoo.visualization.presets import preset_for
    network = load_keras(files)
    if speed is not None and all(tensor.name != "motion" for tensor in network.inputs):
        raise ModelError(f"{files.name} has no motion, so it has no speeds; leave --speed out")
    targets = _targets(network, files, class_, layer, channel, first)
    preset = preset_for(network)
    if steps is not None:
        preset = replace(preset, steps=steps)
    fresh = 0
    with bar("painting") as progress:
        shown = paint_gallery(
            network, files.record, targets, speeds, output, preset=preset, seed=seed,
            progress=lambda step, count, _: progress(step, count),
        )  # fmt: skip
        for each in shown:
            fresh += each.fresh
            typer.echo(_line(each))
    if fresh < len(targets):
        typer.echo(f"{len(targets) - fresh} of {len(targets)} were there already", err=True)


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
        raise typer.BadParameter("give either --class or --layer", param_hint="MODEL")
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
        names = list(files.record.classes) if classes == ["all"] else classes
        if not names:
            raise ModelError(f"{files.name} names no classes; give --layer and --channel")
        return [class_target(network, files.record, name, files.name) for name in dict.fromkeys(names)]
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
