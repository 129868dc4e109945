"""How two streams should be joined, on small real data: UT-Interaction, whole sequences left out.

    python -m benchmarks.ablation UT_INTERACTION --work FOLDER [--json benchmarks/ablation.json]

Every network has 18 layers of a quarter of the channels, sees the same clips and learns from scratch with the same
recipe, for as many steps. Sequences n and n + 10 may show the same people and stay together. Each of the three folds is
done with each seed; finished ones are kept in the work folder. Standard errors are those of a mean over the fourteen
sequences, of each the mean over the seeds; the difference to late fusion is taken clip by clip.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from actionzoo.data.dataset import VideoDataset, read_dataset, write_csv
from actionzoo.evaluation import Protocol, Scores, evaluate, read_scores
from actionzoo.hub.resolve import resolve_model
from actionzoo.training import Recipe, finetune

SEQUENCES = r"_(\d+)_\d+\.avi$"
FOLDS = (("1", "11", "2", "12", "3", "13"), ("6", "16", "7", "17"), ("8", "18", "10", "20"))
SEEDS = (0, 1, 2)
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "late": ("two_stream_resnet18", {"fusion": "late"}),
    "sum": ("two_stream_resnet18", {"fusion": "sum"}),
    "conv": ("two_stream_resnet18", {"fusion": "conv"}),
    "temporal filters, late": ("st_resnet18", {"connection": "none"}),
    "ST-ResNet": ("st_resnet18", {}),
    "ST-ResNet, direct": ("st_resnet18", {"connection": "direct"}),
    "ST-MulNet": ("st_mulnet18", {}),
}
PAIRS = (
    ("ST-ResNet", "temporal filters, late"),
    ("ST-ResNet", "ST-ResNet, direct"),
    ("ST-ResNet", "ST-MulNet"),
    ("sum", "conv"),
)
"""Networks that differ in one thing."""

OPTIONS = {"height": 88, "width": 112, "channel_factor": 0.25, "preprocessing": "torchvision"}
STEPS = 300
BATCH = 8
RECIPE = Recipe(init="random", num_frames=5, stride=7, fps=15.0, batch_size=BATCH, dropout=0.3)


def scores_of(name: str, fold: int, seed: int, data: VideoDataset, work: Path) -> Scores:
    """What a network says about the clips of a fold, having learned from the others."""
    place = work / f"{name.replace(' ', '_').replace(',', '')}_{fold}_{seed}"
    if not (place / "scores.npz").exists():
        network, options = NETWORKS[name]
        videos = tuple(replace(v, split="test" if v.group in FOLDS[fold] else "train") for v in data.videos)
        divided = replace(data, videos=videos)
        place.mkdir(parents=True, exist_ok=True)
        write_csv(divided, place / "fold.csv")
        train = len(divided.part("train").videos)
        epochs = round(STEPS / -(-train // BATCH))
        recipe = replace(RECIPE, model=network, options=OPTIONS | options, epochs=epochs, seed=seed)
        since = time.time()
        finetune(place / "fold.csv", place / "run", recipe, resume=(place / "run" / "checkpoint.safetensors").exists())
        files = resolve_model(place / "run")
        done = evaluate(files, divided.part("test"), Protocol(files.spec, "windows"))
        (place / "scores.npz").write_bytes(done.scores.to_npz())
        correct = (done.scores.answers == done.scores.labels).mean()
        print(f"{name}, fold {fold + 1}, seed {seed}: {100 * correct:.1f} %, {time.time() - since:.0f} s", flush=True)
        keras.backend.clear_session()
    return read_scores(place / "scores.npz")


def summarise(data: VideoDataset, work: Path) -> dict[str, Any]:
    """Accuracy in percent of each network and of single streams, with standard errors and gains over late fusion."""
    correct = {name: _correct(name, "answer", data, work) for name in NETWORKS}
    correct = {stream: _correct("late", stream, data, work) for stream in ("appearance", "motion")} | correct
    groups = np.array([video.group for video in data.videos])
    shown = np.array([data.classes[video.label] for video in data.videos])
    rows = {}
    for name, table in correct.items():
        gain = table.mean(axis=0) - correct["late"].mean(axis=0)
        rows[name] = {
            "correct": _mean(table.mean(axis=0), groups),
            "without_point": _mean(table.mean(axis=0)[shown != "point"], groups[shown != "point"]),
            "by_seed": [round(100 * float(row.mean()), 1) for row in table],
            "against_late": _mean(gain, groups),
        }
    pairs = {
        f"{one} - {other}": _mean(correct[one].mean(axis=0) - correct[other].mean(axis=0), groups)
        for one, other in PAIRS
    }
    return {"pairs": pairs, "steps": STEPS, "recipe": RECIPE.to_toml(), "networks": rows}


def _correct(name: str, output: str, data: VideoDataset, work: Path) -> np.ndarray:
    """Whether each prediction is correct, `(seeds, clips)` in the order of the data."""
    table = np.full((len(SEEDS), len(data.videos)), np.nan)
    order = {str(video.path): place for place, video in enumerate(data.videos)}
    for seed in SEEDS:
        for fold in range(len(FOLDS)):
            scores = scores_of(name, fold, seed, data, work)
            for path, label, logits in zip(scores.paths, scores.labels, scores.logits[output], strict=True):
                table[seed, order[path]] = logits.argmax() == label
    return table


def _mean(values: np.ndarray, groups: np.ndarray) -> list[float]:
    """Percent over all clips, and the standard error of the mean over groups."""
    means = [values[groups == group].mean() for group in np.unique(groups)]
    return [round(100 * float(v), 1) for v in (values.mean(), np.std(means, ddof=1) / np.sqrt(len(means)))]


def main() -> None:
    """Train what is not trained yet, and print the table."""
    parser = argparse.ArgumentParser(description="Compare ways to join two streams on UT-Interaction.")
    parser.add_argument("data", type=Path, help="UT-Interaction in class folders")
    parser.add_argument("--work", type=Path, required=True, help="folder for finished trainings")
    parser.add_argument("--json", type=Path, help="also write the numbers there")
    options = parser.parse_args()
    data = read_dataset(options.data, group=SEQUENCES)
    for seed in SEEDS:
        for fold in range(len(FOLDS)):
            for name in NETWORKS:
                scores_of(name, fold, seed, data, options.work)
    found = summarise(data, options.work)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print('| | % of 84 clips | without "point" | against late fusion | seeds |\n|---|---|---|---|---|')
    for name, row in found["networks"].items():
        cells = [f"{mean:.1f} ± {error:.1f}" for mean, error in (row["correct"], row["without_point"])]
        gain = "{:+.1f} ± {:.1f}".format(*row["against_late"])
        print(f"| {name} | {' | '.join(cells)} | {gain} | {', '.join(map(str, row['by_seed']))} |")
    for pair, (gain, error) in found["pairs"].items():
        print(f"{pair}: {gain:+.1f} ± {error:.1f}")


if __name__ == "__main__":
    main()
