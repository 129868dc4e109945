"""What `everyday` learns each action from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from actionzoo.motion import JOINTS, MotionRecording
from actionzoo.puppets import ACTIONS
from actionzoo.weights.repertoire import CLASSES, IDLE, Played, Recorded, performances, read_shelf

RECORDED = {source for sources in CLASSES.values() for source in sources if isinstance(source, Recorded)}


def shelf() -> dict[str, dict[str, list[MotionRecording]]]:
    """Three recordings of every label that a class names; in 2-D where the file's are."""
    made: dict[str, dict[str, list[MotionRecording]]] = {}
    for source in [*RECORDED, *(each for each in IDLE if isinstance(each, Recorded))]:
        for label in source.labels:
            rng = np.random.default_rng(len(label))
            shape = (60, 2 if source.file == "sbu" else 1, len(JOINTS), 2 if source.file in ("penn", "jhmdb") else 3)
            made.setdefault(source.file, {})[label] = [
                MotionRecording(rng.normal(size=shape), 30.0, label, f"{source.file}[{label}]", group="s1")
                for _ in range(3)
            ]
    return made


@pytest.mark.parametrize("label", [*CLASSES])
def test_every_class_can_be_performed(label: str) -> None:
    few, many = (performances(label, CLASSES[label], shelf(), count, seed=1) for count in (3, 6))
    for one, other in zip(few, many, strict=False):
        np.testing.assert_array_equal(one.joints, other.joints)
    assert {recording.label for recording in many} == {label}
    assert all(len(recording.joints) >= 10 for recording in many)
    others = performances(label, CLASSES[label], shelf(), 6, seed=2)
    assert any(not np.array_equal(one.joints, two.joints) for one, two in zip(many, others, strict=True))


def test_sources_take_their_shares() -> None:
    sources = (Recorded("utd", ("wave",), None, 1.0), Played(lambda rng: shelf()["sbu"]["hug"][0], 3.0))
    drawn = [each.name for each in performances("wave", sources, shelf(), 200, seed=0)]
    assert 35 <= drawn.count("utd[wave]") <= 65


def test_classes_have_names_of_their_own() -> None:
    assert len({*CLASSES, *ACTIONS}) == len(CLASSES) + 1  # "point" is played only
    assert all(name == name.lower() and "_" not in name for name in CLASSES)


def test_the_shelf_has_recordings_by_file_and_label(tmp_path: Path) -> None:
    joints = np.random.default_rng(0).normal(size=(40, 20, 3))
    for file in ("utd_mhad_kinect3d", "penn_action_2d", "sbu_two_people_3d", "jhmdb_2d"):
        np.savez(tmp_path / f"{file}.npz", joints=joints, ends=[20, 40], label=["a", "b"], layout="kinect20")
    read = read_shelf(tmp_path)
    assert list(read) == ["utd", "penn", "sbu", "jhmdb"]
    assert all(sorted(labels) == ["a", "b"] for labels in read.values())
