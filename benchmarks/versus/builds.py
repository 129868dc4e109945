"""Two builds of actionzoo side by side: the present checkout, and an earlier commit with an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
WHERE = "import actionzoo; print(actionzoo.__file__)"


class VersusError(Exception):
    """What the user can mend; its message is one line."""


@dataclass(frozen=True)
class Build:
    """A checkout that is installed.

    Attributes:
        side: "old" or "new".
        commit: its full hash, with "+" behind it where files differ from it.
        checkout: the root of its source.
        python: the interpreter in which `import actionzoo` gives this checkout.
    """

    side: str
    commit: str
    checkout: Path
    python: Path


def present(root: Path = ROOT) -> Build:
    """The checkout that this file lies in, with the interpreter that runs."""
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    commit = resolve("HEAD", root) + ("+" if changed else "")
    return _checked(Build("new", commit, root, Path(sys.executable)))


def earlier(revision: str, cache: Path, root: Path = ROOT) -> Build:
    """A revision below `cache`, checked out and installed where that was not done before.

    Its environment sees the packages of the present one, so that both builds use the same. Raises VersusError.
    """
    commit = resolve(revision, root)
    folder = cache / commit[:12]
    build = Build("old", commit, folder / "checkout", folder / "venv" / "bin" / "python")
    if not (folder / "installed").exists():
        if not build.checkout.exists():
            _git(root, "worktree", "prune")
            _git(root, "worktree", "add", "--detach", str(build.checkout), commit)
        _install(build, folder / "venv")
        (folder / "installed").touch()
    if resolve("HEAD", build.checkout) != commit or _git(build.checkout, "status", "--porcelain"):
        raise VersusError(f"{build.checkout} is not commit {commit[:12]} any more; delete {folder} and start again")
    return _checked(build)


def resolve(revision: str, root: Path = ROOT) -> str:
    """The full hash of a revision. Raises VersusError where there is no such commit, or no repository."""
    top = _git(root, "rev-parse", "--show-toplevel")
    if Path(top).resolve() != root.resolve():
        raise VersusError(f"{root} is not a git repository; earlier commits are taken from its history")
    return _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}") or _none(
        revision
    )


def environment() -> dict[str, str]:
    """The environment of every process that is measured: no folder but its own packages gives it actionzoo."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"PYTHONSAFEPATH": "1"}


def _none(revision: str) -> str:
    raise VersusError(f"there is no commit {revision!r} here; a shallow clone gets all by `git fetch --unshallow`")


def _git(folder: Path, *arguments: str) -> str:
    """What git prints. A revision that there is not gives nothing."""
    try:
        run = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise VersusError("there is no git on PATH") from None
    if run.returncode and "--quiet" not in arguments:
        said = (run.stderr.strip().splitlines() or ["no reason given"])[-1]
        if "not a git repository" in said:
            said = f"{folder} is not a git repository; earlier commits are taken from its history"
        raise VersusError(said)
    return run.stdout.strip()


def _install(build: Build, venv: Path) -> None:
    """An environment with the present one's packages, and the checkout in place of its actionzoo."""
    shared = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
    _run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(venv)])
    found = json.loads(_run([str(build.python), "-c", "import json, site; print(json.dumps(site.getsitepackages()))"]))
    (Path(found[0]) / "shared.pth").write_text("\n".join(shared) + "\n", "utf-8")
    pip = [str(build.python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--ignore-installed"]
    _run([*pip, "--no-index", "--no-deps", "--no-build-isolation", "--editable", str(build.checkout)])


def _checked(build: Build) -> Build:
    """The build, once its interpreter has been asked which actionzoo it imports."""
    found = _run([str(build.python), "-c", WHERE]).splitlines()[-1]
    if build.checkout.resolve() not in Path(found).resolve().parents:
        raise VersusError(f"{build.python} imports {found}, not {build.checkout}; install that with pip --editable")
    return build


def _run(command: list[str]) -> str:
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    if run.returncode:
        raise VersusError(f"{' '.join(command)} failed: {(run.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    return run.stdout
