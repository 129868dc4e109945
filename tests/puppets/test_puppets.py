"""Rendered video: people that look and move like people, with flow that is exact."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from actionzoo.errors import OutputError
from actionzoo.motion.recording import SIDES
from actionzoo.puppets import ACTIONS, render, write_dataset
from actionzoo.puppets.actions import perform
from actionzoo.puppets.geometry import Curve
from actionzoo.puppets.script import Body, Script
from actionzoo.puppets.skeleton import Figure, solve
from actionzoo.puppets.sprites import affine_flow
from actionzoo.video.reader import read_frames


def performance(action: str, seed: int) -> list[Figure]:
    scenario = perform(action, np.random.default_rng(seed), 30.0)
    return scenario.figures[: scenario.cast]


def warp_back(frame: NDArray[np.uint8], flow: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The next frame `(h, w, 3)` as the flow says that it looked before."""
    rows, columns = flow.shape[:2]
    x, y = np.meshgrid(np.arange(columns, dtype=np.float32), np.arange(rows, dtype=np.float32))
    return cv2.remap(frame, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


@pytest.mark.parametrize("action", ACTIONS)
def test_clips_have_the_form_of_the_real_ones(action: str) -> None:
    sizes = set()
    for seed in range(4):
        clip = render(action, seed, height=48)
        frames, height, width, channels = clip.frames.shape
        assert (height, channels, clip.label, clip.fps, clip.flow) == (48, 3, action, 30.0, None)
        assert 50 <= frames <= 185
        assert width % 2 == 0
        assert 0.5 < width / height < 2.45
        sizes.add(width)
    assert len(sizes) > 1


def test_same_arguments_same_bytes_in_another_process() -> None:
    code = "from actionzoo.puppets import render; import hashlib; print(hashlib.sha256({}).hexdigest())"
    arguments = "render('punch', 3, height=64).frames.tobytes()"
    elsewhere = subprocess.run(
        [sys.executable, "-c", code.format(arguments)], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert hashlib.sha256(render("punch", 3, height=64).frames.tobytes()).hexdigest() == elsewhere


def test_seeds_and_sizes() -> None:
    first, second = render("hug", 1, height=48, width=64), render("hug", 2, height=48, width=64)
    assert first.frames.shape[1:] == second.frames.shape[1:] == (48, 64, 3)
    assert first.frames.shape != second.frames.shape or np.any(first.frames != second.frames)
    small, large = render("hug", 1, height=60).frames, render("hug", 1, height=120).frames
    assert len(small) == len(large)
    assert small.shape[2] / 60 == pytest.approx(large.shape[2] / 120, abs=0.05)


def test_frame_rate_changes_the_sampling_and_not_the_scene() -> None:
    slow, fast = render("kick", 5, height=64, width=80, fps=15), render("kick", 5, height=64, width=80, fps=30)
    assert abs(len(fast.frames) - 2 * len(slow.frames)) <= 2


def test_unknown_action() -> None:
    with pytest.raises(ValueError, match="no action 'dance'"):
        render("dance", 0)


@pytest.mark.parametrize("seed", [11, pytest.param(12, marks=pytest.mark.slow)])
@pytest.mark.parametrize("action", ACTIONS)
def test_flow_explains_the_next_frame(action: str, seed: int) -> None:
    clip = render(action, seed, height=160, with_flow=True, clean=True)
    assert clip.flow is not None
    assert clip.flow.shape == (len(clip.frames) - 1, *clip.frames.shape[1:3], 2)
    assert clip.flow.dtype == np.float32
    warped, still = [], []
    for k in range(0, len(clip.flow), 7):
        moving = np.linalg.norm(clip.flow[k], axis=2) > 1.0
        difference = np.abs(warp_back(clip.frames[k + 1], clip.flow[k]).astype(int) - clip.frames[k]).mean(2)
        before = np.abs(clip.frames[k + 1].astype(int) - clip.frames[k]).mean(2)
        warped.append(difference[moving])
        still.append(before[moving])
    moved, unmoved = np.concatenate(warped), np.concatenate(still)
    assert len(moved) > 500
    assert np.median(moved) < 2.0
    assert moved.mean() < 0.6 * unmoved.mean()


def test_flow_carries_dots_to_where_they_are_next() -> None:
    clip = render("kick", 4, height=200, point_light=True, with_flow=True)
    assert clip.flow is not None
    lit = (clip.frames > 200).all(3)
    right = []
    for k, flow in enumerate(clip.flow):
        count, labels, _, centres = cv2.connectedComponentsWithStats(lit[k].astype(np.uint8))
        for dot in range(1, count):
            x, y = np.round(centres[dot] + flow[labels == dot].mean(0)).astype(int)
            if 3 < x < lit.shape[2] - 4 and 3 < y < lit.shape[1] - 4:
                right.append(lit[k + 1, y, x])
    assert len(right) > 500
    assert np.mean(right) > 0.97
    assert np.abs(clip.flow).max() > 5.0


def test_affine_flow_against_its_closed_form() -> None:
    angle, centre = 0.1, np.array([10.0, 4.0])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    now = np.array([[2.0, 0.0, 5.0], [0.0, 2.0, 1.0]])
    then = np.hstack([2.0 * turn, (turn @ (now[:, 2] - centre) + centre)[:, None]])
    flow = affine_flow(now, then, 3, 2, 5, 4)
    for row in range(4):
        for column in range(5):
            arm = np.array([3 + column, 2 + row]) - centre
            assert flow[row, column] == pytest.approx(turn @ arm - arm, abs=1e-5)


def test_shadows_do_not_move() -> None:
    """The ground under a shadow stays where it is, so shadows change the pictures and not the flow."""
    lit, bare = (render("kick", 1, height=64, with_flow=True, clean=clean) for clean in (False, True))
    assert lit.flow is not None
    assert bare.flow is not None
    assert np.mean(np.abs(lit.flow - bare.flow).max(3) > 0.5) < 0.01


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_bodies_stay_in_one_piece_and_bend_the_right_way(action: str, seed: int) -> None:
    for figure in performance(action, seed):
        body, joints = figure.body, figure.joints
        for side in SIDES:
            hip, knee, ankle, toe = (joints[f"{side}_{name}"] for name in ("hip", "knee", "ankle", "toe"))
            shoulder, elbow, wrist = (joints[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist"))
            bones = ((hip, knee), (knee, ankle), (shoulder, elbow), (elbow, wrist))
            lengths = (body.thigh, body.shin, body.upper_arm, body.forearm)
            for (start, end), length in zip(bones, lengths, strict=True):
                assert np.linalg.norm(end - start, axis=1) == pytest.approx(length, rel=1e-6)
            foot = np.linalg.norm(toe - ankle, axis=1)
            assert foot.min() > 0.4 * body.foot
            assert foot.max() < 1.2 * body.foot
            bend = ((knee - (hip + ankle) / 2) * figure.forward).sum(1)
            upright = np.abs(ankle[:, 2] - hip[:, 2]) > 0.7 * body.leg
            assert bend[upright].min() > -0.02
        for name, points in joints.items():
            assert np.isfinite(points).all(), name
            assert np.linalg.norm(np.diff(points, axis=0), axis=1).max() < 0.75, f"{name} jumps"
            assert points[:, 2].min() > -0.05, f"{name} is in the ground"


@pytest.mark.parametrize("action", ACTIONS)
def test_a_standing_foot_does_not_slide(action: str) -> None:
    for figure in performance(action, 3):
        lowest = np.minimum(figure.joints["left_toe"][:, 2], figure.joints["right_toe"][:, 2])
        assert np.median(lowest) < 0.05
        for side in SIDES:
            toe = figure.joints[f"{side}_toe"]
            planted = (toe[1:, 2] < 0.024) & (toe[:-1, 2] < 0.024)
            speed = np.linalg.norm(np.diff(toe[:, :2], axis=0), axis=1)[planted]
            assert planted.mean() > 0.2
            assert np.percentile(speed, 90) < 0.01


def test_walking_takes_alternate_steps() -> None:
    time = np.arange(120) / 30.0
    script = Script(sway=0.0)
    script.back = Curve(3.0).walk(0.0, 0.2, 3.2)
    figure = solve(Body(), script, time, np.random.default_rng(0))
    lifted = np.stack([figure.joints[f"{side}_toe"][:, 2] > 0.03 for side in SIDES])
    assert not lifted.all(0).any(), "both feet in the air"
    starts = [(np.flatnonzero(np.diff(row.astype(int)) == 1), side) for row, side in zip(lifted, SIDES, strict=True)]
    order = [side for _, side in sorted((k, side) for frames, side in starts for k in frames)]
    assert 4 <= len(order) <= 9
    assert all(first != second for first, second in pairwise(order))
    travelled = figure.joints["pelvis"][-1, 0] - figure.joints["pelvis"][0, 0]
    assert travelled == pytest.approx(3.0, abs=0.1)


def distance(figures: list[Figure], first: str, second: str) -> NDArray[np.float64]:
    return np.linalg.norm(figures[0].joints[first] - figures[1].joints[second], axis=1)


@pytest.mark.parametrize("seed", range(5))
def test_what_makes_each_action(seed: int) -> None:
    shake = performance("handshake", seed)
    assert distance(shake, "right_hand", "right_hand").min() < 0.2
    assert distance(shake, "pelvis", "pelvis").min() > 0.6

    hug = performance("hug", seed)
    assert distance(hug, "pelvis", "pelvis").min() < 0.5

    kick = performance("kick", seed)
    reach = [figure.joints[f"{side}_ankle"][:, 2].max() / figure.body.leg for figure in kick for side in SIDES]
    assert max(reach) > 0.5
    assert sorted(reach)[-2] < 0.5

    punch = performance("punch", seed)
    fists = [distance(punch, f"{side}_hand", "head").min() for side in SIDES]
    fists += [distance(punch[::-1], f"{side}_hand", "head").min() for side in SIDES]
    assert min(fists) < 0.35

    push = performance("push", seed)
    apart = distance(push, "pelvis", "pelvis")
    assert apart.min() < 0.95
    assert apart[np.argmin(apart) :].max() > apart.min() + 0.4

    raised = []
    for figure in performance("point", seed):
        for side in SIDES:
            arm = figure.joints[f"{side}_hand"] - figure.joints[f"{side}_shoulder"]
            level = (np.linalg.norm(arm[:, :2], axis=1) > 0.9 * figure.body.arm).mean()
            raised.append(level)
    assert 0.2 < max(raised) < 0.95


def test_point_light_shows_dots_alone() -> None:
    clip = render("handshake", 2, height=240, point_light=True)
    bright = (clip.frames > 128).all(3)
    assert bright.mean() < 0.04
    assert np.isin(clip.frames[~(clip.frames > 14).any(3)], 14).all()
    dots = [cv2.connectedComponents(frame.astype(np.uint8))[0] - 1 for frame in bright[::10]]
    assert 13 <= max(dots) <= 26


def test_dataset_is_the_same_for_any_number_of_workers(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    one = write_dataset(
        tmp_path / "one", 2, 5, actions=["kick", "hug"], height=48, workers=1, progress=lambda *at: seen.append(at)
    )
    two = write_dataset(tmp_path / "two", 1, 5, actions=["hug", "kick"], height=48, workers=2)
    assert [path.relative_to(tmp_path / "one").as_posix() for path in one] == [
        "kick/kick_0000.mp4", "kick/kick_0001.mp4", "hug/hug_0000.mp4", "hug/hug_0001.mp4",
    ]  # fmt: skip
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert one[0].read_bytes() == two[1].read_bytes()
    assert one[2].read_bytes() == two[0].read_bytes()
    assert one[0].read_bytes() != one[1].read_bytes()
    assert sorted(path.name for path in (tmp_path / "two").rglob("*.*")) == ["hug_0000.mp4", "kick_0000.mp4"]


def test_dataset_with_flow(tmp_path: Path) -> None:
    (path,) = write_dataset(tmp_path, 1, 0, actions=["point"], height=48, with_flow=True, workers=1)
    frames = [frame.image for frame in read_frames(path)]
    with np.load(path.with_suffix(".npz")) as stored:
        assert stored["flow"].shape == (len(frames) - 1, *frames[0].shape[:2], 2)
    assert sorted(file.name for file in path.parent.iterdir()) == ["point_0000.mp4", "point_0000.npz"]


def test_dataset_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"file.kick: cannot be written into \("):
        write_dataset(tmp_path / "file", 1, 0, actions=["kick"], height=48, workers=1)


def test_command(tmp_path: Path, command) -> None:  # type: ignore[no-untyped-def]
    done = command(
        "data", "puppets", tmp_path / "out put", "--clips", 1, "--seed", 3, "--action", "kick", "--height", 48
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(done.stdout.strip()) == tmp_path / "out put" / "kick" / "kick_0000.mp4"
    assert Path(done.stdout.strip()).stat().st_size > 1000
    wrong = command("data", "puppets", tmp_path, "--clips", 1, "--action", "dance")
    assert wrong.returncode == 2
    assert "'dance' is not one of" in wrong.stderr
