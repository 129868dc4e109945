"""The benchmark of everyday actions, on puppets in folders of the same names."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from actionzoo.puppets import write_dataset
from benchmarks.everyday import UCF101, sets

ROOT = Path(__file__).parents[2]


def test_the_command(tmp_path: Path) -> None:
    write_dataset(tmp_path / "data" / "ut_interaction", 1, 5, actions=["kick", "push"], height=64, workers=1)
    strange = tmp_path / "data" / "ucf101_sample" / "Typing"
    strange.mkdir(parents=True)
    shutil.copy(tmp_path / "data" / "ut_interaction" / "kick" / "kick_0000.mp4", strange)
    given = ["mini", tmp_path / "data", "--unknown", ROOT / "examples", "--json", tmp_path / "o.json"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.everyday", *map(str, given)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "o.json").read_text())
    assert (found["ut_interaction"]["clips"], set(found["unknown"])) == (2, {"examples", "ucf101_sample", "all"})
    assert list(found["ut_interaction"]["answers"]) == ["kick/kick_0000.mp4", "push/push_0000.mp4"]


def test_only_what_the_model_knows_counts(tmp_path: Path) -> None:
    for clip in ("weizmann_dev/jump_forward/a.avi", "weizmann_dev/walk/b.avi", "ucf101_sample/LongJump/c.avi"):
        (tmp_path / clip).parent.mkdir(parents=True)
        (tmp_path / clip).touch()
    (only,) = sets(tmp_path, ["walk"])
    assert only == ("weizmann_dev", [tmp_path / "weizmann_dev/walk/b.avi"], [("walk",)])
    assert [right for _, _, right in sets(tmp_path, ["jump forward"])] == [[("jump forward",)], [UCF101["LongJump"]]]
