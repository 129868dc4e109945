"""Puppets that move as recorded: other bodies, the same directions; jumps stay jumps; exact flow; files and command."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from actionzoo.errors import DataError
from actionzoo.motion import JOINTS, MotionRecording
from actionzoo.motion.cleaning import clean
from actionzoo.motion.recording import INDEX, SIDES
from actionzoo.puppets import render_motion, write_motion_dataset
from actionzoo.puppets.ground import clearance, grounded, lowest
from actionzoo.puppets.replay import replay
from actionzoo.puppets.retarget import flat, size, solid, turned, upright
from actionzoo.puppets.script import Body
from actionzoo.puppets.skeleton import Figure
from tests.puppets.standing import standing

FPS = 30.0
BONES = (
    ("shoulder", "elbow", "upper_arm"),
    ("elbow", "wrist", "forearm"),
    ("hip", "knee", "thigh"),
    ("knee", "ankle", "shin"),
)


def waving(frames: int = 60, bodies: int = 1, label: str = "wave", group: str | None = None) -> MotionRecording:
    """People who stand a metre apart and wave with the left arm."""
    joints = standing(frames, bodies)
    swing = np.sin(np.arange(frames) / FPS * 6.0)[:, None]
    elbow = joints[:, :, INDEX["left_elbow"]]
    joints[:, :, INDEX["left_wrist"]] = elbow + np.stack([0.2 * swing, 0.0 * swing, 0.25 + 0.0 * swing], -1)
    joints[:, :, INDEX["left_hand"]] = elbow + np.stack([0.28 * swing, 0.0 * swing, 0.35 + 0.0 * swing], -1)
    joints[..., 0] += np.arange(bodies)[None, :, None]
    return MotionRecording(joints, FPS, label, f"{label}.npz", group)


def jumping() -> tuple[MotionRecording, NDArray[np.float64]]:
    """Someone who jumps 40 cm high for half a second, and how high."""
    recording = waving(90)
    share = np.clip((np.arange(90) - 40) / 15.0, 0.0, 1.0)
    height = 4.0 * 0.4 * share * (1.0 - share)
    return recording.replace(joints=recording.joints + height[:, None, None, None] * np.array([0.0, 0.0, 1.0])), height


def pictured(recording: MotionRecording) -> MotionRecording:
    """As a camera far away sees it, 100 pixels a metre."""
    joints = recording.joints
    return recording.replace(joints=np.stack([100.0 * joints[..., 0], 300.0 - 100.0 * joints[..., 2]], -1))


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def test_bones_are_the_body_s_and_directions_the_recording_s() -> None:
    body = Body(1.9, 1.1, 0.97)
    points = {name: np.random.default_rng(k).normal(size=(40, 3)) for k, name in enumerate(JOINTS)}
    joints = solid(points, body).joints
    for side in SIDES:
        for start, end, bone in BONES:
            line = joints[f"{side}_{end}"] - joints[f"{side}_{start}"]
            recorded = points[f"{side}_{end}"] - points[f"{side}_{start}"]
            assert np.linalg.norm(line, axis=1) == pytest.approx(getattr(body, bone))
            assert np.linalg.norm(np.cross(unit(line), unit(recorded)), axis=1).max() < 1e-6
            assert (line * recorded).sum(1).min() > 0.0
        toe = joints[f"{side}_toe"] - joints[f"{side}_ankle"]
        assert unit(toe) == pytest.approx(unit(points[f"{side}_toe"] - points[f"{side}_ankle"]))
    trunk = joints["neck"] - joints["pelvis"]
    assert np.linalg.norm(trunk, axis=1) == pytest.approx(body.trunk)
    assert unit(trunk) == pytest.approx(unit(points["neck"] - points["pelvis"]))
    for part, half in (("shoulder", body.shoulder), ("hip", body.hip)):
        across = joints[f"left_{part}"] - joints[f"right_{part}"]
        assert across == pytest.approx(2 * half * unit(points[f"left_{part}"] - points[f"right_{part}"]))


def test_people_face_where_they_faced() -> None:
    recording = waving()
    figure = solid(recording.points(), Body())
    assert figure.chest[0] == pytest.approx([0.0, -1.0, 0.0], abs=1e-6)
    seen = upright(pictured(recording).points(), 0.01)
    assert flat(seen, Body()).chest[30, 1] < -0.8
    behind = {name: seen[name.replace("left", "x").replace("right", "left").replace("x", "right")] for name in seen}
    assert flat(behind, Body()).chest[30, 1] > 0.8


def test_a_flat_figure_is_as_seen() -> None:
    recording = pictured(waving())
    body = Body()
    scale = size(recording.points(), body)
    joints = flat(upright(recording.points(), scale), body).joints
    for name in ("left_wrist", "right_knee", "left_ankle"):
        seen = recording.points()[name] - recording.points()["pelvis"]
        drawn = joints[name] - joints["pelvis"]
        assert drawn[:, [0, 2]] == pytest.approx(seen * scale * (1.0, -1.0))


@pytest.mark.parametrize("seen", [False, True])
def test_jumps_stay_jumps(seen: bool) -> None:
    recording, height = jumping()
    body = Body()
    points = (pictured(recording) if seen else recording).points()
    scale = size(points, body)
    joints = upright(points, scale)
    gap = clearance(joints, body, FPS, slanted=seen)
    figure = grounded(flat(joints, body) if seen else solid(joints, body), gap)
    low = lowest(figure.joints, body)
    assert low == pytest.approx(height * scale * (100.0 if seen else 1.0), abs=0.04)
    assert low.min() == pytest.approx(0.0, abs=1e-6)


def test_a_rising_recording_stays_on_the_ground() -> None:
    recording = waving(180)
    slope = np.linspace(0.0, 0.9, 180)[:, None] * np.array([0.0, 0.0, 1.0])
    points = {name: place + slope for name, place in recording.points().items()}
    assert clearance(points, Body(), FPS, slanted=True).max() < 0.02


def test_someone_lying_lies_on_the_ground() -> None:
    points = {name: place[:, [0, 2, 1]] for name, place in waving().points().items()}
    figure = grounded(solid(points, Body()), np.zeros(60))
    assert figure.joints["pelvis"][:, 2].max() < 0.3
    assert lowest(figure.joints, Body()) == pytest.approx(0.0)


def test_two_people_keep_their_distance() -> None:
    recording = waving(bodies=2)
    for seed in range(3):
        scene = replay(recording, np.random.default_rng(seed), FPS)
        assert scene.cast == 2
        first, second = (figure.joints["pelvis"] for figure in scene.figures[:2])
        legs = np.mean([figure.body.leg for figure in scene.figures[:2]]) / 0.84
        assert np.linalg.norm((first - second)[:, :2], axis=1) == pytest.approx(legs, rel=0.02)


def test_views_of_3d_are_from_all_sides_mostly_the_front() -> None:
    ahead = [replay(waving(), np.random.default_rng(seed), FPS).figures[0].chest.mean(0)[:2] for seed in range(60)]
    towards = -np.array(ahead)[:, 1]
    assert 0.5 < (towards > 0).mean() < 0.85
    assert towards.min() < -0.5
    assert np.abs(np.array(ahead)[:, 0]).max() > 0.9
    flat_ones = [replay(pictured(waving()), np.random.default_rng(seed), FPS).figures[0] for seed in range(20)]
    assert min(-figure.chest[:, 1].mean() for figure in flat_ones) > 0.7


def test_a_person_is_a_third_of_the_picture_to_all_of_it() -> None:
    shares = []
    for seed in range(12):
        clip = render_motion(waving(), seed, height=120, width=120, point_light=True)
        rows = np.flatnonzero((clip.frames > 60).all(3).any((0, 2)))
        shares.append(np.ptp(rows) / 120)
    assert min(shares) > 0.22
    assert max(shares) > 0.6
    assert max(shares) - min(shares) > 0.25


def test_turning_turns_all() -> None:
    figure = solid(waving().points(), Body())
    moved = turned(figure, 0.7, figure.joints["pelvis"][10])
    assert moved.joints["pelvis"][10, :2] == pytest.approx([0.0, 0.0])
    for first, second in (("left_hand", "head"), ("right_toe", "neck")):
        before, after = (f.joints[first] - f.joints[second] for f in (figure, moved))
        assert np.linalg.norm(after, axis=1) == pytest.approx(np.linalg.norm(before, axis=1))
        angle = np.arctan2(after[:, 1], after[:, 0]) - np.arctan2(before[:, 1], before[:, 0])
        assert np.angle(np.exp(1j * angle)) == pytest.approx(0.7)
    assert moved.chest[0] == pytest.approx([np.sin(0.7), -np.cos(0.7), 0.0], abs=1e-6)


def test_holes_do_not_reach_the_figure() -> None:
    recording = waving()
    holes = recording.joints.copy()
    holes[np.random.default_rng(0).random(holes.shape[:3]) < 0.2] = np.nan
    for name in ("nose", "left_hand", "right_toe", "right_elbow", "right_wrist"):
        holes[:, :, INDEX[name]] = np.nan
    for one in (recording.replace(joints=holes), pictured(recording.replace(joints=holes))):
        scene = replay(one, np.random.default_rng(1), FPS)
        for name, points in scene.figures[0].joints.items():
            assert np.isfinite(points).all(), name


def test_long_ways_are_cut_to_what_the_camera_holds() -> None:
    recording = waving(300)
    way = np.linspace(-6.0, 6.0, 300)[:, None, None, None] * np.array([1.0, 0.0, 0.0])
    scene = replay(recording.replace(joints=recording.joints + way), np.random.default_rng(2), FPS)
    path = scene.figures[0].joints["pelvis"][:, :2]
    assert np.linalg.norm(path, axis=1).max() < 3.1
    assert scene.core[1] - scene.core[0] < scene.time[-1]


def test_a_long_recording_is_played_in_part() -> None:
    lengths = {len(replay(waving(900), np.random.default_rng(seed), FPS).time) for seed in range(8)}
    assert len(lengths) > 5
    assert max(lengths) < 6.2 / 0.8 * FPS + 2


def warped(frame: NDArray[np.uint8], flow: NDArray[np.float32]) -> NDArray[np.uint8]:
    rows, columns = flow.shape[:2]
    x, y = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
    return cv2.remap(frame, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("seen", [False, True])
def test_flow_explains_the_next_frame(seen: bool) -> None:
    recording = waving(40, bodies=1 if seen else 2)
    for seed in (1, 2):
        clip = render_motion(
            pictured(recording) if seen else recording, seed, height=160, width=160, with_flow=True, clean=True
        )
        assert clip.flow is not None
        assert clip.flow.shape == (len(clip.frames) - 1, 160, 160, 2)
        moved, still = [], []
        for k in range(0, len(clip.flow), 3):
            moving = np.linalg.norm(clip.flow[k], axis=2) > 0.7
            moved.append(np.abs(warped(clip.frames[k + 1], clip.flow[k]).astype(int) - clip.frames[k]).mean(2)[moving])
            still.append(np.abs(clip.frames[k + 1].astype(int) - clip.frames[k]).mean(2)[moving])
        assert sum(map(len, moved)) > 200
        assert np.concatenate(moved).mean() < 0.75 * np.concatenate(still).mean()


def test_mirroring_can_be_left_out() -> None:
    recording = pictured(waving())
    recording = recording.replace(joints=np.repeat(recording.joints[:1], 40, 0))
    recording.joints[:, :, INDEX["left_wrist"]] = recording.joints[:, :, INDEX["left_elbow"]] + (60.0, 0.0)
    recording.joints[:, :, INDEX["left_hand"]] = recording.joints[:, :, INDEX["left_elbow"]] + (75.0, 0.0)

    def leans_right(seed: int, mirror: bool) -> bool:
        clip = render_motion(recording, seed, height=96, width=96, point_light=True, mirror=mirror)
        columns = np.nonzero((clip.frames[0] > 60).all(2))[1]
        return bool(columns.max() - np.median(columns) > np.median(columns) - columns.min())

    assert all(leans_right(seed, False) for seed in range(8))
    assert 0 < sum(leans_right(seed, True) for seed in range(8)) < 8


def test_set_is_the_same_for_any_number_of_workers(tmp_path: Path) -> None:
    recordings = [waving(group="p1"), waving(50, group="p2"), waving(40, bodies=2, label="hug/meet")]
    one = write_motion_dataset(tmp_path / "one", recordings, 2, 5, height=48, workers=1)
    two = write_motion_dataset(tmp_path / "two", recordings, 1, 5, labels=["wave", "hug/meet"], height=48, workers=2)
    names = [path.relative_to(tmp_path / "one").as_posix() for path in one]
    assert names[:2] == ["hug_meet/hug_meet_0000.mp4", "hug_meet/hug_meet_0001.mp4"]
    assert sorted(name[:14] for name in names[2:]) == ["wave/wave_0000", "wave/wave_0001"]
    assert sorted(name[14:] for name in names[2:]) == ["_g-p1.mp4", "_g-p2.mp4"]
    assert two[0].read_bytes() == one[2].read_bytes()
    assert two[1].read_bytes() == one[0].read_bytes()
    assert one[0].read_bytes() != one[1].read_bytes()


def test_what_shows_too_little_is_left_out(tmp_path: Path) -> None:
    empty = waving()
    empty = empty.replace(joints=np.full_like(empty.joints, np.nan), name="empty.npz")
    paths = write_motion_dataset(tmp_path, [empty, waving()], 2, 0, height=48, workers=1)
    assert len(paths) == 2
    with pytest.raises(DataError, match=r"no recording of 'wave' shows enough \(empty.npz: hips and shoulders"):
        write_motion_dataset(tmp_path, [empty], 1, 0)
    with pytest.raises(DataError, match="0 %"):
        render_motion(empty, 0)
    with pytest.raises(DataError, match="did you mean wave"):
        write_motion_dataset(tmp_path, [waving()], 1, 0, labels=["wvae"])
    with pytest.raises(DataError, match="would share a folder"):
        write_motion_dataset(tmp_path, [waving(label="a/b"), waving(label="a_b")], 1, 0)


def test_command(tmp_path: Path, command) -> None:  # type: ignore[no-untyped-def]
    joints = np.random.default_rng(0).normal(size=(2, 13, 2)).repeat(20, 0) * 30.0
    np.savez(tmp_path / "serve.npz", joints=joints, ends=[20, 40], label=["serve", "squat"], group=["1", "2"])
    file, out = tmp_path / "serve.npz", tmp_path / "out put"
    options = ("--clips", 1, "--height", 48, "--workers", 1)
    done = command("data", "puppets", out, "--motion", file, "--label", "squat", "--flow", *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(done.stdout.strip()) == out / "squat" / "squat_0000_g-2.mp4"
    assert sorted(path.name for path in out.rglob("*.*")) == ["squat_0000_g-2.mp4", "squat_0000_g-2.npz"]
    for arguments, code, words in (
        (("--motion", tmp_path / "no.bvh"), 1, "there is no such file"),
        (("--motion", file, "--label", "sqat"), 1, "did you mean squat?"),
        (("--motion", file, "--action", "kick"), 2, "use --label"),
        (("--label", "squat"), 2, "name a file of them with --motion"),
    ):
        wrong = command("data", "puppets", out, *arguments, *options)
        assert wrong.returncode == code
        assert words in " ".join(wrong.stderr.replace("│", " ").split())


def test_recordings_are_not_changed() -> None:
    recording = waving()
    before = recording.joints.copy()
    figure: Figure = replay(recording, np.random.default_rng(0), FPS).figures[0]
    figure.joints["head"] += 1.0
    clean(recording, 25.0)
    assert np.array_equal(before, recording.joints)
