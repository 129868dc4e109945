"""What a network is shown, how its scores are averaged, and which videos it may be tested on."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import keras
import numpy as np
import pytest

from actionzoo.cli.main import main
from actionzoo.convert.openvino import openvino_source
from actionzoo.data.dataset import read_dataset
from actionzoo.data.decoded import DecodedVideo, VideoSource
from actionzoo.errors import DataError, ModelError
from actionzoo.evaluation import Protocol, evaluate, evaluating, read_scores
from actionzoo.evaluation.scoring import Scorer
from actionzoo.evaluation.selection import choose
from actionzoo.hub.keras_models import save_model
from actionzoo.inference import load_model
from actionzoo.models import create_model
from actionzoo.models.dense import fully_convolutional
from actionzoo.video import sampling
from actionzoo.video.sampling import clip_centres
from actionzoo.video.spec import InputSpec
from tests.moving import SPEC, TINY, write_moving

STRETCH = InputSpec(
    ("down", "left"), 64, 64, fps=15, num_frames=2, stride=2, stack_length=2, flow="dis-ultrafast", resize="stretch"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    for number in range(6):
        label = ("down", "left")[number % 2]
        write_moving(folder / label / f"p{number // 2}_{number}.mp4", label, number, frames=9 + number)
    return folder


def used_to(model: keras.Model) -> keras.Model:
    """A random network whose batch norms have seen inputs of the usual size, so that its scores are of size 1."""
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.5
    for _ in range(15):
        given = {
            tensor.name: rng.normal(0, 1, (4, *tensor.shape[1:])) * (60 if tensor.name == "appearance" else 3)
            for tensor in model.inputs
        }
        model(given, training=True)
    return model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("model") / "model.keras"
    save_model(used_to(create_model("st_resnet18", 2, 2, temporal_pool="none", **TINY)), SPEC, path)
    return path


@pytest.fixture(scope="module")
def papers_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "papers.keras"
    network = create_model("st_resnet18", 2, 2, temporal_pool="none", **TINY | {"height": 64, "width": 64})
    save_model(used_to(network), STRETCH, path)
    return path


def test_controls_are_answers_to_what_does_not_move(data: Path, model: Path) -> None:
    loaded = load_model(model)
    how = Protocol(loaded.spec, views=2)
    done = evaluate(loaded, data, views=2, controls=True)
    assert set(done.scores.logits) == {"answer", "appearance", "motion", "background", "shape"}
    assert {name: len(values) for name, values in done.traits.items()} == dict.fromkeys(done.traits, 6)
    source, network = VideoSource(read_dataset(data), how.video_format), loaded.network
    frames = np.asarray(source.read(4).frames)
    still = np.median(frames, axis=0).astype(np.uint8)
    both = np.stack([still, still[:, ::-1]])[:, None].repeat(2, axis=1).astype(np.float32)
    said = network.predict_on_batch({"appearance": both, "motion": np.zeros((2, 2, 32, 48, 4), np.float32)})
    np.testing.assert_allclose(done.scores.logits["background"][4], said.mean(axis=0), rtol=1e-4, atol=1e-5)
    without = evaluate(model, data, views=2)
    np.testing.assert_allclose(done.scores.logits["answer"], without.scores.logits["answer"], rtol=1e-5, atol=1e-6)
    assert "background" not in without.scores.logits


def test_windows_are_what_predict_sees(data: Path, model: Path) -> None:
    done = evaluate(model, data)
    assert done.protocol == "windows"
    predictor = load_model(model, engine="keras")
    for path, logits in zip(done.scores.paths, done.scores.logits["answer"], strict=True):
        said = {p.label: p.score for p in predictor.predict(path, top_k=2).predictions}
        chances = np.exp(logits) / np.exp(logits).sum()
        assert [said["down"], said["left"]] == pytest.approx(chances, abs=1e-5)
    mean = (done.scores.logits["appearance"] + done.scores.logits["motion"]) / 2
    np.testing.assert_allclose(done.scores.logits["answer"], mean, atol=1e-5)


def test_every_kind_of_model_and_data(data: Path, model: Path) -> None:
    loaded, dataset = load_model(model), read_dataset(data)
    first = evaluate(model, data)
    assert (first.data, first.selection, first.metrics.videos) == (str(data), "all 6 videos", 6)
    for given, videos in (
        (str(model), str(data)),
        (loaded, dataset),
        (loaded, VideoSource(dataset, loaded.spec.video_format)),
    ):
        again = evaluate(given, videos, split="all")
        assert again.scores.paths == first.scores.paths
        np.testing.assert_allclose(again.scores.logits["answer"], first.scores.logits["answer"], rtol=1e-5, atol=1e-6)
    other = VideoSource(dataset, replace(loaded.spec.video_format, height=16))
    with pytest.raises(DataError, match=r"are 16x48 pixels .*, the protocol wants 32x48"):
        evaluate(loaded, other)


def test_the_papers_test_is_one_clip_and_its_mirror_image() -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (60, 73, 97, 3)).astype(np.uint8)
    decoded = DecodedVideo("v", 0, frames, rng.normal(size=(59, 73, 97, 2)).astype(np.float16))
    protocol = Protocol(STRETCH)
    (appearance, motion), (mirrored, turned) = protocol.clips(decoded)
    centres = np.floor(np.linspace(1, 58, 25) + 0.5).astype(int)
    np.testing.assert_array_equal(appearance, frames[centres])
    assert motion.shape == (25, 73, 97, 4)
    np.testing.assert_array_equal(mirrored, appearance[:, :, ::-1])
    np.testing.assert_array_equal(turned[..., 0], -motion[:, :, ::-1, 0])
    np.testing.assert_array_equal(turned[..., 1], motion[:, :, ::-1, 1])
    assert protocol.video_format.size((240, 320)) == (72, 96)  # 256/224 of 64, even


def test_ten_views_are_the_corners_the_centre_and_their_mirror_images() -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (30, 72, 96, 3)).astype(np.uint8)
    decoded = DecodedVideo("v", 0, frames, rng.normal(size=(29, 72, 96, 2)).astype(np.float16))
    clips = list(Protocol(STRETCH, views=10, num_frames=3).clips(decoded))
    assert [appearance.shape for appearance, _ in clips] == [(3, 64, 64, 3)] * 10
    centres = np.floor(np.linspace(1, 28, 3) + 0.5).astype(int)
    np.testing.assert_array_equal(clips[3][0], frames[centres, 8:, 32:])
    np.testing.assert_array_equal(clips[8][1][..., 0], -clips[3][1][:, :, ::-1, 0])
    assert len(list(Protocol(STRETCH, views=1).clips(decoded))) == 1
    with pytest.raises(ValueError, match="ten views"):
        Protocol(SPEC, views=10)
    assert main(["evaluate", "mini", ".", "--views", "3"]) == 2


@pytest.mark.parametrize("average", ["logits", "softmax"])
def test_scores_are_averaged_over_the_mirror_images(data: Path, papers_model: Path, average: str) -> None:
    protocol = Protocol(STRETCH, num_frames=4, average=average)
    dataset = read_dataset(data)
    done = evaluate(papers_model, dataset, num_frames=4, average=average)
    assert done.protocol == "papers"
    network = protocol.network(keras.saving.load_model(papers_model))
    clips = protocol.clips(VideoSource(dataset, protocol.video_format).read(0))
    said = [network({"appearance": a[None].astype("f"), "motion": m[None]})["motion"].numpy()[0] for a, m in clips]
    if average == "softmax":
        expected = np.mean([np.exp(row) / np.exp(row).sum() for row in said], axis=0)
        np.testing.assert_allclose(np.exp(done.scores.logits["motion"][0]), expected, rtol=1e-3)
    else:
        np.testing.assert_allclose(done.scores.logits["motion"][0], np.mean(said, axis=0), rtol=1e-3, atol=1e-4)


DEVICES = """
import sys, tensorflow as tf
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * int(sys.argv[4]))
from actionzoo.cli.main import main
model, data, report, _, strategy = sys.argv[1:]
sys.exit(main(["evaluate", model, data, "--report", report, "--strategy", strategy, "--paint", "0"]))
"""


@pytest.fixture(scope="module")
def alone(data: Path, model: Path) -> np.ndarray:
    """The answers of one process on one device, to which others are compared."""
    return evaluate(model, data).scores.logits["answer"]


def test_two_devices_say_the_same_as_one(data: Path, model: Path, alone: np.ndarray, tmp_path: Path) -> None:
    command = [sys.executable, "-c", DEVICES, str(model), str(data), str(tmp_path), "2", "mirrored"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(read_scores(tmp_path / "scores.npz").logits["answer"], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_two_workers_share_the_videos(data: Path, model: Path, alone: np.ndarray, tmp_path: Path) -> None:
    from tests.training.test_distributed import free_ports

    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = []
    for index in range(2):
        task = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        command = [sys.executable, "-c", DEVICES, str(model), str(data), str(tmp_path / str(index)), "1", "multiworker"]
        environment = os.environ | {"TF_CONFIG": json.dumps(task), "CUDA_VISIBLE_DEVICES": "-1"}
        processes.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
    for index, process in enumerate(processes):
        with process:
            _, err = process.communicate(timeout=1800)
            assert process.returncode == 0, err
        scores = read_scores(tmp_path / str(index) / "scores.npz")
        np.testing.assert_allclose(scores.logits["answer"], alone, rtol=1e-4, atol=1e-5)


def split_beside(model: Path, data: Path, parts: list[str]) -> None:
    rows = [
        [str(video.path), ("down", "left")[video.class_index], "", part]
        for video, part in zip(read_dataset(data).videos, parts, strict=True)
    ]
    with (model.parent / "split.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "group", "split"], *rows])


def test_videos_that_were_learned_from_are_refused(data: Path, model: Path, tmp_path: Path) -> None:
    own = tmp_path / "model.keras"
    own.write_bytes(model.read_bytes())
    split_beside(own, data, ["train", "test", "val", "train", "test", "train"])
    files, dataset = load_model(own), read_dataset(data)
    chosen, which = choose(dataset, files)
    assert [video.path.name for video in chosen.videos] == ["p1_2.mp4", "p1_3.mp4"]
    assert which == f"2 of 6 videos: the split 'test' that {own} was trained with"
    assert choose(dataset, files, "test") == (chosen, which)
    with pytest.raises(DataError, match=r"no video is in the split 'tset'; there are test, train, val"):
        choose(dataset, files, "tset")
    with pytest.raises(DataError, match=r"has learned from 4 of these videos, such as .*p0_0\.mp4.*--force"):
        choose(dataset, files, "all")
    assert len(choose(dataset, files, "all", force=True)[0].videos) == 6
    elsewhere = tmp_path / "copy"
    for video in dataset.videos:
        place = elsewhere / dataset.classes[video.class_index] / video.path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(video.path.read_bytes())
    with pytest.raises(DataError, match="has learned from 4"):
        choose(read_dataset(elsewhere), files)


def test_long_videos_are_never_in_memory_as_a_whole(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of clips is run before the clips of the next are cut."""
    cut, at_work = [], []
    decoded = VideoSource(read_dataset(data), Protocol(SPEC).video_format).read(0)
    gather = sampling.gather_clip

    def counting(*given: Any) -> Any:
        cut.append(given)
        return gather(*given)

    def run(clips: Any) -> np.ndarray:
        at_work.append((len(cut), len(clips)))
        return np.zeros((len(clips), 1, 2), np.float32)

    long = DecodedVideo("v", 0, np.repeat(decoded.frames[:1], 200, axis=0), np.repeat(decoded.flow[:1], 199, axis=0))
    monkeypatch.setattr(sampling, "gather_clip", counting)
    protocol = Protocol(SPEC)
    Scorer(Mock(run=run, batch=8), protocol).scores(long)
    assert len(at_work) > 5
    assert at_work[0] == (8 // protocol.views, 8)
    assert at_work[-1][0] == len(cut) == len(clip_centres(200, SPEC.clip))


@pytest.mark.parametrize("protocol", ["windows", "papers"])
def test_a_network_may_take_its_inputs_in_a_list(protocol: str, data: Path, papers_model: Path, tmp_path: Path) -> None:
    network = keras.saving.load_model(papers_model)
    save_model(keras.Model(network.inputs[::-1], network.outputs[0]), STRETCH, tmp_path / "model.keras")
    listed, named = (
        evaluate(path, data, protocol=protocol, num_frames=4).scores.logits
        for path in (tmp_path / "model.keras", papers_model)
    )
    assert set(listed) == {"answer", "appearance", "motion"}
    for name, logits in named.items():
        np.testing.assert_allclose(listed[name], logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mirror", [False, True])
def test_a_converted_model_is_evaluated_without_tensorflow(
    mirror: bool, data: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine that predicts gives the scores of the network and of its streams."""
    monkeypatch.setattr(evaluating, "ACCELERATORS", ())
    save_model(keras.saving.load_model(model), replace(SPEC, mirror=mirror), tmp_path / "model.keras")
    in_keras, converted = load_model(tmp_path / "model.keras"), load_model(tmp_path / "model.keras")
    expected = evaluate(in_keras, data, controls=True).scores
    assert "network" in vars(in_keras)
    openvino_source(converted.files)
    result = evaluate(converted, data, controls=True)
    assert "network" not in vars(converted)
    assert result.chief
    assert set(result.scores.logits) == {"answer", "appearance", "motion", "background", "shape"}
    for name, logits in expected.logits.items():
        np.testing.assert_allclose(result.scores.logits[name], logits, rtol=1e-3, atol=1e-4, err_msg=name)
    evaluate(converted, data, strategy="mirrored")
    assert "network" in vars(converted)


def test_non_finite_scores_are_no_accuracy(data: Path, model: Path, tmp_path: Path) -> None:
    network = keras.saving.load_model(model)
    layer = network.get_layer("logits_motion")
    layer.set_weights([np.full_like(array, 3e38) for array in layer.get_weights()])  # whose sums overflow
    diverged = tmp_path / "model.keras"
    save_model(network, SPEC, diverged)
    with pytest.raises(ModelError, match=r"non-finite scores for 6 of 6 videos, such as .*p0_0\.mp4"):
        evaluate(diverged, data)


def test_clips_that_are_shorter_than_what_the_network_pools() -> None:
    network = create_model("st_resnet18", 2, 5, temporal_pool="max", **TINY | {"height": 64, "width": 64})
    spec = replace(STRETCH, num_frames=5)
    with pytest.raises(ModelError, match=r"pools over 5 frames, a clip has 4; give --frames 5"):
        Protocol(spec, num_frames=4).network(network)
    assert set(Protocol(spec, num_frames=5).network(network).output) == {"answer", "appearance", "motion"}


def test_an_upright_video_is_as_wide_as_the_models_picture() -> None:
    """VGG's fc6 needs every column that it learned from, and the short side is one of a lying picture."""
    spec = replace(STRETCH, width=96)
    protocol = Protocol(spec, num_frames=3)
    height, width = protocol.video_format.size((320, 240))
    assert width < 96
    frames = np.full((20, height, width, 3), 7, np.uint8)
    decoded = DecodedVideo("v", 0, frames, np.ones((19, height, width, 2), np.float16))
    for appearance, motion in protocol.clips(decoded):
        assert appearance.shape[1:3] == motion.shape[1:3] == (height, 96)
        assert (appearance == 7).mean() == pytest.approx(width / 96)
    network = create_model(
        "two_stream_vgg16", 2, 5, height=64, width=96, channel_factor=0.0625, stack_length=2, dropout=0.0
    )
    clips = list(Protocol(replace(spec, num_frames=5), num_frames=5).clips(decoded))
    dense = fully_convolutional(network)
    assert dense({"appearance": clips[0][0][None].astype("f"), "motion": clips[0][1][None]}).shape == (1, 2)
