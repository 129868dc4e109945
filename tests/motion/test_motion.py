"""Recorded joints: every format against what was put into a file, and gaps, smoothing and rates."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from actionzoo.errors import MotionError
from actionzoo.motion import JOINTS, MotionRecording, c3d_file, read_motion
from actionzoo.motion.bvh import parse, positions
from actionzoo.motion.cleaning import clean, problem
from actionzoo.motion.recording import INDEX, PARENTS, assemble

BVH = """HIERARCHY
ROOT Hips
{
  OFFSET 1.0 2.0 3.0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Spine
  {
    OFFSET 0 10 0
    CHANNELS 0
    JOINT Head
    {
      OFFSET 0 50 0
      CHANNELS 3 Zrotation Xrotation Yrotation
      End Site
      {
        OFFSET 0 20 0
      }
    }
  }
  JOINT LeftUpLeg
  {
    OFFSET 10 -5 1
    CHANNELS 3 Yrotation Zrotation Xrotation
    JOINT LeftLeg
    {
      OFFSET 0 -40 2
      CHANNELS 6 Xposition Yposition Zposition Xrotation Yrotation Zrotation
      End Site
      {
        OFFSET 0 -38 0
      }
    }
  }
  JOINT RightUpLeg
  {
    OFFSET -10 -5 1
    CHANNELS 3 Yrotation Zrotation Xrotation
    JOINT RightLeg
    {
      OFFSET 0 -40 2
      CHANNELS 3 Xrotation Yrotation Zrotation
      End Site
      {
        OFFSET 0 -38 0
      }
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.0083333
5 90 7 10 20 30 1 2 3 40 50 60 1 -41 2 15 25 35 0 0 0 0 0 0
-5 91 8 -70 120 200 4 5 6 -40 150 -60 0 -40 3 5 -25 -35 0 0 0 0 0 0
"""


def refused(path: Path, words: str) -> None:
    with pytest.raises(MotionError, match=words) as caught:
        read_motion(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def at(recording: MotionRecording, name: str, body: int = 0) -> NDArray[np.float64]:
    return recording.joints[:, body, INDEX[name]]


def test_bvh_turns_as_scipy_does(tmp_path: Path) -> None:
    path = tmp_path / "walk.bvh"
    path.write_text(BVH)
    nodes, motion, seconds = parse(path)
    assert seconds == pytest.approx(1 / 120, rel=1e-4)
    places = positions(nodes, motion)
    names = [node.name for node in nodes]
    for frame, row in enumerate(motion):
        root = Rotation.from_euler("ZXY", row[3:6], degrees=True)
        hip = row[:3] + root.apply([10.0, -5.0, 1.0])
        thigh = root * Rotation.from_euler("YZX", row[9:12], degrees=True)
        knee = hip + thigh.apply(row[12:15])
        foot = knee + (thigh * Rotation.from_euler("XYZ", row[15:18], degrees=True)).apply([0.0, -38.0, 0.0])
        found = places[frame]
        assert found[0] == pytest.approx(row[:3])
        assert found[names.index("LeftUpLeg")] == pytest.approx(hip)
        assert found[names.index("LeftLeg")] == pytest.approx(knee)
        assert found[names.index("LeftLeg") + 1] == pytest.approx(foot)


def test_bvh_stands_upright_with_its_left_on_the_left(tmp_path: Path) -> None:
    path = tmp_path / "stand.bvh"
    path.write_text(
        BVH[: BVH.index("Frames:")] + "Frames: 1\nFrame Time: 0.04\n" + "0 90 0" + " 0" * 9 + " 0 -40 2" + " 0" * 9
    )
    (recording,) = read_motion(path)
    assert (recording.label, recording.fps, recording.flat, recording.bodies) == ("stand", 25.0, False, 1)
    assert at(recording, "head")[0] == pytest.approx([0.0, 0.0, 160.0])
    assert at(recording, "left_hip")[0] == pytest.approx([10.0, -1.0, 85.0])
    assert at(recording, "right_knee")[0] == pytest.approx([-10.0, -3.0, 45.0])
    assert np.isnan(at(recording, "left_wrist")).all()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not a whole BVH"),
        ("HIERARCHY MOTION Frames: 1 Frame Time: 1", "not a whole BVH"),
        (BVH[:-20], "numbers for 2 frames"),
        (BVH.replace("LeftLeg", "Bone7"), "which joint is left_knee"),
        (BVH.replace("Frame Time: 0.0083333", "Frame Time: 0"), "numbers for 2 frames"),
    ],
)
def test_broken_bvh(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "a.bvh"
    path.write_text(content)
    refused(path, words)


def test_npz_of_kinect_in_both_orders(tmp_path: Path) -> None:
    """Microsoft's order has the hips first and the head fourth, UTD-MHAD's the head first."""
    person = np.random.default_rng(0).normal(size=(6, 20, 3))
    for head, neck, pelvis in ((0, 1, 3), (3, 2, 0)):
        person[:, [head, neck, pelvis], 1] = 0.6, 0.4, 0.0
        path = tmp_path / f"{head}.npz"
        np.savez(path, joints=person, ends=[2, 6], label=["wave", "clap"], group=["a", "b"])
        first, second = read_motion(path)
        assert (first.label, second.label, second.group, len(second.joints)) == ("wave", "clap", "b", 4)
        assert at(first, "head")[:, 2] == pytest.approx(0.6)
        assert at(first, "pelvis") == pytest.approx(person[:2, pelvis][:, [0, 2, 1]] * (-1.0, 1.0, 1.0))
        assert at(second, "left_elbow") == pytest.approx(person[2:, 5][:, [0, 2, 1]] * (-1.0, 1.0, 1.0))


def test_npz_of_two_people(tmp_path: Path) -> None:
    joints = np.random.default_rng(0).normal(size=(5, 30, 3))
    np.savez(tmp_path / "hug.npz", joints=joints)
    (recording,) = read_motion(tmp_path / "hug.npz")
    assert (recording.bodies, recording.fps, recording.label) == (2, 15.0, "hug")
    assert at(recording, "right_wrist", 1)[:, 2] == pytest.approx(-1.92 * joints[:, 23, 1])


def test_npz_of_flat_joints_with_visibility(tmp_path: Path) -> None:
    joints = np.ones((5, 13, 3))
    joints[:, :, 0] = np.arange(13)
    joints[2, 5, 2] = 0.0
    np.savez(tmp_path / "serve.npz", joints=joints, fps=50)
    (recording,) = read_motion(tmp_path / "serve.npz", fps=10)
    assert (recording.flat, recording.fps) == (True, 50.0)
    assert at(recording, "right_wrist")[:, 0] == pytest.approx([5, 5, np.nan, 5, 5], nan_ok=True)
    assert at(recording, "left_wrist")[:, 0] == pytest.approx(6.0)


def test_npz_of_a_named_layout(tmp_path: Path) -> None:
    joints = np.random.default_rng(0).normal(size=(5, 33, 3))
    np.savez(tmp_path / "a.npz", joints=joints, layout="mediapipe33")
    (recording,) = read_motion(tmp_path / "a.npz")
    assert not recording.flat
    assert at(recording, "left_toe") == pytest.approx(joints[:, 31][:, [0, 2, 1]] * (1.0, 1.0, -1.0))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"poses": np.zeros(3)}, "needs an array joints"),
        ({"joints": np.array(["a"])}, "needs an array joints"),
        ({"joints": np.zeros((4, 7, 3))}, "7 joints of 3 channels may mean anything"),
        ({"joints": np.zeros((4, 33, 3))}, "add to the file an array layout"),
        ({"joints": np.zeros((4, 20, 3)), "layout": "kinect2"}, "did you mean kinect2[05]"),
        ({"joints": np.zeros((4, 20, 3)), "layout": "coco17"}, "needs \\(frames, 17 or 34"),
        ({"joints": np.zeros((4, 20, 3)), "ends": [3, 9]}, "rise to 4"),
        ({"joints": np.zeros((4, 20, 3)), "label": ["a", "b"]}, "2 of label for 1 recordings"),
        ({"joints": np.zeros((4, 20, 3)), "fps": -1.0}, "above 0"),
        ({"joints": np.zeros((4, 20, 3)), "fps": "fast"}, "fps must be a number"),
        ({"joints": np.array([None], object)}, "not an .npz that can be read"),
    ],
)
def test_wrong_npz(tmp_path: Path, arrays: dict[str, Any], words: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    refused(tmp_path / "a.npz", words)


def person(x: float, number: int | None = None, frame: int = 0, score: float = 0.9) -> dict[str, Any]:
    points = np.random.default_rng(1).uniform(0, 100, (17, 2)) + np.array([x, 0.0])
    keypoints = np.hstack([points, np.full((17, 1), score)]).ravel().tolist()
    track = {} if number is None else {"track_id": number}
    return {"image_id": frame, "category_id": 1, "keypoints": keypoints, "score": 0.9} | track


def test_keypoints_follow_two_people_who_change_places_in_the_file(tmp_path: Path) -> None:
    frames = [[person(3.0 * k, frame=k), person(300.0 - 3.0 * k, frame=k)][:: 1 if k % 2 else -1] for k in range(20)]
    people = [entry for frame in frames for entry in frame] + [person(900.0, frame=4)]
    (tmp_path / "hug.json").write_text(json.dumps(people))
    (recording,) = read_motion(tmp_path / "hug.json", fps=25.0)
    assert (recording.label, recording.fps, recording.bodies, recording.flat) == ("hug", 25.0, 2, True)
    steps = np.diff(recording.joints[:, :, INDEX["left_hip"], 0], axis=0)
    assert sorted(steps.mean(0)) == pytest.approx([-3.0, 3.0])
    assert np.ptp(steps, axis=0) == pytest.approx([0.0, 0.0])


def test_keypoints_by_number_with_gaps_in_a_coco_file(tmp_path: Path) -> None:
    entries = [person(5.0 * k, 7, f"video_{k}.jpg") for k in (8, 9, 10, 12)]  # type: ignore[arg-type]
    entries[1]["keypoints"][3 * 9 + 2] = 0.1
    (tmp_path / "a.json").write_text(json.dumps({"annotations": entries, "images": []}))
    (recording,) = read_motion(tmp_path / "a.json")
    assert (len(recording.joints), recording.fps) == (5, 30.0)
    assert np.isnan(recording.joints[3]).all()
    assert np.isnan(at(recording, "left_wrist")[:, 0]).tolist() == [False, True, False, True, False]


@pytest.mark.parametrize(
    "content", ["", "[", "3", "[3]", '[{"image_id": 1}]', '[{"image_id": 1, "keypoints": [1, 2]}]', "{}", "[" * 5000]
)
def test_wrong_keypoints(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.json").write_text(content)
    refused(tmp_path / "a.json", "not a list of COCO results")


def test_keypoints_of_nobody(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps([person(0.0, score=0.1)]))
    refused(tmp_path / "a.json", "nobody is seen")


def skeleton(frames: int, bodies: dict[str, range]) -> tuple[str, dict[str, NDArray[np.float64]]]:
    """A file in which each body is seen in some frames, and its joints."""
    values = {name: np.random.default_rng(k).normal(size=(frames, 25, 3)).round(4) for k, name in enumerate(bodies)}
    lines = [str(frames)]
    for k in range(frames):
        here = [name for name, seen in bodies.items() if k in seen]
        lines.append(str(len(here)))
        for name in here:
            lines += [f"{name} 0 1 1 1 1 0 0.1 -0.2 2", "25"]
            lines += [
                f"{x} {y} {z} 1 2 3 4 0 0 0 0 {0 if (k, j) == (1, 6) else 2}"
                for j, (x, y, z) in enumerate(values[name][k])
            ]
    return "\n".join(lines) + "\n", values


def test_ntu_skeleton(tmp_path: Path) -> None:
    path = tmp_path / "S001C002P003R001A050.skeleton"
    text, values = skeleton(4, {"72057594037944340": range(4), "7205": range(1, 4), "99": range(1)})
    path.write_text(text)
    (recording,) = read_motion(path)
    assert (recording.label, recording.group, recording.bodies, recording.fps) == ("A050", "P003", 2, 30.0)
    expected = values["72057594037944340"][:, 6][:, [0, 2, 1]] * (-1.0, 1.0, 1.0)
    expected[1] = np.nan
    assert at(recording, "left_wrist") == pytest.approx(expected, nan_ok=True)
    assert np.isnan(at(recording, "head", 1)[:, 0]).tolist() == [True, False, False, False]


@pytest.mark.parametrize("content", ["", "x", "3\n1\n2", "999999999999", "-3", "1\n0\n"])
def test_wrong_skeleton(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.skeleton").write_text(content)
    refused(tmp_path / "a.skeleton", "not a whole|nobody")


def test_c3d_round_trip(tmp_path: Path) -> None:
    ezc3d = pytest.importorskip("ezc3d")
    plain = (
        "LFHD RFHD LBHD RBHD C7 CLAV LSHO RSHO LELB RELB LWRA LWRB RWRA RWRB LASI RASI LPSI RPSI LKNE RKNE LANK RANK"
    )
    labels = [f"spare{k}" for k in range(250)] + [f"Jo:{name}" for name in plain.split()]
    points = np.random.default_rng(0).normal(size=(4, len(labels), 6)) * 100.0
    places = {
        "ASI": (100.0, 950.0),
        "PSI": (-80.0, 960.0),
        "SHO": (0.0, 1400.0),
        "KNE": (0.0, 500.0),
        "ANK": (0.0, 80.0),
        ":C7": (-50.0, 1450.0),
        "LAV": (50.0, 1400.0),
    }
    for k, label in enumerate(labels):
        if (name := label[-3:]) in places:
            points[:3, k] = np.array([places[name][0], 120.0 if label[-4] == "L" else -120.0, places[name][1]])[:, None]
    points[:3, labels.index("Jo:LANK"), 2] = np.nan
    points[3] = 1.0
    file = ezc3d.c3d()
    file["parameters"]["POINT"]["RATE"]["value"] = [100.0]
    file["parameters"]["POINT"]["LABELS"]["value"] = labels[:255]
    file.add_parameter("POINT", "LABELS2", labels[255:])
    file["data"]["points"] = points
    file.write(str(tmp_path / "run.c3d"))
    (recording,) = read_motion(tmp_path / "run.c3d")
    assert (recording.label, recording.fps, recording.bodies) == ("run", 100.0, 1)
    assert np.isnan(at(recording, "left_ankle")[:, 0]).tolist() == [False, False, True, False, False, False]
    wrist = points[:3, [labels.index("Jo:RWRA"), labels.index("Jo:RWRB")]].mean(1).T
    assert at(recording, "right_wrist") == pytest.approx(wrist, rel=1e-5)
    left, right = at(recording, "left_hip")[0], at(recording, "right_hip")[0]
    assert left - right == pytest.approx([0.0, 0.72 * 240.0, 0.0], abs=1e-3)
    assert -80.0 < left[0] < 100.0
    assert 850.0 < left[2] < 950.0


@pytest.mark.parametrize("frames", [65535, 66000])
def test_a_c3d_that_is_longer_than_its_reader_tells(frames: int, tmp_path: Path) -> None:
    """ezc3d writes every frame, and reads 65,535 of them."""
    ezc3d = pytest.importorskip("ezc3d")
    file = ezc3d.c3d()
    point = file["parameters"]["POINT"]
    names = [f"{side}{joint}" for side in ("Left", "Right") for joint in ("Knee", "Hip", "Shoulder", "Elbow")]
    point["RATE"]["value"], point["LABELS"]["value"] = [240.0], tuple(names)
    places = np.ones((4, len(names), frames))
    places[2] = np.arange(len(names))[:, None]
    file["data"]["points"] = places
    file.write(str(tmp_path / "long.c3d"))
    if frames > 65535:
        refused(tmp_path / "long.c3d", "more than the 65535 frames that ezc3d reads; cut it into pieces")
    else:
        (recording,) = read_motion(tmp_path / "long.c3d")
        assert len(recording.joints) == frames


def test_wrong_c3d(tmp_path: Path) -> None:
    pytest.importorskip("ezc3d")
    (tmp_path / "a.c3d").write_bytes(b"no motion")
    refused(tmp_path / "a.c3d", "not a whole C3D")


def test_a_c3d_that_breaks_its_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As damaged ones do: ezc3d is written in C++ and does not check what a file tells it."""
    pytest.importorskip("ezc3d")
    code = "import os; os.abort()"
    monkeypatch.setattr(c3d_file, "_COMMAND", [sys.executable, "-c", code])
    (tmp_path / "a.c3d").touch()
    refused(tmp_path / "a.c3d", "its reader broke down")


def test_c3d_without_ezc3d(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ezc3d", None)
    (tmp_path / "a.c3d").touch()
    refused(tmp_path / "a.c3d", r"pip install 'actionzoo\[mocap\]'")


def test_no_file_and_other_files(tmp_path: Path) -> None:
    refused(tmp_path / "a.bvh", "there is no such file")
    (tmp_path / "a.fbx").touch()
    refused(tmp_path / "a.fbx", "not recorded motion")
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04")
    refused(tmp_path / "a.npz", "not an .npz")


def recorded(frames: int = 60, bodies: int = 1, dimensions: int = 3, fps: float = 30.0) -> MotionRecording:
    """Slow smooth joints that are all seen."""
    rng = np.random.default_rng(0)
    phase, place = (
        rng.uniform(0, 6, (bodies, len(JOINTS), dimensions)),
        rng.normal(size=(bodies, len(JOINTS), dimensions)),
    )
    time = np.arange(frames)[:, None, None, None] / fps
    return MotionRecording(place + 0.2 * np.sin(2.0 * time + phase), fps, "wave", "wave.npz", None, 0.03)


def test_gaps_are_bridged_along_the_bones() -> None:
    whole = recorded().replace(jitter=0.0)
    moving = whole.replace(joints=whole.joints + np.linspace(0, 3, 60)[:, None, None, None] ** 2)
    holes = moving.joints.copy()
    holes[20:30, 0, INDEX["left_wrist"]] = np.nan
    holes[:5, 0, INDEX["head"]] = np.nan
    filled = clean(moving.replace(joints=holes), 30.0)
    assert filled.joints.shape == (60, 1, 20, 3)
    assert np.abs(filled.joints - moving.joints)[20:30].max() < 0.05
    assert np.abs(filled.joints - moving.joints)[:5].max() < 0.25


def test_limbs_that_are_never_seen_go_as_the_others() -> None:
    whole = recorded()
    holes = whole.joints.copy()
    for name in ("left_elbow", "left_wrist", "left_hand", "right_toe"):
        holes[:, 0, INDEX[name]] = np.nan
    filled = clean(whole.replace(joints=holes, jitter=0.0), 30.0).points()
    left, right = (filled[f"{side}_wrist"] - filled[f"{side}_elbow"] for side in ("left", "right"))
    assert left == pytest.approx(right)
    assert np.isnan(filled["right_toe"]).all()
    assert not np.isnan(np.stack([filled[name] for name in JOINTS if name not in ("left_hand", "right_toe")])).any()


def test_one_hidden_shoulder_does_not_move_the_neck() -> None:
    points = {f"{side}_shoulder": np.tile([[x, 1.0]], (6, 1)) for side, x in (("left", 1.0), ("right", -1.0))}
    points["left_shoulder"][2:4] = np.nan
    assert assemble(points)[:, INDEX["neck"], 0] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("rate", "speed", "frames"), [(30.0, 1.0, 60), (60.0, 1.0, 119), (30.0, 2.0, 30), (25.0, 0.8, 62)]
)
def test_rate_and_speed(rate: float, speed: float, frames: int) -> None:
    recording = recorded().replace(jitter=0.0)
    cleaned = clean(recording, rate, speed)
    assert (len(cleaned.joints), cleaned.fps) == (frames, rate)
    time = np.arange(frames) / rate * speed
    exact = [np.interp(time * 30.0, np.arange(60), recording.joints[:, 0, 3, k]) for k in range(3)]
    assert pytest.approx(np.array(exact), abs=2e-3) == cleaned.joints[:, 0, 3].T


def test_smoothing_takes_the_trembling_and_leaves_the_motion() -> None:
    calm = recorded()
    shaken = calm.replace(joints=calm.joints + np.random.default_rng(1).normal(0, 0.02, calm.joints.shape), jitter=0.06)
    errors = [np.abs(clean(each, 30.0).joints - calm.joints).mean() for each in (shaken.replace(jitter=0.0), shaken)]
    assert errors[1] < 0.6 * errors[0]


def test_recordings_that_show_too_little() -> None:
    assert problem(recorded()) is None
    assert problem(recorded(3)) == "3 frames are too few"
    holes = recorded().joints.copy()
    holes[10:, 0, INDEX["pelvis"]] = np.nan
    assert problem(recorded().replace(joints=holes)) == "hips and shoulders are seen in 17 % of the frames"


def test_every_joint_comes_after_the_one_it_hangs_on() -> None:
    assert all(INDEX[parent] < INDEX[name] for name, parent in PARENTS.items())
    assert set(PARENTS) == set(JOINTS) - {"pelvis"}
