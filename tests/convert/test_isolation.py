"""Work in a process of its own: what it raises, and what becomes of it when it crashes or does not end."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from actionzoo.convert.isolation import IsolationError, run_isolated

LIMITS = {"seconds": 300.0, "memory": 4 << 30}


def test_work_is_done(tmp_path: Path) -> None:
    run_isolated("os:mkdir", str(tmp_path / "made"), **LIMITS)
    assert (tmp_path / "made").is_dir()


def test_an_exception_is_told(tmp_path: Path) -> None:
    with pytest.raises(IsolationError, match="No such file or directory"):
        run_isolated("os:rmdir", str(tmp_path / "not there"), **LIMITS)


def test_a_crash_is_told() -> None:
    with pytest.raises(IsolationError, match="ends in a crash"):
        run_isolated("os:abort", **LIMITS)
    with pytest.raises(IsolationError, match=r"ends in a crash \(exit code 7\)"):
        run_isolated("os:_exit", 7, **LIMITS)


def test_what_does_not_end_is_ended() -> None:
    with pytest.raises(IsolationError, match="does not end within 1 s"):
        run_isolated("time:sleep", 3600, seconds=1.0, memory=4 << 30)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hold to the limit")
def test_memory_is_bounded() -> None:
    run_isolated("builtins:bytearray", 1 << 20, **LIMITS)
    with pytest.raises(IsolationError, match="takes more memory than any good file"):
        run_isolated("builtins:bytearray", 5 << 30, **LIMITS)


def test_the_folder_where_it_runs_brings_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    run_isolated("os:getpid", **LIMITS)
