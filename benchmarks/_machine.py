"""What a benchmark ran on."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("actionzoo", "numpy", "numba", "opencv-contrib-python-headless", "openvino", "keras", "torch")
TENSORFLOW = ("tensorflow", "tensorflow-cpu")


def machine() -> dict[str, Any]:
    """The processor, its cores and how busy they are, Python and the packages that matter."""
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    about = {"processor": processor(), "cores": cores(), "load": load, "python": platform.python_version()}
    return {**about, "packages": {name: version for name in (*PACKAGES, *TENSORFLOW) if (version := installed(name))}}


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def installed(package: str) -> str | None:
    """The version of a package, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def describe(about: dict[str, Any]) -> str:
    """`machine()` in one line."""
    return f"{about['processor']}, {about['cores']} cores, load {about['load']}; Python {about['python']}"
