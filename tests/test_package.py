"""The house rules of imports."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = {
    **{path: ("actionzoo", *path.relative_to(ROOT / "actionzoo").parts) for path in ROOT.glob("actionzoo/**/*.py")},
    **{path: ("actionzoo", *path.relative_to(ROOT).parts) for path in ROOT.glob("cli/**/*.py")},
    **{path: ("actionzoo", *path.relative_to(ROOT).parts) for path in ROOT.glob("weights/**/*.py")},
}
LEVELS = {
    **dict.fromkeys(("errors", "figures", "files", "names", "registration"), 0),
    **dict.fromkeys(("models", "video"), 1),
    **dict.fromkeys(("convert", "data", "hub", "motion", "puppets"), 2),
    "inference": 3,
    **dict.fromkeys(("training", "evaluation", "visualization"), 4),
    "report": 5,
    **dict.fromkeys(("cli", "doctor", "installation", "weights", "__init__", "__main__"), 6),
}
"""A room may import from its own level and below. The one way up: `models.registry` imports `convert.weights`, by its
name, when a builder is asked for trained weights."""
APART = {("models", "video"), ("video", "models")}
NEVER = {
    "models": {"av", "cv2", "huggingface_hub", "openvino", "tensorflow"},
    "video": {"jax", "keras", "openvino", "tensorflow", "torch"},
}
HEAVY = {
    "actionzoo.convert.matconvnet",  # Keras
    "actionzoo.evaluation",  # Keras, matplotlib
    "actionzoo.hub",  # OpenCV, h5py
    "actionzoo.models",
    "actionzoo.report",  # Keras, matplotlib
    "actionzoo.training",
    "actionzoo.video.tvl1",  # numba
    "actionzoo.visualization",  # Keras
    "huggingface_hub",
    "jax",
    "keras",
    "openvino",
    "tensorflow",
    "torch",
}
"""What a function may import, to keep it out of start-up."""
OPTIONAL = {
    "ai_edge_litert",
    "dask",
    "distributed",
    "ezc3d",
    "fsspec",
    "onnx",
    "onnxruntime",
    "tensorflow_io",
    "tf2onnx",
}
"""What a function may import because it need not be installed."""


def room(module: tuple[str, ...]) -> str:
    """The room of `("actionzoo", "video", "flow")`: "video". The package itself is a room that sees all others."""
    return module[1].removesuffix(".py") if len(module) > 1 else "__init__"


def imports(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every module that the code below `tree` imports, absolute, with names of modules resolved where they may be."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            base = (*base, *(node.module.split(".") if node.module else ()))
            yield from ((*base, alias.name) if base == ("actionzoo",) else base for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    module = SOURCES[path]
    here = room(module)
    for imported in imports(ast.parse(path.read_text("utf-8")), module[:-1]):
        assert imported[0] not in NEVER.get(here, set()), f"{here} must not import {imported[0]}"
        if imported[0] == "actionzoo":
            there = room(imported)
            assert (here, there) not in APART, f"{here} and {there} must not see each other"
            assert LEVELS.get(there, 6) <= LEVELS[here], f"{here} must not import from {there}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_import_only_heavy_frameworks(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for imported in imports(node, SOURCES[path][:-1]):
                packages = {".".join(imported[:count]) for count in range(1, len(imported) + 1)}
                assert packages & (HEAVY | OPTIONAL)


def test_rooms_of_one_level_form_no_circle() -> None:
    edges = {
        (room(module), room(imported))
        for path, module in SOURCES.items()
        for imported in imports(ast.parse(path.read_text("utf-8")), module[:-1])
        if imported[0] == "actionzoo"
    }
    assert not {(a, b) for a, b in edges if a != b and (b, a) in edges}


def test_every_package_that_is_imported_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    requirements = project["dependencies"] + extras["export"] + extras["cluster"] + extras["tfio"] + extras["io"]
    requirements += extras["mocap"]
    asked_for = {re.split(r"[<>=\[;]", requirement)[0] for requirement in requirements}
    provided_by = metadata.packages_distributions()
    imported = {
        name
        for path, module in SOURCES.items()
        for name, *_ in imports(ast.parse(path.read_text("utf-8")), module[:-1])
        if name not in {"actionzoo", *sys.stdlib_module_names}
    }
    assert not {
        name
        for name in imported
        if not asked_for & {d.lower().replace("_", "-") for d in provided_by.get(name, [name])}
    }
