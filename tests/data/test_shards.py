"""Shards: what goes in comes out, independent readers read them, and no kill or damage goes unnoticed."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest

from actionzoo.cli.main import main
from actionzoo.data import storage
from actionzoo.data.build import Built, build
from actionzoo.data.dataset import VideoDataset, read_dataset
from actionzoo.data.decoded import decode_video
from actionzoo.data.shards import DIGEST, ShardSource, open_shards
from actionzoo.errors import DataError, OutputError
from actionzoo.video.spec import VideoFormat
from tests.faults import Killed, killed_at
from tests.moving import write_moving

FORM = VideoFormat(32, 48, 15, "dis-fine")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    for number in range(6):
        label = ("down", "left")[number % 2]
        write_moving(folder / label / f"p{number // 2}_{number}.mp4", label, number, frames=8 + number)
    return folder


@pytest.fixture(scope="module")
def dataset(videos: Path) -> VideoDataset:
    return read_dataset(videos, group=r"(p\d)_")


@pytest.fixture(scope="module")
def shards(dataset: VideoDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("shards") / "out"
    assert build(dataset, out, FORM) == Built(str(out), 6, 6, sum(p.stat().st_size for p in out.glob("*.tfrecord")), ())
    return out


def test_what_goes_in_comes_out(dataset: VideoDataset, shards: Path) -> None:
    source = ShardSource(shards)
    assert (source.classes, source.video_format, len(source)) == (dataset.classes, FORM, 6)
    assert [(v.path.name, v.class_index, v.group) for v in source.videos] == [
        (v.path.name, v.class_index, v.group) for v in dataset.videos
    ]
    assert source.bound == 2.5
    for index, video in enumerate(dataset.videos):
        expected, got = decode_video(video.path, video.class_index, FORM), source.read(index)
        assert (got.name, got.class_index) == (expected.name, expected.class_index)
        assert got.frames.shape == expected.frames.shape
        assert got.flow.shape == expected.flow.shape
        # Colours of noise do not survive JPEG's coarser colour planes; the brightness does.
        bright = [np.asarray(frames, float) @ [0.299, 0.587, 0.114] for frames in (got.frames, expected.frames)]
        assert np.abs(bright[0] - bright[1]).mean() < 4
        flow = np.clip(np.asarray(expected.flow, np.float32), -2.5, 2.5)
        assert np.abs(np.asarray(got.flow, np.float32) - flow).mean() < 0.05
        chosen = np.array([3, 0, 3])
        np.testing.assert_array_equal(got.frames[chosen], np.asarray(got.frames)[chosen])
        np.testing.assert_array_equal(got.flow[chosen[:2]], np.asarray(got.flow)[chosen[:2]])


def test_tensorflow_reads_them(dataset: VideoDataset, shards: Path) -> None:
    import tensorflow as tf

    names = []
    for path in sorted(shards.glob("*.tfrecord")):
        for record in tf.data.TFRecordDataset(str(path)):  # checks the checksums of every record
            example = tf.train.Example.FromString(record.numpy()).features.feature
            names.append(example["name"].bytes_list.value[0].decode())
            frame = tf.io.decode_jpeg(example["frames"].bytes_list.value[0])
            assert frame.shape == (32, 48, 3)
            assert len(example["flow_u"].bytes_list.value) == len(example["frames"].bytes_list.value) - 1
            times = list(example["times"].float_list.value)
            np.testing.assert_allclose(times, np.arange(len(times)) / 15, atol=1e-3)
            u = cv2.imdecode(np.frombuffer(example["flow_u"].bytes_list.value[2], np.uint8), cv2.IMREAD_GRAYSCALE)
            moving = example["class"].bytes_list.value[0] == b"left"
            assert abs(np.median(u / 255 * 5 - 2.5) - (-2 if moving else 0)) < 0.2
    assert names == [video.path.name for video in dataset.videos]


def test_two_workers_make_the_same_bytes(dataset: VideoDataset, shards: Path, tmp_path: Path) -> None:
    build(dataset, tmp_path / "two", FORM, workers=2)
    for path in shards.iterdir():
        if path.name not in (".lock", "plan.json"):
            assert (tmp_path / "two" / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_cluster_makes_the_same_bytes(dataset: VideoDataset, shards: Path, tmp_path: Path) -> None:
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, protocol="tcp"
    ) as cluster:
        build(dataset, tmp_path / "out", FORM, scheduler=cluster.scheduler_address)
    assert (tmp_path / "out" / "manifest.json").read_bytes() == (shards / "manifest.json").read_bytes()


KILLED = """
import os, signal, sys
from pathlib import Path
from actionzoo.data import build as module
from tests.data.test_shards import FORM
from actionzoo.data.dataset import read_dataset
from actionzoo.data.storage import _Folder
write, seen = _Folder.write, []
def dying(self, name, content):
    seen.append(name)
    if len(seen) == 8:
        Path(self.place, f".{name}-{0:08x}").write_bytes(content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, name, content)
_Folder.write = dying
module.build(read_dataset(sys.argv[1], group=r"(p\\d)_"), sys.argv[2], FORM)
"""


def check_resumed(dataset: VideoDataset, shards: Path, out: Path) -> None:
    """A build that was killed is not finished, keeps what is whole, and then gives the same bytes."""
    finished = {path.name: path.stat().st_mtime_ns for path in out.glob("shard-*")}
    if not (out / "manifest.json").exists() and (out / "plan.json").exists():
        with pytest.raises(DataError, match="not finished"):
            open_shards(out)
    told: list[tuple[int, int]] = []
    build(dataset, out, FORM, progress=lambda *done: told.append(done))
    count = len(dataset.videos)
    assert told == [(done, count) for done in range(count + 1)]
    assert {path.name for path in out.iterdir()} == {path.name for path in shards.iterdir()}
    for path in shards.iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes(), path.name
    kept = [name for name in finished if name.endswith(".json")]
    assert all((out / name).stat().st_mtime_ns == finished[name] for name in kept)


def test_a_killed_process_loses_nothing(videos: Path, dataset: VideoDataset, shards: Path, tmp_path: Path) -> None:
    """While the facts of a shard are written."""
    out = tmp_path / "out"
    command = [sys.executable, "-c", KILLED, str(videos), str(out)]
    killed = subprocess.run(command, capture_output=True, check=False, cwd=Path(__file__).parents[2])
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(list(out.glob("shard-*.json"))) == 3
    check_resumed(dataset, shards, out)


def test_a_kill_at_any_write_loses_nothing(
    dataset: VideoDataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    two = replace(dataset, videos=dataset.videos[:2])
    with killed_at(sys.maxsize, tmp_path) as count:
        build(two, tmp_path / "whole", FORM)
    assert count.seen.count("replace") == 6  # the plan, two shards, their facts, and the manifest
    for moment in range(1, len(count.seen) + 1):
        out = tmp_path / str(moment)
        with killed_at(moment, tmp_path), pytest.raises(Killed):
            build(two, out, FORM)
        check_resumed(two, tmp_path / "whole", out)
    assert not caplog.records


def test_broken_videos_are_listed(videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["path,label"] + [f"{path},{path.parent.name}" for path in sorted(videos.glob("*/*.mp4"))]
    broken = tmp_path / "broken.mp4"
    broken.write_text("no video")
    data, out = tmp_path / "set.csv", tmp_path / "out"
    data.write_text("\n".join([*rows[:3], f"{broken},left", *rows[3:]]))
    assert main(["data", "build", str(data), str(out), "--model", "mini"]) == 3
    said = capsys.readouterr()
    assert "broken.mp4" in said.err
    assert "about" in said.err
    assert "6 videos in" in said.out
    assert json.loads((out / "manifest.json").read_text())["failed"][0][0] == str(broken)
    assert len(ShardSource(out)) == 6
    only = tmp_path / "only.csv"
    (tmp_path / "other.mp4").write_text("no video")
    only.write_text(f"path,label\n{broken},left\nother.mp4,down\n")
    assert main(["data", "build", str(only), str(tmp_path / "none")]) == 1
    assert "can be read" in capsys.readouterr().err


def test_a_video_of_one_frame(tmp_path: Path) -> None:
    for label in ("down", "left"):
        write_moving(tmp_path / "set" / label / "one.mp4", label, 1, frames=1)
    build(read_dataset(tmp_path / "set"), tmp_path / "out", FORM)
    source = ShardSource(tmp_path / "out")
    decoded = source.read(0)
    assert decoded.frames.shape == (1, 32, 48, 3)
    assert decoded.flow.shape == (0, 32, 48, 2)
    assert np.asarray(decoded.flow).shape == (0, 32, 48, 2)
    assert source.lengths == []


def test_another_build_in_the_same_place(dataset: VideoDataset, shards: Path) -> None:
    with pytest.raises(DataError, match="other videos, or of another format"):
        build(dataset, shards, replace(FORM, fps=10))
    with pytest.raises(DataError, match="other videos, or of another format"):
        build(replace(dataset, videos=dataset.videos[:-1]), shards, FORM)


def test_two_builds_at_once(dataset: VideoDataset, tmp_path: Path) -> None:
    code = (
        "import filelock, sys, time\n"
        "with filelock.FileLock(sys.argv[1]):\n    print('held', flush=True)\n    time.sleep(60)"
    )
    (tmp_path / "out").mkdir()
    command = [sys.executable, "-c", code, str(tmp_path / "out" / ".lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(OutputError, match="another build is at work"):
            build(dataset, tmp_path / "out", FORM)
        other.kill()


def test_no_room(dataset: VideoDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage._Folder, "free", lambda self: 100)
    with pytest.raises(OutputError, match=r"no room .* about [\d.]+ kB are needed and 100 bytes free"):
        build(dataset, tmp_path / "out", FORM)


LOADED = """
import sys
from actionzoo.data.build import build
from actionzoo.data.dataset import read_dataset
from actionzoo.video.spec import VideoFormat
build(read_dataset(sys.argv[1]), sys.argv[2], VideoFormat(32, 48, 15, "dis-fine"))
print(sorted({"tensorflow", "keras"} & set(sys.modules)))
"""


def test_a_build_loads_no_framework(videos: Path, tmp_path: Path) -> None:
    """Which takes seconds, in every process."""
    command = [sys.executable, "-c", LOADED, str(videos), str(tmp_path / "out")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


FULL = """
import resource, signal, sys
from actionzoo.cli.main import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
sys.exit(main(["data", "build", sys.argv[1], sys.argv[2], "--model", "mini"]))
"""


def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    """A limit on the size of files stands for it: the finished shards stay, and nothing half-written does."""
    write_moving(tmp_path / "set" / "down" / "short.mp4", "down", 1, frames=2)
    write_moving(tmp_path / "set" / "left" / "long.mp4", "left", 1, frames=24)
    command = [sys.executable, "-c", FULL, str(tmp_path / "set"), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "shard-00001.tfrecord: cannot be written (" in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.name != ".lock") == [
        "plan.json", "shard-00000.json", "shard-00000.tfrecord",
    ]  # fmt: skip


def test_damage_is_found_and_mended(
    dataset: VideoDataset, shards: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As the error advises; shards that are whole stay as they are."""
    out = tmp_path / "out"
    shutil.copytree(shards, out)
    path = out / "shard-00002.tfrecord"
    content = bytearray(path.read_bytes())
    content[500] ^= 1
    path.write_bytes(content)
    source = ShardSource(out)
    source.read(1)
    with pytest.raises(DataError, match=r"shard-00002\.tfrecord is damaged at p2_4\.mp4; start `actionzoo data build`"):
        source.read(2)
    facts = out / "shard-00004.json"
    facts.write_text(facts.read_text().replace('"label": 1', '"label": 0'))
    (out / "shard-00005.tfrecord").write_bytes((shards / "shard-00005.tfrecord").read_bytes()[:-1])
    times = {path.name: path.stat().st_mtime_ns for path in out.glob("shard-*")}
    build(dataset, out, FORM)
    assert [re.findall(r"shard-0000\d", record.getMessage()) for record in caplog.records] == [
        ["shard-00002"], ["shard-00004"], ["shard-00005"],
    ]  # fmt: skip
    for path in shards.iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes(), path.name
        if path.stem in ("shard-00000", "shard-00001", "shard-00003"):
            assert (out / path.name).stat().st_mtime_ns == times[path.name]
    ShardSource(out).read(2)
    (out / "shard-00002.tfrecord").unlink()
    with pytest.raises(DataError, match=r"cannot read .*shard-00002"):
        source.read(2)
    build(dataset, out, FORM)
    source.read(2)


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", "3", '{"version": 2, "classes": 7}', "flipped", "\x00", "[" * 100_000]
)
def test_manifests_that_are_none(dataset: VideoDataset, shards: Path, tmp_path: Path, content: str) -> None:
    out = tmp_path / "out"
    shutil.copytree(shards, out)
    manifest = out / "manifest.json"
    manifest.write_text(manifest.read_text().replace("p0_0", "p0_1") if content == "flipped" else content)
    with pytest.raises(
        DataError, match=r"manifest\.json is damaged, or not that of shards \(.*start `actionzoo data b"
    ):
        open_shards(out)
    if content == "flipped":
        build(dataset, out, FORM)
        assert manifest.read_bytes() == (shards / "manifest.json").read_bytes()


def test_shards_of_the_first_version_are_read(shards: Path, tmp_path: Path) -> None:
    """They are as those of today, but for the digest of the manifest."""
    out = tmp_path / "out"
    shutil.copytree(shards, out)
    manifest = json.loads((out / "manifest.json").read_text())
    del manifest[DIGEST]
    (out / "manifest.json").write_text(json.dumps(manifest | {"version": 1}))
    old, new = ShardSource(out), ShardSource(shards)
    assert [video.class_index for video in old.videos] == [video.class_index for video in new.videos]
    assert np.array_equal(old.read(0).frames, new.read(0).frames)


def test_a_plan_that_is_damaged(dataset: VideoDataset, shards: Path, tmp_path: Path) -> None:
    shutil.copytree(shards, tmp_path / "out")
    (tmp_path / "out" / "plan.json").write_text("{}")
    with pytest.raises(DataError, match=r"plan\.json is damaged \(.*\); remove "):
        build(dataset, tmp_path / "out", FORM)


def test_dask_that_is_missing_or_does_not_answer(
    dataset: VideoDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OutputError, match="does not answer"):
        build(dataset, tmp_path / "a", FORM, scheduler="tcp://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(OutputError, match=r"actionzoo\[cluster\]"):
        build(dataset, tmp_path / "b", FORM, workers=2)


def test_object_stores_whose_client_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("S3_ENDPOINT", raising=False)
    monkeypatch.delitem(import_module("fsspec.registry")._registry, "s3", raising=False)  # of another test
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(OutputError, match=r"s3://bucket/x: Install s3fs .* pip install 'actionzoo\[io\]'"):
        open_shards("s3://bucket/x")
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(OutputError, match=r"gs://bucket/x: Please install gcsfs"):
        open_shards("gs://bucket/x")
    with pytest.raises(OutputError, match=r"ftp://host/x: not an object store; give a folder, or an address"):
        open_shards("ftp://host/x")
