"""The folder of a training: what it did, what it did it with, and what came out.

recipe.toml             every value that was used
split.csv               the videos, their groups and parts
skipped.csv             videos that could not be read, where they were left out
environment.json        versions and devices
history.csv             a line for every epoch
checkpoint.safetensors  all that `--resume` needs
model.keras             the best network with its input record: what `predict --model RUN` takes
last.keras              the last one, where a validation chose the best
metrics.json            what came out, in numbers
logs/                   the same for TensorBoard
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import platform
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import filelock

from actionzoo.data.decoded import Source
from actionzoo.errors import OutputError, TrainingError
from actionzoo.hub.download import MODEL_FILE
from actionzoo.hub.resolve import CHECKPOINT_FILE
from actionzoo.training.checkpoint import load_facts, replace_file

RECIPE, SPLIT, SKIPPED, ENVIRONMENT = "recipe.toml", "split.csv", "skipped.csv", "environment.json"
HISTORY, LAST, METRICS, LOGS = "history.csv", "last.keras", "metrics.json", "logs"
LOCK = ".lock"


class Run:
    """A run folder that this process alone writes to; a context manager.

    A training that was killed before its first checkpoint is begun anew by `resume`, with the recipe in the folder.

    Attributes:
        resumes: whether there is a checkpoint to go on from.

    Raises OutputError if another training is at work in it, or there is one in it and `resume` is not set;
    TrainingError if there is none and `resume` is set.
    """

    def __init__(self, folder: Path, *, resume: bool, writes: bool = True) -> None:
        """`writes` is False for workers that leave the writing to the first one."""
        self.folder, self.writes = folder, writes
        checkpoint, model = self.checkpoint.exists(), self.model.exists()
        self.resumes = resume and checkpoint
        if resume and not checkpoint and (model or not (folder / RECIPE).is_file()):
            raise TrainingError(
                f"{folder} holds no training to go on with; leave --resume out"
                + (" and name another folder" if model else "")
                + " to begin one"
            )
        if not resume and writes and (checkpoint or model):
            raise OutputError(
                f"{folder} holds a training already; "
                + ("add --resume to go on with it, or name another folder" if checkpoint else "name another folder")
            )
        self._lock = filelock.FileLock(folder / LOCK, timeout=0)

    def __enter__(self) -> Run:
        if self.writes:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                self._lock.acquire()
                self._clear()
            except filelock.Timeout:
                raise OutputError(f"another training is at work in {self.folder}; name another folder") from None
            except OSError as error:
                raise OutputError(f"cannot write {self.folder}: {error.strerror or error}") from error
        return self

    def __exit__(self, *error: object) -> None:
        if self.writes:
            self._lock.release()
            with contextlib.suppress(OSError):  # nothing was begun: leave nothing behind
                if [entry.name for entry in self.folder.iterdir()] == [LOCK]:
                    (self.folder / LOCK).unlink()
                    self.folder.rmdir()

    def _clear(self) -> None:
        """Remove what a killed process left half written."""
        for left in self.folder.glob(".*"):
            if left.suffix == ".part":
                left.unlink(missing_ok=True)
            elif left.name.startswith((f".{MODEL_FILE}-", f".{LAST}-")):
                shutil.rmtree(left)

    @property
    def model(self) -> Path:
        return self.folder / MODEL_FILE

    @property
    def last(self) -> Path:
        return self.folder / LAST

    @property
    def checkpoint(self) -> Path:
        return self.folder / CHECKPOINT_FILE

    def write(self, name: str, text: str) -> None:
        """A text file, whole at any time. Raises OutputError."""
        if self.writes:
            replace_file(self.folder / name, text)

    def write_history(self, history: Sequence[dict[str, Any]]) -> None:
        """One line an epoch."""
        text = io.StringIO()
        table = csv.DictWriter(text, list(dict.fromkeys(key for row in history for key in row)), lineterminator="\n")
        table.writeheader()
        table.writerows(history)
        self.write(HISTORY, text.getvalue())


def kept_epochs(folder: Path) -> tuple[int, int] | None:
    """How many epochs the checkpoint of a run has, and how many it shall have; `None` if there is no checkpoint."""
    path = folder / CHECKPOINT_FILE
    if not path.is_file():
        return None
    facts = load_facts(path)
    return len(facts["history"]), facts["epochs"]


def environment(strategy: Any) -> dict[str, Any]:
    """Versions of what computes, and the devices."""
    import tensorflow as tf

    names = ("actionzoo", "keras", "tensorflow", "numpy", "opencv-contrib-python-headless", "av")
    devices = [f"{device.device_type} {device.name}" for device in tf.config.list_physical_devices()]
    return {
        "versions": {"python": platform.python_version()} | {name: metadata.version(name) for name in names},
        "machine": platform.platform(),
        "devices": devices,
        "strategy": type(strategy).__name__,
        "replicas": strategy.num_replicas_in_sync,
    }


def fingerprint(source: Source) -> str:
    """What the videos are: names, labels, groups, parts, content and form. Another set has another one."""
    rows = [
        [str(video.path.name), video.class_index, video.group, video.split, source.digest(index)]
        for index, video in enumerate(source.videos)
    ]
    text = json.dumps([source.classes, asdict(source.video_format), rows])
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
