"""One process, two devices and two machines learn the same; one that dies is missed, and made up for."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from actionzoo.errors import TrainingError
from actionzoo.training import Recipe
from actionzoo.training.strategy import explain_lost_worker, make_strategy

WORKER = Path(__file__).with_name("worker.py")
TINY_VGG = {"height": 32, "width": 48, "stack_length": 2, "channel_factor": 0.0625}


def free_ports(count: int) -> list[int]:
    with_sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [held.getsockname()[1] for held in with_sockets]
    for held in with_sockets:
        held.close()
    return ports


def start(
    data: Path,
    run: Path,
    strategy: str,
    recipe: Recipe,
    *,
    cpus: int = 1,
    cluster: tuple[list[int], int] | None = None,
    resume: bool = False,
    stop_at: int | None = None,
) -> subprocess.Popen[str]:
    """A process of a training; `cluster` are the ports of all workers and the index of this one."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    if cluster is not None:
        workers = [f"127.0.0.1:{port}" for port in cluster[0]]
        environment["TF_CONFIG"] = json.dumps(
            {"cluster": {"worker": workers}, "task": {"type": "worker", "index": cluster[1]}}
        )
    if stop_at is not None:
        environment["STOP_AT"] = str(stop_at)
    changes = {name: value for name, value in asdict(recipe).items() if value != asdict(Recipe())[name]}
    command = [sys.executable, WORKER, data / "set.csv", run, strategy, str(cpus), json.dumps(changes)]
    return subprocess.Popen(
        [*map(str, command), *(["--resume"] if resume else [])],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_left_running(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    begun: list[subprocess.Popen[str]] = []
    make = subprocess.Popen

    def noting(*arguments: Any, **options: Any) -> subprocess.Popen[str]:
        begun.append(make(*arguments, **options))
        return begun[-1]

    monkeypatch.setattr(subprocess, "Popen", noting)
    yield
    for process in begun:
        with process:
            process.kill()


def finish(process: subprocess.Popen[str], code: int = 0) -> tuple[list[float], str]:
    """Losses by step, and standard error."""
    out, err = process.communicate(timeout=1800)
    assert process.returncode == code, err
    losses = [float(line.split()[1]) for line in out.splitlines() if line.startswith("loss")]
    return losses, err


def two_workers(
    data: Path, run: Path, recipe: Recipe, *, resume: bool = False, stop_at: int | None = None
) -> list[subprocess.Popen[str]]:
    """Two workers, the second of which may be killed at a step."""
    ports = free_ports(2)
    return [
        start(
            data, run, "multiworker", recipe, cluster=(ports, index), resume=resume, stop_at=stop_at if index else None
        )
        for index in range(2)
    ]


@pytest.fixture(scope="module")
def alone(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Recipe], list[float]]:
    """The losses of a recipe on one process and one device, to which others are compared."""

    known: dict[str, list[float]] = {}

    def losses(recipe: Recipe) -> list[float]:
        key = recipe.to_toml()
        if key not in known:
            known[key] = finish(start(videos, tmp_path_factory.mktemp("alone") / "run", "auto", recipe))[0]
        return known[key]

    return losses


@pytest.mark.parametrize(
    "network",
    [
        "with batch norm",
        pytest.param("without batch norm", marks=pytest.mark.slow),
        pytest.param("adamw", marks=pytest.mark.slow),
    ],
)
def test_the_same_curve_on_one_process_two_devices_and_two_workers(
    videos: Path, convolutions_recipe: Recipe, alone: Callable[[Recipe], list[float]], tmp_path: Path, network: str
) -> None:
    if network == "without batch norm":
        recipe = Recipe(
            model="two_stream_vgg16", init="random", options=TINY_VGG, num_frames=2, stride=2, fps=15.0, epochs=2,
            batch_size=4, optimizer="sgd", learning_rate=3e-4, weight_decay=5e-4, bias_factor=2.0, dropout=0.0,
        )  # fmt: skip
    else:
        recipe = replace(convolutions_recipe, batch_norm="synchronized")
    if network == "adamw":
        recipe = replace(recipe, optimizer="adamw")
    mirrored = finish(start(videos, tmp_path / "two", "mirrored", recipe, cpus=2))[0]
    first, second = (finish(process)[0] for process in two_workers(videos, tmp_path / "workers", recipe))
    assert len(alone(recipe)) == 4
    assert alone(recipe)[0] != pytest.approx(alone(recipe)[-1], rel=0.01)  # it does learn
    for losses in (mirrored, first, second):
        assert losses == pytest.approx(alone(recipe), abs=1e-5)


def test_batch_norms_that_look_at_the_clips_of_their_own_device(
    videos: Path, convolutions_recipe: Recipe, alone: Callable[[Recipe], list[float]], tmp_path: Path
) -> None:
    apart = finish(start(videos, tmp_path / "two", "mirrored", convolutions_recipe, cpus=2))[0]
    assert apart == pytest.approx(alone(convolutions_recipe), rel=0.5)
    assert apart != pytest.approx(alone(convolutions_recipe), rel=1e-4)


@pytest.mark.slow
def test_a_worker_that_dies_and_all_of_them_started_again(
    videos: Path, convolutions_recipe: Recipe, alone: Callable[[Recipe], list[float]], tmp_path: Path
) -> None:
    recipe = replace(convolutions_recipe, batch_norm="synchronized")
    whole = alone(recipe)
    run = tmp_path / "run"
    survivor, killed = two_workers(videos, run, recipe, stop_at=3)
    finish(killed, -signal.SIGKILL)
    before, message = finish(survivor, 1)
    assert "\nTrainingError: another worker is gone; start all of them again with --resume" in message
    assert before == pytest.approx(whole[: len(before)], abs=1e-5)
    assert not [path for path in run.glob(".*") if path.name != ".lock"]
    first, second = (finish(process)[0] for process in two_workers(videos, run, recipe, resume=True))
    assert first == pytest.approx(whole[2:], abs=1e-5)  # from the end of the first epoch on
    assert second == pytest.approx(first, abs=1e-6)


@pytest.mark.parametrize("error", ["Unavailable", "Aborted", "Cancelled", "Internal"])
def test_what_tensorflow_says_of_a_worker_that_died(monkeypatch: pytest.MonkeyPatch, error: str) -> None:
    raised = getattr(tf.errors, f"{error}Error")(None, None, "connection reset by peer")
    monkeypatch.setenv("TF_CONFIG", "{}")
    with pytest.raises(TrainingError, match="another worker is gone; start all of them"), explain_lost_worker():
        raise raised
    monkeypatch.delenv("TF_CONFIG")
    with pytest.raises(type(raised), match="connection reset"), explain_lost_worker():
        raise raised


@pytest.mark.parametrize(
    ("config", "words"),
    [(None, "needs the environment variable TF_CONFIG"), ("{", "is invalid"), ("2 of 1", "counts from 0")],
)
def test_a_cluster_that_makes_no_sense(monkeypatch: pytest.MonkeyPatch, config: str | None, words: str) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        task = {"cluster": {"worker": ["127.0.0.1:1"]}, "task": {"type": "worker", "index": 2}}
        monkeypatch.setenv("TF_CONFIG", json.dumps(task) if config == "2 of 1" else config)
    with pytest.raises(TrainingError, match=words):
        make_strategy("multiworker")
