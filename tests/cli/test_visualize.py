"""`actionzoo visualize`, as a user types it."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import keras
import pytest
from PIL import Image

from actionzoo.cli.main import main
from actionzoo.hub.keras_models import save_model
from actionzoo.models import create_model
from tests.moving import SPEC, TINY, write_moving


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of a miniature network."""
    path = tmp_path_factory.mktemp("model") / "model.keras"
    save_model(create_model("st_resnet18", 2, 2, temporal_pool="none", **TINY), SPEC, path)
    return path


def test_a_class(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["visualize", str(model), "--class", "left", "--speed", "slow,fast", "--steps", "2"]
    assert main([*arguments, "--output", str(tmp_path)]) == 0
    out, _ = capsys.readouterr()
    assert re.match(r"left  slow [01]\.\d{3}  fast [01]\.", out)
    assert out.rstrip().endswith(f"{tmp_path / 'left.png'}")
    assert {path.name for path in tmp_path.iterdir()} == {
        "left.png", "left.npz", "left.json", "left_slow.webp", "left_slow.mp4", "left_fast.webp", "left_fast.mp4",
    }  # fmt: skip
    assert main([*arguments, "--output", str(tmp_path)]) == 0
    assert capsys.readouterr().err == "1 of 1 were there already\n"


@pytest.fixture(scope="module")
def shallow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two layers a stream, from a list of inputs."""
    inputs = {"appearance": keras.Input((2, 32, 48, 3), name="appearance")}
    inputs["motion"] = keras.Input((2, 32, 48, 4), name="motion")
    ends = []
    for stream, tensor in inputs.items():
        values = keras.layers.Conv3D(2, (1, 3, 3), name=f"{stream}_conv1")(tensor)
        values = keras.layers.ReLU(name=f"{stream}_conv1_relu")(values)
        ends.append(keras.layers.GlobalAveragePooling3D()(values))
    scores = keras.layers.Dense(2, name="logits")(keras.layers.Concatenate()(ends))
    path = tmp_path_factory.mktemp("shallow") / "model.keras"
    save_model(keras.Model(list(inputs.values()), scores, name="shallow"), SPEC, path)
    return path


def test_the_whole_network(shallow: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--layer", "all", "--first", "1", "--speed", "medium", "--steps", "1", "--output", str(tmp_path)]
    assert main(["visualize", str(shallow), *arguments]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    names = [line.split()[0] for line in lines]
    assert names == ["appearance_conv1_relu", "motion_conv1_relu", "logits"]
    assert last == str(tmp_path / "overview.png")
    assert len(names) + 1 == len(list(tmp_path.glob("*.png")))


def test_the_top_activations_of_a_channel(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(4):
        label = ("down", "left")[number % 2]
        write_moving(tmp_path / "set" / label / f"{number}.mp4", label, number)
    arguments = ["--layer", "motion_conv1_relu", "--channel", "0", "--channel", "2", "--data", str(tmp_path / "set")]
    assert main(["visualize", str(model), *arguments, "--output", str(tmp_path / "out")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    with (tmp_path / "out" / "motion_conv1_relu_2_top_activations.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len({row["path"] for row in rows}) == 4
    responses = [float(row["response"]) for row in rows]
    assert responses == sorted(responses, reverse=True)
    with (tmp_path / "out" / "motion_conv1_relu_2_tuning.csv").open() as file:
        curves = list(csv.DictReader(file))
    usual = [float(row["response"]) for row in curves if row["times"] == "1"]
    assert usual == pytest.approx([responses[0]] * 2, rel=1e-3)  # both curves pass through the clip as it is
    for kind in ("top_activations", "tuning"):
        with Image.open(tmp_path / "out" / f"motion_conv1_relu_0_{kind}.png") as image:
            assert min(image.size) > 100


def test_where_a_video_speaks_for_a_class(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_moving(tmp_path / "new.mp4", "left", 0)
    arguments = ["visualize", str(model), "--video", str(tmp_path / "new.mp4"), "--output", str(tmp_path / "out")]
    assert main([*arguments, "--class", "down"]) == 0
    out = capsys.readouterr().out
    assert re.fullmatch(r"\S+new.mp4  down [01]\.\d+  \S+new_down.png\n", out)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"new_down.png", "new_down.webp"}
    assert main([*arguments, "--layer", "motion_conv1_relu"]) == 0
    assert re.search(r"new\.mp4  (down|left) [01]\.\d+ ", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "give either a class or a layer"),
        (["--class", "left", "--layer", "logits"], 2, "give either a class or a layer"),
        (["--class", "left", "--channel", "1"], 2, "belong to a layer"),
        (["--layer", "logits"], 2, "needs either channel or first"),
        (["--class", "left", "--speed", "quick"], 2, "'quick' is not one of slow, medium, fast"),
        (["--class", "lefd"], 1, "has no class 'lefd'; did you mean left?"),
        (["--layer", "motion_conv1_rel", "--first", "1"], 1, "did you mean motion_conv1_relu"),
        (["--layer", "motion_conv1_relu", "--channel", "99"], 1, "has channels 0 to 3, not 99"),
        (["--class", "left", "--data", "x", "--video", "y"], 2, "give either data or a video"),
        (["--class", "left", "--data", "x", "--steps", "3"], 2, "steps is for painted clips, not for real ones"),
        (["--video", "x", "--channel", "3"], 2, "a video is explained for a class"),
        (["--video", "x", "--class", "left", "--class", "down"], 2, "a video is explained for one class"),
        (["--video", "missing.mp4"], 1, "missing.mp4"),
        (["--video", "x", "--layer", "motion_conv1_rel"], 1, "did you mean motion_conv1_relu"),
        (["--class", "left", "--data", "missing"], 1, "missing"),
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
    save_model(create_model("appearance_resnet18", 2, 2, **options), SPEC, path)
    arguments = ["visualize", str(path), "--class", "left", "--steps", "1", "--output", str(tmp_path)]
    assert main([*arguments, "--speed", "slow"]) == 1
    assert "has no motion, so it has no speeds" in capsys.readouterr().err
    assert main(arguments) == 0
    assert {each.name for each in tmp_path.glob("left*")} == {
        "left.png", "left.npz", "left.json", "left_still.webp", "left_still.mp4",
    }  # fmt: skip
