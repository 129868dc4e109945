from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import actionzoo

from .conftest import Result

Run = Callable[..., Result]


def test_table_names_the_best_classes(run: Run) -> None:
    result = run("predict", "a.mp4")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "a.mp4",
        "4.0 s, 60 frames at 15 fps, model known",
        "push   70.0 %",
        "kick   20.0 %",
        "hug    10.0 %",
    ]


def test_table_of_many_has_a_line_each(run: Run) -> None:
    assert run("predict", "a.mp4", "b.mp4").out.splitlines() == [
        "push        70.0 %  a.mp4",
        "push        70.0 %  b.mp4",
    ]


def test_table_of_many_has_as_many_classes_as_asked_for(run: Run) -> None:
    assert run("predict", "a.mp4", "b.mp4", "--top-k", 2).out.splitlines() == [
        "push        70.0 %  kick        20.0 %  a.mp4",
        "push        70.0 %  kick        20.0 %  b.mp4",
    ]


def test_table_of_windows_has_as_many_classes_as_asked_for(run: Run) -> None:
    lines = run("predict", "a.mp4", "--window", 1, "--top-k", 2, "--threshold", 0.6).out.splitlines()
    assert [line.split() for line in lines[2:]] == [
        ["0:00.0", "-", "0:01.0", "hug", "80.0", "%", "kick", "10.0", "%"],
        ["0:01.0", "-", "0:02.0", "uncertain", "(hug)", "50.0", "%", "kick", "30.0", "%"],
        ["0:02.0", "-", "0:03.0", "uncertain", "(push)", "45.0", "%", "hug", "30.0", "%"],
        ["0:03.0", "-", "0:04.0", "push", "90.0", "%", "hug", "5.0", "%"],
    ]


def test_lines_of_a_camera_have_as_many_classes_as_asked_for(run: Run) -> None:
    lines = run("predict", "rtsp://ends", "--top-k", 2).out.splitlines()
    assert lines[0] == "0:01.0  push        70.0 %  kick        20.0 %  latency 0.25 s"


def test_table_of_windows_has_their_times(run: Run) -> None:
    lines = run("predict", "a.mp4", "--window", 1).out.splitlines()
    assert lines[2:4] == ["0:00.0 - 0:01.0  hug    80.0 %", "0:01.0 - 0:02.0  hug    50.0 %"]


def test_json_is_a_list_with_one_object_a_source(run: Run) -> None:
    result = run("predict", "a.mp4", "--format", "json", "--top-k", 1)
    push = {"label": "push", "index": 2, "score": 0.7}
    assert json.loads(result.out) == [
        {
            "source": "a.mp4",
            "model": "known",
            "frames": 60,
            "fps": 15.0,
            "duration_s": 4.0,
            "predictions": [push],
            "windows": [{"start_s": 0.0, "end_s": 4.0, "predictions": [push]}],
            "warnings": [],
            "timing_s": {"decode": 0.1, "flow": 0.2, "model": 0.3, "total": 0.4},
        }
    ]


@pytest.mark.parametrize("format", ["jsonl", "csv", "table"])
def test_an_address_that_may_not_end_is_answered_window_by_window(
    run: Run, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    info = actionzoo.video.VideoInfo("http://host/a.ts", 64, 48, 15.0, None)
    monkeypatch.setattr(actionzoo.video, "probe", lambda source: info)
    result = run("predict", "http://host/a.ts", "--window", 1, "--format", format, "--top-k", 1)
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    if format == "jsonl":
        spans = [(window["start_s"], window["predictions"][0]["label"]) for window in map(json.loads, lines)]
        assert spans == [(0.0, "hug"), (1.0, "hug"), (2.0, "push"), (3.0, "push")]
    elif format == "csv":
        assert [line.split(",")[1:5] for line in lines[1:3]] == [["0.0", "1.0", "1", "hug"], ["1.0", "2.0", "1", "hug"]]
    else:
        assert lines[0].rstrip() == "0:00.0 - 0:01.0  hug         80.0 %"
    assert run("predict", "http://host/a.ts", "--window", 1, "--format", "json").code == 2
    assert "answered when it ends, with --window 2 as it goes" in run("predict", "http://host/a.ts").err


def test_an_address_that_says_how_long_it_is_gets_one_answer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    info = actionzoo.video.VideoInfo("http://host/a.mp4", 64, 48, 15.0, 4.0)
    monkeypatch.setattr(actionzoo.video, "probe", lambda source: info)
    (answer,) = map(
        json.loads, run("predict", "http://host/a.mp4", "--window", 1, "--format", "jsonl").out.splitlines()
    )
    assert len(answer["windows"]) == 4


def test_a_folder_of_pictures_is_a_source(run: Run, tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    for number in range(1, 4):
        (tmp_path / "clip" / f"img_{number:05d}.jpg").touch()
    (answer,) = json.loads(run("predict", "clip", "--fps", 12, "--format", "json").out)
    assert answer["source"] == "clip"
    (tmp_path / "empty").mkdir()
    assert "holds no videos" in run("predict", "empty").err


def test_the_rate_of_pictures(run: Run) -> None:
    for rate in ("0", "-1", "nan", "inf"):
        assert run("predict", "a.mp4", "--fps", rate).code == 2
    assert run("predict", "a.mp4", "--fps", 12).code == 0


def test_a_damaged_video_is_answered_with_one_warning(run: Run) -> None:
    result = run("predict", "damaged.mp4", "a.mp4", "--format", "jsonl")
    assert result.code == 0
    assert [json.loads(line)["warnings"] for line in result.out.splitlines()] == [["is damaged"], []]
    assert result.err.splitlines() == [
        "actionzoo: warning: damaged.mp4: is damaged; the answer is about what can be decoded"
    ]


def test_jsonl_is_a_line_each(run: Run) -> None:
    lines = run("predict", "a.mp4", "b.mp4", "--format", "jsonl").out.splitlines()
    assert [json.loads(line)["source"] for line in lines] == ["a.mp4", "b.mp4"]


def test_csv_has_a_row_a_prediction(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("predict", "a.mp4", "--format", "csv", "--window", 1).out)))
    assert len(rows) == 4 * 3
    assert rows[0] == {
        "source": "a.mp4",
        "start_s": "0.0",
        "end_s": "1.0",
        "rank": "1",
        "label": "hug",
        "index": "0",
        "score": "0.800000",
    }


def test_segments_join_windows_of_one_label(run: Run) -> None:
    (answer,) = json.loads(run("predict", "a.mp4", "--window", 1, "--segments", "--top-k", 1, "--format", "json").out)
    found = [(s["start_s"], s["end_s"], s["predictions"]) for s in answer["windows"]]
    assert found == [
        (0.0, 2.0, [{"label": "hug", "index": 0, "score": 0.65}]),
        (2.0, 4.0, [{"label": "push", "index": 2, "score": 0.675}]),
    ]


def test_threshold_marks_and_joins_uncertain_windows(run: Run) -> None:
    options = ("--window", 1, "--threshold", 0.6, "--format", "json")
    (answer,) = json.loads(run("predict", "a.mp4", *options).out)
    best = [window["predictions"][0] for window in answer["windows"]]
    assert [(p["label"], p["index"]) for p in best] == [("hug", 0), ("uncertain", 0), ("uncertain", 2), ("push", 2)]
    (answer,) = json.loads(run("predict", "a.mp4", *options, "--segments").out)
    found = [(s["start_s"], s["end_s"], [p["label"] for p in s["predictions"]]) for s in answer["windows"]]
    assert found == [
        (0.0, 1.0, ["hug", "kick", "push"]),
        (1.0, 3.0, ["uncertain", "push", "kick"]),
        (3.0, 4.0, ["push", "hug", "kick"]),
    ]


def test_threshold_in_the_table_keeps_the_guess(run: Run) -> None:
    assert "uncertain (push)" in run("predict", "a.mp4", "--threshold", 0.9).out


def test_one_bad_file_of_many(run: Run) -> None:
    result = run("predict", "a.mp4", "bad.mp4", "b.mp4", "--format", "jsonl")
    assert result.code == 3
    first, second, third = map(json.loads, result.out.splitlines())
    assert (first["source"], third["source"]) == ("a.mp4", "b.mp4")
    assert second == {
        "source": "bad.mp4",
        "model": "known",
        "error": {"type": "NotAVideoError", "message": "bad.mp4: is not a video"},
    }
    assert result.err == "actionzoo: bad.mp4: is not a video\n"


@pytest.mark.parametrize("format", ["json", "jsonl"])
def test_nothing_but_bad_files_are_errors_in_the_output(run: Run, format: str) -> None:
    result = run("predict", "bad.mp4", "--format", format, "--output", "answer.json")
    assert (result.code, result.out) == (1, "")
    written = json.loads(Path("answer.json").read_text("utf-8"))
    assert (written if format == "jsonl" else written[0])["error"]["type"] == "NotAVideoError"


@pytest.mark.parametrize("format", ["table", "csv"])
def test_nothing_but_bad_files_leave_an_older_table(run: Run, format: str) -> None:
    Path("answer.txt").write_text("older")
    assert run("predict", "bad.mp4", "--format", format, "--output", "answer.txt").code == 1
    assert Path("answer.txt").read_text() == "older"


def test_a_name_that_cannot_be_does_not_stop_the_others(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"bad\0name\na.mp4\n")))
    result = run("predict", "-", "--format", "jsonl")
    assert result.code == 3
    assert [("error" in json.loads(line)) for line in result.out.splitlines()] == [True, False]


def test_closed_standard_input_is_an_empty_list(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    result = run("predict", "-")
    assert (result.code, result.err) == (1, "actionzoo: no sources: the list on standard input is empty\n")


def test_folders_patterns_and_lists(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("c.MKV", "notes.txt", "er/d.avi"):
        (tmp_path / "deep" / name).touch()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a.mp4\n\ncaf\xc3\xa9 1.mp4\r\n")))
    result = run("predict", "deep", "*.mp4", "-", "--format", "jsonl")
    sources = [json.loads(line)["source"] for line in result.out.splitlines()]
    assert sources == ["deep/c.MKV", "deep/er/d.avi", "a.mp4", "b.mp4", "café 1.mp4"]


def test_an_empty_list(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\n")))
    result = run("predict", "-")
    assert (result.code, result.err) == (1, "actionzoo: no sources: the list on standard input is empty\n")


@pytest.mark.parametrize("name", ["a b.mp4", "naïve.mp4", "[red]x[/red].mp4", "bad\x1b[31m\nname.mp4", "\udcff.mp4"])
@pytest.mark.parametrize("format", ["table", "jsonl", "csv"])
def test_any_name_prints(run: Run, name: str, format: str, tmp_path: Path) -> None:
    result = run("predict", name, "a.mp4", "--format", format, "--output", tmp_path / "out")
    written = (tmp_path / "out").read_text("utf-8")
    shown = result.err if name.startswith("bad") else written
    assert result.code == (3 if name.startswith("bad") else 0)
    assert result.err.count("\n") == result.code // 3
    assert "\x1b" not in result.out + result.err
    if format == "jsonl":
        assert json.loads(written.splitlines()[0])["source"] == name
    elif name.isprintable():
        assert name in shown
    else:
        assert name.encode("unicode_escape", "surrogatepass").decode() in shown


def test_a_name_with_a_leading_dash(run: Run) -> None:
    assert run("predict", "a.mp4", "--", "-b.mp4").out.splitlines()[1].endswith("  -b.mp4")


def test_output_file(run: Run, tmp_path: Path) -> None:
    result = run("predict", "a.mp4", "--format", "json", "--output", "answer.json")
    assert (result.code, result.out) == (0, "")
    assert json.loads((tmp_path / "answer.json").read_text())[0]["source"] == "a.mp4"


@pytest.mark.parametrize("name", ["answer.json", "answer.JSON", "answer.jsonl", "answer.csv", "answer.txt", "answer"])
def test_the_suffix_of_the_output_says_how(run: Run, name: str, tmp_path: Path) -> None:
    format = Path(name).suffix.lower()[1:].replace("txt", "table") or "table"
    assert run("predict", "a.mp4", "-o", name).code == 0
    assert (tmp_path / name).read_text() == run("predict", "a.mp4", "--format", format).out


def test_format_goes_before_the_suffix(run: Run, tmp_path: Path) -> None:
    assert run("predict", "a.mp4", "--output", "answer.txt", "--format", "csv").code == 0
    assert (tmp_path / "answer.txt").read_text().startswith("source,")


def test_an_unknown_suffix_names_the_known_ones(run: Run) -> None:
    result = run("predict", "a.mp4", "--output", "answer.xml")
    assert (result.code, result.out) == (2, "")
    assert "answer.xml ends in none of .txt, .json, .jsonl, .csv" in " ".join(result.err.split())


@pytest.mark.parametrize(
    ("format", "expected"),
    [
        ("table", "hug\nkick\npush\n"),
        ("jsonl", '"hug"\n"kick"\n"push"\n'),
        ("csv", "index,label\n0,hug\n1,kick\n2,push\n"),
    ],
)
def test_labels_are_the_classes_of_the_model(run: Run, format: str, expected: str) -> None:
    assert run("predict", "--labels", "--format", format).out == expected


def test_labels_as_json_are_a_list(run: Run, tmp_path: Path) -> None:
    assert json.loads(run("predict", "--labels", "--format", "json").out) == ["hug", "kick", "push"]
    assert run("predict", "--labels", "--output", "labels.json").out == ""
    assert json.loads((tmp_path / "labels.json").read_text()) == ["hug", "kick", "push"]
    assert run("predict", "a.mp4", "--labels").code == 2


def test_interrupted_run_leaves_the_old_output(run: Run, tmp_path: Path) -> None:
    (tmp_path / "answers").write_text("old")
    result = run("predict", "a.mp4", "interrupted.mp4", "--output", "answers", "--format", "jsonl")
    assert (result.code, result.err) == (130, "")
    assert (tmp_path / "answers").read_text() == "old"
    assert sorted(os.listdir()) == ["a.mp4", "answers", "b.mp4"]


def test_unwritable_output_is_found_before_the_work(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actionzoo, "load_model", None)
    result = run("predict", "a.mp4", "--output", "no/such/folder/answer.json")
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert result.err.startswith("actionzoo: no/such/folder/answer.json: cannot be written")
    result = run("predict", "a.mp4", "--annotate", "no/such/folder/out.mp4")
    assert (result.code, result.err.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict"],
        ["predict", "a.mp4", "--format", "xml"],
        ["predict", "a.mp4", "--top-k", "0"],
        ["predict", "a.mp4", "--threshold", "1.5"],
        ["predict", "a.mp4", "--threshold", "nan"],
        ["predict", "a.mp4", "--window", "0"],
        ["predict", "a.mp4", "--window", "nan"],
        ["predict", "a.mp4", "--window", "1", "--step", "-1"],
        ["predict", "a.mp4", "--window", "1", "--step", "0.001"],
        ["predict", "a.mp4", "--window", "0.001"],
        ["predict", "a.mp4", "--step", "1"],
        ["predict", "a.mp4", "--segments"],
        ["predict", "a.mp4", "--flow", "brox"],
        ["predict", "a.mp4", "--no-such-option"],
        ["predict", "a.mp4", "b.mp4", "--annotate", "out.mp4"],
        ["predict", "a.mp4", "--annotate", "out.txt"],
        ["predict", "a.mp4", "--annotate", "./a.mp4"],
        ["predict", "a.mp4", "--output", "a.mp4"],
        ["predict", "a.mp4", "--output", "out.mp4", "--annotate", "out.mp4"],
        ["predict", "0", "a.mp4"],
        ["predict", "0", "--format", "json"],
        ["predict", "rtsp://host/1", "--window", "1"],
        ["predict", "0", "--annotate", "out.mp4"],
    ],
)
def test_wrong_usage(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (2, "")
    assert "Usage: actionzoo predict" in result.err
    assert sorted(os.listdir()) == ["a.mp4", "b.mp4"]


def test_live_prints_a_line_a_window_until_interrupted(run: Run) -> None:
    result = run("predict", "0")
    assert result.code == 130
    assert result.out.splitlines() == [
        "0:01.0  push        70.0 %  latency 0.25 s",
        "0:02.0  hug         60.0 %  latency 0.21 s",
    ]


def test_live_output_is_kept_when_interrupted(run: Run, tmp_path: Path) -> None:
    result = run("predict", "0", "--format", "jsonl", "--output", "live.jsonl", "--top-k", 1)
    assert result.code == 130
    first, _ = map(json.loads, (tmp_path / "live.jsonl").read_text().splitlines())
    assert first == {
        "source": "0",
        "model": "known",
        "time_s": 1.0,
        "latency_s": 0.25,
        "predictions": [{"label": "push", "index": 2, "score": 0.7}],
    }


def test_a_stream_that_ends(run: Run) -> None:
    result = run("predict", "rtsp://ends", "--format", "csv", "--top-k", 1)
    assert result.code == 0
    assert result.out.splitlines() == [
        "source,start_s,end_s,rank,label,index,score,latency_s",
        "rtsp://ends,1.0,1.0,1,push,2,0.700000,0.25",
        "rtsp://ends,2.0,2.0,1,hug,0,0.600000,0.21",
    ]


@pytest.mark.parametrize("address", ["https://host/clip.mp4", "rtsp://ends"])
def test_offline_opens_no_address(run: Run, address: str) -> None:
    result = run("predict", address, "--offline")
    assert (result.code, result.err) == (1, f"actionzoo: {address}: needs the network, which --offline forbids\n")


def test_annotate_gets_the_answer(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(actionzoo.inference, "annotate", lambda *given, **named: calls.append((given, named)))
    assert run("predict", "a.mp4", "--annotate", "out.mp4", "--threshold", 0.5).code == 0
    (((source, answer, out), named),) = calls
    assert (source, answer.label, out) == ("a.mp4", "push", Path("out.mp4"))
    assert named == {"threshold": 0.5, "progress": None}  # no terminal, no bar
