"""Features against the same numbers worked out by hand: frames, flow and clips of the library, layers in NumPy."""

from __future__ import annotations

import io
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import actionzoo.inference.video_pass as pass_module
from actionzoo.errors import ModelError, NotAVideoError
from actionzoo.hub import InputSpec, save_model
from actionzoo.inference import features, load_model, save_features
from actionzoo.inference.clips import Clip, cut_clips
from actionzoo.inference.windows import sum_windows
from actionzoo.video import sampling
from actionzoo.video.flow import optical_flow
from actionzoo.video.reader import read_frames
from actionzoo.video.resize import input_size, pad_to

SPEC = InputSpec(("a", "b", "c"), height=32, width=48, fps=10.0, num_frames=3, stride=2, stack_length=4)
CLIP = SPEC.clip


def write_model(path: Path, spec: InputSpec = SPEC, time: int | None = SPEC.num_frames) -> Any:
    """A small network with a layer of every kind: folded, unfolded, pooled over time, and of the classifier."""
    import keras

    from actionzoo.models.temporal import FoldTime, UnfoldTime

    keras.utils.set_random_seed(3)
    inputs, towers = [], []
    for stream, channels in (("appearance", 3), ("motion", 2 * spec.stack_length)):
        clip = keras.Input((time, spec.height, spec.width, channels), name=stream)
        x = FoldTime(name=f"{stream}_fold")(clip)
        x = keras.layers.Conv2D(5, 1, use_bias=False, name=f"{stream}_conv1")(x)
        x = keras.layers.AveragePooling2D(8, name=f"{stream}_pool1")(x)
        x = UnfoldTime(name=f"{stream}_unfold")([x, clip])
        x = keras.layers.MaxPooling3D((spec.num_frames, 1, 1), name=f"{stream}_temporal_pool")(x)
        x = keras.layers.GlobalAveragePooling3D(name=f"{stream}_pool5")(x)
        inputs.append(clip)
        towers.append(keras.layers.Dense(len(spec.classes), name=f"logits_{stream}")(x))
    model = keras.Model(inputs, keras.layers.Average(name="logits")(towers))
    save_model(model, spec, path)
    return model


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "small.keras"
    write_model(path)
    return path


@pytest.fixture(scope="module")
def kernels(model_file: Path) -> dict[str, np.ndarray]:
    """The weights of the 1x1 convolutions, `(channels_in, 5)`."""
    import keras

    model = keras.models.load_model(model_file, compile=False)
    return {stream: model.get_layer(f"{stream}_conv1").get_weights()[0][0, 0] for stream in ("appearance", "motion")}


def clips_of(video: Path, first: int = 0, end: int | None = None) -> list[tuple[np.ndarray, np.ndarray]]:
    """The clips that the model sees of the frames `first` up to `end - 1`, at its 10 frames a second."""
    size = (SPEC.height, SPEC.width)
    read = list(read_frames(video, fps=SPEC.fps, size=lambda original: input_size(original, size, "fit")))
    images = np.stack([frame.image for frame in read])[first:end]
    flows = pad_to(optical_flow(images, SPEC.flow), size)
    centres = sampling.clip_centres(len(images), CLIP)
    return [sampling.gather_clip(pad_to(images, size), flows, each, SPEC.stack_length) for each in centres]


def pooled_8x8(maps: np.ndarray) -> np.ndarray:
    time, height, width, channels = maps.shape
    return maps.reshape(time, height // 8, 8, width // 8, 8, channels).mean((2, 4))


def test_a_folded_layer_of_either_stream(model_file: Path, kernels: dict[str, np.ndarray], clip: Path) -> None:
    clips = clips_of(clip)
    assert len(clips) > 3
    for index, stream in enumerate(("appearance", "motion")):
        maps = np.mean([each[index].astype(np.float32) @ kernels[stream] for each in clips], axis=0)
        found = features(clip, f"{stream}_conv1", model_file, pool=False)
        assert found.features.shape == (1, SPEC.num_frames, SPEC.height, SPEC.width, 5)
        assert found.features.dtype == np.float32
        np.testing.assert_allclose(found.features[0], maps, rtol=1e-4, atol=1e-3)
        assert found.clips.tolist() == [len(clips)]


def test_an_unfolded_layer_that_has_pooled_time(model_file: Path, kernels: dict[str, np.ndarray], clip: Path) -> None:
    maps = [pooled_8x8(motion @ kernels["motion"]).max(0) for _, motion in clips_of(clip)]
    found = features(clip, "motion_temporal_pool", model_file, pool=False)
    assert found.features.shape == (1, 1, 4, 6, 5)
    np.testing.assert_allclose(found.features[0, 0], np.mean(maps, axis=0), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layer", ["motion_conv1", "appearance_unfold", "appearance_pool5"])
def test_pooled_is_the_mean_of_unpooled(model_file: Path, clip: Path, layer: str) -> None:
    maps, vectors = (features(clip, layer, model_file, window=1.0, pool=pool).features for pool in (False, True))
    assert vectors.shape == (len(maps), 5)
    middle = tuple(range(1, maps.ndim - 1))
    np.testing.assert_allclose(vectors, maps.mean(middle) if middle else maps, rtol=1e-4, atol=1e-4)


def test_windows_and_their_clips_are_those_of_predict(model_file: Path, clip: Path) -> None:
    answer = load_model(model_file, engine="keras").predict(clip, top_k=3, window=1.0, step=0.6)
    found = features(clip, "logits", model_file, window=1.0, step=0.6)
    assert found.times.tolist() == [[window.start_s, window.end_s] for window in answer.windows]
    powers = np.exp(found.features - found.features.max(1, keepdims=True))
    for scores, window in zip(powers / powers.sum(1, keepdims=True), answer.windows, strict=True):
        by_class = {prediction.index: prediction.score for prediction in window.predictions}
        np.testing.assert_allclose(scores, [by_class[index] for index in range(3)], atol=1e-4)


def test_a_window_is_a_video_of_its_own(model_file: Path, kernels: dict[str, np.ndarray], clip: Path) -> None:
    found = features(clip, "appearance_conv1", model_file, window=1.0)
    for row, first in ((0, 0), (2, 20)):
        maps = [images @ kernels["appearance"] for images, _ in clips_of(clip, first, first + 10)]
        np.testing.assert_allclose(found.features[row], np.mean(maps, axis=(0, 1, 2, 3)), rtol=1e-3, atol=1e-2)
        assert found.clips[row] == len(maps)


@pytest.mark.parametrize("frames", [1, 3])
def test_any_number_of_frames(tmp_path: Path, clip: Path, frames: int) -> None:
    path = tmp_path / "any.keras"
    write_model(path, replace(SPEC, num_frames=frames), time=None)
    found = features(clip, "motion_pool1", path, pool=False)
    assert found.features.shape == (1, frames, 4, 6, 5)


def test_flow_is_computed_only_for_motion(model_file: Path, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_flow(*_: object, **__: object) -> None:
        raise AssertionError("flow was computed")

    whole = features(clip, "appearance_pool5", model_file).features
    monkeypatch.setattr(pass_module, "flow_stream", no_flow)
    np.testing.assert_array_equal(features(clip, "appearance_pool5", model_file).features, whole)
    with pytest.raises(AssertionError, match="flow was computed"):
        features(clip, "motion_pool5", model_file)


def test_an_unknown_layer_gets_near_names(model_file: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load_model(model_file).layer_engine("motion_poll5")
    assert "has no layer 'motion_poll5'; did you mean motion_pool5" in str(caught.value)
    assert f"`actionzoo models show {model_file} --layers`" in str(caught.value)


def test_a_model_that_shares_a_layer_is_refused(tmp_path: Path) -> None:
    import keras

    clips = [keras.Input((3, 32, 48, channels), name=name) for name, channels in (("appearance", 3), ("motion", 8))]
    shared = keras.layers.GlobalAveragePooling3D(name="shared")
    towers = [keras.layers.Dense(3, name=f"logits_{clip.name}")(shared(clip)) for clip in clips]
    save_model(keras.Model(clips, keras.layers.Add(name="logits")(towers)), SPEC, tmp_path / "shared.keras")
    with pytest.raises(ModelError, match="more than once"):
        load_model(tmp_path / "shared.keras").layer_engine("logits_motion")


def test_errors_are_those_of_predict(model_file: Path, clip: Path, tmp_path: Path) -> None:
    model = load_model(model_file)
    (tmp_path / "text.mp4").write_text("not a video")
    with pytest.raises(NotAVideoError):
        model.features(tmp_path / "text.mp4", "logits")
    for lengths in ({"window": 0.0}, {"window": -1.0}, {"step": 1.0}, {"window": 1.0, "step": 0.05}):
        with pytest.raises(ValueError, match=r"step|window"):
            model.features(clip, "logits", **lengths)


def test_one_file_of_several_videos_without_pickles(
    model_file: Path, clip: Path, videos: dict[str, Path], tmp_path: Path
) -> None:
    model = load_model(model_file)
    found = [model.features(video, "motion_pool5", window=1.0) for video in (clip, videos["one"], videos["right"])]
    with open(tmp_path / "f.npz", "wb") as out:
        save_features(out, found)
    with np.load(tmp_path / "f.npz", allow_pickle=False) as data:
        assert set(data) == {"features", "times", "source", "sources", "clips", "model", "layer"}
        assert data["features"].dtype == np.float32
        assert data["sources"].tolist() == [str(clip), str(videos["one"]), str(videos["right"])]
        assert (str(data["model"]), str(data["layer"])) == (str(model_file), "motion_pool5")
        for index, video in enumerate(found):
            rows = data["source"] == index
            np.testing.assert_array_equal(data["features"][rows], video.features)
            np.testing.assert_array_equal(data["times"][rows], video.times)
            np.testing.assert_array_equal(data["clips"][rows], video.clips)
        assert len(data["features"]) == sum(len(video.features) for video in found)
    with pytest.raises(ValueError, match="no features"):
        save_features(io.BytesIO(), [])


def test_a_long_video_keeps_no_clip_behind_its_sum() -> None:
    made: list[weakref.ref[np.ndarray]] = []
    most = 0

    class Map(np.ndarray):
        pass

    def run(clip: Clip) -> Any:
        nonlocal most
        values = np.ones(4, np.float32).view(Map)
        made.append(weakref.ref(values))
        most = max(most, sum(one() is not None for one in made))
        return values

    frames = ((k / 10, np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2, 2), np.float32)) for k in range(600))
    (window,) = sum_windows(cut_clips(frames, CLIP, lambda: 60.0), run, whole=True)
    assert window.clips == len(sampling.clip_centres(600, CLIP)) > 100
    assert window.total.tolist() == [window.clips] * 4
    assert most <= 4
