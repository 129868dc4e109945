"""Work that a damaged file may crash, in a process of its own with limits of time and memory."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
from typing import Any

FAILED = 3
"""Exit code of a process whose work raised an exception, which it has printed."""


class IsolationError(Exception):
    """The work raised an exception, crashed, or needed more than it may. The message is a reason, without the file."""


def run_isolated(function: str, *arguments: str | int | float, seconds: float, memory: int) -> None:
    """Call a function in a new process of Python.

    Args:
        function: `module:name`; what it returns is lost.
        arguments: it is called with.
        seconds: after which the process is ended.
        memory: bytes of address space that it may have; Windows sets no such limit, and macOS does not hold to it.

    Raises:
        IsolationError: it did not end well.
    """
    command = [sys.executable, "-P", "-c", f"from {__name__} import main; main()", function, str(memory)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(place for place in sys.path if place),
        "OPENBLAS_NUM_THREADS": "1",  # each thread of it takes address space
    }
    try:
        done = subprocess.run(
            [*command, json.dumps(arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        raise IsolationError(f"reading it does not end within {seconds:.0f} s") from error
    if done.returncode == FAILED:
        raise IsolationError(done.stdout.decode("utf-8", "replace").strip())
    if done.returncode < 0:
        raise IsolationError(f"reading it ends in a crash ({signal.strsignal(-done.returncode)})")
    if done.returncode > 0:
        raise IsolationError(f"reading it ends in a crash (exit code {done.returncode})")


def main() -> None:
    """What the new process does."""
    function, memory, arguments = sys.argv[1:]
    _limit(int(memory))
    module, _, name = function.partition(":")
    try:
        getattr(importlib.import_module(module), name)(*json.loads(arguments))
    except MemoryError:
        _fail("it takes more memory than any good file")
    except Exception as error:
        _fail(" ".join(str(error).split())[:200] or type(error).__name__)
    sys.stdout.flush()
    os._exit(0)  # what a damaged file has left of a library need not be cleared up


def _fail(reason: str) -> None:
    sys.stdout.buffer.write(reason.encode("utf-8", "replace"))
    sys.stdout.flush()
    os._exit(FAILED)


def _limit(memory: int) -> None:
    with contextlib.suppress(ImportError):  # Windows has none
        resource: Any = importlib.import_module("resource")
        for limit, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CORE, 0)):
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(limit, (most, most))
