"""Keras callbacks of a training, each for one thing besides the steps themselves."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from actionzoo.errors import TrainingError
from actionzoo.hub.keras_models import save_model
from actionzoo.hub.loading import load_arrays, named_weights
from actionzoo.training.checkpoint import assign, load_checkpoint, save_checkpoint
from actionzoo.training.network import rebuilt
from actionzoo.training.recipe import Recipe
from actionzoo.training.run import Run
from actionzoo.video.spec import InputSpec

SAVE_EVERY_S = 60.0
"""Seconds between two checkpoints, which are written at ends of epochs; the last epoch always has one."""

STATE, BEST = "state/", "best/"
"""Prefixes of names in a checkpoint: variables by their index, and the best epoch's weights by their names."""

Logs = dict[str, float] | None


class CheckFinite(keras.callbacks.Callback):
    """Ends a training with a TrainingError when its loss or weights are non-finite, before files are overwritten."""

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if not math.isfinite((logs or {})["loss"]):
            raise _non_finite("the loss is", f"epoch {self._epoch + 1}, step {batch + 1}")

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if not all(np.isfinite(np.asarray(weight)).all() for weight in self.model.weights):
            raise _non_finite("weights are", f"epoch {epoch + 1}")


def _non_finite(what: str, where: str) -> TrainingError:
    return TrainingError(f"{what} non-finite ({where}); the run folder keeps earlier weights; lower --learning-rate")


class FreezingSchedule(keras.callbacks.Callback):
    """Freezes and unfreezes layers before each step, as the recipe's `freeze`, `unfreeze` and `batch_norm` say.

    Layers are unfrozen from the classifiers down. A frozen batch norm keeps its moving statistics too. Raises
    TrainingError if a pattern matches no layer, or no layer would ever be trained.
    """

    def __init__(self, model: keras.Model, recipe: Recipe) -> None:
        super().__init__()
        self._layers = [layer for layer in model.layers if layer.weights]
        for pattern in recipe.freeze:
            if not any(fnmatchcase(layer.name, pattern) for layer in self._layers):
                raise TrainingError(
                    f"no layer of {model.name} is called {pattern!r}; `actionzoo models show` lists its layers"
                )
        frozen = [layer for layer in self._layers if any(fnmatchcase(layer.name, name) for name in recipe.freeze)]
        if len(frozen) == len(self._layers) and not recipe.unfreeze:
            raise TrainingError(f"every layer of {model.name} is frozen; leave some to train")
        self._frozen, self._unfreeze = frozen[::-1], recipe.unfreeze
        self._fixed_norms = _fixed_norms(self._layers, recipe.batch_norm)
        self._first_step, self._stage = 0, -1

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._first_step = epoch * self.params["steps"]

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        progress = (self._first_step + batch) / (self.params["epochs"] * self.params["steps"])
        stage = sum(progress >= fraction for fraction in self._unfreeze)
        if stage == self._stage:
            return
        self._stage = stage
        freed = len(self._frozen) * stage // max(len(self._unfreeze), 1)
        fixed = {id(layer) for layer in (*self._frozen[freed:], *self._fixed_norms)}
        for layer in self._layers:
            layer.trainable = id(layer) not in fixed
        self.model.train_function = None  # as with `fit`: the next step is traced anew


def _fixed_norms(trained: Sequence[Any], batch_norm: str) -> list[Any]:
    """The batch norms that are never trained: none, all but the first of each stream, or all."""
    if batch_norm in ("train", "synchronized"):
        return []
    norms = [layer for layer in trained if isinstance(layer, keras.layers.BatchNormalization)]
    first = {layer.name.partition("_")[0]: layer for layer in reversed(norms)}
    return [norm for norm in norms if batch_norm == "frozen" or norm not in first.values()]


class History(keras.callbacks.Callback):
    """Collects the metrics of every epoch, in `rows`."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict[str, Any]] = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.rows.append({"epoch": epoch + 1, **(logs or {})})

    @property
    def best(self) -> int:
        """Index of the row with the lowest validation loss; of the last one where there is no validation."""
        if not self.rows or "val_loss" not in self.rows[-1]:
            return len(self.rows) - 1
        losses = [math.inf if math.isnan(row["val_loss"]) else row["val_loss"] for row in self.rows]
        return losses.index(min(losses))

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics of the best epoch, and the number of epochs."""
        row = self.rows[self.best]
        columns = {"training_loss": "loss", "training_accuracy": "accuracy"}
        columns |= {"validation_loss": "val_loss", "validation_accuracy": "val_accuracy"}
        return {name: row[column] for name, column in columns.items() if column in row} | {"epochs": len(self.rows)}

    @property
    def waited(self) -> float:
        """Fraction of time spent waiting for input."""
        seconds = sum(row["seconds"] for row in self.rows)
        return float(sum(row["waited"] * row["seconds"] for row in self.rows) / seconds)


class EarlyStopping(keras.callbacks.Callback):
    """Stops when the validation loss has not become lower for `patience` epochs, those before a resume included."""

    def __init__(self, history: History, patience: int) -> None:
        super().__init__()
        self._history, self._patience = history, patience

    def on_train_begin(self, logs: Logs = None) -> None:
        if len(self._history.rows) - 1 - self._history.best >= self._patience:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.on_train_begin()


class BestWeights(keras.callbacks.Callback):
    """Keeps the weights of the epoch with the lowest validation loss, by name; none before the first epoch."""

    def __init__(self, history: History) -> None:
        super().__init__()
        self.weights: dict[str, NDArray[Any]] = {}
        self._history = history

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self._history.best == epoch:
            self.weights = {name: weight.numpy() for name, weight in named_weights(self.model).items()}


class TensorBoard(keras.callbacks.Callback):
    """Writes the metrics of every epoch for `tensorboard --logdir FOLDER`; a resumed training to a file of its own.

    The file is a TFRecord file of events; Keras' callback and `tf.summary` need TensorBoard itself to write it.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._file: Any = None

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = tf.io.TFRecordWriter(str(self._folder / f"events.out.tfevents.{time.time():.0f}.actionzoo"))
            self._write(file_version="brain.Event:2")
        values = [tf.compat.v1.Summary.Value(tag=name, simple_value=value) for name, value in (logs or {}).items()]
        self._write(step=epoch + 1, summary=tf.compat.v1.Summary(value=values))
        self._file.flush()

    def on_train_end(self, logs: Logs = None) -> None:
        if self._file is not None:
            self._file.close()

    def _write(self, **content: Any) -> None:
        self._file.write(tf.compat.v1.Event(wall_time=time.time(), **content).SerializeToString())


class Checkpoint(keras.callbacks.Callback):
    """Writes model, checkpoint and history at ends of epochs, at most once in `SAVE_EVERY_S`, and after the last one.

    All that a run folder holds of the training comes from its checkpoint: `restore` writes model and history anew, so
    that they are those of the checkpoint wherever the process was killed.
    """

    def __init__(
        self, run: Run, variables: Sequence[Any], history: History, best: BestWeights, spec: InputSpec, data: str
    ) -> None:
        """`variables` are the state of the training, `data` is the fingerprint of its videos."""
        super().__init__()
        self._run, self._variables, self._spec, self._data = run, variables, spec, data
        self._history, self._best = history, best
        self._saved = -math.inf

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        last = epoch + 1 == self.params["epochs"] or self.model.stop_training
        if last or time.monotonic() - self._saved > SAVE_EVERY_S:
            self._write_network(self._run.model, self._best.weights)
            self.save()
            self._saved = time.monotonic()

    def save(self) -> None:
        """Write the checkpoint, and then the history."""
        if self._run.writes:
            arrays = {f"{STATE}{index:05d}": variable.numpy() for index, variable in enumerate(self._variables)}
            arrays |= {BEST + name: array for name, array in self._best.weights.items()}
            rows, epochs, steps = self._history.rows, self.params["epochs"], self.params["steps"]
            facts = {"step": len(rows) * steps, "epochs": epochs, "history": rows, "data": self._data}
            save_checkpoint(self._run.checkpoint, arrays, facts)
            self._run.write_history(rows)

    def restore(self) -> None:
        """Continue from the checkpoint. Raises TrainingError if it is damaged, or of other data or another network."""
        path = self._run.checkpoint
        arrays, facts = load_checkpoint(path)
        if facts["data"] != self._data:
            raise TrainingError(f"{path} is of other videos than these; give the same, or another run folder")
        assign(self._variables, [arrays[name] for name in sorted(arrays) if name.startswith(STATE)], path)
        self._best.weights = {name[len(BEST) :]: array for name, array in arrays.items() if name.startswith(BEST)}
        self._history.rows = facts["history"]
        if self._history.rows:
            self._write_network(self._run.model, self._best.weights)
            self._run.write_history(self._history.rows)

    def write_last(self) -> None:
        """Write the network as it is now, beside that of the best epoch."""
        self._write_network(self._run.last, {})

    def _write_network(self, path: Path, weights: dict[str, NDArray[Any]]) -> None:
        """Write the network in full precision: with these weights or, if there are none, with its own."""
        if self._run.writes:
            network = rebuilt(self.model)
            if weights:
                load_arrays(network, weights, source=str(self._run.checkpoint))
            save_model(network, self._spec, path)
