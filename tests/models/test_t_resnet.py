"""T-ResNet against the formula in numpy (CVPR'17)."""

from __future__ import annotations

import numpy as np
import pytest

from actionzoo.models.resnet import ResNetSpec

from .clips import FACTOR, answer, clip, close, run, small
from .numpy_reference import NumpyStream, randomise


@pytest.mark.parametrize(
    ("depth", "strides", "blocks"), [(18, "caffe", 8), (50, "caffe", 8), (50, "torchvision", 8), (101, "caffe", 8)]
)
def test_residual_blocks_over_time_stand_beside_the_convolution(depth: int, strides: str, blocks: int) -> None:
    model = small(f"t_resnet{depth}", 4, strides=strides)
    randomise(model)
    inputs = clip(1, 4)
    stream = NumpyStream(model, "appearance")
    x = stream.trunk(inputs["appearance"][0] - [123.68, 116.779, 103.939], ResNetSpec(depth, FACTOR, strides))
    close(answer(model, inputs)[0], stream.logits(x.mean(axis=(1, 2)).max(axis=0)), 1e-3)
    assert sum(name.endswith("_temporal_scale") for name in stream.names) == blocks


def test_blocks_are_in_the_first_and_third_unit_of_every_stage() -> None:
    model = small("t_resnet50")
    names = sorted(layer.name for layer in model.layers if layer.name.endswith("_temporal"))
    assert names == [f"appearance_stage{stage}_unit{index}_temporal" for stage in (2, 3, 4, 5) for index in (0, 2)]


def test_fresh_blocks_hardly_change_the_network() -> None:
    model, flat = small("t_resnet50"), small("appearance_resnet50")
    for layer in flat.layers:
        if layer.weights:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    a, b = (run(network, clip(), "appearance_stage5_unit2_relu")[0] for network in (model, flat))
    close(a, b, 1e-2)
    assert np.abs(a - b).max() > 0


def test_both_streams_are_averaged() -> None:
    model = small("t_resnet18", streams="both")
    randomise(model)
    a, m, both = run(model, clip(), "logits_appearance", "logits_motion", "logits")
    close(both, (a + m) / 2)
    motion = small("t_resnet18", streams="motion")
    assert [tensor.name for tensor in motion.inputs] == ["motion"]


def test_filters_that_average_and_difference_by_turns() -> None:
    model = small("t_resnet50", temporal_init="alternating")
    kernels = [layer.get_weights()[0] for layer in model.layers if layer.name.endswith("_temporal")]
    for number, kernel in enumerate(kernels):
        taps = [-1, 3, -1] if number % 2 else [1 / 3, 1 / 3, 1 / 3]
        np.testing.assert_allclose(kernel[:, 0, 0, 0], taps, rtol=1e-6)
