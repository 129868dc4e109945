"""Machines wait for each other: aloud, and not for ever."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actionzoo.cli.main import main
from actionzoo.errors import TrainingError
from actionzoo.training import strategy
from actionzoo.training.strategy import meet
from tests.moving import write_moving


@pytest.fixture
def port() -> Callable[[], int]:
    def free() -> int:
        with socket.create_server(("127.0.0.1", 0)) as held:
            return int(held.getsockname()[1])

    return free


@pytest.fixture
def present() -> Iterator[str]:
    """A machine that answers."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        yield f"127.0.0.1:{held.getsockname()[1]}"


def test_who_is_there_is_not_waited_for(present: str, port: Callable[[], int]) -> None:
    own = port()
    meet([f"127.0.0.1:{own}", present], 0, wait=600)
    meet([present, f"localhost:{own}"], 1, wait=600)
    meet([f"127.0.0.1:{own}"], 0, wait=0)
    socket.create_server(("127.0.0.1", own)).close()  # the port is free for TensorFlow


def test_who_does_not_come_is_named(present: str, port: Callable[[], int]) -> None:
    gone = f"127.0.0.1:{port()}"
    with pytest.raises(TrainingError, match=rf"no answer from {re.escape(gone)} within 0\.1 seconds.*--wait"):
        meet([f"127.0.0.1:{port()}", present, gone], 0, wait=0.1)


def test_who_comes_later_is_waited_for_aloud(
    monkeypatch: pytest.MonkeyPatch, present: str, port: Callable[[], int]
) -> None:
    monkeypatch.setattr(strategy, "QUIET_S", 0.0)
    late, told, servers = port(), [], []

    def warning(text: str, *arguments: Any) -> None:
        told.append(text % arguments)
        servers.append(socket.create_server(("127.0.0.1", late)))

    monkeypatch.setattr(strategy.logger, "warning", warning)
    meet([f"127.0.0.1:{port()}", f"127.0.0.1:{late}", present], 0, wait=600)
    servers[0].close()
    assert told == [f"waiting for 127.0.0.1:{late}, for 600 seconds at most"]


def test_two_that_wait_find_each_other(monkeypatch: pytest.MonkeyPatch, port: Callable[[], int]) -> None:
    """Neither of them is TensorFlow yet: who waits answers."""
    workers = [f"127.0.0.1:{port()}" for _ in range(2)]
    with strategy._answering(workers[1], 2):
        meet(workers, 0, wait=600)


def test_a_port_that_is_taken(present: str, port: Callable[[], int]) -> None:
    with pytest.raises(TrainingError, match=rf"this worker, {re.escape(present)}, cannot be used \(.*another port"):
        meet([present, f"127.0.0.1:{port()}"], 0)


@pytest.mark.parametrize("address", ["host", "host:", ":1", "host:port", "host:0", "host:70000", 5])
def test_addresses_that_are_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any, address: object) -> None:
    config = {"cluster": {"worker": ["127.0.0.1:1", address]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert main(["evaluate", "mini", str(tmp_path)]) == 1
    assert f"names the worker '{address}', which is not host:port" in capsys.readouterr().err


def test_the_command_line_gives_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, port: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> None:
    for label in ("down", "left"):
        write_moving(tmp_path / "set" / label / "1.mp4", label, 1)
    workers = [f"127.0.0.1:{port()}" for _ in range(2)]
    config = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert main(["finetune", str(tmp_path / "set"), "--output", str(tmp_path / "run"), "--wait", "0.1"]) == 1
    (error,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("actionzoo: ")]
    assert f"no answer from {workers[1]} within 0.1 seconds" in error
