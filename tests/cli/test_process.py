"""The command as a user meets it: a process of its own, the shipped model, real files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from actionzoo.cli.main import main

Command = Callable[..., subprocess.CompletedProcess[str]]
posix = pytest.mark.skipif(os.name == "nt", reason="signals and devices of POSIX")


def write_video(path: Path, frames: int = 20, width: int = 64, height: int = 48) -> Path:
    """A small MP4 of moving noise."""
    noise = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=15)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for i in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.roll(noise, i, axis=1))))
        container.mux(stream.encode(None))
    return path


def write_sound(path: Path) -> Path:
    """An MP4 with silence and no pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_picture(path: Path) -> Path:
    """A PNG."""
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as container:
        stream = container.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))))
        container.mux(stream.encode(None))
    return path


def write_cut(path: Path) -> Path:
    """The first half of an MP4."""
    whole = write_video(path, frames=60).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def write_corrupt(path: Path) -> Path:
    """An MP4 with noise in the middle of its pictures."""
    data = bytearray(write_video(path, frames=60).read_bytes())
    begin = len(data) // 3
    data[begin : begin + 20_000] = np.random.default_rng(1).bytes(20_000)
    path.write_bytes(data)
    return path


BAD: dict[str, Callable[[Path], object]] = {
    "missing.mp4": lambda path: None,
    "empty.mp4": Path.touch,
    "text.mp4": lambda path: path.write_text("not a video"),
    "sound.mp4": write_sound,
    "picture.png": write_picture,
    "cut.mp4": write_cut,
    "corrupt.mp4": write_corrupt,
    "folder": Path.mkdir,
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    BAD[name](tmp_path / name)
    monkeypatch.chdir(tmp_path)
    before = set(os.listdir())
    code = main(["predict", name, "--output", "answer.json", "--format", "json", "--annotate", "labelled.mp4"])
    out, err = capsys.readouterr()
    assert (code, out) == (1, "")
    assert err.startswith(f"actionzoo: {name}: ")
    assert err.count("\n") == 1
    assert set(os.listdir()) == before | {"answer.json"}
    (answer,) = json.loads(Path("answer.json").read_text("utf-8"))
    assert err == f"actionzoo: {answer['error']['message']}\n"


@pytest.mark.parametrize(("frames", "width", "height"), [(1, 64, 48), (2, 64, 48), (3, 10_000, 16), (20, 16, 2000)])
def test_odd_shapes_get_an_answer(
    frames: int, width: int, height: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_video(tmp_path / "odd.mp4", frames, width, height)
    assert main(["predict", str(path), "--format", "json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)
    assert answer["frames"] == frames
    of_classes = [prediction["score"] for prediction in answer["predictions"] if prediction["index"] >= 0]
    assert 0 < sum(of_classes) <= 1.00001


def test_good_files_among_bad_are_answered(command: Command, clip: Path, tmp_path: Path) -> None:
    for name, make in BAD.items():
        make(tmp_path / name)
    names = ["ein Übel.mp4", "-dash.mp4", "plain.mp4"]
    for name in names:
        shutil.copy(clip, tmp_path / name)
    done = command("predict", "--format", "jsonl", "--", *names[:2], *BAD, names[2], cwd=tmp_path)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 3
    assert [result["source"] for result in results] == [*names[:2], *BAD, names[2]]
    answers = [result for result in results if "error" not in result]
    assert [answer["source"] for answer in answers] == names
    assert all(clip.stem.startswith(answer["predictions"][0]["label"]) for answer in answers)
    assert all("predictions" not in result for result in results if "error" in result)
    assert done.stderr.count("\n") == len(BAD)


@posix
def test_a_name_that_is_no_text(command: Command, clip: Path, tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.mp4")
    try:
        shutil.copy(clip, tmp_path / name)
    except OSError:
        pytest.skip("this file system wants names to be text")
    done = command("predict", ".", "--format", "json", cwd=tmp_path)
    assert json.loads(done.stdout)[0]["source"] == os.path.join(".", name)
    assert command("predict", "-", cwd=tmp_path, input=f"{name}\n", errors="surrogateescape").returncode == 0


def test_annotate_writes_a_video(command: Command, clip: Path, tmp_path: Path) -> None:
    done = command("predict", clip, "--annotate", "labelled.mp4", "--window", 1, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    with av.open(str(clip)) as source, av.open(str(tmp_path / "labelled.mp4")) as labelled:
        assert labelled.streams.video[0].frames == source.streams.video[0].frames
    assert os.listdir(tmp_path) == ["labelled.mp4"]


def test_predicting_imports_no_framework(clip: Path) -> None:
    code = (
        "import sys; from actionzoo.cli.main import main; code = main(['predict', sys.argv[1]]);"
        "sys.exit(code or str({'keras', 'tensorflow', 'jax', 'torch', 'huggingface_hub', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, clip], capture_output=True, text=True, timeout=1800, check=False)
    assert done.stderr.strip() == "set()"


def hear_interrupts() -> None:
    """Undoes, in a new process, what `nohup` and background jobs do to their children: they ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_in_the_middle(number: signal.Signals, clip: Path, tmp_path: Path) -> None:
    for i in range(200):
        (tmp_path / f"{i:03}.mp4").symlink_to(clip)
    command = [sys.executable, "-m", "actionzoo", "predict", ".", "--format", "jsonl"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, preexec_fn=hear_interrupts
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(number)
        rest, err = process.communicate(timeout=1800)
    assert process.returncode == 128 + number
    assert err == b""
    lines = (first + rest).splitlines()
    assert 1 <= len(lines) < 200
    assert all("predictions" in json.loads(line) for line in lines)


@posix
def test_an_interrupt_while_an_object_is_deleted_counts() -> None:
    script = """
import os, signal, sys, time
from actionzoo.cli import main as command
class Deleted:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
def run(arguments):
    Deleted()
    time.sleep(5)
    return 0
command._run = run
sys.exit(command.main([]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=False, preexec_fn=hear_interrupts, timeout=1800
    )
    assert (done.returncode, done.stderr) == (130, b"")


@posix
def test_interrupted_with_files_to_write(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for i in range(200):
        (tmp_path / "in" / f"{i:03}.mp4").symlink_to(clip)
    command = [sys.executable, "-m", "actionzoo", "predict", "in", "--format", "jsonl", "--output", "answers.jsonl"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, cwd=tmp_path, preexec_fn=hear_interrupts) as process:
        deadline = time.monotonic() + 1800
        while len(os.listdir(tmp_path)) == 1 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=1800)
    assert (process.returncode, err) == (130, b"")
    assert os.listdir(tmp_path) == ["in"]


@posix
def test_a_reader_that_leaves(clip: Path, tmp_path: Path) -> None:
    for i in range(3):
        (tmp_path / f"{i}.mp4").symlink_to(clip)
    command = [sys.executable, "-m", "actionzoo", "predict", ".", "--format", "jsonl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        process.stdout = None
        _, err = process.communicate(timeout=1800)
    assert (process.returncode, err) == (1, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_a_full_disk(command: Command, clip: Path) -> None:
    with open("/dev/full", "w") as full:
        done = command("predict", clip, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, "actionzoo: No space left on device\n")
    done = command("predict", clip, "--output", "/dev/full")
    assert (done.returncode, done.stderr) == (
        1,
        "actionzoo: /dev/full: cannot be written (No space left on device); choose another place or make room\n",
    )
