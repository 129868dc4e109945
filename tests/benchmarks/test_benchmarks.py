"""The benchmarks in miniature, and the measures that they use. Nothing here depends on how fast anything is."""

from __future__ import annotations

import json
import math
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
STAGES = {"start_up", "decode", "flow", "network", "total"}
METHODS = {"tvl1", "tvl1-opencv", "dis", "farneback"}

measures = SimpleNamespace(**runpy.run_path(str(ROOT / "benchmarks" / "_measures.py")))
clips = SimpleNamespace(**runpy.run_path(str(ROOT / "benchmarks" / "_clips.py")))


def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False, cwd=ROOT, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds the results and the chart of all benchmarks in miniature."""
    folder = tmp_path_factory.mktemp("benchmarks")
    environment = {name: value for name, value in os.environ.items() if name != "ACTIONZOO_BENCHMARK_DATA"}
    results, chart = folder / "results.json", folder / "chart.png"
    done = run("benchmarks", "--small", "--json", results, "--chart", chart, env=environment)
    assert done.returncode == 0, done.stderr
    assert "only the example clip" in done.stdout
    return folder


@pytest.fixture(scope="module")
def results(folder: Path) -> Any:
    return json.loads((folder / "results.json").read_text("utf-8"))


def numbers(tree: Any) -> Iterator[float]:
    """Every number in it, but for truth values."""
    if isinstance(tree, dict | list):
        for part in tree.values() if isinstance(tree, dict) else tree:
            yield from numbers(part)
    elif isinstance(tree, int | float) and not isinstance(tree, bool):
        yield tree


def test_every_number_is_finite(results: Any) -> None:
    found = list(numbers(results))
    assert len(found) > 100
    assert all(math.isfinite(number) for number in found)


def test_every_method_has_speed_and_errors(results: Any) -> None:
    rows = results["flow"]["methods"]
    assert rows.keys() == {*METHODS, "plain loop", "still"}
    for name in METHODS:
        wanted = {"seconds", "fps", "times_plain", "times_plain_lowest", "pair_ms", "pair_one_thread_ms"}
        wanted |= {"photometric", "end_point", "end_point_moving"}
        assert rows[name].keys() == wanted
        assert all(value > 0 for value in rows[name].values())
        assert rows[name]["times_plain"] == pytest.approx(rows["plain loop"]["seconds"] / rows[name]["seconds"])
    assert rows["still"].keys() == {"photometric", "end_point", "end_point_moving"}
    assert rows["plain loop"]["times_plain"] == 1


def test_tvl1_explains_the_frames_and_the_puppets_better_than_no_flow(results: Any) -> None:
    ours, still = results["flow"]["methods"]["tvl1"], results["flow"]["methods"]["still"]
    for name in ("photometric", "end_point", "end_point_moving"):
        assert ours[name] < still[name]
    (clip,) = results["flow"]["clips"].values()
    assert clip["photometric"]["tvl1"] == pytest.approx(ours["photometric"])


def test_every_stage_of_ours_and_of_the_peers_is_there(results: Any) -> None:
    scenarios = results["predict"]["scenarios"]
    assert scenarios.keys() == {"small", "mini-example"}
    assert scenarios["small"]["ours"].keys() == {"f32", "bf16"}
    assert scenarios["small"]["peers"].keys() == {"tvl1 at 32x32", "tvl1 at 64x86"}
    for scenario in scenarios.values():
        for row in (*scenario["ours"].values(), *scenario["peers"].values()):
            assert row["cold"].keys() == STAGES
            assert all(value > 0 for value in row["cold"].values())
            assert row["warm"]["total"] > 0
    for mine in scenarios["small"]["ours"].values():
        assert mine["times_real_time"] == pytest.approx(mine["duration_s"] / mine["cold"]["total"])


def test_peer_answers_as_ours_does(results: Any) -> None:
    small = results["predict"]["scenarios"]["small"]
    assert small["same_input"]["logits_off"] < 1e-4 < small["same_input"]["logits_spread"]
    for other in small["peers"].values():
        for precision, off in other["ours"].items():
            mine = small["ours"][precision]
            assert off["times_faster"] == pytest.approx(other["cold"]["total"] / mine["cold"]["total"])
            assert off["scores_off"] < 0.15


def test_ratios_are_quotients(results: Any) -> None:
    lines = results["comparison"]
    assert len(lines) == 7 + 2 * (2 + 1) + 1
    for line in lines:
        quotient = line["ours"] / line["other"]
        assert line["ratio"] == pytest.approx(quotient if line["unit"] == "pairs/s" else 1 / quotient)


def test_miniatures_meet_no_goal(results: Any) -> None:
    assert results["flow"]["goals"] == results["predict"]["goals"] == []


def test_chart_shows_bars_on_white(folder: Path) -> None:
    picture = cv2.imread(str(folder / "chart.png"))
    assert picture is not None
    assert picture.shape[1] == 1800
    assert (picture[[0, 0, -1, -1], [0, -1, 0, -1]] == 255).all()
    blue = (picture == (0xB2, 0x72, 0x00)).all(-1)
    grey = (picture == 0xB0).all(-1)
    assert min(blue.mean(), grey.mean()) > 0.01


def test_one_model_on_one_clip(clip: Path, tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    done = run("benchmarks.predict", clip, "--flow", "dis", "--precision", "f32", "--repeat", 1, "--json", file)
    assert done.returncode == 0, done.stderr
    mine = json.loads(file.read_text("utf-8"))["predict"]["scenarios"]["mini"]["ours"]["f32"]
    assert (mine["computed_in"], mine["cold"].keys()) == ("f32", STAGES)
    assert sum(mine["scores"]) == pytest.approx(1, abs=5e-7 * len(mine["scores"]))  # each is rounded to 6 digits


def test_settings_of_dis() -> None:
    done = run("benchmarks.flow_search", "--small")
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^(\S.*?) {2,}\d+\.\d\d +(\d+\.\d{3}) ", done.stdout, re.MULTILINE)
    errors = {name: float(photometric) for name, photometric in rows}
    assert len(errors) == 4 + 3 * 4 * 3
    assert errors["dis-fine-fast"] == errors["stride 5, 12 descents, 0 refined"]
    assert errors["tvl1"] < errors["dis"]


def test_missing_clip_is_named(tmp_path: Path) -> None:
    done = run("benchmarks.flow", "--data", tmp_path)
    assert done.returncode == 1
    assert str(tmp_path / clips.CLIPS[0]) in done.stderr
    assert len(set(clips.CLIPS)) == 10


def test_sample_lies_between_pixels_and_stops_at_the_edge() -> None:
    image = np.array([[0, 10], [20, 30]], np.uint8)
    x, y = np.array([0.5, 0.25, -3.0, 1.0]), np.array([0.5, 0.0, 5.0, 1.0])
    assert measures.sample(image, x, y).tolist() == [15.0, 2.5, 20.0, 30.0]


def test_photometric_error_of_a_patch_that_moves() -> None:
    first, second = np.full((2, 12, 16), 50, np.uint8)
    first[4:8, 5:9] = np.arange(16).reshape(4, 4) * 10
    second[2:6, 8:12] = first[4:8, 5:9]
    flow = np.broadcast_to(np.array([3, -2], np.float32), (12, 16, 2))
    assert measures.photometric_error(first, second, flow) == 0
    assert measures.photometric_error(first, second, -flow) > 0


def test_photometric_error_of_a_slope_that_moves_by_parts_of_a_pixel() -> None:
    rows, columns = np.indices((20, 30)).astype(float)
    first, second = 4 * columns + 2 * rows, 4 * (columns - 0.5) + 2 * (rows - 0.25)
    assert measures.photometric_error(first, second, np.zeros((20, 30, 2))) == pytest.approx(2.5)
    warped = measures.sample(second, columns + 0.5, rows + 0.25)
    np.testing.assert_allclose(warped[:-1, :-1], first[:-1, :-1], rtol=0, atol=1e-12)


def test_end_point_error_of_a_constant_offset_is_its_length() -> None:
    exact = np.zeros((10, 10, 2), np.float32)
    exact[..., 0] = 5  # the camera pans
    exact[2:4, 3:7] += (0.6, 0.6)
    exact[8, 8] += (0.6, 0)  # too slow to count
    everywhere, moving = measures.end_point_errors(exact + np.array([3, 4], np.float32), exact)
    assert everywhere.shape == (100,)
    assert moving.shape == (8,)
    np.testing.assert_allclose(everywhere, 5, rtol=1e-6)


def test_still_pictures_have_no_moving_pixels() -> None:
    still = np.zeros((6, 8, 2), np.float32)
    everywhere, moving = measures.end_point_errors(still + 1, still)
    assert (len(everywhere), len(moving)) == (48, 0)


def test_scaled_flow_of_puppets_explains_their_frames() -> None:
    for pair in clips.puppet_clip("kick", 15.0, 2, (120, 90)):
        assert pair.frames.shape == (2, 120, 90)
        errors = [measures.photometric_error(*pair.frames, flow) for flow in (pair.flow, 0 * pair.flow, -pair.flow)]
        assert errors == sorted(errors)
        assert errors[0] < 0.8 * errors[1]
