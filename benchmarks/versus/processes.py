"""A command as a process of its own: what it printed, its seconds and its memory."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.versus.builds import VersusError, environment


@dataclass(frozen=True)
class Spent:
    """What a process took.

    Attributes:
        wall_s: from its start to its end.
        cpu_s: user and system, with the processes that it started and waited for.
        peak_mb: of the largest of these processes, in units of 10^6 bytes; on Linux at least what the process that
            started them held then.
        output: its standard output.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    output: str


def spend(command: Sequence[object], folder: Path, more: Mapping[str, str] | None = None) -> Spent:
    """Runs a command in `folder`, with `more` in its environment; raises VersusError if it fails."""
    given = [str(part) for part in command]
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+", errors="replace") as errors:
        begun = time.perf_counter()
        process = subprocess.Popen(
            given, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, cwd=folder, env=environment() | (more or {})
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:  # an interrupt
            process.kill()
            raise
        wall_s = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise VersusError(f"{' '.join(given)} ended with {process.returncode}:\n{errors.read()[-2000:]}")
        output.seek(0)
        return Spent(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6, output.read())
