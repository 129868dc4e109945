from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import actionzoo
from actionzoo.cli.main import main
from actionzoo.errors import ModelError, NotAVideoError
from actionzoo.inference import Features
from actionzoo.video.spec import InputSpec

from .conftest import Result

Run = Callable[..., Result]


class KnownFeatures:
    """Gives a row of twos for every second of its four-second videos; a file called `bad...` is no video."""

    name = "known"
    spec = InputSpec((), fps=10.0)

    def __init__(self, model: str, *, offline: bool) -> None:
        self.model = model

    def layer_engine(self, layer: str) -> None:
        if layer != "pool5":
            raise ModelError(f"{self.model} has no layer {layer!r}")

    def features(
        self,
        source: str,
        layer: str,
        *,
        pool: bool,
        window: float | None,
        step: float | None,
        progress: object = None,
    ) -> Features:
        if Path(source).name.startswith("bad"):
            raise NotAVideoError(source, "is not a video")
        if Path(source).name.startswith("interrupted"):
            raise KeyboardInterrupt
        step = window if step is None else step
        starts = np.arange(0, 4, step) if step else np.zeros(1)
        times = np.stack([starts, starts + (window or 4)], axis=1)
        rows = np.full((len(starts), *((3,) if pool else (2, 4, 4, 3))), 2, np.float32)
        warnings = ("is damaged",) if Path(source).name.startswith("damaged") else ()
        return Features(source, self.name, layer, rows, times, np.ones(len(starts), np.int64), warnings)


@pytest.fixture
def known(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(actionzoo, "load_model", KnownFeatures)
    return lambda *arguments: run("features", *arguments)


def load(path: str = "out.npz") -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as data:
        return dict(data)


def test_rows_of_all_videos_in_one_file(known: Run) -> None:
    result = known("a.mp4", "b.mp4", "--layer", "pool5", "--output", "out.npz", "--window", 2, "--step", 1)
    assert (result.code, result.out) == (0, "")
    assert result.err == "out.npz: 2 videos, features 8 x 3, from pool5 of known\n"
    data = load()
    assert data["features"].shape == (8, 3)
    assert data["sources"][data["source"]].tolist() == ["a.mp4"] * 4 + ["b.mp4"] * 4
    assert data["times"][4:].tolist() == [[0, 2], [1, 3], [2, 4], [3, 5]]


def test_the_map_is_kept(known: Run) -> None:
    assert known("a.mp4", "--layer", "pool5", "--output", "out.npz", "--no-pool").code == 0
    assert load()["features"].shape == (1, 2, 4, 4, 3)


def test_folders_patterns_and_lists(known: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "c.mkv").touch()
    assert known("deep", "*.mp4", "--layer", "pool5", "--output", "out.npz").code == 0
    assert load()["sources"].tolist() == ["deep/c.mkv", "a.mp4", "b.mp4"]


def test_a_damaged_video_comes_with_a_warning(known: Run) -> None:
    result = known("damaged.mp4", "--layer", "pool5", "--output", "out.npz")
    warning = "actionzoo: warning: damaged.mp4: is damaged; the features are of what can be decoded"
    assert (result.code, result.err.splitlines()[0]) == (0, warning)


def test_one_bad_file_of_several(known: Run) -> None:
    result = known("a.mp4", "bad.mp4", "b.mp4", "--layer", "pool5", "--output", "out.npz")
    assert result.code == 3
    assert result.err.splitlines()[0] == "actionzoo: bad.mp4: is not a video"
    assert load()["sources"].tolist() == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize(("source", "code"), [("bad.mp4", 1), ("interrupted.mp4", 130)])
def test_nothing_found_leaves_an_older_file(known: Run, source: str, code: int) -> None:
    Path("out.npz").write_text("older")
    assert known(source, "--layer", "pool5", "--output", "out.npz").code == code
    assert Path("out.npz").read_text() == "older"
    assert sorted(os.listdir()) == ["a.mp4", "b.mp4", "out.npz"]


def test_an_unknown_layer(known: Run) -> None:
    result = known("a.mp4", "--layer", "pool6", "--output", "out.npz")
    assert (result.code, result.err) == (1, "actionzoo: everyday has no layer 'pool6'\n")
    assert sorted(os.listdir()) == ["a.mp4", "b.mp4"]


def test_unwritable_output_is_found_before_the_work(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actionzoo, "load_model", None)
    result = run("features", "a.mp4", "--layer", "pool5", "--output", "no/such/out.npz")
    reason = "cannot be written (No such file or directory); choose another place or make room"
    assert (result.code, result.err) == (1, f"actionzoo: no/such/out.npz: {reason}\n")


def test_sources_that_cannot_be(known: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = known("empty", "--layer", "pool5", "--output", "out.npz")
    assert (result.code, "holds no videos" in result.err) == (1, True)
    result = known("https://host/clip.mp4", "--layer", "pool5", "--output", "out.npz", "--offline")
    assert (result.code, "which --offline forbids" in result.err) == (1, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["a.mp4"],
        ["a.mp4", "--layer", "pool5"],
        ["a.mp4", "--output", "out.npz"],
        ["a.mp4", "--layer", "pool5", "--output", "out.csv"],
        ["out.npz", "--layer", "pool5", "--output", "./out.npz"],
        ["a.mp4", "--layer", "pool5", "--output", "out.npz", "--window", "0"],
        ["a.mp4", "--layer", "pool5", "--output", "out.npz", "--window", "0.01"],
        ["a.mp4", "--layer", "pool5", "--output", "out.npz", "--step", "1"],
        ["0", "--layer", "pool5", "--output", "out.npz"],
        ["rtsp://host/1", "--layer", "pool5", "--output", "out.npz"],
        ["", "--layer", "pool5", "--output", "out.npz"],
    ],
)
def test_wrong_usage(known: Run, arguments: list[str]) -> None:
    result = known(*arguments)
    assert (result.code, result.out) == (2, "")
    assert "Usage: actionzoo features" in result.err
    assert sorted(os.listdir()) == ["a.mp4", "b.mp4"]


def test_the_shipped_model_on_real_files(
    command: Callable[..., subprocess.CompletedProcess[str]], clip: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    output = tmp_path / "out.npz"
    done = command("features", cut, clip, "--layer", "logits", "--window", 2, "--output", output, "--offline")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 2
    assert str(cut) in done.stderr.splitlines()[0]
    data = load(str(output))
    answer = actionzoo.predict(clip, window=2.0, engine="keras")
    labels = [answer.predictions[0].index for _ in answer.windows]
    assert data["times"].tolist() == [[window.start_s, window.end_s] for window in answer.windows]
    assert data["features"].argmax(1).tolist() == [window.predictions[0].index for window in answer.windows]
    assert set(labels) == {data["features"].mean(0).argmax()}
    assert main(["features", str(clip), "--layer", "no_such_layer", "--output", str(output)]) == 1
