"""Shards on a real S3 server: moto's, on loopback. Needs tensorflow-io, so TensorFlow 2.17: `make test-s3`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")
if tf.__version__ >= "2.18":
    pytest.skip("tensorflow-io works with TensorFlow 2.16 and 2.17 only", allow_module_level=True)
pytest.importorskip("tensorflow_io")

from actionzoo.data.build import build  # noqa: E402
from actionzoo.data.dataset import read_dataset  # noqa: E402
from actionzoo.data.decoded import VideoFormat  # noqa: E402
from actionzoo.data.shards import ShardSource  # noqa: E402
from tests.moving import write_moving  # noqa: E402

FORM = VideoFormat(32, 48, 15, "dis-fine")


@contextmanager
def serving(**environment: str) -> Iterator[str]:
    """The address of a running server with a bucket."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port)]
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": os.environ | environment}
    with subprocess.Popen(command, **options) as running:
        address = f"http://127.0.0.1:{port}"
        for _ in range(150):
            try:
                urllib.request.urlopen(urllib.request.Request(f"{address}/shards", method="PUT"), timeout=2).close()
                break
            except OSError:
                time.sleep(0.2)
        try:
            yield address
        finally:
            running.kill()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving() as address:
        yield address


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    for number in range(4):
        label = ("down", "left")[number % 2]
        write_moving(folder / label / f"{number}.mp4", label, number)
    return folder


def run(*arguments: object, endpoint: str, **environment: str) -> subprocess.CompletedProcess[str]:
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "S3_ENDPOINT": endpoint}
    return subprocess.run(
        [sys.executable, "-m", "actionzoo", *map(str, arguments)],
        env=os.environ | keys | environment, capture_output=True, text=True, timeout=1800, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("workers", [1, 2])
def test_shards_in_a_bucket_are_those_in_a_folder(server: str, videos: Path, tmp_path: Path, workers: int) -> None:
    address = f"s3://shards/some/place{workers}"
    made = run("data", "build", videos, address, "--model", "mini", "--workers", workers, endpoint=server)
    assert made.returncode == 0, made.stderr
    assert f"{address}  4 videos in 4 shards" in made.stdout
    assert run("data", "build", videos, tmp_path / "out", "--model", "mini", endpoint=server).returncode == 0
    code = (
        "import sys, os, hashlib\n"
        "from actionzoo.data.shards import ShardSource\n"
        "import numpy as np\n"
        "one, other = ShardSource(sys.argv[1]), ShardSource(sys.argv[2])\n"
        "assert len(one) == len(other) == 4\n"
        "for index in range(4):\n"
        "    a, b = one.read(index), other.read(index)\n"
        "    assert (np.asarray(a.frames) == np.asarray(b.frames)).all()\n"
        "    assert (np.asarray(a.flow) == np.asarray(b.flow)).all()\n"
        "print('same', flush=True); os._exit(0)\n"
    )
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "S3_ENDPOINT": server}
    command = [sys.executable, "-c", code, address, str(tmp_path / "out")]
    read = subprocess.run(command, env=os.environ | keys, capture_output=True, text=True, timeout=1800, check=False)
    assert (read.returncode, read.stdout) == (0, "same\n"), read.stderr


def test_a_network_learns_from_a_bucket(server: str, videos: Path, tmp_path: Path) -> None:
    assert run("data", "build", videos, "s3://shards/learn", "--model", "mini", endpoint=server).returncode == 0
    options = ("--output", tmp_path / "run", "--epochs", 1, "--test", 0, "--batch-size", 2)
    learned = run("finetune", "s3://shards/learn", *options, endpoint=server)
    assert learned.returncode == 0, learned.stderr
    assert (tmp_path / "run" / "model.keras").is_file()


def error(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that says what is wrong, behind notes on what was found."""
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("actionzoo: ")]
    assert done.stderr.splitlines()[-1] == line
    return line


def test_a_bucket_that_is_not_there(server: str, videos: Path) -> None:
    done = run("data", "build", videos, "s3://nowhere/x", endpoint=server)
    assert done.returncode == 1
    assert "s3://nowhere/x" in error(done)
    read = run("finetune", "s3://shards/empty", endpoint=server)
    assert read.returncode == 1
    assert "cannot read s3://shards/empty/manifest.json" in read.stderr


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [("http://127.0.0.1:9", "does not answer"), ("127.0.0.1:9000", "S3_ENDPOINT is an address such as")],
)
def test_a_dead_endpoint_is_told_soon(videos: Path, endpoint: str, words: str) -> None:
    since = time.monotonic()
    done = run("data", "build", videos, "s3://shards/x", endpoint=endpoint)
    assert time.monotonic() - since < 45
    assert done.returncode == 1
    assert words in done.stderr


def test_a_server_that_says_nothing_is_told_soon(videos: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        since = time.monotonic()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        done = run("data", "build", videos, "s3://shards/x", endpoint=endpoint)
        assert time.monotonic() - since < 45
    assert done.returncode == 1
    assert f"{endpoint} does not answer" in done.stderr


def test_keys_that_nobody_knows(videos: Path) -> None:
    """moto lets one request in without looking at its keys: the one that makes the bucket."""
    with serving(INITIAL_NO_AUTH_ACTION_COUNT="1") as address:
        done = run("data", "build", videos, "s3://shards/x", endpoint=address)
    assert done.returncode == 1
    assert "check the bucket and AWS_ACCESS_KEY_ID" in error(done)


def test_keys_that_are_missing(server: str, videos: Path) -> None:
    done = run("data", "build", videos, "s3://shards/x", endpoint=server, AWS_SECRET_ACCESS_KEY="")
    assert done.returncode == 1
    assert "AWS_SECRET_ACCESS_KEY" in done.stderr


def test_shards_of_a_folder_are_read_by_this_tensorflow(videos: Path, tmp_path: Path) -> None:
    build(read_dataset(videos), tmp_path / "out", FORM)
    assert np.asarray(ShardSource(tmp_path / "out").read(0).frames).shape == (12, 32, 48, 3)
