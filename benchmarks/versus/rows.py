"""What is measured of a build: a function for each row, and what it should reach."""

from __future__ import annotations

import csv
import json
import shutil
import statistics
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.versus.builds import Build, Process

PROBES = Path(__file__).with_name("probes.py")
Figures = dict[str, float]


@dataclass(frozen=True)
class Material:
    """What the builds work on, and a folder for what they write.

    Attributes:
        videos: a folder of videos to predict.
        clip: a video of about ten seconds.
        pairs: file of frames `(pairs, 2, 112, 144)`.
        runs: file of frames `(runs, frames, 256, 340)`.
        training: class folders of small clips.
        few: class folders of eight clips.
        test: class folders of videos that the default model knows.
        shards: class folders to build shards of.
        work: for results; emptied before each measurement.
        small: everything in miniature.
    """

    videos: Path
    clip: Path
    pairs: Path
    runs: Path
    training: Path
    few: Path
    test: Path
    shards: Path
    work: Path
    small: bool

    def folder(self) -> Path:
        """An empty folder."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        return self.work


@dataclass(frozen=True)
class Figure:
    """A number of the table.

    Attributes:
        what: in words, with its unit.
        more: more is better.
        times: how many times as good as before it should be.
        reach: or the value that it should reach.
    """

    what: str
    more: bool = False
    times: float | None = None
    reach: float | None = None

    def ratio(self, before: float, now: float) -> float:
        """How many times as good it is now."""
        return now / before if self.more else before / now

    def met(self, before: float, now: float) -> bool | None:
        """Whether the goal is reached; None without one."""
        if self.times is not None:
            return self.ratio(before, now) >= self.times
        if self.reach is not None:
            return now >= self.reach if self.more else now <= self.reach
        return None

    @property
    def goal(self) -> str:
        """The goal in words."""
        if self.times is not None:
            return f"{self.times:g} x"
        return "" if self.reach is None else f"{'at least' if self.more else 'at most'} {self.reach:g}"


def predict_folder(build: Build, material: Material) -> Figures:
    """Predictions of a folder of videos, in one process."""
    answers = material.folder() / "answers.jsonl"
    done = build.actionzoo("predict", material.videos, "--output", answers)
    seconds = sum(json.loads(line)["duration_s"] for line in answers.read_text("utf-8").splitlines())
    return {"folder": seconds / done.wall_s, "folder_memory": done.peak_mb}


def predict_cold(build: Build, material: Material) -> Figures:
    """A prediction in a new process, against the import of TensorFlow."""
    done, tensorflow = build.actionzoo("predict", material.clip), build.python("-c", "import tensorflow")
    return {"cold_cpu": done.cpu_s / tensorflow.cpu_s, "cold_wall": done.wall_s / tensorflow.wall_s}


def flow(build: Build, material: Material) -> Figures:
    """The flow that the default model asks for."""
    with zipfile.ZipFile(build.folder / "actionzoo" / "weights" / "mini" / "model.keras") as file:
        method = json.loads(file.read("actionzoo.json"))["flow"]
    return json_of(build.python(PROBES, "flow", material.pairs, method))


def tvl1(build: Build, material: Material) -> Figures:
    """TV-L1 against OpenCV's."""
    return json_of(build.python(PROBES, "tvl1", material.runs))


def finetune(build: Build, material: Material) -> Figures:
    """The default training of the default model."""
    build.forget()
    run = material.folder() / "run"
    options = ("--epochs", 2) if material.small else ()
    done = build.actionzoo("finetune", material.training, "--output", run, *options)
    with (run / "history.csv").open(newline="") as file:
        later = [float(row["clips_a_second"]) for row in csv.DictReader(file)][1:]
    return {"finetune": done.wall_s, "learned": statistics.median(later)}


def start_training(build: Build, material: Material) -> Figures:
    """An epoch on eight clips, without the import of TensorFlow."""
    build.forget()
    done = build.actionzoo("finetune", material.few, "--epochs", 1, "--output", material.folder() / "run")
    return {"start": done.wall_s - build.python("-c", "import tensorflow").wall_s}


def visualize(build: Build, material: Material) -> Figures:
    """Pictures of what a class looks for, at three speeds."""
    options = ("--steps", 2) if material.small else ()
    folder = material.work.with_name(f"pictures {build.name}")
    shutil.rmtree(folder, ignore_errors=True)
    done = build.actionzoo("visualize", "mini", "--class", "kick", "--output", folder, *options)
    painted = json.loads((folder / "kick.json").read_text("utf-8"))
    return {"visualize": done.wall_s, "probability": min(painted["probabilities"].values())}


def data_build(build: Build, material: Material) -> Figures:
    """Shards in the papers' form, with one process and with two."""
    folder = material.folder()
    one = build.actionzoo("data", "build", material.shards, folder / "one")
    two = build.actionzoo("data", "build", material.shards, folder / "two", "--workers", 2)
    return {"shards": one.wall_s / two.wall_s, "shards_cpu": one.cpu_s}


def workers(build: Build, material: Material) -> Figures:
    """A training by two workers against one by one, eight clips a step, a core each."""
    return {"workers": json_of(build.python(PROBES, "workers"))["ratio"]}


def evaluate(build: Build, material: Material) -> Figures:
    """Accuracy on class folders."""
    build.forget()
    done = build.actionzoo("evaluate", "mini", material.test, "--force")
    return {"evaluate": done.wall_s}


ROWS: dict[str, tuple[Callable[[Build, Material], Figures], dict[str, Figure]]] = {
    "predict": (
        predict_folder,
        {
            "folder": Figure("`predict` on a folder: video seconds a second", more=True, times=3),
            "folder_memory": Figure("the same: peak memory, MB", reach=250),
        },
    ),
    "cold": (
        predict_cold,
        {
            "cold_cpu": Figure("`predict` on a 10 s clip: CPU, in imports of TensorFlow", reach=0.3),
            "cold_wall": Figure("the same, wall time", reach=0.25),
        },
    ),
    "flow": (
        flow,
        {
            "flow": Figure("flow of the default model, 112x144: CPU ms a pair", reach=1.0),
            "photometric": Figure("the same: photometric error, grey levels", times=1),
        },
    ),
    "tvl1": (tvl1, {"tvl1": Figure("TV-L1, 256x340: times OpenCV's", more=True, reach=150)}),
    "finetune": (
        finetune,
        {
            "finetune": Figure("`finetune`, 56 small clips: seconds", times=2),
            "learned": Figure("the same: clips a second learned", more=True, times=2),
        },
    ),
    "start": (
        start_training,
        {"start": Figure("`finetune --epochs 1`, 8 clips, without TensorFlow's import: s", reach=2)},
    ),
    "visualize": (
        visualize,
        {
            "visualize": Figure("`visualize mini --class kick`, three speeds: seconds", times=3.5),
            "probability": Figure("the same: lowest probability of the class", more=True),
        },
    ),
    "build": (
        data_build,
        {
            "shards": Figure("`data build`: two processes, times one", more=True, reach=1.85),
            "shards_cpu": Figure("the same, one process: CPU seconds", times=2),
        },
    ),
    "workers": (workers, {"workers": Figure("training: two workers, times one", more=True, reach=1.7)}),
    "evaluate": (evaluate, {"evaluate": Figure("`evaluate mini`, 84 clips: seconds", times=3)}),
}
"""Rows by name: how to measure a build, and the figures that come out."""


def json_of(process: Process) -> Figures:
    """What a process printed in its last line."""
    found: Figures = json.loads(process.output.splitlines()[-1])
    return found


def correlation(before: Path, now: Path) -> float:
    """The lowest correlation of the arrays of two pictures of one class."""
    with np.load(before / "kick.npz") as old, np.load(now / "kick.npz") as new:
        return min(float(np.corrcoef(old[name].ravel(), new[name].ravel())[0, 1]) for name in old.files)
