"""How recorded motion is filmed: cameras that move, frames that cut off, passers-by, clutter; the flow stays exact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from actionzoo.motion import MotionRecording
from actionzoo.motion.recording import INDEX, SIDES
from actionzoo.puppets import ACTIONS, render_motion
from actionzoo.puppets import replay as replaying
from actionzoo.puppets.actions import perform
from actionzoo.puppets.camera import Camera
from actionzoo.puppets.characters import others
from actionzoo.puppets.clutter import clutter
from actionzoo.puppets.framing import shoot
from actionzoo.puppets.ground import travel
from actionzoo.puppets.movement import MOVEMENTS, margins, moved, still
from actionzoo.puppets.replay import replay
from actionzoo.puppets.scenario import Scenario, View
from tests.puppets.standing import standing

FPS = 30.0
Setting = Callable[..., None]


def recording(frames: int = 60, *, wave: float = 0.0, way: float = 0.0) -> MotionRecording:
    """Someone who faces the camera, waves the left arm by some metres and slides a way along x."""
    joints = standing(frames, 1)
    swing = wave * np.sin(np.arange(frames) / FPS * 6.0)
    for name, share in (("left_wrist", 0.7), ("left_hand", 1.0)):
        joints[:, 0, INDEX[name], 0] += share * swing
        joints[:, 0, INDEX[name], 2] += share * np.abs(swing)
    joints[..., 0] += np.linspace(-way / 2, way / 2, frames)[:, None, None]
    return MotionRecording(joints, FPS, "wave", "wave.npz")


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Setting:
    """Has every recording filmed with one movement, and nobody and nothing else in the way unless asked for."""

    def use(movement: str, *, cut_off: float = 0.0, clutter: float = 0.0) -> None:
        monkeypatch.setattr(replaying, "MOVEMENTS", {movement: 1.0})
        monkeypatch.setattr(replaying, "others", lambda rng, time: [])
        for view in ("_SOLID", "_FLAT"):
            changed = replace(getattr(replaying, view), cut_off=cut_off, clutter=clutter)
            monkeypatch.setattr(replaying, view, changed)

    return use


def filmed(played: MotionRecording, seed: int, width: int = 320) -> tuple[Scenario, Camera, tuple[int, int]]:
    rng = np.random.default_rng(seed)
    scenario = replay(played, rng, FPS)
    return scenario, *shoot(scenario, rng, 240, width)


def still_camera(camera: Camera) -> Camera:
    return replace(camera, motion=still(len(camera.motion)))


def test_the_six_actions_are_filmed_as_before() -> None:
    for action in ACTIONS:
        assert perform(action, np.random.default_rng(0), FPS).view == View()
    assert (View().movement, View().cut_off, View().clutter) == (None, 0.0, 0.0)


def test_how_often_cameras_move_how() -> None:
    assert sum(MOVEMENTS.values()) == pytest.approx(1.0)
    played = recording(8)
    count = Counter(replay(played, np.random.default_rng(seed), FPS).view.movement for seed in range(200))
    for movement, share in MOVEMENTS.items():
        assert count[movement] / 200 == pytest.approx(share, abs=0.12)


def test_a_tripod_stands_still_and_hands_shake(setting: Setting) -> None:
    setting("tripod")
    motion = filmed(recording(), 0)[1].motion
    assert np.array_equal(motion, still(len(motion)))
    setting("hand")
    for seed in range(5):
        motion = filmed(recording(), seed)[1].motion
        assert 0.0 < np.ptp(motion[:, :, 2], axis=0).max() < 60.0
        assert np.linalg.det(motion[:, :, :2]) == pytest.approx(1.0)


def test_a_camera_that_follows_keeps_people_in_the_middle(setting: Setting) -> None:
    setting("follow")
    kept, gone = [], []
    for seed in range(8):
        scenario, camera, (_, columns) = filmed(recording(90, way=5.0), seed)
        pelvis = scenario.figures[0].joints["pelvis"]
        across = abs(float((pelvis[-1] - pelvis[0]) @ camera.right))
        if across < 2.0:  # walks along the axis of the camera
            continue
        kept.append(np.ptp(camera.project(pelvis)[0][:, 0]) / columns)
        gone.append(np.ptp(still_camera(camera).project(pelvis)[0][:, 0]) / columns)
    assert len(kept) >= 3
    assert np.median(gone) > 0.8
    assert max(np.array(kept) / np.array(gone)) < 0.5
    assert max(kept) < 0.6


@pytest.mark.parametrize("seed", range(12))
def test_pans_and_zooms_keep_within_bounds(seed: int) -> None:
    time = np.arange(90) / FPS
    people, size = np.tile([160.0, 120.0], (90, 1)), (240, 320)
    motion = moved(np.random.default_rng(seed), "pan", time, size, people, np.zeros_like(people))
    zoom = np.sqrt(np.linalg.det(motion[:, :, :2]))
    assert zoom.max() / zoom.min() < 1.3 + 1e-9
    seen = np.einsum("nij,nj->ni", motion[:, :, :2], people) + motion[:, :, 2]
    assert seen[:, 0].min() > 0.15 * 320
    assert seen[:, 0].max() < 0.85 * 320
    shaken = 0.4 * 60.0
    assert np.abs(np.diff(seen[:, 0])).max() * FPS < 0.5 * 320 + 4 * shaken
    assert np.ptp(seen[:, 0]) + np.ptp(zoom) * 320 > 5.0


def test_margins_hold_what_is_seen() -> None:
    motion = still(40)
    motion[:, 0, 2] = np.linspace(0.0, 50.0, 40)
    motion[:, :, :2] *= 0.9
    top, bottom, left, right = margins(motion, (100, 200))
    shown = np.linalg.inv(motion[:, :, :2]) @ (np.array([[0, 200], [0, 100]])[None] - motion[:, :, 2:])
    assert -left <= shown[:, 0].min() < -left + 1.01
    assert shown[:, 0].max() <= 200 + right
    assert shown[:, 1].max() <= 100 + bottom
    assert (top, bottom) == (10, 12)


@pytest.mark.parametrize("movement", ["follow", "pan"])
def test_there_is_no_border(setting: Setting, movement: str) -> None:
    """Before a white picture all corners are white but one that a person covers."""
    setting(movement)
    white = np.full((40, 60, 3), 255, np.uint8)
    for seed in range(6):
        frames = render_motion(recording(60, way=9.0), seed, height=64, width=40, background=white, clean=True).frames
        corners = frames[:, [0, 0, -1, -1], [0, -1, 0, -1]].min(2)
        assert ((corners == 255).sum(1) >= 3).all()


def warped(frame: NDArray[np.uint8], flow: NDArray[np.float32]) -> NDArray[np.uint8]:
    rows, columns = flow.shape[:2]
    x, y = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
    return cv2.remap(frame, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("movement", ["follow", "pan", "hand"])
def test_flow_explains_what_a_moving_camera_sees(setting: Setting, movement: str) -> None:
    setting(movement, clutter=1.0)
    picture = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8), (0, 0), 3.0)
    picture = cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX)
    moved_by, unmoved_by, speeds = [], [], []
    for seed in (1, 2, 5):
        clip = render_motion(
            recording(40, wave=0.3, way=4.0),
            seed,
            height=160,
            width=200,
            with_flow=True,
            clean=True,
            background=picture,
        )
        assert clip.flow is not None
        for k in range(0, len(clip.flow), 3):
            inside = np.s_[10:-10, 10:-10]
            after = np.abs(warped(clip.frames[k + 1], clip.flow[k]).astype(int) - clip.frames[k]).mean(2)[inside]
            before = np.abs(clip.frames[k + 1].astype(int) - clip.frames[k]).mean(2)[inside]
            moved_by.append(np.median(after))
            unmoved_by.append(before.mean())
            speeds.append(np.median(np.linalg.norm(clip.flow[k], axis=2)))
    assert max(speeds) > 0.5
    assert max(moved_by) < 3.0
    assert np.mean(moved_by) < 0.5 * np.mean(unmoved_by)


def test_a_close_frame_cuts_off_what_does_not_move(setting: Setting) -> None:
    setting("tripod", cut_off=1.0)
    feet_gone = 0
    for seed in range(10):
        scenario, camera, (rows, columns) = filmed(recording(wave=0.4), seed)
        joints = scenario.figures[0].joints
        for name in ("left_hand", "left_wrist", "neck", "pelvis"):
            seen = camera.project(joints[name])[0]
            assert seen.min() >= 0.0, name
            assert (seen <= [columns, rows]).all(), name
        feet_gone += all((camera.project(joints[f"{side}_ankle"])[0][:, 1] > rows).all() for side in SIDES)
    assert feet_gone >= 5


def test_clutter_stands_still_in_front_of_people(setting: Setting) -> None:
    setting("pan", clutter=1.0)
    for seed in range(8):
        scenario, camera, _ = filmed(recording(), seed)
        objects = clutter(np.random.default_rng(seed), scenario, camera)
        assert objects
        for sprite in objects:
            assert sprite.image[..., 3].max() == 255
            assert (sprite.image[..., :3] <= sprite.image[..., 3:]).all()
            assert (sprite.depth < (scenario.figures[0].joints["pelvis"] @ camera.view)).all()
            # What stands still moves with the background alone.
            first, last = sprite.maps[0], sprite.maps[-1]
            there = first @ np.array([3.0, 5.0, 1.0])
            moved_on = camera.motion[-1] @ np.append(_back(camera.motion[0], there), 1.0)
            assert last @ np.array([3.0, 5.0, 1.0]) == pytest.approx(moved_on, abs=1e-6)
    scenario.view = replace(scenario.view, clutter=0.0)
    assert clutter(np.random.default_rng(0), scenario, camera) == []


def _back(motion: NDArray[np.float64], point: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.linalg.solve(motion[:, :2], point - motion[:, 2])


def test_others_stand_or_walk_past_behind_and_in_front() -> None:
    time = np.arange(45) / FPS
    crowds = [others(np.random.default_rng(seed), time) for seed in range(60)]
    assert 0.15 < np.mean([len(crowd) > 0 for crowd in crowds]) < 0.5
    pelvises = np.array([figure.joints["pelvis"] for crowd in crowds for figure in crowd])
    assert 0.05 < (pelvises[:, 0, 1] < 0.0).mean() < 0.4
    speed = np.abs(pelvises[:, -1, 0] - pelvises[:, 0, 0]) / time[-1]
    assert (speed > 0.6).mean() > 0.4
    assert speed.max() < 2.5


def test_feet_tell_how_far_somebody_went_whom_the_camera_followed() -> None:
    """Feet that stand for half a second each, and glide backwards where the camera goes along at 1.5 m/s."""
    time = np.arange(120) / FPS
    joints = {}
    for side, late in zip(SIDES, (0.0, 0.5), strict=True):
        phase = (time + late) % 1.0
        stands = phase < 0.5
        x = np.where(stands, 0.375 - 1.5 * phase, -0.375 + 1.5 * (phase - 0.5))
        z = np.where(stands, 0.08, 0.2)
        joints[f"{side}_ankle"] = np.stack([x, np.zeros(120), z], 1)
    way = travel(joints, FPS)
    assert way[-1] == pytest.approx(1.5 * time[-1], rel=0.25)
    assert np.diff(way).min() >= 0.0
    there = {name: points + 1.5 * time[:, None] * np.array([1.0, 0.0, 0.0]) for name, points in joints.items()}
    assert np.abs(travel(there, FPS)).max() < 0.3
