"""The model that predicts by default, and its card."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from actionzoo.hub import load_catalog, resolve_model
from actionzoo.hub.cache import sha256_of
from actionzoo.inference import load_model
from actionzoo.inference.engines import load_engine
from actionzoo.weights import everyday_card
from actionzoo.weights.train_everyday import LABELS, SPEC

ROOT = Path(__file__).parents[2]
EVERYDAY = ROOT / "weights" / "everyday"


def test_every_file_is_that_of_the_catalog() -> None:
    files = load_catalog()["everyday"].files
    assert set(files) == {"model.keras", "openvino.xml", "openvino.bin"}
    assert {name: sha256_of(EVERYDAY / name) for name in files} == dict(files)
    assert sum((EVERYDAY / name).stat().st_size for name in files) <= 16e6


def test_it_is_what_the_script_makes() -> None:
    spec = resolve_model("everyday").spec
    assert spec.classes == LABELS
    assert len(spec.classes) >= 30
    assert len(spec.known) == 84
    assert (spec.clip, spec.video_format, spec.crop_to_motion) == (SPEC.clip, SPEC.video_format, True)


def test_the_card_is_of_these_files() -> None:
    results = json.loads((EVERYDAY / "results.json").read_text("utf-8"))
    measured = json.loads((ROOT / "benchmarks" / "everyday.json").read_text("utf-8"))
    assert (EVERYDAY / "README.md").read_text("utf-8") == everyday_card.card(EVERYDAY, results, measured)


def test_the_catalog_says_what_the_card_says() -> None:
    results = json.loads((EVERYDAY / "results.json").read_text("utf-8"))
    accuracy = load_catalog()["everyday"].accuracy
    assert accuracy is not None
    assert accuracy.percent == round(100 * results["ut_interaction"]["held_out"]["answer"], 1)


def test_both_engines_agree() -> None:
    files = resolve_model("everyday")
    spec = files.spec
    rng = np.random.default_rng(0)
    shape = (2, spec.num_frames, spec.height, spec.width)
    appearance = rng.integers(0, 256, (*shape, 3)).astype(np.uint8)
    motion = rng.normal(0, 2, (*shape, 2 * spec.stack_length)).astype(np.float32)
    engines = load_engine(files, "openvino", "f32", batch=2), load_engine(files, "keras")
    scores = [softmax(engine(appearance, motion), axis=-1) for engine in engines]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-3)


def test_it_names_the_action_of_the_example() -> None:
    answer = load_model("everyday").predict(str(ROOT / "examples" / "handshake.mp4"))
    assert answer.label == "handshake"


def test_a_still_picture_shows_none_of_its_actions() -> None:
    still = np.full((60, 120, 160, 3), 90, np.uint8)
    assert load_model("everyday").predict(still, fps=15.0).predictions[0].index == -1


@pytest.mark.parametrize("name", ["weizmann_dev", "ucf101_sample"])
def test_what_was_measured_was_measured_of_these_files(name: str) -> None:
    measured = json.loads((ROOT / "benchmarks" / "everyday.json").read_text("utf-8"))
    assert measured["sha256"] == sha256_of(EVERYDAY / "model.keras")
    assert 0 < measured[name]["accuracy"]["answer"] <= 1
