"""What all tests share: a cache folder of their own, a real video, and the command line as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

HANGS_S = 1800
"""A process that takes longer hangs. No test depends on how fast a machine is."""

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ["ACTIONZOO_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def clip() -> Path:
    """The example clip: a rendered action of a few seconds, named after its label."""
    return next(EXAMPLES.glob("*.mp4"))


@pytest.fixture(scope="session")
def command() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `actionzoo` in a process of its own; keyword arguments go to `subprocess.run`."""

    def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
        given = [argument if isinstance(argument, bytes) else str(argument) for argument in arguments]
        options = {"capture_output": True, "text": True, "timeout": HANGS_S, "check": False} | options
        return subprocess.run([sys.executable, "-m", "actionzoo", *given], **options)

    return run
