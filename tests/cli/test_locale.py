"""Names with accents where the locale knows ASCII only, in processes of their own."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actionzoo.hub.keras_models import save_model
from actionzoo.models import create_model
from tests.moving import SPEC, TINY, write_moving

PLAIN_C = {"LC_ALL": "C"}
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
"""Python's own ways to UTF-8 in the C locale are closed."""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="locales of POSIX")


@pytest.fixture(params=[PLAIN_C, ASCII], ids=["C", "ASCII"])
def run(
    request: pytest.FixtureRequest, command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `actionzoo` in such a locale and in `tmp_path`."""

    def run_there(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
        there = {"env": os.environ | request.param, "cwd": tmp_path, "encoding": "utf-8"} | options
        return command(*arguments, **there)

    return run_there


def test_predict_prints_every_name(run: Any, clip: Path, tmp_path: Path) -> None:
    shutil.copy(clip, tmp_path / "é ñ 動.mp4")
    done = run("predict", "é ñ 動.mp4", "kaputt_ü.mp4", "--format", "json")
    assert done.returncode == 3
    assert [answer["source"] for answer in json.loads(done.stdout)] == ["é ñ 動.mp4", "kaputt_ü.mp4"]
    assert done.stderr == "actionzoo: kaputt_ü.mp4: there is no such file; check the name\n"
    done = run("predict", ".", "--format", "csv", "--top-k", 1)
    assert [row["source"] for row in csv.DictReader(io.StringIO(done.stdout))] == [os.path.join(".", "é ñ 動.mp4")]
    done = run("predict", "-", input="é ñ 動.mp4\n")
    assert (done.stdout.splitlines()[0], done.stderr) == ("é ñ 動.mp4", "")


def test_what_stdout_cannot_encode_is_escaped(command: Any, clip: Path, tmp_path: Path) -> None:
    shutil.copy(clip, tmp_path / "é.mp4")
    done = command("predict", "é.mp4", "ü.mp4", cwd=tmp_path, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stdout.split()[-1]) == (3, "\\xe9.mp4")
    assert done.stderr.startswith("actionzoo: \\xfc.mp4: ")


def test_data_check_opens_the_names_in_a_csv(run: Any, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "käse").mkdir()
    shutil.copy(clip, tmp_path / "käse" / "ñandú.mp4")
    (tmp_path / "käse" / "ü.mp4").write_text("no video")
    (tmp_path / "set.csv").write_text("path,label\nkäse/ñandú.mp4,käse\nkäse/ü.mp4,brot\n", "utf-8")
    done = run("data", "check", "set.csv")
    assert done.returncode == 3
    assert done.stderr.endswith("actionzoo: käse/ü.mp4: is not a video that FFmpeg knows\n")
    assert [line.split()[0] for line in done.stdout.splitlines()[:2]] == ["brot", "käse"]


@pytest.mark.parametrize("run", [ASCII], indirect=True, ids=["ASCII"])
def test_evaluate_knows_its_classes_and_writes_them(run: Any, tmp_path: Path) -> None:
    network = create_model("st_resnet18", 2, 2, temporal_pool="none", **TINY)
    record = replace(SPEC, classes=("käse", "動"))
    save_model(network, record, tmp_path / "model.keras")
    for label in record.classes:
        write_moving(tmp_path / "set" / label / "ñ.mp4", "left", 1)
    done = run("evaluate", "model.keras", "set", "--report", "report", "--paint", 0)
    assert (done.returncode, done.stderr.count("actionzoo:")) == (0, 0)
    with (tmp_path / "report" / "predictions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["path"], row["label"]) for row in rows] == [("set/käse/ñ.mp4", "käse"), ("set/動/ñ.mp4", "動")]
    with (tmp_path / "report" / "classes.csv").open(encoding="utf-8") as file:
        assert [row["class"] for row in csv.DictReader(file)] == ["käse", "動"]
