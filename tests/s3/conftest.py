"""The end of a process that has loaded tensorflow-io."""

from __future__ import annotations

import os
import sys

import pytest

_status = 0


def pytest_sessionfinish(exitstatus: int) -> None:
    global _status
    _status = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    """Ends the process at once: the threads of tensorflow-io 0.37's S3 client abort some processes while they end."""
    if "tensorflow_io" in sys.modules:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_status)
