from __future__ import annotations

import json
import os
import platform
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Any

import av
import pytest
from packaging.requirements import Requirement

import actionzoo
from actionzoo import doctor, installation
from actionzoo.cli.main import main
from actionzoo.video.flow import METHODS

HIDDEN = "hf_" + "a1B2" * 6


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs `actionzoo doctor --quick ...` in this process: exit code, stdout, stderr."""

    def run_main(*arguments: str) -> tuple[int, str, str]:
        code = main(["doctor", "--quick", *arguments])
        return (code, *capsys.readouterr())

    return run_main


def test_json_says_what_other_sources_say(run: Any) -> None:
    code, out, err = run("--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert report["ok"] is True
    assert report["actionzoo"]["version"] == actionzoo.__version__
    assert report["actionzoo"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert report["actionzoo"]["platform"] == platform.platform()
    assert report["machine"]["cores"] == os.cpu_count()
    assert report["machine"]["architecture"] == platform.machine()
    for package in ("av", "keras", "numpy", "openvino", "rich", "typer"):
        assert report["packages"]["versions"][package] == metadata.version(package)
    assert report["video"]["ffmpeg"] == av.ffmpeg_version_info
    assert report["video"]["decoders"] == {"h264": True, "hevc": True, "vp9": True, "av1": True}
    assert set(report["flow"]["methods"]) == set(METHODS)
    assert all(found["ms"] > 0 for found in report["flow"]["methods"].values())
    assert report["openvino"]["status"] == "ok"
    assert report["openvino"]["clip_ms"] > 0
    assert report["keras"]["status"] == report["devices"]["status"] == "skipped"


PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
BOUNDS = {
    Requirement(line).name: Requirement(line).specifier
    for line in [*PROJECT["dependencies"], *chain(*PROJECT["optional-dependencies"].values())]
}


def as_metadata() -> list[str]:
    """What `importlib.metadata` says of the project as it is now."""
    extras = PROJECT["optional-dependencies"].items()
    return [*PROJECT["dependencies"], *(f'{line}; extra == "{extra}"' for extra, lines in extras for line in lines)]


def advised(command: str) -> dict[str, Requirement]:
    """What the commands of pip in an advice install."""
    install = re.sub(r"pip uninstall [^&]*&& ", "", command.partition(";")[0].partition(", or")[0])
    words = [word for word in shlex.split(install) if word not in ("pip", "install", "&&") and word[0] != "-"]
    return {Requirement(word).name: Requirement(word) for word in words}


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_every_advice_installs_what_the_project_takes(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    monkeypatch.setattr(metadata, "requires", lambda name: as_metadata())
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setattr(installation, "version_of", lambda package: "1.0")
    commands = {
        name: advice for name, (_, advice) in doctor._checks().items() if name != "packages" and "pip " in advice
    }
    assert {name: set(advised(command)) for name, command in commands.items()} == {
        "video": {"av", "opencv-contrib-python-headless"},
        "flow": {"opencv-contrib-python-headless"},
        "openvino": {"openvino"},
        "keras": {backend},
    }
    for command in commands.values():
        assert "--no-deps" in command  # else the newest of all that a package needs would come with it
        for name, requirement in advised(command).items():
            assert requirement.specifier == BOUNDS[name]
    assert commands["flow"].startswith("pip uninstall -y opencv-python opencv-python-headless ")


def test_a_package_that_the_project_does_not_take(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "requires", lambda name: ["av>=18,<18.0.1", "rich>=13", "no-such-package>=2"])
    monkeypatch.setattr(installation, "version_of", {"av": "19.0.0", "rich": "15.0"}.get)
    monkeypatch.setattr(doctor, "version_of", {"av": "19.0.0", "rich": "15.0"}.get)
    code, out, _ = run("--json")
    report = json.loads(out)
    assert (code, report["packages"]["status"]) == (0, "warning")
    assert report["packages"]["reason"] == (
        "av is 19.0.0, actionzoo takes av>=18,<18.0.1; no-such-package is not installed"
    )
    (problem,) = [each for each in report["problems"] if each["check"] == "packages"]
    assert problem["advice"] == "pip install 'av>=18,<18.0.1' 'no-such-package>=2'"


def test_an_extra_of_what_is_always_needed_tells_nothing(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tensorflow[and-cuda]` is there as soon as TensorFlow is: that says nothing about GPUs."""
    monkeypatch.setattr(metadata, "requires", lambda name: as_metadata())
    assert set(json.loads(run("--json")[1])["extras"]) - {"status"} == {"cluster", "export", "io", "mocap", "tfio"}


def test_memory_is_the_systems(run: Any) -> None:
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        pytest.skip("a system without /proc/meminfo")
    kibibytes = int(re.search(r"MemTotal:\s+(\d+)", meminfo.read_text())[1])  # type: ignore[index]
    assert json.loads(run("--json")[1])["machine"]["memory_bytes"] == pytest.approx(1024 * kibibytes, rel=0.01)


def test_the_table_has_a_part_for_each_check(run: Any) -> None:
    code, out, err = run()
    assert (code, err) == (0, "")
    names = [line.split()[0] for line in out.splitlines() if not line.startswith(" ")]
    assert names == [
        "actionzoo", "machine", "packages", "extras", "video", "flow", "model", "openvino", "keras", "devices",
        "cache", "hub",
    ]  # fmt: skip
    assert f"python: {platform.python_version()}" in out
    assert all(line == line.rstrip() for line in out.splitlines())


def test_a_broken_openvino_is_reported(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ImportError("libopenvino.so: cannot open shared object file")

    monkeypatch.setattr("actionzoo.convert.openvino.import_openvino", broken)
    code, out, err = run()
    assert (code, err) == (1, "actionzoo: does not work: openvino\n")
    lines = out.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("openvino"))
    assert lines[at].split(maxsplit=1)[1] == "failed   ImportError: libopenvino.so: cannot open shared object file"
    assert "what to do: pip install --force-reinstall --no-deps 'openvino>=" in lines[at + 1]
    assert "Traceback" not in out
    code, out, _ = run("--json")
    report = json.loads(out)
    assert (code, report["ok"], report["openvino"]["status"]) == (1, False, "failed")
    assert [(problem["check"], problem["essential"]) for problem in report["problems"]] == [("openvino", True)]
    assert report["cache"]["status"] == "ok"  # the others go on


def test_an_openvino_that_computes_nonsense(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "actionzoo.inference.engines.OpenVINOEngine.__call__", lambda self, a, m: a[:, 0, 0, 0, :1] * float("nan")
    )
    code, out, _ = run("--json")
    assert (code, json.loads(out)["openvino"]["status"]) == (1, "failed")
    assert "no usable logits" in json.loads(out)["openvino"]["reason"]


def test_a_package_that_cannot_be_imported(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = doctor.import_module

    def importing(name: str) -> Any:
        if name in ("av", "actionzoo.video.flow"):
            raise ImportError("libGL.so.1: cannot open shared object file")
        return imported(name)

    monkeypatch.setattr(doctor, "import_module", importing)
    code, out, err = run()
    assert (code, err) == (1, "actionzoo: does not work: video, flow\n")
    assert out.count("libGL.so.1") == 2


def test_a_flow_method_that_measures_wrongly(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from actionzoo.video import flow

    right = flow.optical_flow
    monkeypatch.setattr(
        flow, "optical_flow", lambda frames, method, workers: right(frames, method, workers) * (1 - (method == "tvl1"))
    )
    code, out, _ = run("--json")
    found = json.loads(out)["flow"]
    assert (code, found["status"]) == (1, "failed")
    assert found["reason"] == "tvl1: a motion of 2 pixels is measured 2.0 pixels wrong"
    assert found["methods"]["dis"]["ms"] > 0


def test_a_cache_folder_that_cannot_be_written(run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ACTIONZOO_CACHE", str(tmp_path / "file" / "cache"))
    code, out, _ = run("--json")
    cache = json.loads(out)["cache"]
    assert (code, cache["status"], cache["writable"]) == (0, "warning", False)
    assert cache["folder"] == str(tmp_path / "file" / "cache")
    assert "cannot be written" in cache["reason"]


def test_what_is_in_the_cache(run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "openvino").mkdir()
    (tmp_path / "openvino" / "a.bin").write_bytes(bytes(1000))
    (tmp_path / "b").write_bytes(bytes(24))
    monkeypatch.setenv("ACTIONZOO_CACHE", str(tmp_path))
    cache = json.loads(run("--json")[1])["cache"]
    assert (cache["files"], cache["size_bytes"], cache["writable"]) == (2, 1024, True)
    assert sorted(os.listdir(tmp_path)) == ["b", "openvino"]


def test_the_home_folder_is_a_tilde(run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("ACTIONZOO_CACHE", str(tmp_path / "cache"))
    _, out, _ = run("--json")
    assert json.loads(out)["cache"]["folder"] == str(Path("~", "cache"))
    assert f"{tmp_path}/" not in out


def test_a_process_offline_with_secrets(
    command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Everything, Keras included, in a process of its own."""
    environment = os.environ | {
        "HF_TOKEN": HIDDEN,
        "HF_HUB_OFFLINE": "1",
        "HF_ENDPOINT": f"https://user:{HIDDEN}@mirror.example:8443/path?key={HIDDEN}",
        "KERAS_BACKEND": "tensorflow",
        "ACTIONZOO_CACHE": str(tmp_path / HIDDEN),
    }
    done = command("doctor", "--json", env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert HIDDEN not in done.stdout
    report = json.loads(done.stdout)
    hub = report["hub"]
    assert (hub["offline"], hub["token"], hub["endpoint"]) == (True, "set", "https://mirror.example:8443")
    assert (report["keras"]["backend"], report["keras"]["chosen_by"]) == ("tensorflow", "KERAS_BACKEND")
    assert report["keras"]["status"] == report["devices"]["status"] == "ok"
    assert report["keras"]["logits"] == pytest.approx(report["openvino"]["logits"], abs=0.01)
    assert isinstance(report["devices"]["accelerators"], list)
