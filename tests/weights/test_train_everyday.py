"""The script that makes `everyday`, in miniature."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actionzoo.data.decoded import DecodedVideo
from actionzoo.hub.keras_file import read_spec
from actionzoo.inference import load_model
from actionzoo.video.spec import InputSpec
from actionzoo.video.writer import VideoWriter
from actionzoo.weights import train_everyday
from actionzoo.weights.repertoire import CLASSES, FILES, IDLE, NONE
from actionzoo.weights.train_everyday import LABELS, Clips, Stage
from tests.puppets.depth_films import body, write

SOURCES = [source for sources in (*CLASSES.values(), IDLE) for source in sources]


@pytest.fixture(autouse=True)
def miniature(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"SIZE": (32, 40), "WIDTH": 0.0625, "BATCH": 6, "PUPPETS_A_CLASS": 1, "HEIGHT": 48, "PIECE": 1}
    spec = InputSpec(LABELS, 32, 40, num_frames=3, stride=2, stack_length=2, flow="dis-fine-fast", crop_to_motion=True)
    specs = {"SPEC": spec, "LEARNED": replace(spec, num_frames=2, stride=3)}
    stages = {
        "puppets": Stage(2, 1e-2, puppets=5, idle=1),
        "cutouts": Stage(1, 1e-2, puppets=4, idle=1, cutouts=1),
        "real": Stage(1, 1e-2, puppets=1, idle=1, cutouts=1, real=2, others=1),
    }
    for name, value in {**sizes, **specs, "STAGES": stages, "FOLDS": ((1,), (2,))}.items():
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
    whole = train_everyday.learn(mixture, tmp_path / "whole.keras", Stage(3, 1e-2, 4, 1), seed=0)
    draws = train_everyday.draws

    def killed(mixture: train_everyday.Mixture, batches: range, seed: int) -> train_everyday.Draws:
        if batches.start == 2:
            raise KeyboardInterrupt
        return draws(mixture, batches, seed)

    monkeypatch.setattr(train_everyday, "draws", killed)
    with pytest.raises(KeyboardInterrupt):
        train_everyday.learn(mixture, tmp_path / "pieces.keras", Stage(3, 1e-2, 4, 1), seed=0)
    monkeypatch.setattr(train_everyday, "draws", draws)
    pieces = train_everyday.learn(mixture, tmp_path / "pieces.keras", Stage(3, 1e-2, 4, 1), seed=0)
    for one, other in zip(whole.get_weights(), pieces.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0.02, atol=2e-3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pieces.keras", "whole.keras"]


def test_puppets_stand_in_for_what_there_is_not() -> None:
    puppets, real, idle = [decoded(0)], [decoded(1)], [decoded(-1)]
    stage = train_everyday.STAGES["real"]
    assert [share for _, share in Clips(puppets, idle, real=real).mixture(stage)] == [3, 1, 2]
    whole = Clips(puppets, idle, puppets, real, idle).mixture(stage)
    assert [share for _, share in whole] == [1, 1, 1, 2, 1]
    assert sum(share for _, share in Clips(puppets, idle).mixture(train_everyday.STAGES["puppets"])) == 6


def film(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = np.random.default_rng(seed).integers(0, 256, (20, 48, 64, 3)).astype(np.uint8)
    with VideoWriter(path, 15.0, (48, 64)) as video:
        for frame in frames:
            video.write(frame)


@pytest.mark.slow
def test_from_recorded_joints_to_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    poses, real, others, depth = (tmp_path / name for name in ("poses", "real", "others", "depth"))
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
    write(depth / "walk" / "a22_s1_t1.mp4", body(24)[1])
    write(depth / "knock" / "a10_s1_t1.mp4", body(24)[1])
    monkeypatch.setattr(train_everyday, "CUTOUTS", {"walk": ("walk",), NONE: ("knock",)})
    monkeypatch.setattr(train_everyday, "CUTOUTS_A_CLASS", 1)
    arguments = ["train_everyday", str(poses), str(tmp_path / "out"), "--work", str(tmp_path / "work")]
    monkeypatch.setattr(
        sys,
        "argv",
        [*arguments, "--real", str(real), "--depth", str(depth), "--others", str(others), "--measured", str(real)],
    )
    train_everyday.main()
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    for step in ("puppets", "cutouts", "held_out"):
        assert set(results["ut_interaction"][step]) == {"appearance", "motion", "answer"}
    assert set(results["real"]) == {"puppets", "cutouts"}
    assert 0 <= results["unknown"]["auroc"] <= 1
    spec = read_spec(tmp_path / "out" / "model.keras")
    assert (spec.classes, len(spec.known)) == (LABELS, 4)
    answer = load_model(str(tmp_path / "out")).predict(str(others / "street.mp4"), threshold=0)
    assert answer.label in LABELS
    before = (tmp_path / "work" / "real.keras").stat().st_mtime_ns
    train_everyday.main()  # everything is there
    assert (tmp_path / "work" / "real.keras").stat().st_mtime_ns == before
