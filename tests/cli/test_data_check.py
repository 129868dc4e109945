"""`actionzoo data check`, on real videos and broken ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from actionzoo.cli.main import main
from actionzoo.data.check import check_video


@pytest.fixture
def data(tmp_path: Path, clip: Path) -> Path:
    for name in ("wave/p1.mp4", "wave/p2.mp4", "bend/p1.mp4"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        shutil.copy(clip, path)
    return tmp_path


def test_a_good_set(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(data), "--group", r"(p\d)"]) == 0
    done = capsys.readouterr()
    assert done.err.splitlines()[0] == "2 classes, 2 groups, 3 videos"
    lines = done.out.splitlines()
    assert [line.split() for line in lines[:2]] == [["bend", "1", "0.1", "1"], ["wave", "2", "0.2", "2"]]
    assert lines[2].startswith("3 videos of 2 classes; 164 frames, 240 pixels high, 30 a second; all good")
    assert len(lines) == 3


def test_a_set_in_parts(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for part in ("train", "validation"):
        shutil.copytree(data / "wave", data / "set" / part / "wave")
        shutil.copytree(data / "bend", data / "set" / part / "bend")
    (data / "set" / "train" / "wave" / "notes.txt").touch()
    assert main(["data", "check", str(data / "set")]) == 0
    done = capsys.readouterr()
    said = "2 splits, 2 classes, 6 videos: train 3, val 3; 1 file left out: 1 .txt"
    assert done.err.splitlines()[0] == said
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[:2] == [["bend", "2", "0.2", "-", "1", "1"], ["wave", "4", "0.4", "-", "2", "2"]]


def test_groups_that_nobody_knows_are_mentioned(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(data)]) == 0
    assert "no groups are known" in capsys.readouterr().out


def test_broken_videos_are_listed_and_the_rest_is_counted(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut = data / "wave" / "p2.mp4"
    cut.write_bytes(cut.read_bytes()[:30_000])
    (data / "bend" / "text.avi").write_text("no video")
    assert main(["data", "check", str(data)]) == 3
    done = capsys.readouterr()
    assert "4 videos of 2 classes" in done.out
    assert "2 broken" in done.out
    assert f"{cut}: " in done.err
    assert f"{data / 'bend' / 'text.avi'}: " in done.err
    assert main(["data", "check", str(data), "--json"]) == 3
    videos = {Path(video["path"]).name: video for video in json.loads(capsys.readouterr().out)["videos"]}
    assert videos["text.avi"]["problem"]
    assert (videos["p1.mp4"]["frames"], videos["p1.mp4"]["problem"]) == (164, None)


def test_only_broken_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a/1.mp4", "b/2.mp4"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    assert main(["data", "check", str(tmp_path)]) == 1
    assert "2 broken" in capsys.readouterr().out


def test_no_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(tmp_path / "nothing")]) == 1
    assert "there is no folder or file" in capsys.readouterr().err


def test_a_video_is_looked_at_to_its_end(clip: Path) -> None:
    found = check_video(clip)
    assert (found.frames, found.size, found.problem) == (164, (240, 370), None)
    assert found.seconds == pytest.approx(164 / 30, abs=0.05)
