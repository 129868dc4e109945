from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

import actionzoo

from .conftest import Result

HEAVY = ("keras", "tensorflow", "cv2", "av", "openvino", "numpy", "rich", "huggingface_hub")


@pytest.mark.parametrize("statement", ["import actionzoo", "from actionzoo.cli.main import main; main(['--help'])"])
def test_what_starts_fast_loads_nothing_heavy(statement: str) -> None:
    code = f"import sys\n{statement}\nprint(*sorted(set({HEAVY}) & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=1800, check=True)
    assert done.stderr.strip() == ""


def test_help_lists_the_commands(run: Callable[..., Result]) -> None:
    result = run("--help")
    assert result.code == 0
    assert "predict" in result.out
    assert "data" in result.out


def test_version(run: Callable[..., Result]) -> None:
    assert run("--version").out == f"actionzoo {actionzoo.__version__}\n"


@pytest.mark.parametrize("arguments", [["no-such-command"], ["--no-such-option"], []])
def test_wrong_usage(run: Callable[..., Result], arguments: list[str]) -> None:
    assert run(*arguments).code == 2


def test_a_bug_is_one_line_without_debugging(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actionzoo, "Predictor", None)
    result = run("predict", "a.mp4")
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "ACTIONZOO_DEBUG=1" in result.err


def test_a_bug_is_raised_when_debugging(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actionzoo, "Predictor", None)
    monkeypatch.setenv("ACTIONZOO_DEBUG", "1")
    with pytest.raises(TypeError):
        run("predict", "a.mp4")
