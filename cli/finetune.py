"""`actionzoo finetune`: from a folder of labelled videos to a trained model."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from actionzoo.data.dataset import VideoDataset, read_dataset
from actionzoo.data.shards import open_shards
from actionzoo.errors import DataError, TrainingError
from actionzoo.hub.keras_models import silent

from ._options import Group, Strategy, VideosOrShards
from ._output import complain, note, printable, shows_progress, standard_output

if TYPE_CHECKING:
    from actionzoo.training import Recipe, TrainingResult

OUTPUT = Path("run")
HEADS = ("epoch", "loss", "accuracy", "validation", "", "clips/s")
ROWS = 12
"""Epochs that the table on a terminal shows."""


def finetune(
    data: VideosOrShards,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="RUN", help="The folder for all that comes out.")
    ] = OUTPUT,
    model: Annotated[
        str, typer.Option(metavar="NAME", help="A trained model, or a network of `models list`.")
    ] = "mini",
    init: Annotated[
        str | None,
        typer.Option(
            metavar="WEIGHTS",
            show_default=False,
            help="imagenet, random, or a model of the same network: FILE.keras, RUN, hf://user/repo. [default: the "
            "model's own; imagenet for networks that have such weights]",
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
    epochs: Annotated[int | None, typer.Option(min=1, metavar="N", show_default=False)] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, metavar="N", show_default=False)] = None,
    learning_rate: Annotated[float | None, typer.Option(metavar="RATE", show_default=False)] = None,
    frames: Annotated[int | None, typer.Option(min=1, metavar="T", show_default=False, help="Frames a clip.")] = None,
    stride: Annotated[
        int | None, typer.Option(min=1, metavar="TAU", show_default=False, help="Frames between two of them.")
    ] = None,
    freeze: Annotated[
        str | None,
        typer.Option(metavar="LAYERS", show_default=False, help="Patterns of names, such as 'appearance_*,*_conv1*'."),
    ] = None,
    bn: Annotated[
        str | None,
        typer.Option(metavar="HOW", show_default=False, help="Batch norms: train, synchronized, partial or frozen."),
    ] = None,
    test: Annotated[
        float | None,
        typer.Option(
            min=0, max=0.9, metavar="SHARE", show_default=False, help="Kept for a test, in whole groups. [default: 0.2]"
        ),
    ] = None,
    validation: Annotated[
        float | None,
        typer.Option(min=0, max=0.9, metavar="SHARE", show_default=False, help="Of the rest, to choose the best by."),
    ] = None,
    patience: Annotated[
        int | None, typer.Option(min=1, metavar="EPOCHS", show_default=False, help="Stop early, with --validation.")
    ] = None,
    split: Annotated[
        int | None, typer.Option(min=1, max=3, metavar="N", show_default=False, help="Of UCF101 and HMDB51.")
    ] = None,
    group: Group = None,
    mixed_precision: Annotated[bool, typer.Option("--mixed-precision", help="Compute in bfloat16.")] = False,
    strategy: Strategy = "auto",
    wait: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="For the other machines of multiworker to appear.")
    ] = 600,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the training in RUN.")] = False,
    skip_broken: Annotated[bool, typer.Option("--skip-broken", help="Leave out videos that cannot be read.")] = False,
    seed: Annotated[int | None, typer.Option(min=0, metavar="S", show_default=False)] = None,
) -> None:
    """Train a network on your own videos, beginning with one that knows something already.

    RUN then holds the model (`actionzoo predict --model RUN`), the split and everything that was used.
    """
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend != "tensorflow":  # before Keras is imported, which fails where that backend is not installed
        raise TrainingError(f"training needs TensorFlow, but KERAS_BACKEND is {backend}; unset it")
    with silent():
        from actionzoo.training import finetune as learn
    given = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "num_frames": frames,
        "stride": stride,
        "frozen": tuple(freeze.split(",")) if freeze else None,
        "batch_norm": bn,
        "test": test,
        "validation": validation,
        "patience": patience,
        "split": split,
        "group": group,
        "mixed_precision": mixed_precision or None,
        "seed": seed,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if resume and (changes or init or recipe != "auto"):
        raise typer.BadParameter("goes on with the recipe in RUN; leave the other options out", param_hint="--resume")
    if strategy not in ("auto", "mirrored", "multiworker"):
        raise typer.BadParameter(f"{strategy!r} is not auto, mirrored or multiworker", param_hint="--strategy")
    chosen = None if resume else _recipe(data, model, init, recipe, changes)
    with _kept_is_said(output), _Display() as display:
        done = learn(
            data,
            output,
            chosen,
            strategy=strategy,
            wait=wait,
            resume=resume,
            skip_broken=skip_broken,
            callbacks=[display.callback()],
            preparing=display.prepared,
        )
    _say(done, data)


@contextmanager
def _kept_is_said(run: Path) -> Iterator[None]:
    """When the training within is interrupted, a line that says what is kept of it."""
    from actionzoo.training.run import kept_epochs

    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        with suppress(TrainingError):
            kept = kept_epochs(run)
            if kept is None:
                said = "before the training began; decoded videos are kept; start it again"
            elif not kept[0]:
                said = "in the first epoch, so there is no model yet; --resume goes on"
            else:
                said = f"after epoch {kept[0]} of {kept[1]}, whose model is in {printable(run)}; --resume goes on"
            sys.stderr.write(f"actionzoo: interrupted {said}\n")
        raise


def _recipe(data: str, model: str, init: str | None, recipe: str, changes: dict[str, Any]) -> Recipe:
    """The recipe that the options ask for."""
    from actionzoo.training import choose_recipe

    shards = open_shards(data)
    if shards is None:
        dataset = read_dataset(data, official_split=changes.get("split", 1), group=changes.get("group"))
    else:
        dataset = VideoDataset(shards.classes, shards.videos)
    typer.echo(printable(dataset.summary()), err=True)
    base = choose_recipe(recipe, model, init, len(dataset.videos))
    try:
        return replace(base, **changes)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _say(done: TrainingResult, data: str) -> None:
    """What came out, and what to do next."""
    for path, reason in done.skipped:
        complain(DataError(f"{path}: left out: {reason}"))
    folder, metrics, parts = printable(done.folder), done.metrics, done.parts
    out = standard_output(utf8=False)
    kept = f", {parts['test']} kept for a test" if parts.get("test") else ""
    out.write(f"{folder}  {metrics['epochs']} epochs, {parts['train']} videos to learn from{kept}\n")
    if "val_accuracy" in metrics:
        out.write(
            f"{100 * metrics['val_accuracy']:.1f} % right of the {parts['val']} videos that chose the best epoch\n"
        )
    out.write(f"{100 * done.waited:.1f} % of the time was spent waiting for clips\n")
    if parts.get("test"):
        out.write(f"how good it is: actionzoo evaluate {folder} {printable(data)}\n")


class _Display:
    """On a terminal a bar while videos are decoded, then a table that lives; elsewhere a line an epoch."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, transient=True, auto_refresh=False)
        self._rows: list[tuple[str, ...]] = []
        self._epochs, self._steps, self._since, self._seen = 0, 1, 0.0, 0

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
            on_train_batch_end=lambda step, logs: self._step(told.params, step, logs),
            on_epoch_end=lambda epoch, logs: self._epoch(told.params, epoch, logs),
        )
        return told

    def _step(self, params: dict[str, int], step: int, logs: dict[str, float]) -> None:
        self._seen += 1
        self._since = self._since or time.monotonic()
        if shows_progress():
            epoch = len(self._rows)
            left = (params["epochs"] - epoch) * params["steps"] - step - 1
            each = (time.monotonic() - self._since) / max(self._seen - 1, 1)
            self._show(
                (*_row(epoch, params, logs), f"{_minutes(left * each)} left, step {step + 1} of {params['steps']}")
            )

    def _epoch(self, params: dict[str, int], epoch: int, logs: dict[str, float]) -> None:
        row = _row(epoch, params, logs)
        self._rows += [("",) * len(row)] * (epoch - len(self._rows))  # those before a resume
        self._rows.append((*row, ""))
        if not self._console.is_terminal:
            note("  ".join(f"{name} {value}" for name, value in zip(HEADS, row, strict=True) if value))

    def _show(self, current: tuple[str, ...]) -> None:
        table = Table(*HEADS, "", box=None, padding=(0, 2, 0, 0), header_style="dim")
        for row in [*self._rows[-ROWS:], current]:
            table.add_row(*row)
        self._live.update(table, refresh=True)


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


def _minutes(seconds: float) -> str:
    """Time left, for people.

    >>> _minutes(75), _minutes(3700)
    ('1:15', '1:01:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
