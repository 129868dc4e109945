"""`actionzoo visualize`, as a user types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from actionzoo.cli.main import main
from actionzoo.hub.bundle import save_model
from actionzoo.models import create_model
from tests.moving import RECORD, TINY


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of a miniature network."""
    path = tmp_path_factory.mktemp("model") / "model.keras"
    save_model(create_model("st_resnet18", 2, 2, temporal_pool="none", **TINY), RECORD, path)
    return path


def test_a_class(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["visualize", str(model), "--class", "left", "--speed", "slow,fast", "--steps", "2"]
    assert main([*arguments, "--output", str(tmp_path)]) == 0
    out, _ = capsys.readouterr()
    assert out.startswith("left  slow 0.")
    assert out.rstrip().endswith(f"{tmp_path / 'left.png'}")
    assert {path.name for path in tmp_path.iterdir()} == {
        "left.png", "left.npz", "left.json", "left_slow.webp", "left_slow.mp4", "left_fast.webp", "left_fast.mp4",
    }  # fmt: skip
    assert main([*arguments, "--output", str(tmp_path)]) == 0
    assert capsys.readouterr().err == "1 of 1 were there already\n"


def test_the_whole_network(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--layer", "all", "--first", "1", "--speed", "medium", "--steps", "1", "--output", str(tmp_path)]
    assert main(["visualize", str(model), *arguments]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert {"appearance_conv1_relu", "motion_conv1_relu", "logits"} <= set(names)
    assert len(names) == len(list(tmp_path.glob("*.png")))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "give either --class or --layer"),
        (["--class", "left", "--layer", "logits"], 2, "give either --class or --layer"),
        (["--class", "left", "--channel", "1"], 2, "belongs to --layer"),
        (["--layer", "logits"], 2, "needs either --channel or --first"),
        (["--class", "left", "--speed", "quick"], 2, "'quick' is not one of slow, medium, fast"),
        (["--class", "lefd"], 1, "has no class 'lefd'; did you mean left?"),
        (["--layer", "motion_conv1_rel", "--first", "1"], 1, "did you mean motion_conv1_relu"),
        (["--layer", "motion_conv1_relu", "--channel", "99"], 1, "has channels 0 to 3, not 99"),
    ],
)
def test_wrong_input_is_one_clear_line(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, words: str
) -> None:
    folder = tmp_path / "out"
    assert main(["visualize", str(model), *arguments, "--output", str(folder)]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err.replace("\n", " ")
    assert not folder.exists()


def test_a_model_without_motion(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.keras"
    options = {name: value for name, value in TINY.items() if name != "stack_length"}
    save_model(create_model("appearance_resnet18", 2, 2, **options), RECORD, path)
    arguments = ["visualize", str(path), "--class", "left", "--steps", "1", "--output", str(tmp_path)]
    assert main([*arguments, "--speed", "slow"]) == 1
    assert "has no motion, so it has no speeds" in capsys.readouterr().err
    assert main(arguments) == 0
    assert {each.name for each in tmp_path.glob("left*")} == {
        "left.png", "left.npz", "left.json", "left_still.webp", "left_still.mp4",
    }  # fmt: skip
