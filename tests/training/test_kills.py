"""A training that is killed at any of its writes and resumed ends with the model of the unbroken one."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import save_file

from actionzoo.errors import TrainingError
from actionzoo.training import Recipe, callbacks, finetune
from actionzoo.training.checkpoint import load_checkpoint
from tests.faults import Killed, killed_at
from tests.moving import write_moving

pytestmark = pytest.mark.filterwarnings("ignore:Even though the `tf.config.experimental_run_functions_eagerly`")

KINDS = {"plain": ("plain", 0.01), "best last": ("validated", 0.01), "best first": ("validated", 0.02)}
"""Which set a kind of run learns from, and at which rate: at the second one the validation becomes worse."""

Weights = dict[str, list[np.ndarray]]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    rows = ["path,label,split"]
    for number in range(6):
        label = ("down", "left")[number % 2]
        write_moving(folder / f"{number}.mp4", label, number, frames=8)
        rows.append(f"{number}.mp4,{label},{'val' if number > 3 else 'train'}")
    (folder / "validated.csv").write_text("\n".join(rows) + "\n")
    (folder / "plain.csv").write_text("\n".join(rows[:5]) + "\n")
    return folder


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A checkpoint an epoch, and no graphs, which take longer to make than these networks to learn."""
    monkeypatch.setattr(callbacks, "SAVE_EVERY_S", 0.0)
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def learn(clips: Path, two_layers: Path) -> Callable[..., None]:
    """Begins a run of a kind, or resumes it."""

    def run(folder: Path, kind: str, *, resume: bool = False) -> None:
        part, rate = KINDS[kind]
        recipe = Recipe(
            model=str(two_layers), num_frames=2, stride=2, fps=15.0, epochs=2, batch_size=2, optimizer="sgd",
            learning_rate=rate, schedule="constant", crop="none",
        )  # fmt: skip
        finetune(clips / f"{part}.csv", folder, None if resume else recipe, resume=resume)

    return run


def weights(folder: Path) -> Weights:
    return {path.name: keras.saving.load_model(path).get_weights() for path in folder.glob("*.keras")}


def losses(folder: Path) -> list[list[str]]:
    """The history but for what depends on the time."""
    rows = [row.split(",") for row in (folder / "history.csv").read_text().splitlines()]
    kept = [place for place, name in enumerate(rows[0]) if name not in ("clips_a_second", "seconds", "waited")]
    return [[row[place] for place in kept] for row in rows]


@pytest.fixture
def check(learn: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Kills a run at its `moment`-th write, resumes it, and compares it with an unbroken one."""

    def killed(kind: str, moment: int) -> None:
        folder, whole = tmp_path / str(moment), tmp_path / "whole"
        monkeypatch.setenv("ACTIONZOO_CACHE", str(tmp_path / f"cache {moment}"))
        with killed_at(moment, tmp_path), pytest.raises(Killed):
            learn(folder, kind)
        if (folder / "recipe.toml").exists():
            learn(folder, kind, resume=True)
        else:
            with pytest.raises(TrainingError, match="holds no training to continue; leave --resume out to begin one"):
                learn(folder, kind, resume=True)
            learn(folder, kind)
        found, expected = weights(folder), weights(whole)
        assert set(found) == set(expected)
        for name, arrays in expected.items():
            for one, other in zip(arrays, found[name], strict=True):
                np.testing.assert_array_equal(one, other, err_msg=f"{name}, killed at {moment}")
        assert losses(folder) == losses(whole)
        assert (folder / "metrics.json").read_text() == (whole / "metrics.json").read_text()
        assert {path.name for path in folder.iterdir()} == {path.name for path in whole.iterdir()}
        shutil.rmtree(folder)

    return killed


@pytest.fixture
def changes(learn: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """What an unbroken run of a kind, which lies in `whole`, changes on the disk, one after the other."""

    def counted(kind: str) -> list[str]:
        monkeypatch.setenv("ACTIONZOO_CACHE", str(tmp_path / "cache"))
        with killed_at(sys.maxsize, tmp_path) as count:
            learn(tmp_path / "whole", kind)
        return count.seen

    return counted


def test_a_run_that_was_killed_is_resumed(changes: Callable[[str], list[str]], check: Callable[..., None]) -> None:
    """In the middle of a write, and between one file that takes its place and the next, where runs differ most."""
    kinds = changes("best first")
    renames = [moment for moment, kind in enumerate(kinds, start=1) if kind in ("rename", "replace")]
    assert len(renames) > 12
    for moment in (1, *renames[::3], *(moment + 1 for moment in renames[1:-1:3])):
        check("best first", moment)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_of_any_kind_that_was_killed_is_resumed(
    changes: Callable[[str], list[str]], check: Callable[..., None], kind: str
) -> None:
    """At every 10th write: a sample of the next test."""
    for moment in range(7, len(changes(kind)) + 1, 10):
        check(kind, moment)


@pytest.mark.kills
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_was_killed_at_any_write_is_resumed(
    changes: Callable[[str], list[str]], check: Callable[..., None], kind: str
) -> None:
    """For one kind of run at any; for the others a file that is written in many pieces is killed once."""
    seen = changes(kind)
    for moment, change in enumerate(seen, start=1):
        if kind == "best first" or change != "write" or seen[moment - 2] != "write":
            check(kind, moment)


def test_a_checkpoint_without_a_digest_is_of_an_older_version(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_file({"weight": np.zeros(2, np.float32)}, path, {"actionzoo": "{}"})
    with pytest.raises(
        TrainingError, match=r"checkpoint\.safetensors is of an older actionzoo; start without --resume"
    ):
        load_checkpoint(path)


def test_a_checkpoint_knows_when_it_is_damaged(learn: Callable[..., None], tmp_path: Path) -> None:
    """Every kind of damage, wherever it is: flipped bits, a cut, nothing at all."""
    learn(tmp_path / "run", "best first")
    path = tmp_path / "run" / "checkpoint.safetensors"
    good = path.read_bytes()
    arrays, facts = load_checkpoint(path)
    assert (facts["step"], facts["epochs"]) == (4, 2)
    places = np.random.default_rng(0).choice(len(good), 200, replace=False)
    damaged = [good[:place] + bytes([good[place] ^ 4]) + good[place + 1 :] for place in places.tolist()]
    for content in (b"", good[:5], good[: len(good) // 2], good[:-1], *damaged):
        path.write_bytes(content)
        with contextlib.suppress(TrainingError):  # nor is a blank of the header damage
            found, same = load_checkpoint(path)
            assert same == facts
            assert all((found[name] == array).all() for name, array in arrays.items())
    path.write_bytes(good[:-40] + bytes([good[-40] ^ 1]) + good[-39:])
    with pytest.raises(TrainingError, match=r"is damaged \(its content does not have the digest"):
        learn(tmp_path / "run", "best first", resume=True)
