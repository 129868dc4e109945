"""`actionzoo features`: videos in, what a layer says about them out."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import actionzoo
from actionzoo.errors import ActionzooError, ModelError
from actionzoo.inference.layer_features import save_features
from actionzoo.names import DEFAULT_MODEL

from ._options import ModelName, Offline, Step
from ._output import complain, debugging, note, output_file, printable, warn
from ._sources import check_names, check_source, check_step, check_windows, progress_bar, with_listed

if TYPE_CHECKING:
    from actionzoo.inference.layer_features import Features


def features(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            show_default=False,
            help="A file, folder, pattern or http(s):// address, or - for a list on stdin.",
        ),
    ],
    layer: Annotated[
        str, typer.Option(metavar="LAYER", help="A layer of the model; `actionzoo models show --layers` lists them.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE.npz", help="Where the features go, as NumPy arrays.")
    ],
    model: ModelName = DEFAULT_MODEL,
    window: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="A row for every span of this length, not for the whole video."),
    ] = None,
    step: Step = None,
    pool: Annotated[
        bool, typer.Option("--pool/--no-pool", help="Average over time, height and width, or keep the layer's map.")
    ] = True,
    offline: Offline = False,
) -> None:
    """Write what a layer computes about videos: a row for each video or window.

    The file has `features` (rows, channels), `times` (rows, 2) in seconds, `source` (rows,), an index into `sources`,
    `clips` (rows,), how many clips a row is the mean of, `model` and `layer`. It is read by numpy.load.
    """
    check_windows(window, step)
    names = actionzoo.inference.expand_sources(with_listed(sources))
    _check_names(names, output)
    with output_file(output) as out:
        loaded = actionzoo.load_model(model, offline=offline)
        loaded.layer_engine(layer)  # says what is wrong before the long work
        check_step(window, step, loaded)
        extract = partial(loaded.features, layer=layer, pool=pool, window=window, step=step)
        found = _extract_all(names, extract, offline=offline)
        if not found:
            raise typer.Exit(1)  # before the block ends: an older file stays as it is
        save_features(out.buffer, found)
    note(_summary(output, found))
    raise typer.Exit(0 if len(found) == len(names) else 3)


def _extract_all(names: list[str], extract: Callable[..., Features], *, offline: bool) -> list[Features]:
    """The features of every source; one that fails does not stop the others."""
    found = []
    for i, name in enumerate(names, 1):
        try:
            check_source(name, offline=offline)
            with progress_bar(name, f" ({i} of {len(names)})" if len(names) > 1 else "") as progress:
                found.append(extract(name, progress=progress))
            for warning in found[-1].warnings:
                warn(f"{name}: {warning}; the features are of what can be decoded")
        except Exception as error:
            if isinstance(error, ModelError) or (debugging() and not isinstance(error, ActionzooError)):
                raise  # not this source's fault, or wanted whole
            complain(error)
    return found


def _check_names(names: list[str], output: Path) -> None:
    """Finds what cannot be a source, or would be overwritten, before the long work."""
    check_names(names)
    if any(actionzoo.inference.is_live(name) for name in names):
        raise typer.BadParameter("a camera or stream has no end: name videos", param_hint="SOURCE")
    if output.suffix.lower() != ".npz":
        raise typer.BadParameter("must end in .npz", param_hint="--output")
    if os.path.realpath(output) in {os.path.realpath(name) for name in names if "\0" not in name}:
        raise typer.BadParameter(f"would overwrite {printable(output)}", param_hint="--output")


def _summary(output: Path, found: list[Features]) -> str:
    shape = " x ".join(
        str(size) for size in (sum(len(video.features) for video in found), *found[0].features.shape[1:])
    )
    videos = "1 video" if len(found) == 1 else f"{len(found)} videos"
    return printable(f"{output}: {videos}, features {shape}, from {found[0].layer} of {found[0].model}")
