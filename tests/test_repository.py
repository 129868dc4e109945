"""What stands around the code says what is so: workflows, templates, citation, site, the journeys of CONTRIBUTING."""

from __future__ import annotations

import ast
import re
import runpy
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import actionzoo
from tests.test_package import LEVELS, ROOT, SOURCES, room

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TEMPLATES = sorted(path for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
MODULES = {".".join(module).removesuffix(".py").removesuffix(".__init__"): path for path, module in SOURCES.items()}
JOURNEYS = ("From a clip to a label", "From a folder to a model", "From a class to a picture")


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def targets() -> set[str]:
    return set(re.findall(r"(?m)^([a-z][a-z0-9-]*):", read("Makefile")))


def jobs(path: Path) -> list[dict[str, Any]]:
    return list(load(path)["jobs"].values())


def commands(job: dict[str, Any]) -> list[str]:
    """What a job runs, once for each value of its matrix where it names one."""
    lines = [line for step in job["steps"] for line in step.get("run", "").splitlines()]
    matrix = job.get("strategy", {}).get("matrix", {})
    for name, values in matrix.items():
        lines = [line.replace(f"${{{{ matrix.{name} }}}}", str(value)) for line in lines for value in values]
    return lines


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_call_targets_that_exist(path: Path) -> None:
    called = {line.split()[1] for job in jobs(path) for line in commands(job) if line.startswith("make ")}
    assert called
    assert called <= targets()


def test_ci_runs_every_kind_of_test() -> None:
    (ci,) = (path for path in WORKFLOWS if path.stem == "ci")
    called = {line.removeprefix("make ") for job in jobs(ci) for line in commands(job)}
    assert called == {"lint", "docs"} | {target for target in targets() if target.startswith("test")}


def test_ci_run_calls_targets_that_exist() -> None:
    called = set(re.findall(r"\bmake ([a-z0-9 -]+)", read(".ci/run"))[-1].split())
    assert "docs" in called
    assert called <= targets()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_may_do_little_and_pin_their_actions(path: Path) -> None:
    assert load(path)["permissions"] == {"contents": "read"}
    for job in jobs(path):
        assert job["timeout-minutes"] <= 120
        assert set(job.get("permissions", {})) <= {"id-token"}
        for step in job["steps"]:
            assert re.search(r"@(release/)?v\d+$", step.get("uses", "@v1"))
            if "checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_issue_forms(path: Path) -> None:
    form = load(path)
    assert {"name", "description", "body"} <= form.keys()
    fields = [element for element in form["body"] if element["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert all(field["attributes"]["label"] for field in fields)
    asked = [field["attributes"]["label"] for field in fields if field.get("validations", {}).get("required")]
    assert path.stem != "bug" or any("actionzoo doctor" in label for label in asked)


def test_pre_commit_runs_the_tools_of_make_lint() -> None:
    hooks = [hook for repo in load(ROOT / ".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    entries = " ".join(hook.get("entry", hook["id"]) for hook in hooks)
    for tool in ("ruff check", "ruff format", "mypy", "actionlint"):
        assert tool in entries


def test_citation() -> None:
    citation = load(ROOT / "CITATION.cff")
    assert {"cff-version", "message", "title", "authors", "version", "license"} <= citation.keys()
    assert citation["license"] == tomllib.loads(read("pyproject.toml"))["project"]["license"]
    for reference in citation["references"]:
        assert reference["type"] == "conference-paper"
        assert reference["title"]
        assert reference["year"] in range(2014, 2019)
        assert all(author["family-names"] and author["given-names"] for author in reference["authors"])


def test_citation_has_the_papers_of_the_networks() -> None:
    cited = {
        (reference["title"], ", ".join(author["family-names"] for author in reference["authors"]))
        for reference in load(ROOT / "CITATION.cff")["references"]
    }
    from actionzoo.names import NETWORKS

    assert {(network.paper.title, network.paper.authors) for network in NETWORKS.values()} <= cited


def test_versions_agree() -> None:
    version, citation = Version(actionzoo.__version__), load(ROOT / "CITATION.cff")
    assert str(citation["version"]) == version.base_version
    assert "## [Unreleased]" in read("CHANGELOG.md")
    if not version.is_devrelease:
        assert f"## [{version}] - {citation['date-released']}" in read("CHANGELOG.md")


def navigation(entries: list[Any]) -> set[str]:
    """The pages in a part of the navigation of the site."""
    found: set[str] = set()
    for entry in entries:
        for content in entry.values() if isinstance(entry, dict) else [entry]:
            found |= navigation(content) if isinstance(content, list) else {content}
    return found


def test_every_page_is_in_the_navigation() -> None:
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")}
    others = {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"}
    others |= {f"weights/{model}/README.md" for model in ("everyday", "mini")}
    assert navigation(load(ROOT / "mkdocs.yml")["nav"]) == pages | others


def test_api_pages_list_the_public_face() -> None:
    pages = {path.stem: path.read_text("utf-8") for path in (ROOT / "docs" / "api").glob("*.md")}
    listed = {page: re.findall(r"(?m)^::: actionzoo\.([\w.]+)$", text) for page, text in pages.items()}
    first = [name.split(".")[0] for names in listed.values() for name in names]
    public = set(actionzoo.__all__) - {"__version__"}
    assert public <= set(first)
    assert set(listed["index"]) <= public


def test_table_of_licences_has_every_dependency() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "licences.py"))
    dependencies = tomllib.loads(read("pyproject.toml"))["project"]["dependencies"]
    needed = {canonicalize_name(Requirement(line).name) for line in dependencies}
    installed = script["installed"]()
    assert needed <= installed.keys()
    assert installed["numpy"].metadata["Name"] == "numpy"
    assert script["declared"](installed["av"]) == "BSD-3-Clause"
    page = read("docs/licences.md")
    table = page[page.index(script["MARKERS"][0]) : page.index(script["MARKERS"][1])]
    assert needed <= set(re.findall(r"(?m)^\| `([\w-]+)` \| \S", table))


def steps(journey: str) -> list[str]:
    section = read("CONTRIBUTING.md").partition(f"### {journey}\n")[2].partition("\n#")[0]
    return re.findall(r"(?m)^\d+\. `([\w.]+)`", section)


def module_of(function: str) -> str:
    """The module of `actionzoo.video.writer.VideoWriter.write`: `actionzoo.video.writer`."""
    return max((name for name in MODULES if function.startswith(f"{name}.")), key=len)


@pytest.mark.parametrize("journey", JOURNEYS)
def test_functions_of_the_journeys_exist(journey: str) -> None:
    functions = steps(journey)
    assert 3 <= len(functions) <= 9
    for function in functions:
        body: list[ast.stmt] = ast.parse(MODULES[module_of(function)].read_text("utf-8")).body
        for name in function.removeprefix(f"{module_of(function)}.").split("."):
            found = [node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name]
            assert found, f"there is no {function}"
            body = found[0].body


@pytest.mark.parametrize("journey", JOURNEYS)
def test_journeys_go_down_only(journey: str) -> None:
    levels = [LEVELS[room(tuple(module_of(function).split(".")))] for function in steps(journey)]
    assert all(before >= after for before, after in pairwise(levels))
    assert levels[0] == LEVELS["cli"]
    assert levels[-1] <= LEVELS["video"]


def test_the_picture_of_the_rooms_is_that_of_the_import_rules() -> None:
    picture = read("CONTRIBUTING.md").partition("```text\n")[2].partition("```")[0]
    rows = [re.split(r"\s{2,}", line)[0].split(" · ") for line in picture.splitlines() if "↓" not in line]
    levels = [{LEVELS[name] for name in row} for row in rows]
    assert all(len(level) == 1 for level in levels)
    assert [level.pop() for level in levels] == sorted({LEVELS[row[0]] for row in rows}, reverse=True)
    folders = {room(module) for module in SOURCES.values() if len(module) > 2} - {"weights"}
    assert folders <= {name for row in rows for name in row}
