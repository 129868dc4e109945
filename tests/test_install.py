"""The package as a stranger gets it: the wheel in an empty environment."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONSTRAINED = ("--constraint", str(ROOT / "constraints.txt"))
VERSIONS = ("3.11", "3.12", "3.13")
SOURCES = [
    *(
        (path, f"actionzoo/{path.relative_to(ROOT / 'actionzoo').as_posix()}")
        for path in ROOT.glob("actionzoo/**/*.py")
    ),
    *((path, f"actionzoo/{path.relative_to(ROOT).as_posix()}") for path in ROOT.glob("cli/**/*.py")),
    *((path, f"actionzoo/{path.relative_to(ROOT).as_posix()}") for path in ROOT.glob("weights/**/*.py")),
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy that holds no more than a source distribution does."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("actionzoo", "cli", "weights"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    uv("build", "--wheel", "--python", sys.executable, "--out-dir", out, source)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The scripts folder of an environment with nothing in it but the wheel and the versions of `constraints.txt`."""
    where = tmp_path_factory.mktemp("empty")
    yield environment(where, sys.executable, wheel, *CONSTRAINED)
    shutil.rmtree(where)


@pytest.fixture(scope="module", params=[pytest.param(each, marks=pytest.mark.xdist_group(each)) for each in VERSIONS])
def newest(wheel: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The same with the newest release of everything, for each version of Python that is here."""
    python = interpreter(request.param)
    if python is None:
        pytest.skip(f"there is no Python {request.param} on this machine")
    where = tmp_path_factory.mktemp("newest")
    yield environment(where, python, wheel)
    shutil.rmtree(where)


def interpreter(version: str) -> str | None:
    """A Python of that version that can make environments: this one, one on PATH, or one of pyenv's."""
    found = [sys.executable, shutil.which(f"python{version}")]
    found += map(
        str, Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{version}.*/bin/python")
    )
    code = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
    for python in filter(None, found):
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=1800, check=False)
        if done.returncode == 0 and done.stdout.strip() == version:
            return python
    return None


def environment(where: Path, python: str, wheel: Path, *options: str) -> Path:
    subprocess.run([python, "-m", "venv", "--without-pip", where], check=True, timeout=1800, env=outside())
    scripts = where / ("Scripts" if os.name == "nt" else "bin")
    uv("pip", "install", "--python", scripts / "python", *options, wheel)
    return scripts


def uv(*arguments: object) -> None:
    """Runs uv without a word unless it fails."""
    command = [sys.executable, "-m", "uv", "--quiet", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False, env=outside())
    assert done.returncode == 0, done.stderr


def outside() -> dict[str, str]:
    """The environment without anything that leads back here."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}


def run(scripts: Path, folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """One command of the installed package, which must succeed."""
    command = [scripts / "actionzoo", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False, cwd=folder, env=outside())
    assert done.returncode == 0, done.stderr
    return done


def test_the_wheel_holds_every_source_and_weight(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {name for _, name in SOURCES} | {"actionzoo/py.typed", "actionzoo/weights/catalog.toml"}
    weights = [path for path in ROOT.glob("weights/**/*") if path.suffix in {".bin", ".keras", ".md", ".toml", ".xml"}]
    wanted |= {f"actionzoo/{path.relative_to(ROOT).as_posix()}" for path in weights}
    assert wanted <= inside


@pytest.mark.slow
def test_it_predicts_from_another_folder(installed: Path, clip: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "predict", clip, "--format", "json", "--offline")
    assert done.stderr == ""
    (answer,) = json.loads(done.stdout)
    assert clip.stem.startswith(answer["predictions"][0]["label"])
    assert answer["source"] == str(clip)


@pytest.mark.slow
def test_it_is_whole(installed: Path, tmp_path: Path) -> None:
    code = "import actionzoo, actionzoo.cli, actionzoo.weights; print(actionzoo.__file__, actionzoo.cli.__file__)"
    command = [installed / "python", "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=1800, check=True, cwd=tmp_path, env=outside()
    )
    assert all(path.startswith(str(installed.parent)) for path in done.stdout.split())


@pytest.mark.newest
def test_the_newest_releases_predict_learn_and_evaluate(newest: Path, clip: Path, tmp_path: Path) -> None:
    """What `pip install` brings on the day of this test, without `constraints.txt`."""
    done = run(newest, tmp_path, "predict", clip, "--format", "json", "--offline")
    (answer,) = json.loads(done.stdout)
    assert clip.stem.startswith(answer["predictions"][0]["label"])
    run(newest, tmp_path, "data", "puppets", "clips", "--clips", 2, "--height", 112)
    run(newest, tmp_path, "finetune", "clips", "--epochs", 1, "--batch-size", 6, "--output", "run")
    done = run(newest, tmp_path, "evaluate", "run", "clips")
    assert re.search(r"\d %", done.stdout)
    run(newest, tmp_path, "predict", clip, "--model", "run")


@pytest.mark.newest
def test_videos_are_read_by_the_newest_releases(newest: Path, request: pytest.FixtureRequest) -> None:
    """The tests of reading and writing videos, with the PyAV, FFmpeg and OpenCV of the day, on the newest Python."""
    if any(interpreter(later) for later in VERSIONS if later > request.node.callspec.params["newest"]):
        pytest.skip("runs on the newest Python that is here")
    uv("pip", "install", "--python", newest / "python", "pytest", "hypothesis")
    files = [
        ROOT / "tests" / "video" / f"test_{name}.py" for name in ("bad_input", "damage", "geometry", "reader", "stills")
    ]
    command = [newest / "python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False, cwd=ROOT, env=outside())
    assert done.returncode == 0, done.stdout[-3000:]
