"""The strongest clips of a set, and tuning to speed."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from actionzoo.data.dataset import LabeledVideo, VideoDataset
from actionzoo.data.decoded import VideoSource
from actionzoo.inference.clips import clips_of
from actionzoo.inference.model import Model
from actionzoo.models import create_model
from actionzoo.visualization.top_activations import find_top_activations, layer_responses
from actionzoo.visualization.tuning import magnitude_tuning, playback_tuning
from tests.moving import SPEC, TINY, write_moving
from tests.visualization.in_memory import as_model


@pytest.fixture(scope="module")
def model() -> Model:
    return as_model(create_model("st_resnet18", 2, 2, temporal_pool="none", **TINY), SPEC)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> VideoSource:
    folder = tmp_path_factory.mktemp("videos")
    for number in range(4):
        write_moving(folder / f"{number}.mp4", ("down", "left")[number % 2], number)
    videos = tuple(LabeledVideo(folder / f"{number}.mp4", number % 2) for number in range(4))
    return VideoSource(VideoDataset(("down", "left"), videos), SPEC.video_format)


def test_the_strongest_clips_are_found(model: Model, source: VideoSource) -> None:
    layer = "motion_stage2_unit0_relu"
    found, every = find_top_activations(model, layer, [0, 2], source, count=2)
    head = keras.Model(model.network.inputs, model.network.get_layer(layer).output)
    for channel, top in found.items():
        assert len(top) == 2
        assert top[0].response >= top[1].response
        assert top[0].response == pytest.approx(every[:, channel].max())
        assert len({each.video for each in top}) == 2
        clip = {"appearance": top[0].clip.appearance, "motion": top[0].clip.motion}
        values = np.asarray(head({name: np.float32(value)[None] for name, value in clip.items()}))
        values = values.reshape(-1, *values.shape[-3:])[..., channel]
        assert values.mean() == pytest.approx(top[0].response, rel=1e-4)
        assert top[0].place is not None
        time, y, x = top[0].place
        assert values[time, int(y * values.shape[1]), int(x * values.shape[2])] == values.max()


def test_tuning_to_the_length_of_the_flow(model: Model, source: VideoSource) -> None:
    layer, clip = "motion_conv1_relu", next(clips_of(source.read(0), SPEC))
    curve = magnitude_tuning(model, layer, clip, (0.0, 1.0, 2.0))
    assert curve.shape == (3, model.network.get_layer(layer).output.shape[-1])
    still, same = (layer_responses(model, layer, [replace(clip, motion=clip.motion * factor)])[0] for factor in (0, 1))
    np.testing.assert_allclose(curve[:2], [still, same], rtol=1e-4, atol=1e-5)


def test_a_video_that_plays_faster_has_longer_flow(model: Model, source: VideoSource) -> None:
    half, one, two = playback_tuning(model, "motion", source.videos[1].path, (0.5, 1.0, 2.0))
    assert np.isnan(half).all()  # the video has no more frames than the model takes
    assert one[0] < -0.5  # the texture goes to the left
    assert two[0] < 1.5 * one[0]
