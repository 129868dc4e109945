"""How well known videos are told from others: measures against scipy, and an evaluation of a calibrated network."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import mannwhitneyu

from actionzoo import evaluate, load_model
from actionzoo.cli.main import main
from actionzoo.data.decoded import decode_video
from actionzoo.errors import DataError, VideoNotFoundError
from actionzoo.evaluation import EvaluationResult
from actionzoo.evaluation.metrics import area, false_alarms
from actionzoo.evaluation.unknown import familiarities
from actionzoo.hub import read_spec, write_spec
from actionzoo.inference import Model
from actionzoo.report.page import Page
from tests.moving import save_convolutions, write_moving


def test_the_area_is_that_of_the_rank_test() -> None:
    rng = np.random.default_rng(0)
    known, unknown = rng.integers(0, 9, 40) / 9, rng.integers(0, 7, 60) / 9
    expected = mannwhitneyu(known, unknown).statistic / (40 * 60)
    assert area(known, unknown) == pytest.approx(expected)


def test_false_alarms_at_a_rate_of_hits() -> None:
    known = np.arange(100.0)  # 95 are at least 5
    assert false_alarms(known, np.array([3.0, 4.0, 5.0, 50.0])) == pytest.approx(0.75)
    assert (known >= 4).mean() >= 0.95
    assert false_alarms(known, np.array([-1.0])) == 0


def test_familiarities_are_of_all_streams_whatever_else_was_scored() -> None:
    rng = np.random.default_rng(1)
    names = ("background", "motion", "answer", "appearance", "shape")
    logits = {name: rng.normal(size=(5, 4)).astype(np.float32) for name in names}
    both = softmax(logits["appearance"], axis=1) * softmax(logits["motion"], axis=1)
    np.testing.assert_allclose(familiarities(logits), both.max(axis=1), rtol=1e-5)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Six videos of two classes, and a folder with three others of which one is broken."""
    folder = tmp_path_factory.mktemp("videos")
    for number in range(6):
        label = ("down", "left")[number % 2]
        write_moving(folder / "set" / label / f"{number}.mp4", label, number)
    for number in range(2):
        write_moving(folder / "others" / "deep" / f"{number}.mp4", "left", 20 + number, frames=6)
    (folder / "others" / "broken.mp4").write_text("no video")
    return folder / "set", folder / "others"


@pytest.fixture(scope="module")
def plain(folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> EvaluationResult:
    """An evaluation of a network that is not calibrated, on Keras, with unknown videos."""
    model = save_convolutions(tmp_path_factory.mktemp("model") / "model.keras")
    return evaluate(load_model(model, engine="keras"), folders[0], unknown=folders[1])


def calibrated(result: EvaluationResult, folder: Path) -> Model:
    """A copy of its model, calibrated so that the two videos that look least familiar are refused."""
    path = folder / "calibrated.keras"
    shutil.copy(str(result.model.files.path), path)
    second = np.sort(familiarities(result.scores.logits))[1]
    write_spec(path, replace(read_spec(path), known=(float(second) + 1e-4,) * 20))
    return load_model(path, engine="keras")


def test_any_network_tells_known_from_unknown(plain: EvaluationResult, folders: tuple[Path, Path]) -> None:
    assert plain.unknown is not None
    assert (plain.unknown.videos, plain.unknown.refused, plain.refused) == (2, None, None)
    assert [path.name for path, _ in plain.broken] == ["broken.mp4"]
    assert plain.metrics.videos == 6
    known = familiarities(plain.scores.logits)
    others = [
        familiarities({name: logits[None] for name, logits in zip(plain.model.outputs, scores, strict=True)})[0]
        for scores in (
            plain.model.video_scores(decode_video(path, 0, plain.model.spec.video_format))
            for path in (folders[1] / "deep").iterdir()
        )
    ]
    assert plain.unknown.area == np.mean([[one > other for one in known] for other in others])
    assert "refused" not in plain.to_dict()


def test_a_calibrated_network_refuses_what_predict_refuses(
    plain: EvaluationResult, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    model = calibrated(plain, tmp_path)
    result = evaluate(model, folders[0], unknown=folders[1])
    answers = [model.predict(path) for path in result.scores.paths]
    assert result.refused == np.mean([answer.label == "none of these" for answer in answers]) == 2 / 6
    others = [model.predict(path).label for path in sorted((folders[1] / "deep").iterdir())]
    assert result.unknown is not None
    assert result.unknown.refused == others.count("none of these") / 2
    assert result.metrics == plain.metrics
    assert result.to_dict()["refused"] == result.refused
    assert result.to_dict()["unknown"]["area"] == pytest.approx(plain.unknown.area if plain.unknown else None)
    text = Page(result).render()
    assert "33.3 % of these videos are wrongly called none of these." in text
    assert "2 unknown videos: " in text


def test_videos_scored_otherwise_than_predict_does_are_not_judged(
    plain: EvaluationResult, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    result = evaluate(calibrated(plain, tmp_path), folders[0], average="softmax")
    assert result.refused is None
    assert result.unknown is None


def test_folders_without_videos(plain: EvaluationResult, folders: tuple[Path, Path], tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(VideoNotFoundError, match="is no folder that holds videos"):
            evaluate(plain.model, folders[0], unknown=folder)
    (tmp_path / "broken.mp4").write_text("no video")
    with pytest.raises(DataError, match="none of 1 videos can be read"):
        evaluate(plain.model, folders[0], unknown=tmp_path)


def test_the_command(
    plain: EvaluationResult, folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = calibrated(plain, tmp_path).files.path
    assert main(["evaluate", str(path), str(folders[0]), "--unknown", str(folders[1])]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "33.3 % of these videos are wrongly called none of these"
    assert lines[2].startswith("2 unknown videos: ")
    assert main(["evaluate", str(path), str(folders[0]), "--unknown", str(folders[1] / "deep"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["refused"], found["unknown"]["videos"]) == (2 / 6, 2)
