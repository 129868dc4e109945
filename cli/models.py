"""`actionzoo models`: the networks there are, and what one of them takes, costs and sees."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from actionzoo.errors import ModelError, ModelNotFoundError, did_you_mean
from actionzoo.names import NETWORKS, list_models

from ._listing import columns, print_json, print_table, standard_console
from ._options import Offline
from ._output import printable

if TYPE_CHECKING:
    from actionzoo.hub import ModelFiles
    from actionzoo.models.summary import LayerSummary, ModelSummary, Shape

LAYER_COLUMNS = ("layer", "output", "parameters", "FLOPs", "sees", "good for")
LABEL_WIDTH = len("parameters")
DEFAULT_STRIDE = 15
"""The widest stride that the papers train ST-ResNet with."""

MEANINGS = {
    "appearance": "frames, RGB in 0..255",
    "motion": "stacks of {} flow fields: u, v, u, v, ... in pixels a frame step",
}
"""What a network's inputs are."""

app = typer.Typer(
    help="List and describe the networks.", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(
    pattern: Annotated[
        str, typer.Argument(metavar="PATTERN", show_default=False, help="With wildcards, such as 'st_*'.")
    ] = "*",
    as_json: Json = False,
) -> None:
    """List the networks that can be built, one a line."""
    names = list_models(pattern)
    if not names:
        inside = list_models(f"*{pattern}*") if pattern else []
        hint = f"; '*{pattern}*' matches {len(inside)}" if inside else did_you_mean(pattern.rstrip("*"), NETWORKS)
        raise ModelNotFoundError(f"no network matches {pattern!r}{hint or '; `actionzoo models list` names them all'}")
    if as_json:
        print_json([{"name": name, **asdict(NETWORKS[name])} for name in names])
        return
    console = standard_console()
    table = columns(console, "name", "what it is", "paper", whole=("name",))
    for name in names:
        network = NETWORKS[name]
        table.add_row(Text(name, style="bold"), network.description, Text(network.paper.venue, style="dim"))
    print_table(console, table)


@app.command("show")
def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            show_default=False,
            help="A network of `models list`, a catalog name, a .keras file, a run folder, or hf://user/repo.",
        ),
    ],
    frames: Annotated[
        int | None, typer.Option(min=1, metavar="T", help="Frames a clip. [default: 5, or what the file was made for]")
    ] = None,
    stride: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="TAU",
            help="Frames of the video from one of a clip to the next. [default: 15, or what the file was made for]",
        ),
    ] = None,
    classes: Annotated[int, typer.Option(min=1, metavar="N", help="Classes of a network that has no file.")] = 101,
    with_layers: Annotated[
        bool, typer.Option("--layers", help="Name every layer that can be fused, visualised or used as features.")
    ] = False,
    as_json: Json = False,
    offline: Offline = False,
) -> None:
    """Show what a network takes, gives, costs and sees.

    FLOPs are of one clip, two a multiply-add. A layer sees the sampled frames that one place of its output depends on.
    """
    if name in NETWORKS:
        summary, stride = _built(name, frames, classes), stride or DEFAULT_STRIDE
    else:
        files = _files(name, offline)
        summary, stride = _loaded(files, frames), stride or files.spec.stride
    if as_json:
        print_json(_as_dict(name, summary, stride))
        return
    console = standard_console()
    _print_head(console, name, summary.name)
    _print_facts(console, summary, stride)
    if with_layers:
        _print_layers(console, summary)


def _built(name: str, frames: int | None, classes: int) -> ModelSummary:
    from actionzoo.hub.keras_models import silent

    with silent():
        from actionzoo.models.summary import DEFAULT_SIZES, describe
    return describe(name, classes, frames or DEFAULT_SIZES["num_frames"])


def _files(name: str, offline: bool) -> ModelFiles:
    from actionzoo.hub import load_catalog, resolve_model

    try:
        return resolve_model(name, offline=offline)
    except ModelNotFoundError as error:
        if any(mark in name for mark in "./:"):  # no name of a network: the error tells what is wrong with the file
            raise
        raise ModelNotFoundError(
            f"there is no network or model {name!r}{did_you_mean(name.rstrip('*'), [*NETWORKS, *load_catalog()])} "
            "(`actionzoo models list` names the networks; a catalog name, a .keras file, a run folder or "
            "hf://user/repo does as well)"
        ) from error


def _loaded(files: ModelFiles, frames: int | None) -> ModelSummary:
    from actionzoo.hub.keras_models import load_keras

    model, spec = load_keras(files), files.spec
    from actionzoo.models.summary import summarise

    built = model.inputs[0].shape[1:4]
    wanted = (frames or built[0] or spec.num_frames, built[1] or spec.height, built[2] or spec.width)
    try:
        return summarise(model, *wanted)
    except ValueError as error:
        raise ModelError(f"{files.name} cannot be described: {error}") from error


def _as_dict(name: str, summary: ModelSummary, stride: int) -> dict[str, Any]:
    from actionzoo.models.summary import span

    facts = asdict(summary)
    layers = facts.pop("layers")
    built_as = facts.pop("name")
    known = {"network": _network(name, built_as)} if built_as in NETWORKS else {}
    seen = span(summary.receptive_field, stride, summary.stack_length or 1)
    return {"name": name, **known, **facts, "stride": stride, "span": seen._asdict(), "layers": layers}


def _network(name: str, built_as: str) -> dict[str, Any]:
    """The network behind a name. Of a file, whose options may make it another system, only what builds it."""
    facts = asdict(NETWORKS[built_as])
    return {"name": built_as, **(facts if name == built_as else {key: facts[key] for key in ("builder", "base")})}


def _print_head(console: Console, name: str, built_as: str) -> None:
    console.print(Text(printable(name), style="bold"), soft_wrap=True)
    network = NETWORKS.get(built_as)
    if network is not None and name != built_as:  # its options may make it another system
        console.print(Text(f"built as {built_as}, with the options of its file"), soft_wrap=True)
    elif network is not None:
        console.print(Text(f"{network.system}: {network.description}"), soft_wrap=True)
        paper = f"{network.paper.authors}: {network.paper.title}, {network.paper.venue}"
        console.print(Text(paper, style="dim"), soft_wrap=True)


def _print_facts(console: Console, summary: ModelSummary, stride: int) -> None:
    shapes = Table.grid(padding=(0, 2))
    shapes.add_column(min_width=LABEL_WIDTH)
    for place, (name, shape) in enumerate(summary.inputs.items()):
        meaning = MEANINGS.get(name, "").format(summary.stack_length)
        shapes.add_row("" if place else "inputs", name, sizes(shape), Text(meaning, style="dim"))
    for name, shape in summary.outputs.items():
        shapes.add_row("output", name, sizes(shape), Text("a score for each class", style="dim"))
    print_table(console, shapes)
    facts = Table.grid(padding=(0, 2))
    facts.add_column(min_width=LABEL_WIDTH)
    facts.add_row("parameters", f"{short(summary.parameters)} ({summary.parameters:,})")
    each = f", {short(summary.flops / summary.num_frames)} a frame" if summary.num_frames > 1 else ""
    facts.add_row("FLOPs", f"{short(summary.flops)} for a clip of {count(summary.num_frames, 'frame')}{each}")
    for line, text in enumerate(_seen(summary, stride)):
        facts.add_row("" if line else "sees", text)
    if summary.joins:
        facts.add_row("streams", _meeting(summary))
    print_table(console, facts)


def _meeting(summary: ModelSummary) -> str:
    """Where the streams of a network meet."""
    inside = [name for name in summary.joins if name not in summary.outputs]
    if not inside:
        return f"meet in their scores only: {' '.join(summary.joins)}"
    return f"meet at {', '.join(summary.joins)}"


def _seen(summary: ModelSummary, stride: int) -> list[str]:
    """What the network looks at, line by line, from its filters to its answer."""
    from actionzoo.models.summary import span

    seen, stack = summary.receptive_field, summary.stack_length
    reach = span(seen, stride, stack or 1)
    if seen == 1:
        lines = [f"one sampled frame and its stack of {stack} flow fields" if stack else "one sampled frame"]
    else:
        lines = [
            f"up to {seen} sampled frames by its filters over time",
            f"at stride {stride}: {seen} x {stride} = {reach.product} frames as the papers count",
            f"exactly {reach.frames} frames"
            + (f", with their stacks {reach.flow_fields} flow fields" if stack else ""),
        ]
    if summary.pooled_field:
        lines.append(f"up to {summary.pooled_field} sampled frames behind a window of temporal pooling")
    return [*lines, "the whole clip in its answer"]


def _print_layers(console: Console, summary: ModelSummary) -> None:
    table = columns(console, *LAYER_COLUMNS, whole=("layer", "output"))
    for column in (2, 3, 4):
        table.columns[column].justify = "right"
    for layer in sorted(summary.layers, key=_stream):
        if layer.uses:
            table.add_row(*_layer_row(layer))
    console.print()
    print_table(console, table)


def _stream(layer: LayerSummary) -> int:
    """Puts one stream's layers before the other's, and what joins them last."""
    return next((place for place, stream in enumerate(MEANINGS) if layer.name.startswith(f"{stream}_")), len(MEANINGS))


def _layer_row(layer: LayerSummary) -> tuple[str, ...]:
    costs = (short(layer.parameters) if layer.parameters else "-", short(layer.flops) if layer.flops else "-")
    seen = "all" if layer.frames is None else str(layer.frames)
    return (printable(layer.name), sizes(layer.shape).replace(" ", ""), *costs, seen, " ".join(layer.uses))


def sizes(shape: Shape) -> str:
    """A shape without its batch.

    >>> sizes((None, 5, 224, 224, 3))
    '5 x 224 x 224 x 3'
    """
    return " x ".join("?" if size is None else str(size) for size in shape[1:])


def short(number: float) -> str:
    """A large number in three digits.

    >>> short(25_557_032), short(8.18e9), short(999_999), short(64)
    ('25.6 M', '8.18 G', '1.00 M', '64')
    """
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= 0.9995 * size:
            scaled = number / size
            return f"{scaled:.{2 if scaled < 9.995 else 1 if scaled < 99.95 else 0}f} {unit}"
    return f"{number:.0f}"


def count(number: int, thing: str) -> str:
    """A number of things.

    >>> count(1, "frame"), count(17, "frame")
    ('1 frame', '17 frames')
    """
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
