"""An earlier commit against the present checkout: which build runs, what is counted, and what is made of it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.versus.builds import ROOT, VersusError, earlier, environment, resolve
from benchmarks.versus.processes import spend
from benchmarks.versus.rows import Figure
from benchmarks.versus.table import cells, line, markdown

in_repository = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the repository's history")


def versus(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.versus", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False, cwd=ROOT)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where builds lie; git forgets them afterwards."""
    folder = tmp_path_factory.mktemp("versus")
    yield folder
    for checkout in folder.glob("*/checkout"):
        subprocess.run(["git", "-C", ROOT, "worktree", "remove", "--force", checkout], check=True)


@in_repository
def test_head_against_the_present_checkout(cache: Path, tmp_path: Path) -> None:
    file = tmp_path / "versus.json"
    done = versus("HEAD", "--small", "--rows", "predict", "flow", "--cache", cache, "--json", file, "--markdown")
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text("utf-8"))
    head = resolve("HEAD")
    assert (found["old"], found["new"].rstrip("+")) == (head, head)
    assert found["machine"]["cores"] >= 1
    assert f"old: {head} in {cache / head[:12] / 'checkout'}" in done.stdout
    assert found["rows"].keys() == {"predict", "flow"}
    lines = [line for lines in found["rows"].values() for line in lines]
    assert [line["unit"] for line in lines] == ["s of video a s", "s", "MB", "CPU ms a pair", "grey levels"]
    for each in lines:
        old, new = each["old"]["median"], each["new"]["median"]
        assert min(old, new) > 0
        assert each["ratio"]["median"] == pytest.approx(new / old if each["better"] == "more" else old / new)
        assert each["met"] is None
    memory = next(line for line in lines if line["unit"] == "MB")
    assert 100 < memory["old"]["median"] < 2000
    assert markdown(lines) in done.stdout


@in_repository
def test_a_build_is_the_commit_in_an_environment_of_its_own_and_is_kept(cache: Path) -> None:
    build = earlier("HEAD", cache)
    code = "import actionzoo.cli, numpy; print(actionzoo.cli.__file__); print(numpy.__file__)"
    own, shared = spend([build.python, "-c", code], ROOT).output.splitlines()
    assert Path(own) == build.checkout / "cli" / "__init__.py"
    assert cache not in Path(shared).parents
    (build.checkout / "left_over").touch()
    with pytest.raises(VersusError, match="is not commit"):
        earlier("HEAD", cache)
    (build.checkout / "left_over").unlink()
    installed = (build.python.parents[1] / "pyvenv.cfg").stat().st_mtime_ns
    assert earlier("HEAD", cache) == build
    assert (build.python.parents[1] / "pyvenv.cfg").stat().st_mtime_ns == installed


@in_repository
def test_a_revision_that_there_is_not(tmp_path: Path) -> None:
    done = versus("no-such-revision", "--small", "--cache", tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "there is no commit 'no-such-revision'" in done.stderr


def test_a_checkout_that_is_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(VersusError, match=f"{tmp_path} is not a git repository"):
        earlier("HEAD", tmp_path / "cache", tmp_path)


def test_a_folder_inside_of_a_repository_is_none(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "inner").mkdir()
    with pytest.raises(VersusError, match="inner is not a git repository"):
        resolve("HEAD", tmp_path / "inner")


def test_seconds_are_those_of_the_process_and_of_its_children(tmp_path: Path) -> None:
    busy = "import time\nwhile time.process_time() < 0.5: pass"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}]); print('done')"
    spent = spend([sys.executable, "-c", parent], tmp_path)
    assert spent.output == "done\n"
    assert spent.cpu_s >= 0.5
    assert spent.wall_s >= 0.5


def test_memory_is_that_of_the_process(tmp_path: Path) -> None:
    # In a small process: Linux begins a child's peak with what the process that started it holds.
    measure = (
        "from pathlib import Path; import sys; from benchmarks.versus.processes import spend\n"
        "print(*(spend([sys.executable, '-c', f'held = bytearray({size})'], Path(sys.argv[1])).peak_mb"
        " for size in (1, 400_000_000)))"
    )
    command = [sys.executable, "-c", measure, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    small, big = map(float, done.stdout.split())
    assert 350 < big - small < 450


def test_a_process_that_fails_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(VersusError, match=r"ended with 3:\nno such thing"):
        spend([sys.executable, "-c", "import sys; print('no such thing', file=sys.stderr); sys.exit(3)"], tmp_path)


def test_processes_do_not_find_actionzoo_in_the_folder_where_they_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert "PYTHONPATH" not in environment()
    path = spend([sys.executable, "-c", "import sys; print(sys.path)"], ROOT).output
    assert "''" not in path
    assert repr(str(ROOT)) not in path


FASTER = Figure("s", "seconds", "s", "less", 2.0)
SMALLER = Figure("x", "share", "x", "less", 0.3, "new")
MORE = Figure("x", "times", "x", "more", 150.0, "new")


@pytest.mark.parametrize(
    ("figure", "old", "new", "ratio", "met"),
    [
        (FASTER, [8.0, 10.0, 12.0], [4.0, 4.0, 4.0], 2.5, True),
        (FASTER, [8.0, 6.0, 6.0], [4.0, 4.0, 4.0], 1.5, False),
        (SMALLER, [0.6], [0.3], 2.0, True),
        (SMALLER, [1.2], [0.4], 3.0, False),
        (MORE, [100.0], [150.0], 1.5, True),
        (MORE, [20.0], [140.0], 7.0, False),
        (Figure("x", "told", "", "more"), [1.0], [2.0], 2.0, None),
    ],
)
def test_ratios_are_above_one_where_the_new_build_is_better(
    figure: Figure, old: list[float], new: list[float], ratio: float, met: bool | None
) -> None:
    found = line(figure, old, new)
    assert found["ratio"]["median"] == pytest.approx(ratio)
    assert found["met"] is met
    assert line(figure, old, new, judged=False)["met"] is None


def test_a_ratio_is_that_of_turns_and_not_of_medians() -> None:
    found: dict[str, Any] = line(FASTER, [1.0, 10.0, 100.0], [1.0, 5.0, 25.0])
    assert found["ratio"] == {"median": 2.0, "lowest": 1.0, "highest": 4.0}
    assert cells(found) == (
        "seconds (s)", "10 (1-100)", "5 (1-25)", "2 (1-4)", "at least 2 times better", "met"
    )  # fmt: skip


@in_repository
@pytest.mark.slow
def test_all_rows_in_miniature(cache: Path, tmp_path: Path) -> None:
    file = tmp_path / "versus.json"
    done = versus("HEAD", "--small", "--cache", cache, "--json", file)
    assert done.returncode == 0, done.stderr
    rows = json.loads(file.read_text("utf-8"))["rows"]
    assert len(rows) == 14
    assert sum(line["goal"] is not None for lines in rows.values() for line in lines) == 16
