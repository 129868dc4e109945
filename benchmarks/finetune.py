"""How well fine-tuning with no flag works on a set of another kind: signed words, persons held out.

    python -m benchmarks.finetune ISL_EMERGENCY --work FOLDER [--json benchmarks/finetune.json]

Persons 21 to 26 are the test; nothing was tuned on them. `mini`, fine-tuned, against the same network from scratch with
the same recipe, three seeds each. The interval is that of `evaluate`, over persons, of the middle seed.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from actionzoo.evaluation import evaluate
from actionzoo.training import Recipe, finetune

TEST = range(21, 27)
SEEDS = (0, 1, 2)


def write_set(folder: Path, path: Path) -> None:
    """The set as a CSV, by persons."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "group", "split"])
        for video in sorted(folder.glob("*/*.avi")):
            person = int(re.search(r"_p(\d+)", video.name)[1])  # type: ignore[index]
            part = "test" if person in TEST else "train"
            writer.writerow([video.resolve(), video.parent.name, f"p{person}", part])


def main() -> None:
    """Learn, test, print."""
    parser = argparse.ArgumentParser(description="Fine-tune mini on a set of another kind.")
    parser.add_argument("data", type=Path, help="the signed words, in class folders")
    parser.add_argument("--work", type=Path, required=True, help="folder for runs; finished ones are kept")
    parser.add_argument("--json", type=Path, help="also write the numbers there")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    write_set(options.data, options.work / "set.csv")
    found: dict[str, Any] = {}
    for name, init in (("fine-tuned", "trained"), ("from scratch", "random")):
        rows = []
        for seed in SEEDS:
            run = options.work / f"{init}_{seed}"
            if not (run / "metrics.json").exists():
                recipe = replace(Recipe(), init=init, seed=seed)
                finetune(options.work / "set.csv", run, recipe, resume=(run / "checkpoint.safetensors").exists())
            metrics = evaluate(run, options.work / "set.csv", split="test").metrics
            rows.append({"answer": metrics.top1, **metrics.streams, "interval": metrics.top1_interval})
            print(f"{name}, seed {seed}: {rows[-1]}", flush=True)
            keras.backend.clear_session()
        found[name] = {
            key: [round(100 * row[key], 1) for row in rows] for key in ("appearance", "motion", "answer")
        } | {"interval": [round(100 * end, 1) for end in sorted(rows, key=lambda row: row["answer"])[1]["interval"]]}
    print("| | appearance | motion | both |\n|---|---|---|---|")
    for name, row in found.items():
        means = [f"{statistics.mean(row[key]):.1f}" for key in ("appearance", "motion", "answer")]
        print(f"| {name} | {' | '.join(means)} |")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
