from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from actionzoo.video.reader import probe
from actionzoo.video.writer import VideoWriter

from .conftest import Result
from .test_process import hear_interrupts, write_cut, write_video

Run = Callable[..., Result]


@pytest.fixture
def flow(run: Run, tmp_path: Path) -> Run:
    """Runs `actionzoo flow ...` in a folder with `a.mp4`, six frames of 48x64, and `b.mp4`, which is empty."""
    write_video(tmp_path / "a.mp4", frames=6)
    return lambda *arguments: run("flow", *arguments)


def test_jpegs_by_default(flow: Run) -> None:
    result = flow("a.mp4", "out", "--method", "dis")
    assert (result.code, result.out) == (0, "")
    assert result.err == "out/u/a, out/v/a: 5 flow fields, 340 x 256 pixels, dis\n"
    names = [f"frame{k:06d}.jpg" for k in range(1, 6)]
    assert sorted(os.listdir("out")) == ["u", "v"]
    assert [sorted(os.listdir(f"out/{kind}/a")) for kind in "uv"] == [names, names]
    image = cv2.imread("out/v/a/frame000005.jpg", cv2.IMREAD_UNCHANGED)
    assert image is not None
    assert image.shape == (256, 340)


def test_the_papers_method_by_default(flow: Run) -> None:
    result = flow("a.mp4", "out.npz", "--short-side", 48)
    assert result.err == "out.npz: 5 flow fields, 64 x 48 pixels, tvl1\n"


def test_formats_by_ending(flow: Run) -> None:
    assert flow("a.mp4", "out.npz", "--method", "farneback", "--short-side", 24).code == 0
    with np.load("out.npz") as data:
        assert data["flow"].shape == (5, 24, 32, 2)
        assert str(data["method"]) == "farneback"
    result = flow("a.mp4", "out.MP4", "--method", "dis", "--short-side", "original")
    assert result.err == "out.MP4: 5 flow fields, 64 x 48 pixels, dis\n"
    assert (probe("out.MP4").width, probe("out.MP4").fps) == (64, 15)


def test_every_option(flow: Run) -> None:
    result = flow(
        *("a.mp4", "out.npz", "--method", "dis", "--format", "jpeg", "--short-side", "32", "--bound", "5", "--frames")
    )
    assert result.err == "out.npz/u/a, out.npz/v/a, out.npz/jpegs/a: 5 flow fields, 42 x 32 pixels, dis\n"
    assert len(os.listdir("out.npz/jpegs/a")) == 6


def test_one_field(flow: Run, tmp_path: Path) -> None:
    write_video(tmp_path / "two.mp4", frames=2)
    assert ": 1 flow field, " in flow("two.mp4", "out.npz", "--method", "dis").err


def test_a_video_that_is_there_already(flow: Run) -> None:
    assert flow("a.mp4", ".", "--method", "dis", "--short-side", 32).code == 0
    result = flow("a.mp4", ".", "--method", "dis")
    assert (result.code, result.err) == (1, "actionzoo: u/a: exists already; remove it, or choose another folder\n")


@pytest.mark.parametrize("out", ["out", "out.npz", "out.mp4"])
@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("b.mp4", "is empty"),
        ("none.mp4", "there is no such file"),
        (".", "is a folder"),
        ("one.mp4", "has only one frame; flow needs two"),
        ("cut.mp4", "is damaged or cut off"),
        ("ftp://host/a.mp4", "addresses begin with"),
    ],
)
def test_videos_that_cannot_be(flow: Run, tmp_path: Path, source: str, reason: str, out: str) -> None:
    write_cut(tmp_path / "cut.mp4")
    with VideoWriter(tmp_path / "one.mp4", 30, (48, 64)) as video:
        video.write(np.zeros((48, 64, 3), np.uint8))
    before = sorted(os.listdir())
    result = flow(source, out, "--method", "dis")
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert result.err.startswith(f"actionzoo: {source}: ")
    assert reason in result.err
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("a.mp4/out", "actionzoo: a.mp4/out: cannot be written (Not a directory); choose another place or make room\n"),
        ("no/o.npz", "actionzoo: no/o.npz: cannot be written (No such file or directory); choose another place or"),
    ],
)
def test_places_that_cannot_be(flow: Run, out: str, message: str) -> None:
    result = flow("a.mp4", out)
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert result.err.startswith(message)
    assert sorted(os.listdir()) == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "Missing"),
        (["a.mp4"], "Missing"),
        (["a.mp4", "b.mp4", "out"], "unexpected extra argument"),
        (["", "out"], "a source has no name"),
        (["0", "out"], "a camera or stream has no end"),
        (["rtsp://host/1", "out.mp4"], "a camera or stream has no end"),
        (["a.mp4", "out", "--method", "brox"], "--method"),
        (["a.mp4", "out", "--format", "png"], "--format"),
        (["a.mp4", "out.npy", "--format", "npz"], "must end in .npz"),
        (["a.mp4", "out.npz", "--format", "mp4"], "must end in .mp4"),
        (["a.mp4", "out.mkv"], "must be a folder"),
        (["a.mp4", "./a.mp4"], "would overwrite"),
        (["a.mp4", "out", "--short-side", "0"], "must be 16 to 4320 pixels, or original"),
        (["a.mp4", "out", "--short-side", "native"], "must be 16 to 4320 pixels, or original"),
        (["a.mp4", "out", "--bound", "0"], "must be more than 0 pixels"),
        (["a.mp4", "out", "--bound", "nan"], "must be more than 0 pixels"),
        (["a.mp4", "out.npz", "--bound", "20"], "is for jpeg and mp4"),
        (["a.mp4", "out.mp4", "--frames"], "is for jpeg only"),
    ],
)
def test_wrong_usage(flow: Run, arguments: list[str], reason: str) -> None:
    result = flow(*arguments)
    assert (result.code, result.out) == (2, "")
    assert "Usage: actionzoo flow" in result.err
    assert reason in " ".join(result.err.split())
    assert sorted(os.listdir()) == ["a.mp4", "b.mp4"]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("out", ["new/out", "out.npz", "out.mp4"])
def test_interrupted_in_the_middle(clip: Path, tmp_path: Path, number: signal.Signals, out: str) -> None:
    options = ["--method", "dis", "--short-side", "256"]
    command = [sys.executable, "-m", "actionzoo", "flow", str(clip), out, *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, cwd=tmp_path, preexec_fn=hear_interrupts) as process:
        deadline = time.monotonic() + 1800
        while not os.listdir(tmp_path) and time.monotonic() < deadline:
            time.sleep(0.005)
        process.send_signal(number)
        _, err = process.communicate(timeout=1800)
    assert (process.returncode, err) == (128 + number, b"")
    assert os.listdir(tmp_path) == []


def test_it_imports_no_framework() -> None:
    code = (
        "import sys; from actionzoo.cli.main import main; main(['flow', '--help']);"
        "sys.exit(str({'keras', 'tensorflow', 'jax', 'torch', 'openvino', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=1800, check=False)
    assert done.stderr.strip() == "set()"
