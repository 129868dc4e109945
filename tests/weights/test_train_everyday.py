"""The script that makes `everyday`, in miniature."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from actionzoo.data.decoded import DecodedVideo
from actionzoo.hub.keras_file import read_spec
from actionzoo.inference import load_model
from actionzoo.video.sampling import ClipSpec
from actionzoo.video.writer import VideoWriter
from actionzoo.weights import train_everyday
from actionzoo.weights.repertoire import CLASSES, FILES, IDLE
from actionzoo.weights.train_everyday import LABELS

SOURCES = [source for sources in (*CLASSES.values(), IDLE) for source in sources]


@pytest.fixture(autouse=True)
def miniature(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"SIZE": (32, 40), "WIDTH": 0.0625, "BATCH": 6, "PUPPETS_A_CLASS": 1, "HEIGHT": 48, "PIECE": 1}
    shares = {"NONE_SHARE": 1, "REAL_SHARE": 2, "OTHERS_SHARE": 1, "PUPPET_SHARES": (2, 1)}
    for name, value in {**sizes, **shares, "STEPS": 2, "REAL_STEPS": 1, "FOLDS": ((1,), (2,))}.items():
        monkeypatch.setattr(train_everyday, name, value)
    stack = {"SPEC": ClipSpec(3, 2, 2), "LEARNED": ClipSpec(2, 3, 2), "RATE": 1e-2}
    for name, value in stack.items():
        monkeypatch.setattr(train_everyday, name, value)


def decoded(label: int, seed: int = 0) -> DecodedVideo:
    rng = np.random.default_rng([label + 1, seed])
    frames = rng.integers(0, 256, (20, 32, 40, 3)).astype(np.uint8)
    return DecodedVideo(f"{label}.mp4", label, frames, rng.normal(size=(19, 32, 40, 2)).astype(np.float16))


def test_a_clip_of_none_of_the_classes_is_all_of_them_a_little() -> None:
    assert train_everyday.target(-1) == pytest.approx(np.full(len(LABELS), 1 / len(LABELS)))
    assert train_everyday.target(3).tolist() == [float(index == 3) for index in range(len(LABELS))]


def test_learning_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mixture = [([decoded(label) for label in range(4)], 4), ([decoded(-1)], 1)]
    whole = train_everyday.learn(mixture, tmp_path / "whole.keras", 3, 1e-2, seed=0)
    draws = train_everyday.draws

    def killed(mixture: train_everyday.Mixture, batches: range, seed: int) -> train_everyday.Draws:
        if batches.start == 2:
            raise KeyboardInterrupt
        return draws(mixture, batches, seed)

    monkeypatch.setattr(train_everyday, "draws", killed)
    with pytest.raises(KeyboardInterrupt):
        train_everyday.learn(mixture, tmp_path / "pieces.keras", 3, 1e-2, seed=0)
    monkeypatch.setattr(train_everyday, "draws", draws)
    pieces = train_everyday.learn(mixture, tmp_path / "pieces.keras", 3, 1e-2, seed=0)
    for one, other in zip(whole.get_weights(), pieces.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0.02, atol=2e-3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pieces.keras", "whole.keras"]


def film(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = np.random.default_rng(seed).integers(0, 256, (20, 48, 64, 3)).astype(np.uint8)
    with VideoWriter(path, 15.0, (48, 64)) as video:
        for frame in frames:
            video.write(frame)


@pytest.mark.slow
def test_from_recorded_joints_to_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    poses, real, others = (tmp_path / name for name in ("poses", "real", "others"))
    poses.mkdir()
    for file, layout, channels, people in (
        ("utd_mhad_kinect3d", "kinect20", 3, 20), ("penn_action_2d", "penn13", 2, 13),
        ("sbu_two_people_3d", "sbu15", 3, 30), ("jhmdb_2d", "jhmdb15", 2, 15),
    ):  # fmt: skip
        short = next(key for key, name in FILES.items() if name.startswith(file))
        labels = sorted(
            {each for source in SOURCES if getattr(source, "file", None) == short for each in source.labels}
        )
        joints = np.random.default_rng(0).normal(size=(40 * len(labels), people, channels))
        ends = 40 * np.arange(1, len(labels) + 1)
        np.savez(poses / f"{file}.npz", joints=joints, ends=ends, label=labels, layout=layout)
    for number, (label, sequence) in enumerate((("hug", 1), ("kick", 1), ("hug", 2), ("kick", 2))):
        film(real / label / f"{number}_{sequence}_1.mp4", number)
    film(others / "street.mp4", 9)
    arguments = ["train_everyday", str(poses), str(tmp_path / "out"), "--work", str(tmp_path / "work")]
    monkeypatch.setattr(sys, "argv", [*arguments, "--real", str(real), "--others", str(others)])
    train_everyday.main()
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert set(results["ut_interaction"]) == {"appearance", "motion", "answer"}
    spec = read_spec(tmp_path / "out" / "model.keras")
    assert (spec.classes, len(spec.known)) == (LABELS, 4)
    answer = load_model(str(tmp_path / "out")).predict(str(others / "street.mp4"), threshold=0)
    assert answer.label in LABELS
    before = (tmp_path / "work" / "real.keras").stat().st_mtime_ns
    train_everyday.main()  # everything is there
    assert (tmp_path / "work" / "real.keras").stat().st_mtime_ns == before
