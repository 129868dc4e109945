"""How two streams are joined: which layer gives, which layer reads, which tower goes on."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from .clips import CLASSES, TIME, answer, clip, close, run, small
from .numpy_reference import NumpyStream, conv2d, pool_over_time, randomise, relu

LAYERS = ("relu2", "relu3", "relu4", "relu5")


def network(base: str, **options: object) -> keras.Model:
    model = small(f"two_stream_{base}", **options)
    randomise(model)
    return model


@pytest.mark.parametrize("base", ["vgg16", "resnet18"])
def test_late_fusion_is_the_mean_of_the_streams_by_themselves(base: str) -> None:
    model = network(base, fusion="late")
    inputs = clip(2)
    alone = []
    for stream in ("appearance", "motion"):
        single = small(f"{stream}_{base}")
        for layer in single.layers:
            if layer.weights:
                layer.set_weights(model.get_layer(layer.name).get_weights())
        alone.append(answer(single, inputs))
    close(answer(model, inputs), sum(alone) / 2)
    weighted = network(base, fusion="late", tower_weights=(1, 3))
    weighted.set_weights(model.get_weights())
    close(answer(weighted, inputs), (alone[0] + 3 * alone[1]) / 4)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("base", ["vgg16", "resnet18"])
def test_fused_map_goes_on_in_the_appearance_tower_only(base: str, layer: str) -> None:
    """Behind sum fusion the appearance tower has the sum, the motion tower its own map."""
    model = network(base, fusion="sum", fusion_layer=layer)
    late = network(base, fusion="late")
    late.set_weights(model.get_weights())
    inputs = clip()
    step = next(name.name.removeprefix("fusion_") for name in model.layers if name.name.startswith("fusion_"))
    a, m = run(late, inputs, f"appearance_{step}", f"motion_{step}")
    fused, own, motion, both = run(model, inputs, f"fusion_{step}", f"appearance_{step}", "logits_motion", "logits")
    close(own, a)
    close(fused, a + m)
    close(motion, run(late, inputs, "logits_motion")[0])
    close(run(model, inputs, "logits_appearance")[0], scores_from(late, step, a + m))
    close(both, (run(model, inputs, "logits_appearance")[0] + motion) / 2)


def scores_from(model: keras.Model, step: str, features: np.ndarray) -> np.ndarray:
    """The rest of the appearance tower, from the maps behind a step on, in numpy (VGG-16 and ResNet-18)."""
    stream = NumpyStream(model, "appearance")
    if step.startswith("stage"):
        stages = [(stage, index) for stage in (2, 3, 4, 5) for index in (0, 1)]
        for stage, index in stages[stages.index((int(step[5]), int(step[11]))) + 1 :]:
            strides = (2 if index == 0 and stage > 2 else 1, 1)
            features = relu(stream.unit(features, f"stage{stage}_unit{index}", strides))
        return stream.logits(features.mean(axis=(0, 1, 2)))[None]
    for block in range(int(step[4]), 6):
        if block > int(step[4]):
            for index in range(1, 4 if block > 2 else 3):
                kernel, bias = stream.weights(f"conv{block}_{index}")
                features = relu(conv2d(features, kernel, 1, 1) + bias)
        features = features.reshape(*(len(features), features.shape[1] // 2, 2, features.shape[2] // 2, 2, -1))
        features = features.max(axis=(2, 4))
    hidden = features
    for name in ("fc6", "fc7"):
        kernel, bias = stream.weights(name)
        hidden = relu(conv2d(hidden, kernel, 1, 0) + bias)
    return stream.logits(hidden.mean(axis=(0, 1, 2)))[None]


def test_the_final_network_of_the_paper() -> None:
    """3x3x3 fusion at relu5_3 and 2x2xT pooling, both towers kept (CVPR'16, section 3.4)."""
    model = network("vgg16")
    inputs = clip()
    names = ("appearance_relu5_3", "motion_relu5_3", "fusion_relu5_3_relu", "appearance_pool5", "motion_pool5")
    a, m, fused, a_pool, m_pool = run(model, inputs, *names)
    kernel, bias = model.get_layer("fusion_relu5_3").get_weights()
    assert kernel.shape == (3, 3, 3, 2 * a.shape[-1], a.shape[-1])
    stacked = np.pad(np.concatenate([a, m], axis=-1), ((1, 1), (1, 1), (1, 1), (0, 0)))
    taps = [stacked[t : t + 3, i : i + 2, j : j + 2] @ kernel[t, i, j] for t, i, j in np.ndindex(3, 3, 3)]
    close(fused, relu(sum(taps) + bias))
    close(a_pool[0], fused.max(axis=(0, 1, 2), keepdims=True)[0])
    close(m_pool[0], m.max(axis=(0, 1, 2), keepdims=True)[0])
    a_scores, m_scores, both = run(model, inputs, "logits_appearance", "logits_motion", "logits")
    close(both, (a_scores + m_scores) / 2)


def test_pooling_over_time_takes_the_maximum_of_five_frames() -> None:
    model = network("resnet18", time=9, fusion="max", temporal_fusion="pool3d")
    inputs = clip(1, 9)
    fused, pooled = run(model, inputs, "fusion_stage5_unit1_relu", "appearance_temporal_pool")
    close(pooled[0], pool_over_time(fused, 2))
    assert pooled.shape[1] == 3


def test_two_dimensional_pooling_averages_the_scores_of_the_frames() -> None:
    whole, single = network("vgg16", temporal_fusion="pool2d"), small("two_stream_vgg16", 1, temporal_fusion="none")
    single.set_weights(whole.get_weights())
    inputs = clip()
    frames = [answer(single, {name: x[:, t : t + 1] for name, x in inputs.items()}) for t in range(TIME)]
    close(answer(whole, inputs), np.mean(frames, axis=0))


@pytest.mark.parametrize("fusion", ["sum", "max", "concat", "conv", "bilinear"])
def test_one_tower_has_no_motion_layers_behind_the_fusion(fusion: str) -> None:
    both, one = (network("vgg16", fusion=fusion, towers=towers) for towers in ("both", "appearance"))
    names = {layer.name for layer in one.layers}
    assert "motion_relu5_3" in names
    assert not names & {"motion_pool5", "motion_fc6", "logits_motion", "logits"}
    for layer in one.layers:
        if layer.weights:
            layer.set_weights(both.get_layer(layer.name).get_weights())
    close(answer(one, clip()), run(both, clip(), "logits_appearance")[0])


def test_several_layers() -> None:
    """ReLU3 + ReLU5 + FC6 (CVPR'16, table 3): each map is joined with what the layers before have made of it."""
    model = network("vgg16", fusion="sum", fusion_layer=["fc6", "relu5", "relu3"])
    inputs = clip()
    for step in ("relu3_3", "relu5_3", "relu6"):
        own = f"appearance_{step}" if step != "relu6" else "appearance_fc6_dropout"
        motion = f"motion_{step}" if step != "relu6" else "motion_fc6_dropout"
        fused, a, m = run(model, inputs, f"fusion_{step}", own, motion)
        close(fused, a + m)
    late = network("vgg16", fusion="late")
    late.set_weights(model.get_weights())
    close(*(run(one, inputs, "appearance_relu3_3")[0] for one in (model, late)))
    assert np.abs(run(model, inputs, "appearance_relu4_1")[0] - run(late, inputs, "appearance_relu4_1")[0]).max() > 1e-3


def test_layers_and_scores_together() -> None:
    """ReLU5 + FC8 (CVPR'16, table 3)."""
    model = network("resnet18", fusion="conv", fusion_layer=["relu5", "fc8"])
    a, m, joined = run(model, clip(), "logits_appearance", "logits_motion", "logits")
    kernel, bias = model.get_layer("logits").get_weights()
    close(joined, np.concatenate([a, m], axis=-1) @ kernel + bias)
    assert joined.shape == (1, CLASSES)


def test_bilinear_goes_to_the_classifier_at_once() -> None:
    model = network("resnet18", fusion="bilinear", fusion_layer="relu3", towers="appearance")
    inputs = clip()
    a, m = run(model, inputs, "appearance_stage3_unit1_relu", "motion_stage3_unit1_relu")
    products = np.einsum("thwc,thwd->tcd", a, m).reshape(TIME, -1)
    rooted = np.sign(products) * np.sqrt(np.abs(products))
    rooted /= np.linalg.norm(rooted, axis=-1, keepdims=True)
    close(answer(model, inputs)[0], NumpyStream(model, "appearance").logits(rooted.mean(axis=0)))
    assert not any("stage4" in layer.name for layer in model.layers)


@pytest.mark.parametrize(
    ("options", "added"),
    [
        ({"fusion": "sum"}, 0),
        ({"fusion": "conv", "temporal_fusion": "pool2d"}, 2 * 32 * 32 + 32),
        ({}, 27 * 2 * 32**2 + 32),
    ],
)
def test_parameters_that_fusion_adds(options: dict[str, str], added: int) -> None:
    """A sixteenth of VGG-16 has 32 channels in its last convolution."""
    late = network("vgg16", fusion="late").count_params()
    assert network("vgg16", **options).count_params() - late == added
