"""The rows of `finetune`: the whole command, its accuracy on real clips, two workers, and its start."""

from __future__ import annotations

import csv
import json
import re
import statistics
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.versus.builds import Build, VersusError
from benchmarks.versus.commands import IMPORT_TENSORFLOW, TWO, clips
from benchmarks.versus.processes import spend
from benchmarks.versus.rows import Figure, Numbers, Row, Session

FOUR = ("handshake", "hug", "kick", "push")
BATCH = 8


@dataclass(frozen=True)
class RealSet:
    """Real clips in class folders.

    Attributes:
        folder: below that of the real clips.
        group: what names the group of a clip in its file name, in parentheses.
        held: the groups that are held out.
        options: of `finetune`.
    """

    folder: str
    group: str
    held: frozenset[str]
    options: tuple[str, ...] = ()


ISL = RealSet("isl_emergency", r"_p(\d+)_", frozenset(map(str, range(21, 27))))
# `mini` has learned from all of it, so its network begins anew.
UT = RealSet("ut_interaction", r"^\d+_(\d+)_", frozenset(("3", "6", "9", "13", "16")), ("--init", "random"))
WEIZMANN = RealSet("weizmann_dev", r"^([a-z]+)_", frozenset(("eli",)))

OWN_TRAINING = """
import json, sys
from pathlib import Path
from benchmarks import training

data, runs, training.EPOCHS, batch = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
groups = [runs / "one"], [runs / "two"] * 2
print(json.dumps([training.train(data, group, batch)[0][0] for group in groups]))
"""
"""The build's own `benchmarks.training`: clips a second of one worker on one core, and of two on a core each."""


def finetune(session: Session, build: Build) -> Numbers:
    """The command with no option on 56 clips, decoding included, and the accuracy on those that it held out."""
    data = session.puppets(3, 64, TWO) if session.small else session.puppets(14, 64, FOUR)
    run = session.empty(f"run-{build.side}")
    short = ("--epochs", 2) if session.small else ()
    spent = session.actionzoo(build, "finetune", data, "--output", run, *short, fresh=True)
    tested = session.actionzoo(build, "evaluate", run, data, "--json", "--offline")
    found = {"wall_s": spent.wall_s, "cpu_s": spent.cpu_s, "top1": json.loads(tested.output)["top1"]}
    return found | {"speed": clips_a_second(run)}


def clips_a_second(run: Path) -> float:
    """The median of the epochs behind the first, which compiles."""
    with (run / "history.csv").open(encoding="utf-8", newline="") as file:
        return statistics.median(float(row["clips_a_second"]) for row in list(csv.DictReader(file))[1:])


def accuracy(session: Session, build: Build, real: RealSet) -> Numbers:
    """Of the command with no option, on groups of real clips that it has not seen."""
    folder, listed = session.below(real.folder), session.work / f"{real.folder}.csv"
    if folder is None:
        folder, real = session.puppets(3, 64, TWO), RealSet(real.folder, r"_(\d+)\.mp4", frozenset(("0002",)))
    write_split(folder, real, listed)
    run = session.empty(f"accuracy-{real.folder}-{build.side}")
    short = ("--epochs", 1) if session.small else ()
    session.actionzoo(build, "finetune", listed, "--output", run, *real.options, *short)
    tested = session.actionzoo(build, "evaluate", run, listed, "--json", "--offline")
    return {"top1": json.loads(tested.output)["top1"]}


def write_split(folder: Path, real: RealSet, path: Path) -> None:
    """The videos of a set as a CSV, with the groups that are held out as its test."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "group", "split"])
        for video in clips(folder):
            group = re.search(real.group, video.name)[1]  # type: ignore[index]
            writer.writerow([video.resolve(), video.parent.name, group, "test" if group in real.held else "train"])


def workers(session: Session, build: Build) -> Numbers:
    """One worker on one core, and two on a core each."""
    data = session.puppets(4, 64, TWO) if session.small else session.puppets(12, 64, FOUR)
    runs, epochs = session.empty(f"workers-{build.side}"), 2 if session.small else 5
    runs.mkdir()
    spent = session.benchmark(build, OWN_TRAINING, data, runs, epochs, BATCH)
    one, two = json.loads(spent.output.splitlines()[-1])
    return {"ratio": two / one, "one": one, "two": two}


def start(session: Session, build: Build) -> Numbers:
    """Seconds to where the training begins, less those of a process that only imports TensorFlow."""
    data, run = session.puppets(4, 64, TWO), session.empty(f"start-{build.side}")
    imported = spend([build.python, *IMPORT_TENSORFLOW], session.work)
    given = ("finetune", data, "--output", run, "--epochs", 1, "--test", 0)
    begun = session.probe(build, "_start.py", *given, fresh=True)
    if begun.output.splitlines()[-1:] != ["begins"]:
        raise VersusError(f"the {build.side} build's training began unseen, so its start cannot be told from the rest")
    return {"rest_s": begun.wall_s - imported.wall_s, "rest_cpu_s": begun.cpu_s - imported.cpu_s}


def _accuracy(real: RealSet, held_out: str) -> Row:
    return Row(partial(accuracy, real=real), Figure("top1", f"finetune, right of {held_out}", "", "more", 1.0))


ROWS = {
    "finetune": Row(
        finetune,
        Figure("speed", "finetune, learned", "clips/s", "more", 2.0),
        Figure("wall_s", "finetune, whole command", "s", "less", 2.0),
        Figure("cpu_s", "finetune, CPU", "s", "less"),
        Figure("top1", "finetune, held-out accuracy", "", "more"),
    ),
    "isl": _accuracy(ISL, "persons of ISL"),
    "ut": _accuracy(UT, "sequences of UT-Interaction"),
    "weizmann": _accuracy(WEIZMANN, "a person of Weizmann"),
    "workers": Row(
        workers,
        Figure("ratio", "training, two workers", "x one", "more", 1.7, "new"),
        Figure("one", "training, one worker on one core", "clips/s", "more"),
        Figure("two", "training, two workers on a core each", "clips/s", "more"),
    ),
    "start": Row(
        start,
        Figure("rest_s", "finetune, start without import tensorflow", "s", "less", 2.0, "new"),
        Figure("rest_cpu_s", "finetune, start without it, CPU", "s", "less"),
    ),
}
