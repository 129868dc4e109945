"""Real pictures behind the figures: found, chosen, cut; the same bytes for any number of workers; errors."""

from __future__ import annotations

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from actionzoo.errors import DataError
from actionzoo.motion import JOINTS, MotionRecording
from actionzoo.puppets import render, render_motion, write_dataset, write_motion_dataset
from actionzoo.puppets.backgrounds import choose_background, cropped, find_backgrounds
from actionzoo.video.reader import read_frames
from actionzoo.video.writer import VideoWriter

MAGENTA = (255, 0, 255)


def recording() -> MotionRecording:
    joints = np.random.default_rng(0).normal(size=(1, 1, len(JOINTS), 2)).repeat(30, 0)
    return MotionRecording(joints, 30.0, "odd", "odd.npz")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Magenta pictures and a magenta video, one of them in a folder below; a text, a hidden and a broken picture."""
    root = tmp_path / "back grounds"
    (root / "below").mkdir(parents=True)
    picture = np.full((50, 80, 3), MAGENTA, np.uint8)
    cv2.imwrite(str(root / "wide.png"), picture[..., ::-1])
    cv2.imwrite(str(root / "below" / "tall.png"), np.rot90(picture)[..., ::-1])
    cv2.imwrite(str(root / ".hidden.png"), picture)
    with VideoWriter(root / "below" / "clip.mp4", 25.0, (48, 64)) as video:
        for _ in range(5):
            video.write(np.full((48, 64, 3), MAGENTA, np.uint8))
    (root / "notes.txt").write_text("no picture")
    (root / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    (root / "broken.mp4").write_bytes(b"\x00\x00\x00\x18ftypisom cut off")
    return root


def is_magenta(frames: np.ndarray) -> bool:
    """Whether more than a third of the pixels are."""
    return bool((np.abs(frames.astype(int) - MAGENTA).max(-1) < 40).mean() > 0.33)


def test_files_are_found_in_order_and_broken_ones_named(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "actionzoo"):
        found = find_backgrounds(folder)
    assert [path.relative_to(folder).as_posix() for path in found] == ["below/clip.mp4", "below/tall.png", "wide.png"]
    assert [record.getMessage().split(": ")[1].rpartition("/")[2] for record in caplog.records] == [
        "broken.jpg", "broken.mp4",
    ]  # fmt: skip
    assert "cannot be read as a picture; copy it again" in caplog.text


def test_folders_without_a_picture(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder of backgrounds; check the name"):
        find_backgrounds(tmp_path / "missing")
    with pytest.raises(DataError, match="no picture and no video in this folder of backgrounds; name another"):
        find_backgrounds(tmp_path)
    (tmp_path / "broken.png").write_bytes(b"no")
    with pytest.raises(DataError, match="no picture or video that can be read"):
        write_dataset(tmp_path / "out", 1, 0, actions=["kick"], height=48, workers=1, backgrounds=tmp_path)
    with pytest.raises(DataError, match="no picture or video that can be read"):
        write_motion_dataset(tmp_path / "out", [recording()], 1, 0, height=48, workers=1, backgrounds=tmp_path)
    assert not (tmp_path / "out").exists()


def test_all_files_are_chosen_at_all_times() -> None:
    paths = [Path(name) for name in "abc"]
    spots = [spot for seed in range(300) if (spot := choose_background(paths, [seed, 1])) is not None]
    assert {spot.path for spot in spots} == set(paths)
    shares = [spot.share for spot in spots]
    assert (min(shares) < 0.1, max(shares) > 0.9, max(shares) < 1.0) == (True, True, True)


def test_a_piece_keeps_its_proportions() -> None:
    """A picture whose red tells the column and whose green tells the row."""
    row, column = np.mgrid[:120, :200]
    picture = np.stack([column, row, 0 * row], -1).astype(np.uint8)
    mirrored = []
    for seed in range(20):
        piece = cropped(picture, np.random.default_rng(seed), 60, 60).astype(float)
        across, down = np.diff(piece[30, 5:-5, 0]).mean(), np.diff(piece[5:-5, 30, 1]).mean()
        assert abs(across) == pytest.approx(down, rel=0.05)
        assert 1.5 < down < 2.1
        mirrored.append(across < 0)
    assert 4 < sum(mirrored) < 16


def test_black_bars_are_cut_away() -> None:
    picture = np.full((90, 120, 3), 10, np.uint8)
    picture[20:80, 15:] = 200
    for seed in range(5):
        assert cropped(picture, np.random.default_rng(seed), 40, 40).min() > 190
    night = np.full((30, 40, 3), 12, np.uint8)
    assert (cropped(night, np.random.default_rng(0), 20, 20) == 12).all()


def test_figures_stand_before_the_picture() -> None:
    picture = np.full((40, 90, 3), MAGENTA, np.uint8)
    for clip in (
        render("kick", 3, height=64, background=picture),
        render_motion(recording(), 3, height=64, background=picture),
    ):
        assert is_magenta(clip.frames)
        assert (np.abs(clip.frames[0].astype(int) - MAGENTA).max(-1) > 100).sum() > 20
    assert not is_magenta(render("kick", 3, height=64).frames)
    for wrong in (picture[..., 0], picture.astype(float), picture[:0]):
        with pytest.raises(ValueError, match=r"background must be \(rows, columns, 3\) uint8"):
            render("kick", 3, height=64, background=wrong)


def test_sets_are_the_same_for_any_number_of_workers(folder: Path, tmp_path: Path) -> None:
    def written(where: str, workers: int) -> list[Path]:
        how = {"height": 48, "workers": workers, "backgrounds": folder}
        drawn = write_dataset(tmp_path / where, 4, 1, actions=["kick"], **how)  # type: ignore[arg-type]
        return drawn + write_motion_dataset(tmp_path / where, [recording()], 4, 1, **how)  # type: ignore[arg-type]

    one, two = written("one", 1), written("two", 2)
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    real = [is_magenta(next(read_frames(path)).image) for path in one]
    assert 2 <= sum(real) <= 6
    plain = write_dataset(tmp_path / "plain", 4, 1, actions=["kick"], height=48, workers=1)
    assert [a.read_bytes() == b.read_bytes() for a, b in zip(plain, one, strict=False)] == [not it for it in real[:4]]


def test_command(folder: Path, tmp_path: Path, command) -> None:  # type: ignore[no-untyped-def]
    options = ("--action", "kick", "--clips", 4, "--seed", 1, "--height", 48, "--workers", 1)
    done = command("data", "puppets", tmp_path / "out", "--backgrounds", folder, *options)
    assert done.returncode == 0
    assert "left out of the backgrounds" in done.stderr
    assert "broken.jpg: cannot be read as a picture" in " ".join(done.stderr.split())
    assert any(is_magenta(next(read_frames(path)).image) for path in done.stdout.splitlines())
    missing = command("data", "puppets", tmp_path / "out", "--backgrounds", tmp_path / "no", *options)
    assert (missing.returncode, "no such folder of backgrounds" in " ".join(missing.stderr.split())) == (1, True)
    dots = command("data", "puppets", tmp_path / "out", "--backgrounds", folder, "--point-light", *options)
    assert dots.returncode == 2
    assert "dark ground" in dots.stderr
