"""`actionzoo export`: a model for another runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from actionzoo.convert.export import SUFFIXES, Exported, export_model

from ._options import Offline, format_of
from ._output import printable

Format = Literal["savedmodel", "onnx", "openvino", "litert"]
FORMATS: dict[str, Format] = {".onnx": "onnx", ".xml": "openvino", ".tflite": "litert"}


def export(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            show_default=False,
            help="A catalog name, a .keras file, a run folder, or hf://user/repo[@revision].",
        ),
    ],
    format: Annotated[
        Format | None,
        typer.Option(show_default=False, help="What to write. [default: what --output ends in]"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            show_default=False,
            help="The file or folder to write. [default: the model's name]",
        ),
    ] = None,
    offline: Offline = False,
) -> None:
    """Write a model for another runtime and compare its answers with Keras'."""
    format = format_of(format, output, FORMATS)
    if format is None:
        raise typer.BadParameter("give one of savedmodel, onnx, openvino and litert", param_hint="--format")
    if output is not None and format != "savedmodel" and output.suffix.lower() != SUFFIXES[format]:
        raise typer.BadParameter(f"must end in {SUFFIXES[format]}", param_hint="--output")
    done = export_model(model, output, format, offline=offline)
    typer.echo(
        f"{printable(done.path)}  {done.size / 1e6:.1f} MB  largest difference from Keras {_differences(done, format)}"
    )


def _differences(done: Exported, format: Format) -> str:
    """The difference in f32; for OpenVINO with the property that gives it, after the one without the property."""
    text = f"{done.difference:.2g}"
    if format == "openvino":
        text = f"with INFERENCE_PRECISION_HINT=f32 {text}"
    if done.by_itself is not None:
        precision, difference = done.by_itself
        text = f"{difference:.2g} in {precision}, which compile_model takes by itself here; {text}"
    return text
