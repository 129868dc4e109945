"""After a training the network knows how familiar held-out videos look, if there are enough and it has learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from actionzoo import evaluate, load_model
from actionzoo.data.build import build
from actionzoo.data.dataset import read_dataset
from actionzoo.hub.keras_file import read_spec
from actionzoo.training import Recipe, TrainingResult, finetune
from tests.moving import write_moving

HELD_OUT = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven videos to learn from and twenty others, once each for validation and for a test, and all labelled wrongly;
    and with labels that nothing tells."""
    folder = tmp_path_factory.mktemp("videos")
    rows = []
    for number in range(7 + HELD_OUT):
        label = ("down", "left")[number % 2]
        write_moving(folder / label / f"{number}.mp4", label, number)
        rows.append(f"{label}/{number}.mp4,{label}")
    learned, held_out = [f"{row},train" for row in rows[:7]], rows[7:]
    guesses = [f"{row.split(',')[0]},{('down', 'left')[number // 2 % 2]}" for number, row in enumerate(held_out)]
    for name, others in {
        "val": [f"{row},val" for row in held_out],
        "test": [f"{row},test" for row in held_out],
        "few": [f"{row},test" for row in held_out[:18]],
        "guesses": [f"{row},test" for row in guesses],
    }.items():
        (folder / f"{name}.csv").write_text("\n".join(["path,label,split", *learned, *others]) + "\n")
    return folder


@pytest.fixture(scope="module")
def learned(folder: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """A training that learns which way things move."""
    how = {"optimizer": "sgd", "learning_rate": 0.02, "stride_range": 0, "label_smoothing": 0.0}
    recipe = Recipe(str(tiny_model), num_frames=2, stride=2, fps=15.0, epochs=30, batch_size=4, **how)
    return finetune(folder / "val.csv", tmp_path_factory.mktemp("learned") / "run", recipe)


def test_the_model_knows_how_familiar_held_out_videos_look(learned: TrainingResult, folder: Path) -> None:
    spec = read_spec(learned.folder / "model.keras")
    assert learned.calibration == "calibrated on 20 validation clips: it says when a video is none of its classes"
    assert (learned.spec, len(spec.known)) == (spec, HELD_OUT)
    assert read_spec(learned.folder / "last.keras").known == ()
    model = load_model(learned.folder, engine="keras")
    scores = evaluate(model, folder / "val.csv", split="val", force=True)
    both = [softmax(scores.scores.logits[name], axis=1) for name in ("appearance", "motion")]
    np.testing.assert_allclose(spec.known, np.sort((both[0] * both[1]).max(axis=1)), rtol=1e-4)
    assert scores.refused == 0  # the least familiar of them has the p value 2 / 21
    p_values = sorted(model.predict(path).known or 0.0 for path in scores.scores.paths)
    assert p_values == pytest.approx([rank / 21 for rank in range(2, 22)], abs=1.01 / 21)


def test_a_resumed_training_is_calibrated_again(learned: TrainingResult, folder: Path) -> None:
    before = read_spec(learned.folder / "model.keras")
    again = finetune(folder / "val.csv", learned.folder, resume=True)
    assert again.calibration == learned.calibration
    assert read_spec(learned.folder / "model.keras").known == pytest.approx(before.known, rel=1e-5)


def continued(learned: TrainingResult, data: object, run: Path) -> TrainingResult:
    """A training that changes next to nothing of what was learned."""
    how = {"optimizer": "sgd", "learning_rate": 1e-9, "stride_range": 0, "batch_norm": "frozen"}
    recipe = Recipe(str(learned.folder), num_frames=2, stride=2, fps=15.0, epochs=1, batch_size=4, **how)
    return finetune(data, run, recipe)


def test_without_a_validation_the_test_calibrates(learned: TrainingResult, folder: Path, tmp_path: Path) -> None:
    done = continued(learned, folder / "test.csv", tmp_path / "run")
    assert done.calibration == "calibrated on 20 test clips: it says when a video is none of its classes"
    assert done.spec.known == pytest.approx(learned.spec.known, rel=1e-3)


def test_too_few_or_mere_guesses_calibrate_nothing(learned: TrainingResult, folder: Path, tmp_path: Path) -> None:
    """Also where the network to begin with was calibrated: it had learned other weights."""
    few = continued(learned, folder / "few.csv", tmp_path / "few")
    assert few.calibration == (
        "18 clips held out are too few to learn what is none of its classes (19 are enough): it always names a class"
    )
    guesses = continued(learned, folder / "guesses.csv", tmp_path / "guesses")
    assert guesses.calibration == "answers about 20 clips held out are no better than guesses: it always names a class"
    for done in (few, guesses):
        assert done.spec.known == read_spec(done.folder / "model.keras").known == ()


def test_videos_that_cannot_be_read_do_not_count(learned: TrainingResult, folder: Path, tmp_path: Path) -> None:
    rows = (folder / "test.csv").read_text().splitlines()
    rows = [rows[0], *(f"{folder}/{row}" for row in rows[1:])]
    broken = []
    for number in range(2):
        broken.append(tmp_path / f"{number}.mp4")
        broken[-1].write_text("no video")
    data = tmp_path / "set.csv"
    data.write_text("\n".join([*rows[:-2], *(f"{path},left,test" for path in broken)]) + "\n")
    assert continued(learned, data, tmp_path / "run").calibration.startswith("18 clips held out are too few")


def test_shards_calibrate_as_the_videos_do(learned: TrainingResult, folder: Path, tmp_path: Path) -> None:
    build(read_dataset(folder / "test.csv"), tmp_path / "shards", learned.spec.video_format)
    done = continued(learned, tmp_path / "shards", tmp_path / "run")
    assert done.calibration.startswith("calibrated on 20 test clips")
    assert done.spec.known == pytest.approx(learned.spec.known, abs=0.05)  # frames and flow are JPEGs
