from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

import actionzoo
from actionzoo.cli.main import COMMANDS

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


LEAVES = [
    ["predict"], ["finetune"], ["evaluate"], ["fuse"], ["visualize"], ["models", "list"], ["models", "show"],
    ["weights", "list"], ["weights", "show"], ["weights", "pull"], ["weights", "verify"], ["weights", "import"],
    ["weights", "push"], ["features"], ["flow"], ["export"], ["data", "check"], ["data", "build"], ["data", "puppets"],
    ["data", "cutouts"], ["doctor"],
]  # fmt: skip


def test_every_command_is_a_leaf() -> None:
    assert list(dict.fromkeys(name for name, *_ in LEAVES)) == list(COMMANDS)


@pytest.mark.parametrize("command", LEAVES, ids=" ".join)
def test_every_command_has_the_usual_short_options(run: Callable[..., Result], command: list[str]) -> None:
    result = run(*command, "-h")
    assert (result.code, result.err) == (0, "")
    assert result.out == run(*command, "--help").out
    assert {"-q", "-v", "-h"} <= set(re.findall(r"(?<=[\s,])-\w\b", result.out))
    if "--output" in result.out:
        assert "--output, -o" in result.out or "-o, --output" in result.out


def test_a_slip_of_the_pen(run: Callable[..., Result]) -> None:
    result = run("predic", "a.mp4")
    assert result.code == 2
    assert "No such command 'predic'. Did you mean 'predict'?" in result.err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["predict", "a.mp4", "--flow", "nonsense"], "--flow"),
        (["predict", "a.mp4", "--window", "-1"], "--window"),
        (["predict", "a.mp4", "--window", "abc"], "--window"),
        (["predict", "a.mp4", "--top-k", "0"], "--top-k"),
        (["predict", "a.mp4", "--top-k", "1.5"], "--top-k"),
        (["predict", "a.mp4", "--step", "1"], "--step"),
        (["predict", "a.mp4", "--format", "xml"], "--format"),
        (["predict", "a.mp4", "--threshold", "2"], "--threshold"),
        (["predict", "a.mp4", "--threshold", "-2"], "--threshold"),
        (["predict", "a.mp4", "--engine", "gpu"], "--engine"),
        (["predict", "a.mp4", "--outptu", "x"], "--outptu"),
        (["predict"], "SOURCE"),
        (["flow", "a.mp4"], "OUT"),
        (["flow", "a.mp4", "out.npz", "--method", "x"], "--method"),
        (["export", "mini", "--format", "tf"], "--format"),
        (["models", "show"], "NAME"),
        (["models", "show", "mini", "--frames", "0"], "--frames"),
        (["data", "check", "set", "--split", "9"], "--split"),
        (["data", "puppets", "out"], "--clips"),
        (["data", "cutouts", "set", "out"], "--clips"),
        (["data", "cutouts", "set", "out", "--clips", "1", "--flow"], "--flow"),
        (["features", "a.mp4"], "--layer"),
        (["nonsense"], "nonsense"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_wrong_usage_is_told_in_one_line(run: Callable[..., Result], arguments: list[str], named: str) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (2, "")
    usage, *_, last = result.err.splitlines()
    assert usage.startswith("Usage: actionzoo")
    assert last.startswith("Error: ")
    assert named in last
    for leftover in ("Value error", "Input should", "unable to parse", "Traceback"):
        assert leftover not in result.err


def test_quiet_and_verbose(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    plain = run("predict", "a.mp4")
    assert run("predict", "a.mp4", "-q") == plain
    verbose = run("predict", "a.mp4", "-v")
    assert (verbose.code, verbose.out) == (plain.code, plain.out)
    times, whole = verbose.err.splitlines()
    assert times == "a.mp4: decode 0.10 s, flow 0.20 s, model 0.30 s, total 0.40 s"
    assert re.fullmatch(r"\d+\.\d s", whole)
    assert run("predict", "bad.mp4", "-q").err == "actionzoo: bad.mp4: is not a video\n"  # an error is no note
    assert run("predict", "a.mp4", "-q", "-v").code == 2
    assert run("predict", "a.mp4") == plain  # what an earlier call wanted is forgotten


def ending(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def end(*given: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(actionzoo, "load_model", end)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MemoryError(), "actionzoo: not enough memory: take a smaller model"),
        (type("ResourceExhaustedError", (Exception,), {})("OOM when allocating"), "actionzoo: not enough memory: "),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "out.csv"), "actionzoo: out.csv: No space left on device"),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "in"), "actionzoo: in: Permission denied"),
        (ImportError("libGL.so.1: cannot open"), "actionzoo: a part of the installation does not load (libGL.so.1"),
        (EOFError("no data left"), "actionzoo: unexpected EOFError: no data left (a bug: please report it"),
        (EOFError(), "actionzoo: unexpected EOFError (a bug: please report it"),
        (RuntimeError("odd\nlines"), "actionzoo: unexpected RuntimeError: odd\\nlines (a bug: please report it"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_end_has_its_own_sentence(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, error: Exception, line: str
) -> None:
    ending(monkeypatch, error)
    result = run("predict", "a.mp4")
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert result.err.startswith(line)
    assert ("ACTIONZOO_DEBUG=1" in result.err) == ("unexpected" in line)


@pytest.mark.parametrize("arguments", [["predict", "a.mp4"], ["models", "show", "mini"]])
def test_an_interrupt_is_no_error(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    ending(monkeypatch, KeyboardInterrupt())
    monkeypatch.setattr("actionzoo.hub.resolve_model", actionzoo.load_model)
    result = run(*arguments)
    assert (result.code, result.out, result.err) == (130, "", "")


def test_a_bug_is_one_line_without_debugging(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actionzoo, "load_model", None)
    result = run("predict", "a.mp4")
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "ACTIONZOO_DEBUG=1" in result.err


def test_a_bug_is_raised_when_debugging(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actionzoo, "load_model", None)
    monkeypatch.setenv("ACTIONZOO_DEBUG", "1")
    with pytest.raises(TypeError):
        run("predict", "a.mp4")
