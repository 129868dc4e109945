"""The numbers of a training for TensorBoard: `tensorboard --logdir RUN/logs`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf


class Board(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes every number of an epoch. A training that goes on begins a file of its own beside the first.

    Such a file is a TFRecord file of events; `tf.summary`, which writes it too, needs TensorBoard itself.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._file: Any = None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = tf.io.TFRecordWriter(str(self._folder / f"events.out.tfevents.{time.time():.0f}.actionzoo"))
            self._write(file_version="brain.Event:2")
        values = [tf.compat.v1.Summary.Value(tag=name, simple_value=value) for name, value in (logs or {}).items()]
        self._write(step=epoch + 1, summary=tf.compat.v1.Summary(value=values))
        self._file.flush()

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        if self._file is not None:
            self._file.close()

    def _write(self, **content: Any) -> None:
        self._file.write(tf.compat.v1.Event(wall_time=time.time(), **content).SerializeToString())
