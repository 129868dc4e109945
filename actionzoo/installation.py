"""Where the package runs: Python, machine, what is installed and what is asked for, and what pip does about it.

Requirements come from the package's own metadata, which is what `pyproject.toml` says: an advice that named versions of
its own would sooner or later install one that does not work.
"""

from __future__ import annotations

import os
import platform
import re
import shlex
import sys
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import actionzoo

STAND_INS = {
    "opencv-contrib-python-headless": ("opencv-contrib-python",),
    "tensorflow": ("tensorflow-cpu", "tensorflow-macos", "tf-nightly"),
}
"""Other distributions of the same modules."""

OTHER_OPENCVS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python")
"""Distributions that write over the files of the one that the package asks for."""


def python_facts() -> dict[str, Any]:
    """The package itself, and the Python that runs it."""
    return {
        "version": actionzoo.__version__,
        "folder": str(Path(actionzoo.__file__).parent),
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
        "platform": platform.platform(),
    }


def machine_facts() -> dict[str, Any]:
    """Processor and memory."""
    return {
        "cpu": _cpu_name(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": _memory(),
        "memory_limit_bytes": _memory_limit(),
    }


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory() -> int | None:
    """Bytes of memory, where the system tells it in the way of POSIX."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _memory_limit() -> int | None:
    """Bytes that a container allows, None for no limit."""
    try:
        return int(Path("/sys/fs/cgroup/memory.max").read_text())
    except (OSError, ValueError):  # no such file, or "max"
        return None


def required() -> dict[str, dict[str, str]]:
    """What the package asks for: by extra, the requirement of each name; "" for what it always needs.

    >>> required()[""]["rich"].startswith("rich>=")
    True
    """
    groups: dict[str, dict[str, str]] = {"": {}}
    for line in metadata.requires("actionzoo") or []:
        requirement, _, marker = (part.strip() for part in line.partition(";"))
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        extra = re.search(r"""extra\s*==\s*["']([^"']+)""", marker)
        groups.setdefault(extra[1] if extra else "", {})[name] = requirement
    return groups


def version_of(package: str) -> str | None:
    """The version of what is installed for a package, with its name in parentheses where that is another one."""
    for name in (package, *STAND_INS.get(package, ())):
        try:
            version = metadata.version(name)
            return version if name == package else f"{version} ({name})"
        except metadata.PackageNotFoundError:
            continue
    return None


def unfit() -> dict[str, str]:
    """The requirements of packages that are installed in a version which the package does not take, by name."""
    parse: Any = import_module("packaging.requirements").Requirement
    found = {}
    for name, requirement in required()[""].items():
        version = (version_of(name) or "").partition(" ")[0]
        if version and not parse(requirement).specifier.contains(version, prereleases=True):
            found[name] = requirement
    return found


def install(*packages: str) -> str:
    """The command that installs packages in versions which the package takes.

    >>> install("rich")
    "pip install 'rich>=...'"
    """
    return " ".join(["pip install", *(shlex.quote(_requirement(name)) for name in packages)])


def reinstall(*packages: str) -> str:
    """The command that installs packages anew, in versions which the package takes, and nothing else."""
    return install(*packages).replace("pip install", "pip install --force-reinstall --no-deps", 1)


def reinstall_opencv() -> str:
    """The same for OpenCV, whose other distributions must go first."""
    others = [name for name in OTHER_OPENCVS if _is_installed(name)]
    remove = f"pip uninstall -y {' '.join(others)} && " if others else ""
    return remove + reinstall("opencv-contrib-python-headless")


def _requirement(package: str) -> str:
    return next((names[package] for names in required().values() if package in names), package)


def _is_installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
