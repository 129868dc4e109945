"""What `summarise` reads off a graph, against counts by torch, against published numbers and against experiments."""

from __future__ import annotations

import re
from collections.abc import Callable

import keras
import numpy as np
import pytest
from keras import layers

from actionzoo.models import create_model, list_models
from actionzoo.models.fusion import BilinearFusion
from actionzoo.models.registry import BUILDERS
from actionzoo.models.summary import Span, describe, span, summarise
from actionzoo.models.temporal import FoldTime, TemporalConv, UnfoldTime
from actionzoo.names import NETWORKS

from .numpy_reference import randomise

TIME, SIDE = 21, 32


def miniature() -> keras.Model:
    """Everything that costs operations: strides, groups, filters over time, 3-D filters, a classifier."""
    clip = keras.Input((3, 20, 24, 6), name="motion")
    x = FoldTime()(clip)
    x = layers.Conv2D(8, 3, 2, name="strided")(x)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Conv2D(8, 3, padding="same", groups=2, name="grouped")(x)
    x = TemporalConv(8, use_bias=True, name="over_time")([x, clip])
    x = layers.Conv3D(4, 3, padding="same", name="solid")(UnfoldTime()([x, clip]))
    x = layers.GlobalAveragePooling2D()(FoldTime()(x))
    return keras.Model(clip, layers.Dense(7, name="scores")(x))


@pytest.mark.parametrize("name", [*list_models("*_vgg16"), *list_models("*18"), *list_models("*50")])
def test_a_description_names_what_is_there(name: str) -> None:
    """Every network, with its default options: the joins, gates and filters over time that its line speaks of."""
    summary, said = describe(name), NETWORKS[name].description
    kinds = {layer.name: layer.kind for layer in summary.layers}
    inside = [join for join in summary.joins if join != "logits"]
    assert ("two " in said) == (set(summary.inputs) == {"appearance", "motion"})
    assert ("logits" in summary.joins) == ("two " in said)
    if "added to appearance" in said or "multiplied into appearance" in said:
        assert [kinds[join] for join in inside] == ["Add" if "added" in said else "Multiply"] * 4
        assert all(join.startswith("appearance_") for join in inside)
    elif "joined at relu5" in said:
        (join,) = inside
        assert "relu5" in join or ("stage5" in join and "relu" in join)
    else:
        assert not inside
    assert ("over time" in said) <= bool({"TemporalConv", "TemporalPooling", "Conv3D"} & set(kinds.values()))


def test_joins_of_two_streams_that_meet_in_their_scores() -> None:
    assert describe("st_resnet18", connection="none", channel_factor=0.125).joins == ("logits",)
    both = describe("st_resnet18", direction="both", channel_factor=0.125).joins
    assert [join for join in both if join.startswith("motion_")] == [
        f"motion_stage{stage}_connection" for stage in (2, 3, 4, 5)
    ]


def test_flops_are_those_that_torch_counts() -> None:
    torch = pytest.importorskip("torch")
    counter = pytest.importorskip("torch.utils.flop_counter").FlopCounterMode(display=False)
    nn = torch.nn
    with counter:
        x = nn.Conv2d(6, 8, 3, 2)(torch.zeros(3, 6, 20, 24))
        x = nn.Conv2d(8, 8, 3, padding=1, groups=2)(x)
        x = x.swapaxes(0, 1)[None]
        x = nn.Conv3d(8, 8, (3, 1, 1), padding=(1, 0, 0))(x)
        x = nn.Conv3d(8, 4, 3, padding=1)(x)
        nn.Linear(4, 7)(x.mean((3, 4))[0].T)
    assert summarise(miniature()).flops == counter.get_total_flops()


def test_flops_of_bilinear_fusion_are_those_that_torch_counts() -> None:
    torch = pytest.importorskip("torch")
    counter = pytest.importorskip("torch.utils.flop_counter").FlopCounterMode(display=False)
    with counter:
        torch.einsum("nhwc,nhwd->ncd", torch.zeros(2, 4, 5, 6), torch.zeros(2, 4, 5, 6))
    clip = keras.Input((2, 4, 5, 6), name="appearance")
    x = FoldTime()(clip)
    assert summarise(keras.Model(clip, BilinearFusion()([x, x]))).flops == counter.get_total_flops()


@pytest.mark.parametrize(("name", "multiply_adds"), [("appearance_vgg16", 15.47e9), ("appearance_resnet50", 4.09e9)])
def test_flops_of_known_networks(name: str, multiply_adds: float) -> None:
    """Of 1000 classes and one picture of 224 x 224, as torchvision's documentation gives them."""
    options = {"strides": "torchvision"} if "resnet" in name else {}
    assert describe(name, 1000, 1, **options).flops == pytest.approx(2 * multiply_adds, rel=2e-3)


def test_flops_grow_with_the_clip() -> None:
    one, five = (describe("appearance_resnet18", num_frames=frames) for frames in (1, 5))
    scores = 2 * 512 * 101  # once a clip
    assert five.flops - scores == 5 * (one.flops - scores)
    assert (one.num_frames, five.num_frames) == (1, 5)


@pytest.mark.parametrize("name", ["st_resnet50", "two_stream_resnet18"])
def test_parameters_are_the_weights(name: str) -> None:
    model = create_model(name, 7, 5, height=64, width=64, channel_factor=0.0625)
    summary = summarise(model)
    assert summary.parameters == sum(int(np.prod(weight.shape)) for weight in model.weights)
    assert summary.parameters == sum(layer.parameters for layer in summary.layers)


@pytest.mark.parametrize(
    ("name", "frames"),
    [("st_resnet50", 17), ("st_resnet152", 17), ("st_mulnet50", 9), ("st_mulnet101", 9), ("motion_vgg16", 1)],
)
def test_receptive_fields_of_the_papers(name: str, frames: int) -> None:
    assert describe(name).receptive_field == frames


@pytest.mark.parametrize("name", ["st_resnet50", "st_mulnet50", "st_resnet18", "t_resnet50", "two_stream_resnet18"])
def test_every_layer_sees_the_frames_that_move_it(name: str) -> None:
    """One frame of a long clip is changed; the frames of a layer that change are as many as it sees."""
    model = create_model(name, 4, TIME, height=SIDE, width=SIDE, channel_factor=0.0625)
    randomise(model)
    clip = random_clip(model)
    changed = {stream: value.copy() for stream, value in clip.items()}
    for value in changed.values():
        value[0, TIME // 2] += 100
    seen = [layer for layer in summarise(model).layers if layer.uses]
    probe = keras.Model(model.inputs, [model.get_layer(layer.name).output for layer in seen])
    compared = set()
    for layer, before, after in zip(seen, *(probe(given, training=False) for given in (clip, changed)), strict=True):
        shape = [size or 1 for size in layer.shape]
        before, after = np.asarray(before).reshape(shape), np.asarray(after).reshape(shape)
        if layer.shape[1] == TIME and layer.frames is not None:
            moved = (after != before).reshape(TIME, -1).any(axis=1)
            assert np.count_nonzero(moved) == layer.frames, layer
            compared.add(layer.frames)
    assert max(compared) == summarise(model).receptive_field


def test_windows_and_strides_over_time_multiply() -> None:
    """Each place of the output is moved by as many frames of the input as the summary says, by experiment."""
    clip = keras.Input((TIME, 2, 2, 3), name="appearance")
    x = TemporalConv(4, name="filter")([FoldTime()(clip), clip])
    x = layers.AveragePooling3D((3, 1, 1), (2, 1, 1), name="pool")(UnfoldTime()([x, clip]))
    x = TemporalConv(4, name="behind")([FoldTime()(x), x])
    model = keras.Model(clip, x)
    randomise(model)
    frames = np.random.default_rng(0).normal(size=(TIME, TIME, 2, 2, 3)).astype(np.float32)
    frames[:] = frames[0]
    before = np.asarray(model(frames[:1], training=False))
    frames[np.arange(TIME), np.arange(TIME)] += 1  # one changed frame in each clip
    after = np.asarray(model(frames, training=False)).reshape(TIME, *before.shape)
    moved = np.abs(after - before).max(axis=(2, 3, 4)) > 1e-5
    middle = before.shape[0] // 2
    summary = summarise(model)
    assert {layer.name: layer.frames for layer in summary.layers}["behind"] == np.count_nonzero(moved[:, middle])
    assert summary.receptive_field == 3  # pooling ends what the papers count
    assert summary.pooled_field == 5
    assert summary.outputs == {"behind": (None, 10, 2, 2, 4)}


def test_pooling_over_the_clip_sees_the_clip() -> None:
    summary = describe("st_resnet50", height=64, width=64)
    frames = {layer.name: layer.frames for layer in summary.layers}
    assert frames["logits"] is None
    assert frames["appearance_conv1"] == 1
    assert summary.outputs == {"logits": (None, 101)}


@pytest.mark.parametrize("name", ["two_stream_resnet18", "st_resnet18"])
def test_shapes_are_those_of_the_inputs(name: str) -> None:
    summary = summarise(create_model(name, 101, None, height=None, width=None))
    assert summary.inputs == {"appearance": (None, 5, 224, 224, 3), "motion": (None, 5, 224, 224, 20)}
    assert summary.stack_length == 10
    fixed = describe(name)
    assert (fixed.flops, fixed.inputs, fixed.outputs) == (summary.flops, summary.inputs, summary.outputs)


def test_sizes_fill_what_is_open() -> None:
    model = create_model("appearance_resnet18", 3, None, height=None, width=96, channel_factor=0.0625)
    assert summarise(model, 7, 64).inputs == {"appearance": (None, 7, 64, 96, 3)}
    assert summarise(model, 7, 64).stack_length is None
    with pytest.raises(ValueError, match=r"built for width=96.*Received: width=64"):
        summarise(model, width=64)


def test_describing_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras gives variables without a value one when a later scope ends, which would take gigabytes here."""
    made = []
    monkeypatch.setattr(keras.initializers.HeNormal, "__call__", lambda *given, **named: made.append(given))
    describe("motion_resnet18")
    with keras.StatelessScope():
        pass
    assert not made


def test_uses_of_layers() -> None:
    uses = {layer.name: layer.uses for layer in describe("two_stream_resnet18", fusion="late").layers}
    fusable = {name for name, found in uses.items() if "fuse" in found}
    units = {f"{stream}_stage{stage}_unit{i}_relu" for stream in STREAMS for stage in (2, 3, 4, 5) for i in (0, 1)}
    assert fusable == units | {f"{stream}_pool1" for stream in STREAMS} | {f"logits_{stream}" for stream in STREAMS}
    assert uses["appearance_fold"] == uses["motion"] == uses["motion_preprocessing"] == ()
    assert uses["motion_pool5"] == ("features",)
    assert uses["motion_stage3_unit1_conv2_bn"] == ("features", "visualise")


STREAMS = ("appearance", "motion")


@pytest.mark.parametrize("base", ["vgg16", "resnet18"])
def test_two_streams_can_be_joined_wherever_it_says(base: str) -> None:
    """`fusion_layer` takes every place that is called fusable, and names no other in its error message."""
    places = {
        layer.name.removeprefix("motion_")
        for layer in describe(f"motion_{base}").layers
        if "fuse" in layer.uses and layer.name.startswith("motion_")
    }
    with pytest.raises(ValueError, match="fusion_layer") as error:
        create_model(f"two_stream_{base}", 2, 5, fusion_layer="nowhere")
    known = set(re.findall(r"'([a-z]+\d[\w]*)'", str(error.value)))
    assert places <= known
    assert {name for name in known if "_" in name} <= places


def test_span_is_the_formula() -> None:
    assert span(17, 15, 10) == Span(255, 241, 250)
    assert span(1, 15, 10) == Span(15, 1, 10)
    assert span(9, 1).flow_fields == 9
    with pytest.raises(ValueError, match="stride"):
        span(17, 0)


def shared_layer() -> keras.Model:
    one, other = keras.Input((2, 8, 8, 3), name="appearance"), keras.Input((2, 8, 8, 3), name="motion")
    shared = layers.ReLU(name="shared")
    return keras.Model([one, other], layers.Add()([shared(one), shared(other)]))


def shared_output() -> keras.Model:
    clip = keras.Input((2, 8, 8, 3), name="appearance")
    shared = layers.ReLU(name="shared")
    return keras.Model(clip, shared(shared(clip)))


def picture() -> keras.Model:
    image = keras.Input((8, 8, 3), name="image")
    return keras.Model(image, layers.ReLU()(image))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (shared_layer, "more than once"),
        (shared_output, "more than once"),
        (picture, "image"),
        (lambda: "st_resnet50", "functional"),
    ],
)
def test_what_cannot_be_describe(build: Callable[[], keras.Model], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        summarise(build())


def test_the_table_of_names_is_the_registry() -> None:
    assert list(NETWORKS) == list_models()
    assert set(NETWORKS) == set(BUILDERS)
    assert list_models("t_*50") == ["t_resnet50"]


def random_clip(model: keras.Model) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {tensor.name: rng.normal(0, 20, (1, *tensor.shape[1:])).astype(np.float32) for tensor in model.inputs}
