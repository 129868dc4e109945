"""From videos to a run folder: what comes out, what is frozen, what goes on after a break, and what is refused."""

from __future__ import annotations

import csv
import errno
import json
import math
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from actionzoo.errors import BrokenVideoError, DataError, OutputError, TrainingError
from actionzoo.hub.keras_file import read_spec
from actionzoo.inference import predict
from actionzoo.training import Recipe, finetune, finetuning
from actionzoo.training import callbacks as our_callbacks
from actionzoo.training.recipe import read_recipe
from tests.moving import TINY, write_moving


class Losses(keras.callbacks.Callback):
    """The running loss after every step; may break off at one."""

    def __init__(self, stop_at: int = -1) -> None:
        super().__init__()
        self.seen: list[float] = []
        self._stop_at = stop_at

    def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        self.seen.append(logs["loss"])
        if len(self.seen) == self._stop_at:
            raise KeyboardInterrupt


def learn(videos: Path, run: Path, recipe: Recipe | None, **options: Any) -> list[float]:
    losses = options.pop("losses", None) or Losses()
    finetune(options.pop("data", videos / "set.csv"), run, recipe, callbacks=[losses], **options)
    return losses.seen


def test_a_run_holds_everything(videos: Path, convolutions_recipe: Recipe, tmp_path: Path) -> None:
    run = tmp_path / "run"
    finished = finetune(videos / "set.csv", run, convolutions_recipe)
    assert finished.num_videos == {"train": 7, "test": 3}
    assert sorted(path.name for path in run.iterdir() if not path.name.startswith(".")) == [
        "checkpoint.safetensors", "environment.json", "history.csv", "logs", "metrics.json", "model.keras",
        "recipe.toml", "split.csv",
    ]  # fmt: skip
    written = read_recipe(run / "recipe.toml")
    assert asdict(written) == asdict(convolutions_recipe)
    assert read_spec(run / "model.keras").classes == ("down", "left")
    with (run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert json.loads((run / "metrics.json").read_text())["training_loss"] == pytest.approx(float(rows[-1]["loss"]))
    (events,) = (run / "logs").iterdir()
    found = [
        (event.step, value.tag)
        for event in tf.compat.v1.train.summary_iterator(str(events))
        for value in event.summary.value
    ]
    assert {(1, "loss"), (2, "accuracy")} <= set(found)
    with (run / "split.csv").open() as file:
        assert [row["split"] for row in csv.DictReader(file)] == ["train"] * 7 + ["test"] * 3
    assert 0 < finished.waited < 1
    answer = predict(str(videos / "down" / "8_p8.mp4"), model=str(run))
    assert {prediction.label for prediction in answer.predictions} == {"down", "left"}


def test_it_learns_which_way_things_move(videos: Path, convolutions_recipe: Recipe, tmp_path: Path) -> None:
    """On videos it has never seen, whose textures are new: what a network without motion cannot know."""
    run = tmp_path / "run"
    learn(videos, run, replace(convolutions_recipe, epochs=30, learning_rate=0.02, label_smoothing=0.0))
    for name in ("down/8_p8", "left/7_p7", "left/9_p9"):
        assert predict(str(videos / f"{name}.mp4"), model=str(run)).label == name.partition("/")[0]


def test_a_break_at_any_step_changes_nothing(
    videos: Path, convolutions_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(our_callbacks, "SAVE_EVERY_S", 0.0)
    recipe = replace(convolutions_recipe, optimizer="adamw", dropout=0.3)
    whole = learn(videos, tmp_path / "whole", recipe)
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        learn(videos, run, recipe, losses=Losses(stop_at=3))
    assert learn(videos, run, None, resume=True) == pytest.approx(whole[2:], rel=1e-6)
    models = [keras.saving.load_model(folder / "model.keras") for folder in (tmp_path / "whole", run)]
    for one, other in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert (run / "history.csv").read_text().count("\n") == 3


def test_a_killed_process_goes_on(videos: Path, recipe: Recipe, tmp_path: Path) -> None:
    """All in double precision, in which the order of sums, which threads change, does not show."""
    changes = {name: value for name, value in asdict(recipe).items() if value != asdict(Recipe())[name]}
    worker = Path(__file__).with_name("worker.py")

    def losses(run: str, code: int, *options: str, **environment: str) -> list[float]:
        command = [sys.executable, str(worker), str(videos / "set.csv"), str(tmp_path / run), "auto", "1"]
        done = subprocess.run(
            [*command, json.dumps(changes), *options],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return [float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("loss ")]

    whole = losses("whole", 0)
    assert len(whole) == 4
    assert len(losses("run", -9, STOP_AT="3")) == 3
    assert losses("run", 0, "--resume") == pytest.approx(whole[2:], abs=1e-9)


def norms(run: Path) -> dict[str, list[np.ndarray]]:
    model = keras.saving.load_model(run / "model.keras" if run.is_dir() else run)
    return {
        layer.name: layer.get_weights() for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)
    }


@pytest.mark.parametrize("how", ["frozen", "partial", "train"])
def test_frozen_batch_norms_do_not_move(
    videos: Path, convolutions_recipe: Recipe, tiny_model: Path, tmp_path: Path, how: str
) -> None:
    learn(videos, tmp_path / "run", replace(convolutions_recipe, batch_norm=how, epochs=1))
    before, after = norms(tiny_model), norms(tmp_path / "run")
    moved = {name for name in before if any((a != b).any() for a, b in zip(before[name], after[name], strict=True))}
    first = {"appearance_conv1_bn", "motion_conv1_bn"}
    assert moved == {"frozen": set(), "partial": first, "train": set(before)}[how]


def test_frozen_layers_stay_and_are_freed_from_the_top(
    videos: Path, convolutions_recipe: Recipe, tiny_model: Path, tmp_path: Path
) -> None:
    def moved(run: Path) -> set[str]:
        one, other = (keras.saving.load_model(path) for path in (tiny_model, run / "model.keras"))
        return {
            layer.name
            for layer in one.layers
            for a, b in zip(layer.get_weights(), other.get_layer(layer.name).get_weights(), strict=True)
            if (a != b).any()
        }

    frozen = replace(convolutions_recipe, freeze=("appearance_*", "motion_*"), epochs=2)
    learn(videos, tmp_path / "frozen", frozen)
    assert moved(tmp_path / "frozen") == {"logits_appearance", "logits_motion"}
    learn(videos, tmp_path / "half", replace(frozen, unfreeze=(0.5, 0.99)))
    freed = moved(tmp_path / "half")
    assert {"appearance_conv2", "motion_conv2"} <= freed
    assert not {"appearance_conv1", "appearance_conv1_bn", "motion_conv1", "motion_conv1_bn"} & freed


def test_gradients_of_several_steps_are_one(videos: Path, recipe: Recipe, tmp_path: Path) -> None:
    """Two batches of two make the weights of one batch of four, without batch norm."""
    options = {key: value for key, value in TINY.items() if key != "dropout"}
    base = replace(
        recipe, model="two_stream_vgg16", init="random", options=options, dropout=0.0, epochs=1, learning_rate=1e-4,
        schedule="constant", weight_decay=0.0, crop="none", freeze=("*_conv?_?",),
    )  # fmt: skip
    rows = (videos / "set.csv").read_text().splitlines()
    four = tmp_path / "four.csv"
    four.write_text("\n".join([rows[0], *(f"{videos}/{row}" for row in rows[1:5])]) + "\n")
    learn(videos, tmp_path / "one", replace(base, batch_size=4), data=four)
    learn(videos, tmp_path / "two", replace(base, batch_size=2, accumulate=2), data=four)
    one, two = (keras.saving.load_model(tmp_path / name / "model.keras").get_weights() for name in ("one", "two"))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7)


def test_validation_chooses_the_best_epoch_and_stops(videos: Path, recipe: Recipe, tmp_path: Path) -> None:
    run = tmp_path / "run"
    how = replace(recipe, validation=0.4, patience=2, epochs=40, learning_rate=0.02, batch_size=2)
    metrics = finetune(videos / "set.csv", run, how).metrics
    with (run / "history.csv").open() as file:
        losses = [float(row["val_loss"]) for row in csv.DictReader(file)]
    best = losses.index(min(losses))
    assert metrics["validation_loss"] == pytest.approx(min(losses))
    assert len(losses) == 40 or len(losses) == best + 3
    assert (run / "last.keras").is_file()


def test_mixed_precision_leaves_a_float32_model(videos: Path, convolutions_recipe: Recipe, tmp_path: Path) -> None:
    losses = learn(videos, tmp_path / "run", replace(convolutions_recipe, mixed_precision=True))
    assert all(math.isfinite(loss) for loss in losses)
    model = keras.saving.load_model(tmp_path / "run" / "model.keras")
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert all(layer.trainable for layer in model.layers)


def test_new_classes_get_new_classifiers(videos: Path, convolutions_recipe: Recipe, tmp_path: Path) -> None:
    data = tmp_path / "set"
    for number, label in enumerate(("a", "b", "c") * 2):
        write_moving(data / label / f"{number}.mp4", ("down", "left")[number % 2], number)
    learn(videos, tmp_path / "run", replace(convolutions_recipe, test=0.0, epochs=1), data=data)
    model = keras.saving.load_model(tmp_path / "run" / "model.keras")
    assert model.output.shape == (None, 3)
    assert read_spec(tmp_path / "run" / "model.keras").classes == ("a", "b", "c")


def test_a_loss_that_is_no_number_stops_and_keeps_the_weights(videos: Path, recipe: Recipe, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(TrainingError, match=r"the loss is non-finite .*--learning-rate"):
        learn(videos, run, replace(recipe, learning_rate=1e30, epochs=5, batch_norm="frozen"))
    assert all(np.isfinite(weight).all() for weight in keras.saving.load_model(run / "model.keras").get_weights())


def test_weights_that_are_no_numbers_replace_no_good_ones(
    videos: Path, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the last step of an epoch, whose loss was still a number."""
    monkeypatch.setattr(our_callbacks, "SAVE_EVERY_S", 0.0)
    run = tmp_path / "run"

    class Poison(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
            if self.params["steps"] == batch + 1 and (run / "history.csv").read_text().count("\n") > 1:
                self.model.get_layer("logits").kernel.assign(np.full((4, 2), np.nan))

    with pytest.raises(TrainingError, match=r"weights are non-finite \(epoch 2\).*--learning-rate"):
        finetune(videos / "set.csv", run, replace(recipe, epochs=4), callbacks=[Poison()])
    assert all(np.isfinite(weight).all() for weight in keras.saving.load_model(run / "model.keras").get_weights())
    assert len(learn(videos, run, None, resume=True)) == 6


def test_a_start_that_broke_off_can_be_made_again(videos: Path, recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.toml").write_text("half")
    assert learn(videos, tmp_path / "run", recipe)


def test_a_callback_may_stop_it(videos: Path, recipe: Recipe, tmp_path: Path) -> None:
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            self.model.stop_training = True

    finished = finetune(videos / "set.csv", tmp_path / "run", replace(recipe, epochs=9), callbacks=[Stop()])
    assert finished.metrics["epochs"] == 1
    assert len(learn(videos, tmp_path / "run", None, resume=True)) == 16


def test_broken_videos_stop_it_or_are_left_out_and_listed(videos: Path, recipe: Recipe, tmp_path: Path) -> None:
    data = tmp_path / "set"
    shutil.copytree(videos, data)
    (data / "down" / "2_p2.mp4").write_bytes(b"no video")
    with pytest.raises(DataError, match=r"1 videos cannot be read: .*2_p2\.mp4.*--skip-broken"):
        learn(data, tmp_path / "run", recipe)
    finished = finetune(data / "set.csv", tmp_path / "run", recipe, skip_broken=True)
    assert [path.name for path, _ in finished.skipped] == ["2_p2.mp4"]
    assert finished.num_videos == {"train": 6, "test": 3}
    assert "2_p2.mp4" in (tmp_path / "run" / "skipped.csv").read_text()


def test_a_video_that_fails_in_the_middle(
    videos: Path, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = finetuning.VideoSource.read
    calls: list[int] = []

    def failing(self: Any, index: int) -> Any:
        calls.append(index)
        if len(calls) > 7 + 6:
            raise BrokenVideoError("5_p5.mp4", "is gone")
        return read(self, index)

    monkeypatch.setattr(finetuning.VideoSource, "read", failing)
    with pytest.raises(BrokenVideoError, match=r"5_p5\.mp4: is gone"):
        learn(videos, tmp_path / "run", recipe)
    monkeypatch.undo()
    assert learn(videos, tmp_path / "run", None, resume=True)


def test_what_is_refused(videos: Path, recipe: Recipe, tmp_path: Path) -> None:
    data = videos / "set.csv"
    with pytest.raises(TrainingError, match="fewer than a batch of 16"):
        finetune(data, tmp_path / "a", replace(recipe, batch_size=16))
    with pytest.raises(TrainingError, match="holds no training"):
        finetune(data, tmp_path / "b", None, resume=True)
    with pytest.raises(TrainingError, match=r"no layer of .* is called 'head\*'"):
        finetune(data, tmp_path / "c", replace(recipe, freeze=("head*",)))
    with pytest.raises(TrainingError, match="every layer"):
        finetune(data, tmp_path / "d", replace(recipe, freeze=("*",)))
    rows = data.read_text().splitlines()
    lacking = tmp_path / "lacking.csv"
    lacking.write_text(
        "\n".join([rows[0], *(f"{videos}/{row}" for row in rows[1:] if "left" not in row or "test" in row)])
    )
    with pytest.raises(DataError, match="no videos of left"):
        finetune(lacking, tmp_path / "e", recipe)
    assert not any((tmp_path / name).exists() for name in "abe")


def test_a_network_of_the_zoo_needs_no_word_on_its_weights(videos: Path, tmp_path: Path) -> None:
    recipe = Recipe(model="appearance_resnet18", options=TINY, epochs=1, num_frames=1, fps=15.0)
    learn(videos, tmp_path / "run", recipe)
    assert read_recipe(tmp_path / "run" / "recipe.toml").init == "random"


def test_a_start_that_was_killed_may_be_resumed(videos: Path, recipe: Recipe, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    with pytest.raises(TrainingError, match="leave --resume out to begin one"):
        learn(videos, run, None, resume=True)
    (run / "recipe.toml").write_text(replace(recipe, epochs=1).to_toml())
    assert len(learn(videos, run, None, resume=True)) == 2
    (run / "checkpoint.safetensors").unlink()  # a model whose checkpoint is gone is not lost for it
    with pytest.raises(OutputError, match="holds a training already; name another folder"):
        learn(videos, run, recipe)
    with pytest.raises(TrainingError, match="leave --resume out and name another folder to begin one"):
        learn(videos, run, None, resume=True)


def test_another_backend_is_refused(
    videos: Path, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(TrainingError, match="need TensorFlow, but Keras is on jax; unset KERAS_BACKEND"):
        learn(videos, tmp_path / "run", recipe)
    assert not (tmp_path / "run").exists()


def test_a_folder_in_use_or_with_other_data(videos: Path, recipe: Recipe, tmp_path: Path) -> None:
    run = tmp_path / "run"
    learn(videos, run, replace(recipe, epochs=1))
    with pytest.raises(OutputError, match="--resume"):
        learn(videos, run, recipe)
    with finetuning.Run(run, resume=True), pytest.raises(OutputError, match="another training runs"):
        learn(videos, run, None, resume=True)
    rows = (videos / "set.csv").read_text().splitlines()
    other = tmp_path / "other.csv"
    other.write_text("\n".join([rows[0], *(f"{videos}/{row}" for row in rows[1:-4] + rows[-3:])]) + "\n")
    with pytest.raises(TrainingError, match="other videos"):
        learn(videos, run, None, data=other, resume=True)


def test_a_video_that_was_replaced_by_another_of_the_same_size(videos: Path, recipe: Recipe, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(videos, data)
    run = tmp_path / "run"
    learn(data, run, replace(recipe, epochs=1))
    moved = tmp_path / "moved"
    shutil.copytree(data, moved, copy_function=shutil.copyfile)  # with other times, as on another disk
    learn(moved, run, None, resume=True)
    clip = data / "down" / "2_p2.mp4"
    facts, content = clip.stat(), clip.read_bytes()
    clip.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(clip, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    with pytest.raises(TrainingError, match="other videos"):
        learn(data, run, None, resume=True)


def test_a_full_disk_keeps_what_was_written(
    videos: Path, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(our_callbacks, "SAVE_EVERY_S", 0.0)
    run, real = tmp_path / "run", os.fsync
    written: list[int] = []

    def full(descriptor: int) -> None:
        written.append(descriptor)
        if len(written) > 8:  # the beginnings and the first epoch are there
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r": cannot be written \(No space left on device\)"):
        learn(videos, run, replace(recipe, epochs=5))
    monkeypatch.undo()
    assert not [path for path in run.glob(".*") if path.name != ".lock"]
    assert predict(str(videos / "down" / "8_p8.mp4"), model=str(run)).label in ("down", "left")
    assert len(learn(videos, run, None, resume=True)) in (6, 8)
