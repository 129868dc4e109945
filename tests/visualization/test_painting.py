"""Painted clips: what they do to a network, and that slow and fast are."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from actionzoo.errors import ModelError
from actionzoo.inference.model import Model
from actionzoo.models import create_model
from actionzoo.video.sampling import clip_centres, gather_clip
from actionzoo.video.spec import InputSpec
from actionzoo.visualization import Preset, Target, channel_target, class_target, maximize
from actionzoo.visualization.canvas import stack_fields, stacked
from tests.visualization.in_memory import as_model

SPEC = InputSpec(("down", "left", "up"), 32, 48, fps=15.0, num_frames=2, stride=2, stack_length=3, flow="dis")
SIZE = {"height": 32, "width": 48, "channel_factor": 0.125}
QUICK = Preset(steps=60)


DIRECTIONS = np.array([(0, 1), (-1, 0), (0, -1)])
"""Of the flow of each class: u, v."""


@pytest.fixture(scope="module")
def model() -> Model:
    """A network that has learned which way things move, whatever they look like."""
    keras.utils.set_random_seed(0)
    network = create_model("st_resnet18", 3, 2, stack_length=3, temporal_pool="none", dropout=0.0, **SIZE)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.8
    clips, labels = moving(240)
    network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    network.fit(clips, labels, batch_size=16, epochs=6, verbose=0)
    assert network.evaluate(*moving(48, seed=1), verbose=0)[1] > 0.9
    return as_model(network, SPEC)


def moving(count: int, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Random clips: coarse patterns, in front of which a square moves down, to the left or up."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    frames = rng.uniform(0, 255, (count, 2, 4, 6, 3)).repeat(8, 2).repeat(8, 3)
    flow = rng.normal(0, 0.3, (count, 2, 32, 48, 6))
    for place, label in enumerate(labels):
        top, left = rng.integers(0, 16), rng.integers(0, 32)
        flow[place, :, top : top + 16, left : left + 16] += rng.uniform(1, 2.5) * np.tile(DIRECTIONS[label], 3)
    return {"appearance": frames.astype(np.float32), "motion": flow.astype(np.float32)}, labels


def given(appearance: np.ndarray, flow: np.ndarray) -> dict[str, np.ndarray]:
    """A clip as the network takes it, gathered as for a video."""
    clip_spec = SPEC.clip
    (centres,) = clip_centres(clip_spec.span, clip_spec)
    frames = np.zeros((clip_spec.span, *appearance.shape[1:]), np.uint8)
    frames[centres] = appearance
    seen = gather_clip(frames, flow, centres, clip_spec.stack_length)
    return {name: stream[None].astype(np.float32) for name, stream in zip(("appearance", "motion"), seen, strict=True)}


def test_stacks_are_those_of_a_video() -> None:
    times, _ = stack_fields(SPEC)
    flow = np.random.default_rng(0).normal(size=(len(times), 32, 48, 2)).astype(np.float32)
    expected = given(np.zeros((2, 32, 48, 3), np.uint8), flow)["motion"]
    np.testing.assert_array_equal(stacked(flow[None], SPEC), expected)


@pytest.mark.parametrize("layer", ["appearance_stage2_unit1_relu", "motion_stage3_unit1_relu"])
def test_channels_respond_far_more_than_to_other_clips(model: Model, layer: str) -> None:
    targets = [channel_target(model, layer, place) for place in range(4)]
    head = keras.Model(model.network.inputs, model.network.get_layer(layer).output)
    others = head.predict(moving(48, seed=1)[0], verbose=0)
    usual = others.reshape(48, -1, others.shape[-1]).mean(axis=1)
    painted = maximize(model, targets, ["medium"], preset=QUICK)
    better = [
        clip.response > 1.5 * usual[:, clip.target.channel].max()
        and clip.response > 2 * usual[:, clip.target.channel].mean()  # at full size: benchmarks/visualize.py
        for clip in painted
    ]
    assert all(better), [(clip.response, usual[:, clip.target.channel].mean()) for clip in painted]


def test_classes_are_named_also_when_moved(model: Model) -> None:
    for name in SPEC.classes:
        (clip,) = maximize(model, [class_target(model, name)], ["slow"], preset=QUICK)
        assert clip.appearance is not None
        assert clip.flow is not None
        assert clip.probability is not None
        assert clip.probability > 0.95
        clip_now = given(clip.appearance, clip.flow)
        logits = model.network.predict(clip_now, verbose=0)[0]
        assert logits[clip.target.channel] == pytest.approx(clip.response, rel=1e-3)
        shifted = {stream: np.roll(value, 1, axis=3) for stream, value in clip_now.items()}
        assert model.network.predict(shifted, verbose=0)[0].argmax() == clip.target.channel


def test_fast_motion_changes_more_than_slow(model: Model) -> None:
    target = class_target(model, "left")
    slow, medium, fast = maximize(model, [target], ["slow", "medium", "fast"], preset=QUICK)
    change = [float(np.abs(np.diff(clip.flow, axis=0)).mean()) for clip in (slow, medium, fast)]
    assert change[2] > 3 * change[0]
    assert change[2] > change[1] > change[0]


def test_the_same_seed_paints_the_same_clip(model: Model) -> None:
    def paint(seed: int) -> np.ndarray:
        (clip,) = maximize(model, [Target("logits", 0, "down")], preset=Preset(steps=5), seed=seed)
        assert clip.flow is not None
        return clip.flow

    np.testing.assert_array_equal(paint(3), paint(3))
    assert np.abs(paint(3) - paint(4)).max() > 0.01


@pytest.mark.parametrize("stream", ["appearance", "motion"])
def test_one_stream(stream: str) -> None:
    network = create_model(f"{stream}_vgg16", 3, 2, **({"stack_length": 3} if stream == "motion" else {}), **SIZE)
    one = as_model(network, SPEC)
    (clip,) = maximize(one, [class_target(one, "up")], preset=Preset(steps=2))
    assert (clip.appearance is None, clip.flow is None) == (stream == "motion", stream == "appearance")


def test_the_other_stream_is_left_out_where_a_layer_does_not_see_it(model: Model) -> None:
    (clip,) = maximize(model, [channel_target(model, "motion_conv1_relu", 0)], preset=Preset(steps=2))
    assert clip.appearance is None


def test_the_network_stays_as_it_was(model: Model) -> None:
    before = [np.array(weight) for weight in model.network.weights]
    trainable = [layer.trainable for layer in model.network.layers]
    maximize(model, [Target("logits", 1, "left")], preset=Preset(steps=3))
    assert all(np.array_equal(old, new) for old, new in zip(before, model.network.weights, strict=True))
    assert [layer.trainable for layer in model.network.layers] == trainable


def test_what_there_is_not(model: Model) -> None:
    with pytest.raises(ModelError, match="it has no class 'lefd'; did you mean left"):
        class_target(model, "lefd")
    with pytest.raises(ModelError, match="channels 0 to 7, not 8"):
        channel_target(model, "motion_conv1_relu", 8)
    with pytest.raises(ModelError, match="it has no layer 'motion_conv9_relu'; did you mean"):
        channel_target(model, "motion_conv9_relu", 8)
    with pytest.raises(ValueError, match="of one layer"):
        maximize(model, [Target("logits", 0, "a"), Target("motion_conv1_relu", 0, "b")])
    with pytest.raises(ValueError, match="'quick' is not one of the speeds slow, medium, fast"):
        maximize(model, [class_target(model, "left")], ["quick"])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("two_stream_vgg16", {"fusion": "conv"}),
        ("two_stream_vgg16", {"fusion": "bilinear"}),
        ("st_mulnet18", {"temporal_pool": "none"}),
        ("t_resnet18", {"streams": "both"}),
        ("motion_resnet50", {}),
        ("appearance_vgg16", {}),
    ],
)
def test_every_family_can_be_painted(name: str, options: dict[str, str]) -> None:
    spec = InputSpec(("a", "b"), 64, 64, num_frames=2, stride=2, stack_length=3)
    if not name.startswith("appearance"):
        options = options | {"stack_length": 3}
    model = as_model(create_model(name, 2, 2, height=64, width=64, channel_factor=0.0625, **options), spec)
    (clip,) = maximize(model, [class_target(model, "b")], ["fast"], preset=Preset(steps=2))
    assert clip.probability is not None
    assert 0 <= clip.probability <= 1
    assert (clip.appearance is None, clip.flow is None) == (name.startswith("motion"), name.startswith("appearance"))
