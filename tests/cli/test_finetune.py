"""`actionzoo finetune`, and the README's second page from beginning to end."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from actionzoo.cli.main import main
from actionzoo.data import dataset
from actionzoo.puppets import write_dataset
from actionzoo.training import trainer
from actionzoo.training.checkpoint import load_checkpoint
from actionzoo.training.steps import DistributedSteps
from tests.moving import save_convolutions, save_two_layers, write_moving


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for number in range(6):
        label = ("down", "left")[number % 2]
        write_moving(tmp_path / "set" / label / f"{number}.mp4", label, number)
    return tmp_path / "set"


def test_from_two_folders_to_an_evaluated_model(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next test in one process, with a small network that learns which way things move."""
    monkeypatch.chdir(tmp_path)
    save_convolutions(tmp_path / "small.keras")
    for number, label in enumerate(("down", "left") * 3, start=20):
        write_moving(tmp_path / "others" / label / f"{number}.mp4", label, number)
    options = [
        "--model",
        "small.keras",
        "--epochs",
        "40",
        "--batch-size",
        "2",
        "--learning-rate",
        "0.02",
        "--seed",
        "1",
    ]
    assert main(["finetune", "set", *options]) == 0
    out, err = capsys.readouterr()
    assert err.count("epoch") == 40
    assert "run  40 epochs, 4 training videos, 2 test videos" in out
    assert "\n2 clips held out are too few to learn what is none of its classes (19 are enough): it always" in out
    assert main(["evaluate", "run", "set", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["videos"] == 2
    assert main(["evaluate", "run", "others", "--report", "report", "--paint", "0", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["videos"], found["top1"]) == (6, 1)
    assert (tmp_path / "report" / "confusion.png").is_file()
    assert main(["predict", "others/left/21.mp4", "--model", "run", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["predictions"][0]["label"] == "left"


@pytest.mark.slow
def test_from_six_folders_to_an_evaluated_model(tmp_path: Path, command: Callable[..., object]) -> None:
    """On puppets that nobody has seen: 90 % right, as processes of their own, with no flag but where things go."""
    write_dataset(tmp_path / "clips", 8, seed=11, height=120)
    write_dataset(tmp_path / "others", 5, seed=12, height=120)
    learned = command("finetune", "clips", "--epochs", 6, cwd=tmp_path)
    assert learned.returncode == 0, learned.stderr
    assert learned.stderr.count("epoch") == 6
    assert re.search(r"run  6 epochs, 36 training videos, 12 test videos", learned.stdout)
    seen = command("evaluate", "run", "clips", "--json", cwd=tmp_path)
    assert json.loads(seen.stdout)["videos"] == 12
    tested = command("evaluate", "run", "others", "--report", "report", "--paint", 0, "--json", cwd=tmp_path)
    assert tested.returncode == 0, tested.stderr
    found = json.loads(tested.stdout)
    assert found["videos"] == 30
    assert found["top1"] >= 0.9
    assert (tmp_path / "report" / "confusion.png").is_file()
    clip = next((tmp_path / "others" / "kick").glob("*.mp4"))
    answer = json.loads(command("predict", clip, "--model", "run", "--format", "json", cwd=tmp_path).stdout)
    assert answer[0]["predictions"][0]["label"] in found["per_class"][2]["name"]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--model", "st_resnet5"], 1, "did you mean st_resnet50"),
        (["--recipe", "missing.toml"], 1, "missing.toml cannot be read as a recipe"),
        (["--recipe", "papers"], 1, "the papers have no recipe for mini; use --recipe small"),
        (["--bn", "frosen"], 2, "train, synchronized, partial, frozen"),
        (["--strategy", "many"], 2, "not auto, mirrored or multiworker"),
        (["--strategy", "multiworker"], 1, "TF_CONFIG"),
        (["--batch-size", "100"], 1, "fewer than a batch of 100"),
        (["--resume"], 1, "holds no training to continue"),
        (["--resume", "--epochs", "3"], 2, "leave the other options out"),
        (["--group", "(x)"], 1, "finds no group"),
        (["--freeze", "nothing*"], 1, "no layer of"),
    ],
)
def test_wrong_input_is_one_clear_line(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    options: list[str], code: int, words: str,
) -> None:  # fmt: skip
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert main(["finetune", str(data), "--output", str(tmp_path / "run"), *options]) == code
    err = capsys.readouterr().err
    assert words in err.replace("\n", " ")
    found = "2 classes, "  # said of the set before anything can be wrong with the rest
    assert code == 2 or len([line for line in err.splitlines() if not line.startswith(found)]) == 1
    assert not (tmp_path / "run").exists()


def test_one_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_moving(tmp_path / "set" / "down" / "1.mp4", "down", 1)
    assert main(["finetune", str(tmp_path / "set"), "--output", str(tmp_path / "run")]) == 1
    assert "it takes two" in capsys.readouterr().err


def test_another_backend_is_refused_before_the_work_begins(tmp_path: Path, command: Callable[..., object]) -> None:
    """It need not even be installed."""
    environment = {**os.environ, "KERAS_BACKEND": "another"}
    done = command("finetune", tmp_path / "missing", cwd=tmp_path, env=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "actionzoo: training needs TensorFlow, but KERAS_BACKEND is another; unset it\n"


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit(143)], ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize(
    ("step", "said"),
    [
        (-1, "before the training began; decoded videos are kept; start it again"),
        (0, "in the first epoch, so there is no model yet; --resume continues"),
        (3, "after epoch 1 of 3, whose model is in run; --resume continues"),
    ],
)
def test_an_interrupted_run_says_what_it_keeps(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    stop: BaseException, step: int, said: str,
) -> None:  # fmt: skip
    trained: list[object] = []

    def interrupted(self: DistributedSteps, element: object) -> object:
        trained.append(train(self, element))
        if len(trained) == step + 1:
            raise stop
        return trained[-1]

    def at_once(*arguments: object) -> None:
        raise stop

    train = DistributedSteps.train
    monkeypatch.setattr(DistributedSteps, "train", interrupted)
    if step < 0:
        monkeypatch.setattr(trainer, "_write_settings", at_once)
    monkeypatch.chdir(tmp_path)
    save_two_layers(tmp_path / "two_layers.keras")
    options = ["--model", "two_layers.keras", "--epochs", "3", "--batch-size", "2", "--test", "0", "--seed", "1"]
    assert main(["finetune", "set", *options]) == (143 if isinstance(stop, SystemExit) else 130)
    assert capsys.readouterr().err.splitlines()[-1] == f"actionzoo: interrupted {said}"
    code = main(["predict", "set/down/0.mp4", "--model", "run"])
    assert code == (0 if step > 0 else 1)
    err = capsys.readouterr().err
    if step == 0:
        assert (
            "interrupted in its first epoch, so there is no model yet; go on with it: `actionzoo finetune DATA" in err
        )
    monkeypatch.undo()
    if step > 0:
        monkeypatch.chdir(tmp_path)
        kept = keras.saving.load_model("run/model.keras").get_weights()
        after_one, _ = load_checkpoint(Path("run/checkpoint.safetensors"))
        for index, weight in enumerate(kept):
            np.testing.assert_array_equal(after_one[f"state/{index:05d}"], weight)
        assert main(["finetune", "set", "--resume"]) == 0


def test_nothing_is_read_or_built_twice_before_the_first_step(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[str] = Counter()

    def counted(module: object, name: str) -> None:
        real = getattr(module, name)

        def call(*arguments: object, **options: object) -> object:
            calls[name] += 1
            return real(*arguments, **options)

        monkeypatch.setattr(module, name, call)

    def first_step(self: DistributedSteps, element: object) -> object:
        raise KeyboardInterrupt

    counted(dataset, "survey")  # the folder's files are listed, whoever reads the set
    counted(keras.models, "clone_model")
    counted(keras.models, "load_model")
    monkeypatch.setattr(DistributedSteps, "train", first_step)
    save_two_layers(tmp_path / "two_layers.keras")
    options = ["--model", str(tmp_path / "two_layers.keras"), "--output", str(tmp_path / "run")]
    assert main(["finetune", str(data), *options]) == 130
    assert calls == {"survey": 1, "load_model": 1, "clone_model": 1}


def test_it_leaves_no_temporary_files(data: Path, tmp_path: Path, command: Callable[..., object]) -> None:
    """TensorFlow writes the code that it converts there, and removes it only where a process ends in order."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    save_two_layers(tmp_path / "two_layers.keras")
    options = ["--model", "two_layers.keras", "--epochs", 1, "--validation", 0.4, "--test", 0]
    for arguments in (["finetune", "set", *options], ["evaluate", "run", "set", "--part", "all", "--force"]):
        done = command(*arguments, cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stderr
        assert list(temporary.iterdir()) == []
