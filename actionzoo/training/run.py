"""The run folder: settings, data and results of a training.

recipe.toml             every setting
split.csv               the videos with their groups and splits
skipped.csv             unreadable videos, where they were left out
environment.json        versions and devices
history.csv             metrics, a row an epoch
checkpoint.safetensors  the state that `--resume` continues from
model.keras             the best network with its spec, for `predict --model RUN`
last.keras              the network of the last epoch, where a validation chooses the best
metrics.json            metrics of the best epoch
logs/                   metrics for TensorBoard
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import filelock
import tensorflow as tf

from actionzoo.data.decoded import Source
from actionzoo.errors import OutputError, TrainingError
from actionzoo.files import make_folder, remove
from actionzoo.hub.download import MODEL_FILE
from actionzoo.hub.resolve import CHECKPOINT_FILE
from actionzoo.training.checkpoint import load_facts, write_durable

RECIPE, SPLIT, SKIPPED, ENVIRONMENT = "recipe.toml", "split.csv", "skipped.csv", "environment.json"
HISTORY, LAST, METRICS, LOGS = "history.csv", "last.keras", "metrics.json", "logs"
LOCK = ".lock"
UNFINISHED = re.compile(
    r"\..+\.part|\.(recipe|split|skipped|environment|history|checkpoint|model|last|metrics)\..+-\w+"
)
"""Names of files and folders that a killed process left half written."""


class Run:
    """A run folder that only this process writes to; a context manager.

    A training that was killed before its first checkpoint is begun anew by `resume`, with the recipe in the folder.

    Attributes:
        folder: its path.
        writes: whether this process writes the files, as the only or the first worker.
        resumes: whether there is a checkpoint to continue from.

    Raises:
        OutputError: another training runs in the folder, or it holds one and `resume` is not set.
        TrainingError: `resume` is set and the folder holds no training.
    """

    def __init__(self, folder: Path, *, resume: bool, writes: bool = True) -> None:
        self.folder, self.writes = folder, writes
        self.model, self.last, self.checkpoint = folder / MODEL_FILE, folder / LAST, folder / CHECKPOINT_FILE
        checkpoint, model = self.checkpoint.exists(), self.model.exists()
        self.resumes = resume and checkpoint
        if resume and not checkpoint and (model or not (folder / RECIPE).is_file()):
            other = " and name another folder" if model else ""
            raise TrainingError(f"{folder} holds no training to continue; leave --resume out{other} to begin one")
        if not resume and writes and (checkpoint or model):
            what = "add --resume to continue it, or name" if checkpoint else "name"
            raise OutputError(f"{folder} holds a training already; {what} another folder")
        self._lock = filelock.FileLock(folder / LOCK, timeout=0)

    def __enter__(self) -> Run:
        if self.writes:
            make_folder(self.folder)
            try:
                self._lock.acquire()
            except filelock.Timeout:
                raise OutputError(f"another training runs in {self.folder}; name another folder") from None
            for path in self.folder.glob(".*"):
                if UNFINISHED.fullmatch(path.name):
                    remove(path)
        return self

    def __exit__(self, *error: object) -> None:
        if self.writes:
            self._lock.release()
            with contextlib.suppress(OSError):  # nothing was begun: leave nothing behind
                if [entry.name for entry in self.folder.iterdir()] == [LOCK]:
                    (self.folder / LOCK).unlink()
                    self.folder.rmdir()

    def write(self, name: str, text: str) -> None:
        """Write a text file atomically, if this process writes files. Raises OutputError."""
        if self.writes:
            write_durable(self.folder / name, text)

    def write_history(self, rows: Sequence[dict[str, Any]]) -> None:
        """Write the metrics of all epochs as CSV. Raises OutputError."""
        text = io.StringIO()
        table = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        self.write(HISTORY, text.getvalue())


def kept_epochs(folder: Path) -> tuple[int, int] | None:
    """Epochs in the checkpoint of a run, and epochs of the whole training; `None` if there is no checkpoint."""
    path = folder / CHECKPOINT_FILE
    if not path.is_file():
        return None
    facts = load_facts(path)
    return len(facts["history"]), facts["epochs"]


def environment(strategy: tf.distribute.Strategy) -> dict[str, Any]:
    """Versions and devices that a training uses."""
    names = ("actionzoo", "keras", "tensorflow", "numpy", "opencv-contrib-python-headless", "av")
    return {
        "versions": {"python": platform.python_version()} | {name: metadata.version(name) for name in names},
        "machine": platform.platform(),
        "devices": [f"{device.device_type} {device.name}" for device in tf.config.list_physical_devices()],
        "strategy": type(strategy).__name__,
        "replicas": strategy.num_replicas_in_sync,
    }


def fingerprint(source: Source) -> str:
    """A digest of the videos: names, labels, groups, splits, content and format."""
    rows = [
        [str(video.path.name), video.class_index, video.group, video.split, source.digest(index)]
        for index, video in enumerate(source.videos)
    ]
    text = json.dumps([source.classes, asdict(source.video_format), rows])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
