"""Shards on an S3 server: moto's, on loopback.

With tensorflow-io (`make test-s3`) records are read by its file system, otherwise by fsspec's.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import fsspec
import moto.settings
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from actionzoo.cli.main import main
from actionzoo.data import storage
from actionzoo.data.build import build
from actionzoo.data.dataset import VideoDataset, read_dataset
from actionzoo.data.shards import ShardSource, open_shards
from actionzoo.data.storage import open_storage
from actionzoo.errors import ActionzooError, DataError, OutputError
from actionzoo.hub.resolve import resolve_model
from tests.moving import write_moving

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server with a bucket, which takes any keys."""
    running = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    urllib.request.urlopen(urllib.request.Request(f"http://{host}:{port}/shards", method="PUT"), timeout=60).close()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in {**KEYS, "S3_ENDPOINT": server}.items():
        monkeypatch.setenv(name, value)
    return "s3://shards"


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    for number in range(4):
        label = ("down", "left")[number % 2]
        write_moving(folder / label / f"{number}.mp4", label, number)
    return folder


@pytest.fixture(scope="module")
def dataset(videos: Path) -> VideoDataset:
    return read_dataset(videos)


@pytest.fixture(scope="module")
def shards(dataset: VideoDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shards of the same videos in a folder."""
    out = tmp_path_factory.mktemp("shards") / "out"
    build(dataset, out, resolve_model("mini").spec.video_format)
    return out


def same(address: str, folder: Path) -> bool:
    """Whether a place on the object store has the objects of a folder, byte for byte."""
    there, here = open_storage(address), open_storage(folder)
    assert there.names() == here.names()
    return all(there.read(name) == here.read(name) for name in here.names())


@pytest.mark.parametrize("workers", [1, 2])
def test_shards_in_a_bucket_are_those_in_a_folder(bucket: str, videos: Path, shards: Path, workers: int) -> None:
    address = f"{bucket}/some/place{workers}"
    assert main(["data", "build", str(videos), address, "--model", "mini", "--workers", str(workers)]) == 0
    assert same(address, shards)


def test_records_of_a_bucket_are_those_of_a_folder(bucket: str, dataset: VideoDataset, shards: Path) -> None:
    """Read by a process of its own: tensorflow-io's client of S3 does not end well."""
    build(dataset, f"{bucket}/read", resolve_model("mini").spec.video_format)
    code = (
        "import sys, os\n"
        "import numpy as np\n"
        "from actionzoo.data.shards import ShardSource\n"
        "one, other = map(ShardSource, sys.argv[1:])\n"
        "assert one.classes == other.classes and len(one) == len(other) == 4\n"
        "for index in range(4):\n"
        "    a, b = one.read(index), other.read(index)\n"
        "    assert (a.name, a.class_index) == (b.name, b.class_index)\n"
        "    assert (np.asarray(a.frames) == np.asarray(b.frames)).all()\n"
        "    assert (np.asarray(a.flow) == np.asarray(b.flow)).all()\n"
        "print('same', flush=True); os._exit(0)\n"
    )
    command = [sys.executable, "-c", code, f"{bucket}/read", str(shards)]
    read = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    assert (read.returncode, read.stdout) == (0, "same\n"), read.stderr


def test_shards_are_read_in_the_graph_of_tensorflow(bucket: str, dataset: VideoDataset) -> None:
    pytest.importorskip("tensorflow_io")
    build(dataset, f"{bucket}/graph", resolve_model("mini").spec.video_format)
    code = (
        "import sys, os\n"
        "from actionzoo.data.storage import _tensorflow_s3\n"
        "assert _tensorflow_s3() is not None\n"
        "import tensorflow as tf\n"
        "records = list(tf.data.TFRecordDataset(tf.data.Dataset.list_files(sys.argv[1] + '/*.tfrecord')))\n"
        "names = [tf.train.Example.FromString(record.numpy()).features.feature['name'].bytes_list.value[0]\n"
        "         for record in records]\n"
        "print(sorted(name.decode() for name in names), flush=True); os._exit(0)\n"
    )
    command = [sys.executable, "-c", code, f"{bucket}/graph"]
    read = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    assert (read.returncode, read.stdout) == (0, "['0.mp4', '1.mp4', '2.mp4', '3.mp4']\n"), read.stderr


def test_a_build_that_was_interrupted_goes_on(
    bucket: str, dataset: VideoDataset, shards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, written = f"{bucket}/interrupted", []
    write = storage._ObjectStore.write

    def counting(self: storage._ObjectStore, name: str, content: bytes) -> None:
        written.append(name)
        if len(written) == 5:
            raise OutputError("cannot write: the network is gone")
        write(self, name, content)

    monkeypatch.setattr(storage._ObjectStore, "write", counting)
    video_format = resolve_model("mini").spec.video_format
    with pytest.raises(OutputError, match="the network is gone"):
        build(dataset, address, video_format)
    assert written[-1] == "shard-00001.json"
    with pytest.raises(DataError, match=f"{address} holds shards that are not finished; start"):
        open_shards(address)
    build(dataset, address, video_format)
    assert not {"plan.json", "shard-00000.tfrecord", "shard-00000.json"} & {*written[5:]}
    assert same(address, shards)
    open_storage(address).write("shard-00002.tfrecord", b"damaged")
    with pytest.raises(DataError, match=rf"{address}/shard-00002\.tfrecord"):
        ShardSource(address).read(2)
    build(dataset, address, video_format)
    assert same(address, shards)


def test_a_network_learns_from_a_bucket(bucket: str, videos: Path, tmp_path: Path) -> None:
    """By commands: the second reads what the first wrote."""
    built = run("data", "build", videos, f"{bucket}/learn", "--model", "mini")
    assert built.returncode == 0, built.stderr
    assert f"{bucket}/learn  4 videos in 4 shards" in built.stdout
    options = ("--output", tmp_path / "run", "--epochs", 1, "--test", 0, "--batch-size", 2)
    learned = run("finetune", f"{bucket}/learn", *options)
    assert learned.returncode == 0, learned.stderr
    assert (tmp_path / "run" / "model.keras").is_file()


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "actionzoo", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)


def test_what_is_not_there(bucket: str, videos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "build", str(videos), "s3://nowhere/x", "--model", "mini"]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("actionzoo: ")]
    assert (
        "cannot write s3://nowhere/x/plan.json: not found (The specified bucket does not exist); check the address"
        in line
    )
    assert main(["finetune", f"{bucket}/empty"]) == 1
    assert f"cannot read {bucket}/empty/manifest.json: not found (" in capsys.readouterr().err


def test_keys_that_nobody_knows(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moto.settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)
    store = open_storage(f"{bucket}/x")
    for attempt in (lambda: store.write("a", b""), lambda: store.read("a"), store.names):
        with pytest.raises(ActionzooError, match=r"s3://shards/x.*; check the address and your credentials"):
            attempt()


def test_keys_that_are_missing(bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in KEYS:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # which may be asked for keys
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    fsspec.get_filesystem_class("s3").clear_instance_cache()  # which have keys
    with pytest.raises(DataError, match=r"Unable to locate credentials; .*AWS_ACCESS_KEY_ID"):
        open_storage(f"{bucket}/without").names()


def test_a_server_that_fails_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its every other answer is that it is busy."""
    asked = []

    class Flaky(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()

        def do_GET(self) -> None:
            asked.append(self.path)
            good = len(asked) % 2 == 0
            self.send_response(200 if good else 503)
            self.send_header("Content-Length", "5" if good else "0")
            self.end_headers()
            self.wfile.write(b"whole" if good else b"")

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Flaky) as flaky:
        threading.Thread(target=flaky.serve_forever, daemon=True).start()
        for name, value in {**KEYS, "S3_ENDPOINT": f"http://127.0.0.1:{flaky.server_port}"}.items():
            monkeypatch.setenv(name, value)
        assert open_storage("s3://shards/x").read("object") == b"whole"
        assert asked == ["/shards/x/object"] * 2
        flaky.shutdown()


def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("S3_ENDPOINT", endpoint)
        monkeypatch.setattr(storage, "WAIT_S", 0.5)
        with pytest.raises(OutputError, match=rf"{endpoint} does not answer \(timed out\); check S3_ENDPOINT"):
            open_storage("s3://shards/x")
    with pytest.raises(OutputError, match=rf"{endpoint} does not answer"):
        open_storage("s3://shards/x")
    monkeypatch.delenv("S3_ENDPOINT")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "127.0.0.1:9000")
    with pytest.raises(OutputError, match=r"AWS_ENDPOINT_URL is '127\.0\.0\.1:9000'; give an address such as http://"):
        open_storage("s3://shards/x")


def test_shards_of_a_folder_are_read_by_this_tensorflow(shards: Path) -> None:
    assert np.asarray(ShardSource(shards).read(0).frames).ndim == 4


def test_shards_in_a_bucket_are_opened_without_tensorflow(bucket: str) -> None:
    """Listing and writing need none."""
    code = "import sys; from actionzoo.data.storage import open_storage; open_storage(sys.argv[1]).names()\n"
    code += "assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, f"{bucket}/x"], check=True, env=os.environ, timeout=600)
