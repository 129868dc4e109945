"""Prediction, features, evaluation and visualization see the same clips of a video, to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from actionzoo import evaluate, load_model
from actionzoo.data.dataset import LabeledVideo, VideoDataset
from actionzoo.data.decoded import DecodedVideo, VideoSource, decode_video
from actionzoo.evaluation.protocol import Protocol
from actionzoo.inference import Model
from actionzoo.inference.clips import Clip, clips_of, cut_clips
from actionzoo.inference.video_pass import VideoPass
from actionzoo.visualization.top_activations import find_top_activations
from tests.moving import save_two_layers, write_moving


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load_model(save_two_layers(tmp_path_factory.mktemp("model") / "two_layers.keras"), engine="keras")


@pytest.fixture(scope="module", params=[3, 9, 40], ids=["shorter than a clip", "a clip", "many clips"])
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("videos") / "left.mp4"
    write_moving(path, "left", 0, frames=request.param)
    return path


def visualized_clips(
    model: Model, video: DecodedVideo, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[np.ndarray, np.ndarray]]:
    """What the network is shown where the strongest clips of a set with this one video are looked for."""

    class Source:
        def __len__(self) -> int:
            return 1

        def read(self, index: int) -> DecodedVideo:
            return video

    layer, shown = model.network.output_names[0], []
    engine = model.layer_engine(layer)

    def watched(appearance: np.ndarray, motion: np.ndarray) -> np.ndarray:
        shown.extend(zip(appearance, motion, strict=True))
        return engine(appearance, motion)

    with monkeypatch.context() as patch:
        patch.setattr(model, "layer_engine", lambda name: watched)
        find_top_activations(model, layer, [0], Source())
    return shown


def test_clips_are_equal(model: Model, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = VideoPass(str(video), model.spec, model.flow)
    streamed = [each for each in cut_clips(seen, model.spec.clip, seen.duration_s) if isinstance(each, Clip)]
    decoded = decode_video(video, 0, model.spec.video_format)
    others = {
        "stored": [(clip.appearance, clip.motion) for clip in clips_of(decoded, model.spec)],
        "evaluated": list(Protocol(model.spec, "windows", views=1).clips(decoded)),
        "visualized": visualized_clips(model, decoded, monkeypatch),
    }
    for name, clips in others.items():
        assert len(clips) == len(streamed), name
        for one, other in zip(streamed, clips, strict=True):
            np.testing.assert_array_equal(one.appearance, other[0], err_msg=name)
            np.testing.assert_array_equal(one.motion, other[1], err_msg=name)


def test_answers_are_equal(model: Model, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIONZOO_CACHE", str(tmp_path))
    dataset = VideoDataset(model.labels, (LabeledVideo(video, 0),))
    logits = evaluate(model, VideoSource(dataset, model.spec.video_format), protocol="windows").scores.logits["answer"]
    features = model.features(video, model.network.output_names[0], pool=False).features
    np.testing.assert_allclose(features, logits, rtol=1e-5, atol=1e-6)
    scores = {each.index: each.score for each in model.predict(video, top_k=len(model.labels)).predictions}
    powers = np.exp(logits[0] - logits[0].max())
    assert [scores[index] for index in range(len(scores))] == pytest.approx(powers / powers.sum(), abs=1e-6)
