"""A build of actionzoo in a folder of its own, and processes that use it."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = {"actionzoo": "actionzoo", "cli": "actionzoo/cli", "weights": "actionzoo/weights"}
"""Where the wheel has the folders of the repository."""


@dataclass(frozen=True)
class Process:
    """What a process that ended well took.

    Attributes:
        wall_s: seconds from its start to its end.
        cpu_s: seconds of the processor, its children's included.
        peak_mb: most memory that it, or one of its children, held at a time.
        output: its standard output.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    output: str


@dataclass(frozen=True)
class Build:
    """A build and its folder. Builds share the packages of this environment, so that nothing else differs."""

    name: str
    folder: Path

    def actionzoo(self, *arguments: object, **variables: str) -> Process:
        """Runs a command of actionzoo."""
        return self.python("-m", "actionzoo", *arguments, **variables)

    def python(self, *arguments: object, **variables: str) -> Process:
        """Runs Python with this build, and with more environment variables. Raises RuntimeError if it fails."""
        environment = os.environ | {"PYTHONPATH": str(self.folder), "ACTIONZOO_CACHE": str(self.folder / "cache")}
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            command = [sys.executable, *map(str, arguments)]
            begun = time.perf_counter()
            child = subprocess.Popen(
                command, stdout=output, stderr=errors, env=environment | variables, cwd=self.folder
            )
            _, status, used = os.wait4(child.pid, 0)
            wall_s = time.perf_counter() - begun
            child.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            errors.seek(0)
            if child.returncode:
                raise RuntimeError(f"{self.name}: {' '.join(command)} failed:\n{errors.read()[-2000:]}")
            return Process(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, output.read())

    def forget(self) -> None:
        """Drops what was decoded earlier, so that a command does all of its work again."""
        shutil.rmtree(self.folder / "cache", ignore_errors=True)


def present(work: Path) -> Build:
    """The build of the files as they are now."""
    folder = work / "now"
    shutil.rmtree(folder, ignore_errors=True)
    _arrange(ROOT, folder)
    return Build("now", folder)


def earlier(revision: str, work: Path) -> Build:
    """The build of an earlier commit. Ends the program if git does not know it."""
    done = subprocess.run(["git", "archive", revision, *PACKAGES], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"git has no revision {revision} with {', '.join(PACKAGES)}: {done.stderr.decode().strip()}")
    folder = work / "before"
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as checkout:
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as files:
            files.extractall(checkout, filter="data")
        _arrange(Path(checkout), folder)
    return Build(revision, folder)


def _arrange(checkout: Path, folder: Path) -> None:
    """Copies the packages of a checkout to where the wheel has them."""
    for source, target in PACKAGES.items():
        shutil.copytree(checkout / source, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
