"""How well scores tell clips of actions that a network knows from clips of anything else.

    python -m benchmarks.unknown MODEL --known LIST.csv --unknown FOLDER [FOLDER ...] [--json benchmarks/unknown.json]

LIST.csv (path, label[, split]) names clips of the network's classes; of one that has splits, those of "test", which the
network must not have learned from. Below each FOLDER everything is unknown. Each score is computed from the mean logits
of a video; it is higher for what is known. Printed for each: the area under the ROC curve, and the false alarms, which
are the share of unknown clips taken for known where 95 % of the known ones are.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from actionzoo.evaluation.metrics import HITS, area, false_alarms
from actionzoo.inference import Model, expand_sources, load_model
from actionzoo.inference.clips import Clip, cut_clips, fitted
from actionzoo.inference.sources import as_source
from actionzoo.inference.video_pass import VideoPass

Array = NDArray[np.float32]

SCORES: dict[str, Callable[[Array], Array]] = {
    "probability": lambda logits: softmax(logits[:, 0], axis=1).max(axis=1),
    "margin": lambda logits: np.ptp(np.sort(logits[:, 0], axis=1)[:, -2:], axis=1),
    "largest logit": lambda logits: logits[:, 0].max(axis=1),
    "energy": lambda logits: logsumexp(logits[:, 0], axis=1),
    "energy, appearance": lambda logits: logsumexp(logits[:, 1], axis=1),
    "energy, motion": lambda logits: logsumexp(logits[:, 2], axis=1),
    "both streams": lambda logits: softmax(logits[:, 1:], axis=2).min(axis=1).max(axis=1),
    "product of streams": lambda logits: softmax(logits[:, 1:], axis=2).prod(axis=1).max(axis=1),
}
"""By name, of logits `(videos, 3, classes)`: the answer's, those of appearance, those of motion. "Both streams" is the
probability of the class that the less sure of the two streams finds likeliest."""


def video_logits(model: Model, videos: Sequence[str]) -> Array:
    """The mean logits of each video's clips, `(videos, 3, classes)`."""
    rows = []
    for video in videos:
        seen = VideoPass(as_source(video, None), model.spec, model.flow)
        cut = cut_clips(seen, model.spec.clip, seen.duration_s)
        clips = (fitted(each, model.spec) for each in cut if isinstance(each, Clip))
        rows.append(np.mean([model.scores(clip.appearance[None], clip.motion[None])[0] for clip in clips], axis=0))
    return np.stack(rows)


def tested(path: Path) -> list[str]:
    """The clips of a CSV: of one with splits, those of the test."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["path"] for row in rows if row.get("split", "test") == "test"]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="Scores that tell known from unknown.")
    parser.add_argument("model")
    parser.add_argument("--known", type=Path, required=True, metavar="CSV")
    parser.add_argument("--unknown", nargs="+", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    model = load_model(given.model)
    if model.outputs != ("answer", "appearance", "motion"):
        parser.error(f"{given.model} has no classifier of each stream")
    known = video_logits(model, tested(given.known))
    others = {path.name: video_logits(model, expand_sources([str(path)])) for path in given.unknown}
    others["all"] = np.concatenate(list(others.values()))
    print(f"{given.model}: {len(known)} known clips; unknown: area under ROC, false alarms at {HITS:.0%} hits")
    print(" " * 20 + "".join(f"{f'{name} ({len(logits)})':>24}" for name, logits in others.items()))
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for name, score in SCORES.items():
        of_known = score(known)
        found[name] = {
            other: (area(of_known, score(logits)), false_alarms(of_known, score(logits)))
            for other, logits in others.items()
        }
        print(f"{name:<20}" + "".join(f"{good:>16.3f}{bad:>8.0%}" for good, bad in found[name].values()))
    if given.json:
        counts = {"known": len(known)} | {name: len(logits) for name, logits in others.items()}
        facts = {"model": Path(given.model).name, "clips": counts, "scores": found}
        given.json.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
