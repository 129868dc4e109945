"""ST-ResNet and ST-MulNet: the wiring of the papers and their ablations, against the formulas in numpy."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest

from actionzoo.models import create_model
from actionzoo.models.resnet import ResNetSpec

from .clips import CLASSES, FACTOR, answer, clip, close, run, small
from .numpy_reference import NumpyStream, pool_over_time, randomise, relu, strides_of

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
GATES = {"add": np.add, "multiply": np.multiply}


def expected_scores(
    model: keras.Model,
    inputs: dict[str, np.ndarray],
    spec: ResNetSpec,
    gate: str,
    connection: str,
    direction: str,
    pool_stride: int,
) -> list[np.ndarray]:
    """Scores of both towers of the first clip. `x` are sums before their ReLU."""
    streams = {name: NumpyStream(model, name) for name in ("appearance", "motion")}
    to_appearance, to_motion = direction != "appearance_to_motion", direction != "motion_to_appearance"
    a = streams["appearance"].stem((inputs["appearance"][0] / 255 - MEAN) / STD)
    m = streams["motion"].stem(inputs["motion"][0] * 6.375)
    a_sum, m_sum = a, m
    for stage, index in spec.units():
        name, strides = f"stage{stage}_unit{index}", strides_of(spec, stage, index)
        a_in, m_in, a_branch, m_branch = a, m, None, None
        if index == 1 and connection != "none":
            a_own, m_own = (a, m) if connection == "direct" else (a_sum, m_sum)
            a_branch = GATES[gate](a_own, m) if to_appearance else None
            m_branch = GATES[gate](m_own, a) if to_motion else None
            if connection == "direct":
                a_in = a if a_branch is None else a_branch
                m_in = m if m_branch is None else m_branch
        a_sum = streams["appearance"].unit(a_in, name, strides, a_branch)
        m_sum = streams["motion"].unit(m_in, name, strides, m_branch)
        a, m = relu(a_sum), relu(m_sum)
    return [
        streams[name].logits(pool_over_time(x, pool_stride).mean(axis=(0, 1, 2)))
        for name, x in (("appearance", a), ("motion", m))
    ]


def check(model: keras.Model, inputs: dict[str, np.ndarray], expected: list[np.ndarray]) -> None:
    got = run(model, inputs, "logits_appearance", "logits_motion", "logits")
    for one, other in zip(got, [*expected, sum(expected) / 2], strict=True):
        close(one[0], other, 1e-3)


@pytest.mark.parametrize(("name", "gate", "pool_stride"), [("st_resnet", "add", 2), ("st_mulnet", "multiply", 1)])
@pytest.mark.parametrize("depth", [18, 50, pytest.param(101, marks=pytest.mark.slow)])
def test_the_papers_networks(name: str, gate: str, pool_stride: int, depth: int) -> None:
    model = small(f"{name}{depth}", 7, preprocessing="torchvision")
    randomise(model)
    inputs = clip(1, 7)
    spec = ResNetSpec(depth, FACTOR)
    check(model, inputs, expected_scores(model, inputs, spec, gate, "residual", "motion_to_appearance", pool_stride))


@pytest.mark.parametrize(
    ("gate", "connection", "direction"),
    list(itertools.product(GATES, ("residual", "direct"), ("motion_to_appearance", "appearance_to_motion", "both"))),
)
def test_the_papers_ablations(gate: str, connection: str, direction: str) -> None:
    """Each is one argument."""
    options = {"gate": gate, "connection": connection, "direction": direction}
    model = small("st_mulnet18", 3, preprocessing="torchvision", **options)
    randomise(model)
    inputs = clip(1, 3)
    check(model, inputs, expected_scores(model, inputs, ResNetSpec(18, FACTOR), gate, connection, direction, 1))


@pytest.mark.parametrize("how", ["max", "average", "none"])
def test_pooling_over_time(how: str) -> None:
    model = small("st_resnet18", 9, temporal_pool=how)
    inputs = clip(1, 9)
    (features,) = run(model, inputs, "motion_stage5_unit1_relu")
    windows = [features[start : start + 5] for start in (0, 2, 4)]
    pooled = {"max": [w.max(axis=0) for w in windows], "average": [w.mean(axis=0) for w in windows], "none": features}
    expected = NumpyStream(model, "motion").logits(np.mean(pooled[how], axis=(0, 1, 2)))
    close(run(model, inputs, "logits_motion")[0][0], expected)


def test_without_connection_appearance_never_sees_motion() -> None:
    model = small("st_resnet18", connection="none")
    inputs = clip()
    before = run(model, inputs, "logits_appearance", "logits_motion")
    after = run(model, inputs | {"motion": inputs["motion"] + 1}, "logits_appearance", "logits_motion")
    np.testing.assert_array_equal(before[0], after[0])
    assert np.abs(before[1] - after[1]).max() > 1e-3


@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("name", ["st_resnet", "st_mulnet"])
def test_a_repeated_frame_gives_the_answer_of_the_two_dimensional_network(name: str, depth: int) -> None:
    """Filters that start as `centre` change nothing: the scores of a still clip are those of its frame, by two
    ordinary ResNets with the same 1x1 kernels."""
    over_time = small(f"{name}{depth}", 5, temporal_init="centre", connection="none")
    inputs = {stream: np.repeat(x[:, :1], 5, axis=1) for stream, x in clip().items()}
    for stream in ("appearance", "motion"):
        flat = small(f"{stream}_resnet{depth}", 1)
        for layer in flat.layers:
            if layer.weights:
                weights = over_time.get_layer(layer.name).get_weights()
                if weights[0].shape[:2] == (3, 1):
                    weights[0] = weights[0][1:2]  # the tap of the frame itself
                layer.set_weights(weights)
        frame = {key: x[:, :1] for key, x in inputs.items()}
        np.testing.assert_allclose(
            run(over_time, inputs, f"logits_{stream}")[0], answer(flat, frame), rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize("name", ["st_resnet50", "st_mulnet50"])
def test_a_repeated_frame_gives_the_answer_of_one_frame(name: str) -> None:
    """With the streams connected."""
    single = small(name, 1, temporal_init="centre")
    randomise(single)
    keep = {layer.name: layer.get_weights() for layer in single.layers if layer.weights}
    for weights in keep.values():
        if weights[0].shape[:2] == (3, 1):
            weights[0] *= np.array([0, 1, 0])[:, None, None, None]
    frame = clip(1, 1)
    repeated = {stream: np.repeat(x, 5, axis=1) for stream, x in frame.items()}
    over_time = small(name, 5, temporal_init="centre")
    for model in (single, over_time):
        for layer_name, weights in keep.items():
            model.get_layer(layer_name).set_weights(weights)
    close(answer(over_time, repeated), answer(single, frame), 1e-5)


def test_every_inflated_filter_draws_its_own_numbers() -> None:
    model = small("st_resnet50")
    kernels = [
        layer.get_weights()[0][1].ravel()
        for layer in model.layers
        if "stage3_unit1_conv" in layer.name and layer.weights and layer.get_weights()[0].shape[:2] == (3, 1)
    ]
    assert len(kernels) == 4
    for one, other in itertools.combinations(kernels, 2):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.2


@pytest.mark.parametrize("connection", ["direct", "residual"])
def test_zero_motion_under_add_gives_the_appearance_network(connection: str) -> None:
    """Under a residual connection the branch still reads the sum before its ReLU: the papers' wiring (section 3.1)."""
    joined = small("st_resnet50", 5, connection=connection, temporal_init="centre")
    randomise(joined)
    for layer in joined.layers:
        if layer.name.startswith("motion_") and layer.weights:
            layer.set_weights([np.zeros(weight.shape) for weight in layer.weights])
    inputs = clip(1, 5)
    spec = ResNetSpec(50, FACTOR)
    stream = NumpyStream(joined, "appearance")
    x = stream.stem(inputs["appearance"][0] - [123.68, 116.779, 103.939])
    x_sum = x
    for stage, index in spec.units():
        branch = x_sum if index == 1 and connection == "residual" else None
        x_sum = stream.unit(x, f"stage{stage}_unit{index}", strides_of(spec, stage, index), branch)
        x = relu(x_sum)
    expected = stream.logits(pool_over_time(x, 2).mean(axis=(0, 1, 2)))
    close(run(joined, inputs, "logits_appearance")[0][0], expected, 1e-3)
    if connection == "direct":
        alone = small("st_resnet50", 5, connection="none", temporal_init="centre")
        alone.set_weights(joined.get_weights())
        close(*(run(model, inputs, "logits_appearance")[0] for model in (joined, alone)))


@pytest.mark.parametrize(("name", "added"), [("st_resnet50", 5_570_560), ("st_mulnet50", 1_045_440)])
def test_parameters_that_time_adds_to_a_stream(name: str, added: int) -> None:
    flat = sum(create_model(f"{stream}_resnet50", CLASSES, 1).count_params() for stream in ("appearance", "motion"))
    model = create_model(name, CLASSES, 5)
    assert model.count_params() - flat == 2 * added
    filters = [layer for layer in model.layers if getattr(layer, "kernel_size", None) == (3, 1)]
    assert len(filters) == {"st_resnet50": 16, "st_mulnet50": 8}[name]


@pytest.mark.parametrize("depth", [50, 101, 152])
def test_the_second_unit_of_every_stage_is_connected(depth: int) -> None:
    """Whatever the papers' code calls it: res3b at depth 50, res3b1 at 101 and 152."""
    model = small(f"st_resnet{depth}")
    for stage in (2, 3, 4, 5):
        reads = model.get_layer(f"appearance_stage{stage}_connection").input
        sources = [
            model.get_layer(name).output
            for name in (f"appearance_stage{stage}_unit0_sum", f"motion_stage{stage}_unit0_relu")
        ]
        assert [tensor is source for tensor, source in zip(reads, sources, strict=True)] == [True, True]
        branch = model.get_layer(f"appearance_stage{stage}_unit1_conv1").input[0]
        assert branch is model.get_layer(f"appearance_stage{stage}_connection").output
        shortcut = model.get_layer(f"appearance_stage{stage}_unit1_sum").input[0]
        assert shortcut is model.get_layer(f"appearance_stage{stage}_unit0_relu").output


def test_filters_of_either_kind_in_either_network() -> None:
    injected = small("st_resnet50", temporal_filters="injected")
    assert injected.get_layer("motion_stage4_unit1_temporal").use_bias
    inflated = small("st_mulnet50", temporal_filters="inflated", temporal_init="difference")
    kernel = inflated.get_layer("motion_stage4_unit1_conv3").get_weights()[0]
    np.testing.assert_allclose(kernel[0], -kernel[1] / 3, rtol=1e-5)
    with pytest.raises(ValueError, match="no 1x1"):
        small("st_resnet18", temporal_filters="inflated")
