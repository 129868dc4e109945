"""How right a model of everyday actions is on real video that it has not learned from.

    python -m benchmarks.everyday MODEL DATA [--unknown FOLDER ...] [--json benchmarks/everyday.json]

DATA holds `weizmann_dev` and `ut_interaction`, class folders, and `ucf101_sample`, of whose classes `UCF101` tells what
is right. Clips count whose action the model knows; all of its classes compete. Printed for each set: the share that is
right, of the answer and of each stream, and what was taken for what; of `ucf101_sample` every answer. Clips of UNKNOWN,
and the others of `ucf101_sample`, tell how well familiarity separates known from unknown.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from actionzoo.evaluation.metrics import area, false_alarms
from actionzoo.hub import resolve_model
from actionzoo.inference import Model, load_model
from actionzoo.inference.familiarity import THRESHOLD, familiarity, p_value
from benchmarks.unknown import video_logits

UCF101: Mapping[str, tuple[str, ...]] = {
    "BasketballDunk": ("shoot a basket",),
    "BodyWeightSquats": ("squat",),
    "BoxingPunchingBag": ("box",),
    "BoxingSpeedBag": ("box",),
    "HighJump": ("run", "jump forward"),
    "JavelinThrow": ("throw",),
    "LongJump": ("run", "jump forward"),
    "Shotput": ("throw",),
    "SoccerPenalty": ("kick a ball",),
    "TennisSwing": ("tennis swing",),
    "WalkingWithDog": ("walk",),
    "WallPushups": ("push-up",),
}
"""Classes of UCF101 and what a right answer is."""


def videos(folder: Path) -> list[Path]:
    """The videos below a folder."""
    return sorted(path for path in folder.rglob("*") if path.suffix in (".avi", ".mp4"))


def sets(data: Path, labels: Sequence[str]) -> Iterator[tuple[str, list[Path], list[Sequence[str]]]]:
    """The name of each set, its clips of classes that the model knows, and what is right for each."""
    for name in ("weizmann_dev", "ut_interaction", "ucf101_sample"):
        right = {
            clip: UCF101.get(clip.parent.name, ()) if name == "ucf101_sample" else (clip.parent.name.replace("_", " "),)
            for clip in videos(data / name)
        }
        known = [clip for clip, wanted in right.items() if set(wanted) & set(labels)]
        if known:
            yield name, known, [right[clip] for clip in known]


def measured(model: Model, clips: Sequence[Path], right: Sequence[Sequence[str]]) -> tuple[dict[str, Any], np.ndarray]:
    """Accuracy of the answer and of each stream, what was wrong, and the logits `(videos, outputs, classes)`."""
    logits = video_logits(model, [str(clip) for clip in clips])
    answers = [[model.labels[index] for index in row] for row in logits.argmax(-1)]
    correct = np.array([[answer in wanted for answer in row] for row, wanted in zip(answers, right, strict=True)])
    wrong = Counter(
        f"{wanted[0]} -> {row[0]}" for row, wanted in zip(answers, right, strict=True) if row[0] not in wanted
    )
    accuracy = dict(zip(model.outputs, correct.mean(0).tolist(), strict=True))
    refused = [_refused(row, model) for row in logits]
    named = np.array([not each for each in refused])
    every = {f"{c.parent.name}/{c.name}": row[0] for c, row in zip(clips, answers, strict=True)}
    result = {"clips": len(clips), "accuracy": accuracy, "wrong": dict(wrong.most_common()), "answers": every}
    if model.spec.known:
        result |= {"refused": sum(refused), "named_right": int((named & correct[:, 0]).sum())}
    return result, logits


def _refused(logits: np.ndarray, model: Model) -> bool:
    """Whether `predict` says "none of these"."""
    return bool(model.spec.known) and p_value(familiarity(logits), model.spec.known) <= THRESHOLD


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="A model of everyday actions on real video.")
    parser.add_argument("model")
    parser.add_argument("data", type=Path)
    parser.add_argument("--unknown", nargs="*", type=Path, default=[], metavar="FOLDER")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    model = load_model(given.model)
    found: dict[str, Any] = {"sha256": resolve_model(given.model).sha256}
    known = []
    for name, clips, right in sets(given.data, model.labels):
        found[name], logits = measured(model, clips, right)
        known.append(logits)
        result = found[name]
        print(name, result["clips"], "clips:", ", ".join(f"{k} {v:.1%}" for k, v in result["accuracy"].items()))
        if "refused" in result:
            print(f"    none of these: {result['refused']}; named, and rightly: {result['named_right']}")
        print("   ", ", ".join(f"{what} ({count})" for what, count in result["wrong"].items()))
        if name == "ucf101_sample":
            print("   ", ", ".join(f"{clip}: {answer}" for clip, answer in result["answers"].items()))
    if not known:
        parser.error(f"{given.data} has no clip of a class that {given.model} knows")
    familiar = np.array([familiarity(row) for row in np.concatenate(known)])
    others = {folder.name: videos(folder) for folder in given.unknown}
    others["ucf101_sample"] = [
        clip
        for clip in videos(given.data / "ucf101_sample")
        if not set(UCF101.get(clip.parent.name, ())) & set(model.labels)
    ]
    strange = {
        name: np.array([familiarity(row) for row in video_logits(model, [str(clip) for clip in clips])])
        for name, clips in others.items()
    }
    strange["all"] = np.concatenate(list(strange.values()))
    found["unknown"] = {}
    for name, values in strange.items():
        row = {"clips": len(values), "area": area(familiar, values), "false_alarms": false_alarms(familiar, values)}
        if model.spec.known:
            row["refused"] = sum(p_value(value, model.spec.known) <= THRESHOLD for value in values)
        found["unknown"][name] = row
        print(f"unknown, {name}: {row['clips']} clips, area {row['area']:.3f}, false alarms {row['false_alarms']:.0%}")
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
