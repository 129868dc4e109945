"""`actionzoo evaluate` and `actionzoo fuse`, as a user types them."""

from __future__ import annotations

import csv
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from actionzoo import evaluation
from actionzoo.cli.main import main
from actionzoo.evaluation import Scores, measure, read_scores
from actionzoo.hub.keras_models import save_model
from actionzoo.models import create_model
from actionzoo.visualization.gallery import paint_gallery
from tests.moving import SPEC, TINY, write_moving


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of a miniature network that has learned nothing."""
    path = tmp_path_factory.mktemp("model") / "model.keras"
    keras.utils.set_random_seed(0)
    save_model(create_model("st_resnet18", 2, 2, temporal_pool="none", **TINY), SPEC, path)
    return path


def count_calls(monkeypatch: pytest.MonkeyPatch, target: str) -> list[Any]:
    """A list that gets an entry for each call of a function."""
    module, _, name = target.rpartition(".")
    function, calls = getattr(import_module(module), name), []

    def counting(*given: Any, **options: Any) -> Any:
        calls.append(given)
        return function(*given, **options)

    monkeypatch.setattr(target, counting)
    return calls


def test_the_command(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "set"
    for number in range(3):
        write_moving(broken / "down" / f"{number}.mp4", "down", number)
    write_moving(broken / "left" / "3.mp4", "left", 3)
    (broken / "left" / "4.mp4").write_text("no video")
    report, early = tmp_path / "report", []
    once = ("inference.model.load_keras", "report.page.confused_pairs", "report.page.draw_classes")
    calls = {name: count_calls(monkeypatch, f"actionzoo.{name}") for name in (*once, "report.page.clip_url")}

    def painting(*given: Any, **options: Any) -> Any:
        early.append((report / "index.html").read_text("utf-8"))
        return paint_gallery(*given, **options)

    monkeypatch.setattr("actionzoo.report.report.paint_gallery", painting)
    assert main(["evaluate", str(model), str(broken), "--report", str(report)]) == 3
    out, err = capsys.readouterr()
    assert "index.html is there; painting 2 classes for it" in err
    assert "4.mp4" in err
    assert "all 5 videos; protocol windows" in err
    assert "top-1 accuracy " in out
    assert " % of 4 videos (95 % interval " in out
    assert ", over 4 groups)" in out
    written = json.loads((report / "metrics.json").read_text())
    scores = read_scores(report / "scores.npz")
    assert written["top1"] == measure(scores).top1
    assert written["broken"][0][0].endswith("4.mp4")
    with (report / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == ["down", "down", "down", "left"]
    assert sum(int(row["correct"]) for row in rows) == round(4 * written["top1"])
    assert {name: len(calls[name]) for name in once} == dict.fromkeys(once, 1)
    assert len(calls["report.page.clip_url"]) == round(4 * (1 - written["top1"]))
    page = (report / "index.html").read_text("utf-8")
    assert "Not painted" not in page
    assert ["Not painted" in text for text in early] == [True]  # there before painting begins
    assert "model.keras on set" in page
    assert "left, mistaken for down" in page or "down, mistaken for left" in page
    assert 'data-picture="class-0-slow"' in page
    assert len(list((report / "painted").glob("*.webp"))) == 4
    for name in ("confusion", "classes", "reliability"):
        assert (report / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert main(["fuse", str(report / "scores.npz"), str(report / "scores.npz"), "--weights", "1", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    alone = lines[0].removeprefix(str(report / "scores.npz")).partition(";")[0]
    assert lines[2] == f"fused{alone}"  # the mean of a score and itself


@pytest.mark.parametrize("weights", [["1"], ["1", "2", "3"], ["0", "0"], ["1", "-1"], ["nan", "1"], ["1", "inf"]])
def test_weights_that_make_no_sense(weights: list[str]) -> None:
    assert main(["fuse", "a.npz", "b.npz", "--weights", *weights]) == 2


def test_unknown_classes(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label in ("lef", "down"):
        write_moving(tmp_path / label / "1.mp4", "left", 1)
    assert main(["evaluate", str(model), str(tmp_path)]) == 1
    assert "does not know the class 'lef' of the videos; did you mean left?" in capsys.readouterr().err


def test_nothing_that_can_be_read(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label in ("left", "down"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.mp4").write_text("no video")
    assert main(["evaluate", str(model), str(tmp_path)]) == 1
    assert "none of 2 videos can be read" in capsys.readouterr().err


def test_only_what_the_training_kept_is_tested(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "model.keras").write_bytes(model.read_bytes())
    rows = ["path,label,group,split"]
    for number, (label, part) in enumerate([("down", "train"), ("left", "val"), ("down", "test"), ("left", "test")]):
        write_moving(tmp_path / "set" / label / f"{number}.mp4", label, number)
        rows.append(f"../set/{label}/{number}.mp4,{label},,{part}")
    (run / "split.csv").write_text("\n".join(rows) + "\n")
    assert main(["evaluate", str(run), str(tmp_path / "set"), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["videos"] == 2
    assert f"2 of 4 videos: the split 'test' that {run} was trained with; protocol windows" in err
    assert main(["evaluate", str(run), str(tmp_path / "set"), "--part", "all"]) == 1
    out, err = capsys.readouterr()
    assert "has learned from 2 of these videos" in err
    assert not out
    assert main(["evaluate", str(run), str(tmp_path / "set"), "--part", "all", "--force", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["videos"] == 4


def test_a_report_that_cannot_be_written_is_no_test_at_all(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*given: object, **options: object) -> None:
        raise AssertionError("tested for nothing")

    for label in ("down", "left"):
        write_moving(tmp_path / "set" / label / "1.mp4", label, 1)
    (tmp_path / "file").write_text("mine")
    monkeypatch.setattr(evaluation, "evaluate", never)
    assert main(["evaluate", str(model), str(tmp_path / "set"), "--report", str(tmp_path / "file")]) == 1
    assert "a file is in its place" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"


def test_fused_scores_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One network knows the first video, one the second, and the second is surer."""
    labels, groups = np.array([0, 1]), ("", "")
    for name, folder, logits in (("a", "here", [[1, 0], [1, 0]]), ("b", "/there", [[0, 1], [0, 9]])):
        paths = (f"{folder}/x/1.mp4", f"{folder}/y/1.mp4")
        scores = Scores(("x", "y"), paths, labels, groups, {"answer": np.array(logits, np.float32)})
        (tmp_path / f"{name}.npz").write_bytes(scores.to_npz())
    files = [str(tmp_path / name) for name in ("a.npz", "b.npz")]
    assert main(["fuse", *files, "--weights", "3", "1", "--output", str(tmp_path / "c.npz")]) == 0
    shares = [line.split("  ", 1)[1].split(" (")[0] for line in capsys.readouterr().out.splitlines()]
    assert shares == [f"top-1 accuracy {share} % of 2 videos" for share in ("50.0", "50.0", "100.0")]
    np.testing.assert_allclose(read_scores(tmp_path / "c.npz").logits["answer"], [[0.75, 0.25], [0.75, 2.25]])
    for place in (tmp_path / "a.npz" / "c.npz", tmp_path / "no" / "c.npz"):
        assert main(["fuse", *files, "--output", str(place)]) == 1
        assert f"{place}: cannot be written (" in capsys.readouterr().err
