"""What drives channels: the strongest clips of a set, and tuning to speed."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from actionzoo.data.dataset import LabeledVideo, VideoDataset
from actionzoo.data.decoded import VideoSource
from actionzoo.models import create_model
from actionzoo.visualization.top_activations import LayerActivations, find_drivers, magnitude_tuning, playback_tuning
from tests.moving import SPEC, TINY, write_moving


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return create_model("st_resnet18", 2, 2, temporal_pool="none", **TINY)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> VideoSource:
    folder = tmp_path_factory.mktemp("videos")
    for number in range(4):
        write_moving(folder / f"{number}.mp4", ("down", "left")[number % 2], number)
    videos = tuple(LabeledVideo(folder / f"{number}.mp4", number % 2) for number in range(4))
    return VideoSource(VideoDataset(("down", "left"), videos), SPEC.video_format)


def test_the_strongest_clips_are_found(model: keras.Model, source: VideoSource) -> None:
    layer = "motion_stage2_unit0_relu"
    responder = LayerActivations(model, SPEC, layer)
    found, every = find_drivers(responder, source, [0, 2], count=2)
    head = keras.Model(model.inputs, model.get_layer(layer).output)
    for channel, drivers in found.items():
        assert len(drivers) == 2
        assert drivers[0].response >= drivers[1].response
        assert drivers[0].response == pytest.approx(every[:, channel].max())
        assert len({driver.video for driver in drivers}) == 2
        clip = {"appearance": drivers[0].appearance, "motion": drivers[0].motion}
        values = np.asarray(head({name: np.float32(value)[None] for name, value in clip.items()}))
        values = values.reshape(-1, *values.shape[-3:])[..., channel]
        assert values.mean() == pytest.approx(drivers[0].response, rel=1e-4)
        assert drivers[0].place is not None
        time, y, x = drivers[0].place
        assert values[time, int(y * values.shape[1]), int(x * values.shape[2])] == values.max()


def test_tuning_to_the_length_of_the_flow(model: keras.Model, source: VideoSource) -> None:
    responder = LayerActivations(model, SPEC, "motion_conv1_relu")
    appearance, motion = responder.clips(source.read(0))[0]
    curve = magnitude_tuning(responder, (appearance, motion), (0.0, 1.0, 2.0))
    assert curve.shape == (3, responder.channels)
    still, same = (responder.responses([(appearance, motion * factor)])[0] for factor in (0, 1))
    np.testing.assert_allclose(curve[:2], [still, same], rtol=1e-4, atol=1e-5)


def test_a_video_that_plays_faster_has_longer_flow(model: keras.Model, source: VideoSource) -> None:
    responder = LayerActivations(model, SPEC, "motion")
    half, one, two = playback_tuning(responder, source.videos[1].path, (0.5, 1.0, 2.0))
    assert np.isnan(half).all()  # the video has no more frames than the model takes
    assert one[0] < -0.5  # the texture goes to the left
    assert two[0] < 1.5 * one[0]
