"""What the package asks for, what is installed, and what pip does about it.

Requirements come from the package's own metadata, which is what `pyproject.toml` says: an advice that named versions of
its own would sooner or later install one that does not work.
"""

from __future__ import annotations

import re
import shlex
from contextlib import suppress
from importlib import metadata

from packaging.requirements import Requirement

STAND_INS = {
    "opencv-contrib-python-headless": ("opencv-contrib-python",),
    "tensorflow": ("tensorflow-cpu", "tensorflow-macos", "tf-nightly"),
}
"""Other distributions of the same modules."""

OTHER_OPENCVS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python")
"""Distributions that write over the files of the one that the package asks for."""


def requirements() -> dict[str, dict[str, str]]:
    """What the package's metadata asks for: by extra, the requirement of each name; "" for what it always needs."""
    groups: dict[str, dict[str, str]] = {"": {}}
    for line in metadata.requires("actionzoo") or []:
        requirement = Requirement(line)
        extra = re.search(r'extra == "([^"]+)"', str(requirement.marker))
        groups.setdefault(extra[1] if extra else "", {})[requirement.name] = line.partition(";")[0].strip()
    return groups


def version_of(package: str) -> str | None:
    """The version of what is installed for a package, with its name in parentheses where that is another one."""
    for name in (package, *STAND_INS.get(package, ())):
        with suppress(metadata.PackageNotFoundError):
            version = metadata.version(name)
            return version if name == package else f"{version} ({name})"
    return None


def unfit() -> dict[str, str]:
    """What is missing, or installed in a version that the package does not take: what is wrong with each."""
    found = {}
    for name, requirement in requirements()[""].items():
        if (version := version_of(name)) is None:
            found[name] = f"{name} is not installed"
        elif not Requirement(requirement).specifier.contains(version.partition(" ")[0], prereleases=True):
            found[name] = f"{name} is {version}, actionzoo takes {requirement}"
    return found


def install(*packages: str) -> str:
    """The command that installs packages in versions which the package takes."""
    known = {name: requirement for names in requirements().values() for name, requirement in names.items()}
    return " ".join(["pip install", *(shlex.quote(known.get(name, name)) for name in packages)])


def reinstall(package: str) -> str:
    """The command that installs a package anew, in a version which the package takes, and nothing else."""
    return install(package).replace("pip install", "pip install --force-reinstall --no-deps", 1)


def reinstall_opencv() -> str:
    """The same for OpenCV, whose other distributions must go first."""
    others = " ".join(name for name in OTHER_OPENCVS if version_of(name))
    remove = f"pip uninstall -y {others} && " if others else ""
    return remove + reinstall("opencv-contrib-python-headless")
