"""The scores of `benchmarks.unknown`, against hand-made cases, and the command on puppets."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from actionzoo.puppets import write_dataset
from benchmarks.unknown import SCORES

ROOT = Path(__file__).parents[2]


def test_streams_that_disagree_are_not_sure_together() -> None:
    agree = np.array([[[3, 0, 0], [3, 0, 0], [3, 0, 0]]], np.float32)
    differ = np.array([[[3, 3, 0], [6, 0, 0], [0, 6, 0]]], np.float32)
    assert SCORES["both streams"](agree) > 0.9
    assert SCORES["both streams"](differ) < 0.01
    for name, score in SCORES.items():
        assert score(np.concatenate([agree, differ])).shape == (2,), name


def test_the_command(tmp_path: Path) -> None:
    paths = write_dataset(tmp_path / "puppets", 1, 5, actions=["kick", "push"], height=64, workers=1)
    with (tmp_path / "known.csv").open("w", newline="") as file:
        rows = [[path, path.parent.name, split] for path, split in zip(paths, ("test", "train"), strict=True)]
        csv.writer(file).writerows([["path", "label", "split"], *rows])
    given = ["mini", "--known", tmp_path / "known.csv", "--unknown", ROOT / "examples", "--json", tmp_path / "o.json"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.unknown", *map(str, given)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "o.json").read_text())
    assert found["clips"]["known"] == 1
    assert found["scores"].keys() == SCORES.keys()
    assert set(found["scores"]["energy"]) == {"examples", "all"}
