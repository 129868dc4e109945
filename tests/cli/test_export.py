"""`actionzoo export`: the options reach the library, and a real run ends in one line."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import actionzoo.cli.export as cli_export
from actionzoo.cli.main import main
from actionzoo.convert.export import Exported
from actionzoo.convert.openvino import import_openvino

Run = Callable[..., Any]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What the library was asked for; it exports nothing."""
    calls: list[tuple[object, ...]] = []

    def known(model: str, path: Path | None, format: str, *, offline: bool) -> Exported:
        calls.append((model, path, format, offline))
        return Exported(Path("mi\x1bni.onnx"), 6_240_000, 3.61e-07)

    monkeypatch.setattr(cli_export, "export_model", known)
    return calls


def test_prints_path_size_and_difference(run: Run, calls: list[tuple[object, ...]]) -> None:
    result = run("export", "mini", "--format", "onnx")
    assert (result.code, result.err) == (0, "")
    assert result.out == "mi\\x1bni.onnx  6.2 MB  largest difference from Keras 3.6e-07\n"
    assert calls == [("mini", None, "onnx", False)]


@pytest.mark.parametrize(
    ("by_itself", "expected"),
    [
        (None, "with INFERENCE_PRECISION_HINT=f32 3.6e-07"),
        (
            ("bf16", 0.00412),
            "0.0041 in bf16, which compile_model takes by itself here; with INFERENCE_PRECISION_HINT=f32 3.6e-07",
        ),
    ],
)
def test_openvino_says_which_precision_gives_the_difference(
    run: Run, monkeypatch: pytest.MonkeyPatch, by_itself: tuple[str, float] | None, expected: str
) -> None:
    exported = Exported(Path("mini.xml"), 6_240_000, 3.61e-07, by_itself)
    monkeypatch.setattr(cli_export, "export_model", lambda *given, **options: exported)
    result = run("export", "mini", "-o", "mini.xml")
    assert (result.out, result.err) == (f"mini.xml  6.2 MB  largest difference from Keras {expected}\n", "")


@pytest.mark.parametrize(("name", "format"), [("m.onnx", "onnx"), ("m.xml", "openvino"), ("m.TFLITE", "litert")])
def test_the_suffix_of_the_output_says_what_to_write(
    run: Run, calls: list[tuple[object, ...]], name: str, format: str
) -> None:
    assert run("export", "mini", "-o", name).code == 0
    assert calls == [("mini", Path(name), format, False)]


def test_options(run: Run, calls: list[tuple[object, ...]]) -> None:
    assert run("export", "hf://user/repo", "--format", "litert", "--output", "a/b.tflite", "--offline").code == 0
    assert calls == [("hf://user/repo", Path("a/b.tflite"), "litert", True)]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("mini",), "--format"),
        (("mini", "--output", "mini.pb"), "ends in none of .onnx, .xml, .tflite"),
        (("--format", "onnx"), "MODEL"),
        (("mini", "--format", "tflite"), "tflite"),
        (("mini", "--format", "litert", "--output", "mini.onnx"), "must end in .tflite"),
    ],
)
def test_wrong_usage(run: Run, calls: list[tuple[object, ...]], arguments: tuple[str, ...], reason: str) -> None:
    result = run("export", *arguments)
    assert (result.code, result.out) == (2, "")
    assert reason in " ".join(result.err.split())
    assert calls == []


def test_wrong_input_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.keras").write_text("no model")
    Path("taken").mkdir()
    before = set(os.listdir())
    cases = {
        ("missing.keras",): "there is no model 'missing.keras'",
        ("text.keras",): "text.keras is not a Keras model file",
        ("mini", "--output", "taken"): "taken: exists already",
        ("mini", "--output", "no/such/net"): "no/such/net: cannot be written: No such file or directory",
        ("mini", "--output", "text.keras/net"): "text.keras/net: cannot be written: ",
    }
    for arguments, reason in cases.items():
        code = main(["export", *arguments, "--format", "savedmodel"])
        out, err = capsys.readouterr()
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert err.startswith(f"actionzoo: {reason}")
    assert set(os.listdir()) == before


def own_precision(path: Path) -> str:
    """What OpenVINO computes in where it is told nothing."""
    compiled = import_openvino().Core().compile_model(path, "CPU")
    return str(compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name())


def test_the_shipped_model(command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    done = command("export", "mini", "--format", "openvino", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("mini.xml  6.4 MB  largest difference from Keras ")
    assert float(done.stdout.split()[-1]) < 1e-4
    assert "INFERENCE_PRECISION_HINT=f32" in done.stdout
    assert ("compile_model takes by itself" in done.stdout) == (own_precision(tmp_path / "mini.xml") != "f32")
    assert sorted(os.listdir(tmp_path)) == ["mini.bin", "mini.xml", "mini.xml.json"]
    again = command("export", "mini", "--format", "openvino", cwd=tmp_path)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr == "actionzoo: mini.xml: exists already; remove it, or choose another --output\n"
