"""`actionzoo predict` with a calibrated model: "none of these" in every format."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import actionzoo

from .conftest import Result

Run = Callable[..., Result]

NONE = {"label": "none of these", "index": -1, "score": 0.98}


def test_the_table_says_so_first(run_calibrated: Run) -> None:
    assert run_calibrated("predict", "a.mp4").out.splitlines()[2:] == [
        "none of these   98.0 %",
        "push            70.0 %",
        "kick            20.0 %",
    ]


def test_lines_of_many_are_aligned(run_calibrated: Run) -> None:
    assert run_calibrated("predict", "a.mp4", "b.mp4", "--top-k", 2).out.splitlines() == [
        "none of these   98.0 %  push            70.0 %  a.mp4",
        "none of these   98.0 %  push            70.0 %  b.mp4",
    ]


@pytest.mark.parametrize("format", ["json", "jsonl"])
def test_json_has_the_p_value(run_calibrated: Run, format: str) -> None:
    answer = json.loads(run_calibrated("predict", "a.mp4", "--format", format, "--top-k", 1).out)
    answer = answer[0] if format == "json" else answer
    assert (answer["predictions"], answer["known"]) == ([NONE], 0.02)
    assert answer["windows"] == [{"start_s": 0.0, "end_s": 4.0, "predictions": [NONE], "known": 0.02}]


def test_csv_has_a_row_of_it(run_calibrated: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run_calibrated("predict", "a.mp4", "--format", "csv").out)))
    assert [(row["rank"], row["label"], row["index"], row["score"]) for row in rows] == [
        ("1", "none of these", "-1", "0.980000"),
        ("2", "push", "2", "0.700000"),
        ("3", "kick", "1", "0.200000"),
    ]


def test_windows_of_it_are_one_segment(run_calibrated: Run) -> None:
    options = ("--window", 1, "--segments", "--top-k", 2, "--format", "json")
    (answer,) = json.loads(run_calibrated("predict", "a.mp4", *options).out)
    found = [(w["start_s"], w["end_s"], w["predictions"][0], w["known"]) for w in answer["windows"]]
    assert found == [
        (0.0, 1.0, {"label": "hug", "index": 0, "score": 0.8}, 0.5),
        (1.0, 3.0, {"label": "none of these", "index": -1, "score": 0.96}, 0.04),
        (3.0, 4.0, {"label": "push", "index": 2, "score": 0.9}, 0.9),
    ]
    assert [len(window["predictions"]) for window in answer["windows"]] == [2, 2, 2]


def test_always_names_a_class_as_a_model_that_is_not_calibrated(
    run_calibrated: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for options in ((), ("--window", 1), ("--window", 1, "--segments"), ("--format", "csv")):
        always = run_calibrated("predict", "a.mp4", "--always", *options)
        with monkeypatch.context() as patch:
            patch.setattr(actionzoo, "load_model", actionzoo.load_model.__base__)
            plain = run_calibrated("predict", "a.mp4", *options)
            assert run_calibrated("predict", "a.mp4", "--always", *options) == plain
        assert always == plain
        assert "none of these" not in always.out


@pytest.mark.parametrize(("threshold", "labels"), [(0, "hug hug push push"), (0.03, "hug none push push")])
def test_the_threshold_is_a_p_value(run_calibrated: Run, threshold: float, labels: str) -> None:
    options = ("--window", 1, "--threshold", threshold, "--format", "json")
    (answer,) = json.loads(run_calibrated("predict", "a.mp4", *options).out)
    assert [window["predictions"][0]["label"].split()[0] for window in answer["windows"]] == labels.split()
    (answer,) = json.loads(run_calibrated("predict", "a.mp4", "--threshold", 0.9, "--format", "json").out)
    assert "uncertain" not in str(answer)


def test_a_threshold_and_always_contradict_each_other(run_calibrated: Run) -> None:
    result = run_calibrated("predict", "a.mp4", "--always", "--threshold", 0.1)
    assert (result.code, result.out) == (2, "")
    assert "--threshold" in result.err


def test_a_stream_shows_none_of_these(run_calibrated: Run) -> None:
    assert run_calibrated("predict", "rtsp://ends").out.splitlines() == [
        "0:01.0  none of these   98.0 %  latency 0.25 s",
        "0:02.0  hug             60.0 %  latency 0.21 s",
    ]
    first, second = map(
        json.loads, run_calibrated("predict", "rtsp://ends", "--format", "jsonl", "--top-k", 1).out.splitlines()
    )
    assert (first["predictions"], first["known"], second["known"]) == ([NONE], 0.02, 0.5)
    assert "none" not in run_calibrated("predict", "rtsp://ends", "--always").out


def test_an_address_that_may_not_end(run_calibrated: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    info = actionzoo.video.VideoInfo("http://host/a.ts", 64, 48, 15.0, None)
    monkeypatch.setattr(actionzoo.video, "probe", lambda source: info)
    lines = run_calibrated("predict", "http://host/a.ts", "--window", 1, "--format", "jsonl").out.splitlines()
    assert [json.loads(line)["predictions"][0]["index"] for line in lines] == [0, -1, -1, 2]
    assert [json.loads(line)["known"] for line in lines] == [0.5, 0.03, 0.05, 0.9]


def test_it_is_no_label_of_the_model(run_calibrated: Run) -> None:
    assert run_calibrated("predict", "--labels").out == "hug\nkick\npush\n"


def test_a_labelled_video_gets_no_threshold_of_scores(run_calibrated: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(actionzoo.inference, "annotate", lambda *given, **named: calls.append((given, named)))
    assert run_calibrated("predict", "a.mp4", "--annotate", "out.mp4", "--threshold", 0.5).code == 0
    (((_, answer, out), named),) = calls
    assert (answer.label, out, named["threshold"]) == ("none of these", Path("out.mp4"), None)
