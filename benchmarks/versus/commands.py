"""The rows of commands that read videos: `predict`, flow, `visualize`, `data build` and `evaluate`."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

from benchmarks.versus.builds import Build
from benchmarks.versus.processes import spend
from benchmarks.versus.rows import EXAMPLE, Figure, Numbers, Row, Session

BUILT, EVALUATED = 12, 100
"""Clips that shards are built of, and that `evaluate` sees, at most."""
TWO = ("kick", "push")
IMPORT_TENSORFLOW = ("-c", "import tensorflow")
OWN_FLOW = "import sys, benchmarks.flow as flow; flow.goals = lambda *_: []; sys.exit(flow.main())"
"""The build's own `benchmarks.flow`, without its goals."""


def predict(session: Session, build: Build) -> Numbers:
    """A folder of clips."""
    folder = session.below("ucf101_sample") or session.puppets(1, 64, TWO)
    session.warm_up(build, "predict", EXAMPLE, "--offline")
    spent = session.actionzoo(build, "predict", folder, "--format", "json", "--offline")
    seconds = sum(answer["duration_s"] for answer in json.loads(spent.output))
    return {"speed": seconds / spent.wall_s, "cpu_s": spent.cpu_s, "peak_mb": spent.peak_mb}


def cold(session: Session, build: Build) -> Numbers:
    """One clip in a new process, beside one that only imports TensorFlow."""
    session.warm_up(build, "predict", EXAMPLE, "--offline")
    other = spend([build.python, *IMPORT_TENSORFLOW], session.work)
    spent = session.actionzoo(build, "predict", session.clip, "--format", "json", "--offline")
    return {"cpu": spent.cpu_s / other.cpu_s, "wall": spent.wall_s / other.wall_s, "cpu_s": spent.cpu_s}


def flow(session: Session, build: Build) -> Numbers:
    """The default model's flow, as its file says."""
    with zipfile.ZipFile(build.checkout / "weights" / "mini" / "model.keras") as file:
        spec = json.loads(file.read("actionzoo.json"))
    frames = session.frames((spec["height"], spec["width"]))
    found = json.loads(session.probe(build, "_flow.py", frames, spec["flow"]).output)
    print(f"  {build.side}: {spec['flow']} at {spec['height']}x{spec['width']}, {found['clips']} clips", flush=True)
    return {"cpu_ms": found["cpu_ms"], "photometric": found["photometric"]}


def tvl1(session: Session, build: Build) -> Numbers:
    """TV-L1 against OpenCV's plain loop, by the build's own `benchmarks.flow`."""
    path = session.work / f"tvl1-{build.side}.json"
    given = ["--small"] if session.small else ["--pairs", 4]
    given += ["--data", session.data] if session.data and not session.small else []
    session.benchmark(build, OWN_FLOW, *given, "--methods", "tvl1", "tvl1-opencv", "--json", path)
    found = json.loads(path.read_text("utf-8"))["flow"]["methods"]["tvl1"]
    return {"times_plain": found["times_plain"], "photometric": found["photometric"]}


def visualize(session: Session, build: Build) -> Numbers:
    """A class at all speeds; the arrays are compared with those that the old build painted first."""
    folder, first = session.empty(f"painted-{build.side}"), session.work / "painted-first.npz"
    short = ("--steps", 2) if session.small else ()
    spent = session.actionzoo(build, "visualize", "mini", "--class", "kick", "--output", folder, "--offline", *short)
    if build.side == "old" and "painted" not in session.made:
        session.made.add("painted")
        os.replace(folder / "kick.npz", first)
        alike = 1.0
    else:
        alike = float(session.probe(build, "_correlation.py", first, folder / "kick.npz").output)
    sure = json.loads((folder / "kick.json").read_text("utf-8"))["probabilities"].values()
    return {"wall_s": spent.wall_s, "cpu_s": spent.cpu_s, "probability": min(sure), "alike": alike}


def data_build(session: Session, build: Build) -> Numbers:
    """Shards by one process and by two; in the papers' form, in miniature in that of the model."""
    videos = clips(session.below("ucf101_sample") or session.puppets(1, 64, TWO))[:BUILT]
    listed, out = session.listed("built.csv", videos), session.empty(f"shards-{build.side}")
    form = ("--model", "mini") if session.small else ()
    session.warm_up(build, "flow", EXAMPLE, session.work / "warm.npz", "--method", "tvl1")
    one, two = (
        session.actionzoo(build, "data", "build", listed, out / str(workers), "--workers", workers, *form)
        for workers in (1, 2)
    )
    shards = json.loads((out / "1" / "manifest.json").read_text("utf-8"))["shards"]
    seconds = sum(record["seconds"] for shard in shards for record in shard["records"])
    return {"ratio": one.wall_s / two.wall_s, "clip_cpu_s": 10 * one.cpu_s / seconds, "one_s": one.wall_s}


def cores(session: Session, build: Build) -> Numbers:
    """The machine's own: what no two workers can exceed."""
    found: Numbers = json.loads(session.probe(build, "_cores.py", "--seconds", 0.1 if session.small else 3).output)
    return found


def evaluate(session: Session, build: Build) -> Numbers:
    """Labelled clips, none of them decoded before."""
    videos = clips(session.below("ut_interaction") or session.puppets(1, 64, TWO))[:EVALUATED]
    listed = session.listed("evaluated.csv", videos)
    given = ("mini", listed, "--part", "all", "--force", "--json", "--offline")
    spent = session.actionzoo(build, "evaluate", *given, fresh=True)
    top1 = json.loads(spent.output)["top1"]
    return {"speed": len(videos) / spent.wall_s, "cpu_s": spent.cpu_s, "top1": top1, "peak_mb": spent.peak_mb}


def clips(folder: Path) -> list[Path]:
    """The videos of class folders."""
    return sorted(path for path in folder.glob("*/*") if path.suffix in (".avi", ".mp4"))


ROWS = {
    "predict": Row(
        predict,
        Figure("speed", "predict, a folder of clips", "s of video a s", "more", 3.0),
        Figure("cpu_s", "predict, a folder of clips: CPU", "s", "less"),
        Figure("peak_mb", "predict, peak memory", "MB", "less"),
    ),
    "cold": Row(
        cold,
        Figure("cpu", "predict, one clip: CPU, times import tensorflow", "x", "less", 0.30, "new"),
        Figure("wall", "predict, one clip: wall, times import tensorflow", "x", "less", 0.25, "new"),
        Figure("cpu_s", "predict, one clip: CPU", "s", "less"),
    ),
    "flow": Row(
        flow,
        Figure("cpu_ms", "flow of the default model", "CPU ms a pair", "less", 1.0, "new"),
        Figure("photometric", "flow of the default model, photometric error", "grey levels", "less"),
    ),
    "tvl1": Row(
        tvl1,
        Figure("times_plain", "TV-L1, times OpenCV's plain loop", "x", "more", 150.0, "new"),
        Figure("photometric", "TV-L1, photometric error", "grey levels", "less"),
    ),
    "visualize": Row(
        visualize,
        Figure("wall_s", "visualize mini --class kick", "s", "less", 3.5),
        Figure("cpu_s", "visualize, CPU", "s", "less"),
        Figure("probability", "visualize, lowest probability", "", "more"),
        Figure("alike", "visualize, correlation with the old build's", "", "more"),
    ),
    "build": Row(
        data_build,
        Figure("ratio", "data build, two processes", "x one", "more", 1.85, "new"),
        Figure("clip_cpu_s", "data build, a clip of 10 s", "CPU s", "less", 2.0),
        Figure("one_s", "data build, one process", "s", "less"),
    ),
    "cores": Row(
        cores,
        Figure("matrices", "the machine: two cores, matrix products", "x one", "more"),
        Figure("tvl1", "the machine: two cores, TV-L1", "x one", "more"),
    ),
    "evaluate": Row(
        evaluate,
        Figure("speed", "evaluate, labelled clips", "clips/s", "more", 3.0),
        Figure("cpu_s", "evaluate, CPU", "s", "less"),
        Figure("top1", "evaluate, accuracy", "", "more"),
        Figure("peak_mb", "evaluate, peak memory", "MB", "less"),
    ),
}
