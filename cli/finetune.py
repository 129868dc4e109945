"""`actionzoo finetune`: from a folder of labelled videos to a trained model."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from actionzoo.data.dataset import VideoDataset
from actionzoo.errors import DataError, TrainingError
from actionzoo.hub.keras_models import silent

from ._options import Group, Strategy, VideosOrShards
from ._output import complain, note, printable, shows_progress, standard_output

if TYPE_CHECKING:
    from actionzoo.data.shards import ShardSource
    from actionzoo.training import Recipe, TrainingResult

OUTPUT = Path("run")
HEADS = ("epoch", "loss", "accuracy", "validation", "", "clips/s")
ROWS = 12
"""Epochs that the table on a terminal shows."""


def _option(metavar: str, help_text: str | None = None, *names: str, **bounds: Any) -> Any:
    """An option whose default is the recipe's. Its parameter is called as the recipe's field."""
    return typer.Option(*names, metavar=metavar, show_default=False, help=help_text, **bounds)


def finetune(
    context: typer.Context,
    data: VideosOrShards,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="RUN", help="The folder for all results.")] = OUTPUT,
    model: Annotated[
        str, typer.Option(metavar="NAME", help="A trained model, or a network of `models list`.")
    ] = "mini",
    init: Annotated[
        str | None,
        _option(
            "WEIGHTS",
            "imagenet, random, or a model of the same network: FILE.keras, RUN, hf://user/repo. [default: the model's "
            "own; imagenet for networks that have such weights]",
        ),
    ] = None,
    recipe: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE.toml",
            help="small, papers, papers-2 (the second stage of ST-ResNets), or a file. By default small; papers for a "
            "network of the zoo on more than 1,000 videos.",
        ),
    ] = "auto",
    epochs: Annotated[int | None, _option("N", min=1)] = None,
    batch_size: Annotated[int | None, _option("N", min=1)] = None,
    learning_rate: Annotated[float | None, _option("RATE")] = None,
    num_frames: Annotated[int | None, _option("T", "Frames a clip.", "--frames", min=1)] = None,
    stride: Annotated[int | None, _option("TAU", "Frames between two of them.", min=1)] = None,
    freeze: Annotated[str | None, _option("LAYERS", "Patterns of names, such as 'appearance_*,*_conv1*'.")] = None,
    batch_norm: Annotated[
        str | None, _option("HOW", "Batch norms: train, synchronized, partial or frozen.", "--bn")
    ] = None,
    test: Annotated[
        float | None, _option("FRACTION", "Kept for a test, in whole groups. [default: 0.2]", min=0, max=0.9)
    ] = None,
    validation: Annotated[
        float | None, _option("FRACTION", "Of the rest, to choose the best by.", min=0, max=0.9)
    ] = None,
    patience: Annotated[int | None, _option("EPOCHS", "Stop early, with --validation.", min=1)] = None,
    official_split: Annotated[int | None, _option("N", "Of UCF101 and HMDB51.", "--split", min=1, max=3)] = None,
    group: Group = None,
    mixed_precision: Annotated[
        bool | None, typer.Option("--mixed-precision", show_default=False, help="Compute in bfloat16.")
    ] = None,
    strategy: Strategy = "auto",
    wait: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="For the other machines of multiworker.")] = 600,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the training in RUN.")] = False,
    skip_broken: Annotated[bool, typer.Option("--skip-broken", help="Leave out videos that cannot be read.")] = False,
    seed: Annotated[int | None, _option("S", min=0)] = None,
) -> None:
    """Train a network on your own videos, starting from a trained one.

    RUN then holds the model (`actionzoo predict --model RUN`), the split and all settings.
    """
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend != "tensorflow":  # before Keras is imported, which fails where that backend is not installed
        raise TrainingError(f"training needs TensorFlow, but KERAS_BACKEND is {backend}; unset it")
    with silent():
        from actionzoo.training import Recipe
        from actionzoo.training import finetune as train
    names = {field.name for field in fields(Recipe)} - {"model", "init"}
    changes = {name: value for name, value in context.params.items() if name in names and value is not None}
    if freeze:
        changes["freeze"] = tuple(freeze.split(","))
    if resume and (changes or init or recipe != "auto"):
        raise typer.BadParameter("continues with the recipe in RUN; leave the other options out", param_hint="--resume")
    if strategy not in ("auto", "mirrored", "multiworker"):
        raise typer.BadParameter(f"{strategy!r} is not auto, mirrored or multiworker", param_hint="--strategy")
    read, chosen = (data, None) if resume else _read(data, model, init, recipe, changes)
    with _reports_interrupt(output), _Display() as display:
        done = train(
            read,
            output,
            chosen,
            strategy=strategy,
            wait=wait,
            resume=resume,
            skip_broken=skip_broken,
            callbacks=[display.callback()],
            preparing=display.prepared,
        )
    _report(done, data)


@contextmanager
def _reports_interrupt(run: Path) -> Iterator[None]:
    """Prints what is kept of a training that is interrupted."""
    from actionzoo.training.run import kept_epochs

    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        with suppress(TrainingError):
            kept = kept_epochs(run)
            if kept is None:
                said = "before the training began; decoded videos are kept; start it again"
            elif not kept[0]:
                said = "in the first epoch, so there is no model yet; --resume continues"
            else:
                said = f"after epoch {kept[0]} of {kept[1]}, whose model is in {printable(run)}; --resume continues"
            sys.stderr.write(f"actionzoo: interrupted {said}\n")
        raise


def _read(
    data: str, model: str, init: str | None, name: str, changes: dict[str, Any]
) -> tuple[VideoDataset | ShardSource, Recipe]:
    """The set, and the recipe that the options ask for."""
    from actionzoo.training import choose_recipe
    from actionzoo.training.finetuning import open_data

    def chosen(num_videos: int = 0) -> Recipe:
        try:
            return replace(choose_recipe(name, model, init, num_videos), **changes)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error

    recipe = chosen()
    found = open_data(data, recipe)
    dataset = found if isinstance(found, VideoDataset) else VideoDataset(found.classes, found.videos)
    typer.echo(printable(dataset.summary()), err=True)
    return found, chosen(len(dataset.videos)) if name == "auto" else recipe


def _report(done: TrainingResult, data: str) -> None:
    """Prints the results, and what to do next."""
    for path, reason in done.skipped:
        complain(DataError(f"{path}: left out: {reason}"))
    folder, metrics, count = printable(done.folder), done.metrics, done.num_videos
    out = standard_output(utf8=False)
    kept = f", {count['test']} test videos" if count.get("test") else ""
    out.write(f"{folder}  {metrics['epochs']} epochs, {count['train']} training videos{kept}\n")
    if "validation_accuracy" in metrics:
        accuracy = 100 * metrics["validation_accuracy"]
        out.write(f"validation top-1 accuracy {accuracy:.1f} % ({count['val']} videos, best epoch)\n")
    out.write(f"{done.calibration}\n")
    out.write(f"fraction of time spent waiting for input: {100 * done.waited:.1f} %\n")
    if count.get("test"):
        out.write(f"test it: actionzoo evaluate {folder} {printable(data)}\n")


class _Display:
    """On a terminal the number of decoded videos, then a live table; elsewhere a line an epoch."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, transient=True, auto_refresh=False)
        self._rows: dict[int, tuple[str, ...]] = {}
        self._epoch, self._since, self._seen = 0, 0.0, 0

    def __enter__(self) -> _Display:
        if shows_progress():
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def prepared(self, done: int, total: int) -> None:
        """Shows how many videos are decoded."""
        if shows_progress():
            self._live.update(f"decoding {done} of {total} videos", refresh=True)

    def callback(self) -> Any:
        """The Keras callback that tells this display what happens."""
        import keras

        told: Any = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: setattr(self, "_epoch", epoch),
            on_train_batch_end=lambda step, logs: self._show_step(told.params, step, logs),
            on_epoch_end=lambda epoch, logs: self._show_epoch(told.params, logs),
        )
        return told

    def _show_step(self, params: dict[str, int], step: int, logs: dict[str, float]) -> None:
        self._seen += 1
        self._since = self._since or time.monotonic()
        if shows_progress():
            steps = (params["epochs"] - self._epoch) * params["steps"] - step - 1
            seconds = round(steps * (time.monotonic() - self._since) / max(self._seen - 1, 1))
            left = f"{timedelta(seconds=seconds)} left, step {step + 1} of {params['steps']}"
            table = Table(*HEADS, "", box=None, padding=(0, 2, 0, 0), header_style="dim")
            for row in [*self._rows.values()][-ROWS:]:
                table.add_row(*row)
            table.add_row(*_row(self._epoch, params, logs), left)
            self._live.update(table, refresh=True)

    def _show_epoch(self, params: dict[str, int], logs: dict[str, float]) -> None:
        row = self._rows[self._epoch] = _row(self._epoch, params, logs)
        if not self._console.is_terminal:
            note("  ".join(f"{name} {value}" for name, value in zip(HEADS, row, strict=True) if value))


def _row(epoch: int, params: dict[str, int], logs: dict[str, float]) -> tuple[str, ...]:
    """The cells of an epoch under `HEADS`."""
    checked = [f"{logs['val_loss']:.3f}", f"{100 * logs['val_accuracy']:.1f} %"] if "val_loss" in logs else ["", ""]
    return (
        f"{epoch + 1}/{params['epochs']}",
        f"{logs['loss']:.3f}",
        f"{100 * logs['accuracy']:.1f} %",
        *checked,
        f"{logs['clips_a_second']:.1f}",
    )
