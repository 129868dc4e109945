"""Every way of joining two streams against its formula in numpy (CVPR'16, section 3.1; NIPS'14)."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from actionzoo.models.fusion import CONV_INITS, FusionKernel, average_towers, join, join_scores
from actionzoo.models.temporal import FoldTime

from .clips import close
from .numpy_reference import relu

RNG = np.random.default_rng(3)
A, B = (RNG.normal(size=(2, 3, 4, 5, 6)).astype(np.float32) for _ in range(2))


def joined(how: str, three_d: bool = False, **options: str) -> tuple[keras.Model, np.ndarray]:
    a, b = keras.Input(A.shape[1:]), keras.Input(B.shape[1:])
    x = join(FoldTime()(a), FoldTime()(b), how, "fusion", clip=a if three_d else None, **options)
    model = keras.Model([a, b], x)
    return model, np.asarray(model([A, B]))


def folded(x: np.ndarray) -> np.ndarray:
    return x.reshape(-1, *x.shape[2:])


def test_sum_max_concat() -> None:
    a, b = folded(A), folded(B)
    close(joined("sum")[1], a + b)
    close(joined("max")[1], np.maximum(a, b))
    np.testing.assert_array_equal(joined("concat")[1], np.concatenate([a, b], axis=-1))


def test_bilinear() -> None:
    """Sum over pixels of outer products, then signed square root and L2 norm."""
    products = np.einsum("bthwc,bthwd->btcd", A, B).reshape(6, 36)
    rooted = np.sign(products) * np.sqrt(np.abs(products))
    close(joined("bilinear")[1], rooted / np.linalg.norm(rooted, axis=-1, keepdims=True), 1e-5)


def test_conv() -> None:
    model, fresh = joined("conv")
    close(fresh, relu(0.25 * folded(A) + 0.75 * folded(B)), 1e-5)
    kernel, bias = RNG.normal(size=(1, 1, 12, 6)), RNG.normal(size=6)
    model.get_layer("fusion").set_weights([kernel, bias])
    expected = relu(np.concatenate([folded(A), folded(B)], axis=-1) @ kernel[0, 0] + bias)
    close(np.asarray(model([A, B])), expected, 1e-5)


def test_conv_over_time() -> None:
    """27 taps around every pixel; a fresh kernel blurs both maps by a Gaussian of sigma 1 (the released network)."""
    stacked = np.pad(np.concatenate([A, B], axis=-1), ((0, 0), (1, 1), (1, 1), (1, 1), (0, 0)))

    def conv3d(kernel: np.ndarray) -> np.ndarray:
        taps = np.ndindex(3, 3, 3)
        return sum(stacked[:, t : t + 3, i : i + 4, j : j + 5] @ kernel[t, i, j] for t, i, j in taps)

    model, fresh = joined("conv", three_d=True)
    gaussian = np.array([0.274069, 0.451863, 0.274069])
    blur = np.einsum("t,i,j->tij", gaussian, gaussian, gaussian)
    halves = np.concatenate([0.25 * np.eye(6), 0.75 * np.eye(6)])
    close(fresh, folded(relu(conv3d(blur[..., None, None] * halves))))
    assert blur[1, 1, 1] == pytest.approx(0.0923, abs=1e-4)

    kernel = RNG.normal(size=(3, 3, 3, 12, 6))
    model.get_layer("fusion").set_weights([kernel, np.arange(6.0)])
    close(np.asarray(model([A, B])), folded(relu(conv3d(kernel) + np.arange(6.0))))


@pytest.mark.parametrize(
    ("init", "appearance", "motion"),
    [("sumAB", 1, 1), ("2sumAB", 0.25, 0.75), ("100sumAB", 0.01, 1), ("netA", 1, 0), ("netB", 0, 1)],
)
def test_identity_starts(init: str, appearance: float, motion: float) -> None:
    kernel = np.asarray(FusionKernel(init)((1, 1, 10, 5)))
    np.testing.assert_allclose(kernel[0, 0], np.concatenate([appearance * np.eye(5), motion * np.eye(5)]), atol=1e-7)


@pytest.mark.parametrize(
    ("init", "identities", "deviations"),
    [
        ("netAclassicNetBdiag", (0, 1), (0.01, 0)),
        ("diagA+Bxavierimproved", (1, 0), (0, "he")),
        ("xavierimproved", (0, 0), ("he", "he")),
        ("xavierimproved_down_scaled", (0, 0), ("he/10", "he/10")),
        ("xavierimprovedB100", (0, 0), ("he", "he*100")),
        ("sum+xavierimprovedB100", (1, 1), ("he", "he*100")),
        ("xavier", (0, 0), ("glorot", "glorot")),
        ("classic", (0, 0), (0.01, 0.01)),
    ],
)
def test_random_starts(init: str, identities: tuple[int, int], deviations: tuple[float | str, float | str]) -> None:
    channels = 256
    he = np.sqrt(2 / channels)
    named = {"he": he, "he/10": he / 10, "he*100": 100 * he, "glorot": np.sqrt(2 / (3 * channels))}
    kernel = np.asarray(FusionKernel(init, seed=1)((1, 1, 2 * channels, channels)))[0, 0]
    halves = kernel[:channels], kernel[channels:]
    for half, identity, deviation in zip(halves, identities, deviations, strict=True):
        noise = half - identity * np.eye(channels)
        assert noise.std() == pytest.approx(named.get(str(deviation), deviation), rel=0.02, abs=1e-6)
        assert abs(noise.mean()) <= 0.02 * max(noise.std(), 1e-6)
    if deviations[0] == deviations[1]:
        assert np.abs(halves[0] - halves[1]).max() > noise.std()
    np.testing.assert_array_equal(kernel, np.asarray(FusionKernel(init, seed=1)((1, 1, 2 * channels, channels)))[0, 0])


def test_uniform_start_and_all_names_are_tested() -> None:
    np.testing.assert_allclose(np.asarray(FusionKernel("uniformly")((1, 1, 8, 4))), 1 / 8)
    np.testing.assert_allclose(np.asarray(FusionKernel("uniformly")((3, 3, 3, 8, 4))), 1 / (27 * 8))
    assert len(CONV_INITS) == 5 + 8 + 1


def scores(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3, (4, 5)).astype(np.float32)


def softmax(x: np.ndarray) -> np.ndarray:
    exponential = np.exp(x - x.max(axis=-1, keepdims=True))
    return exponential / exponential.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("weights", [(1, 1), (1, 2), (0.3, 0.1), (0, 1), (5, 0)])
@pytest.mark.parametrize("average", ["logits", "softmax"])
def test_late_fusion(weights: tuple[float, float], average: str) -> None:
    a, m = keras.Input((5,)), keras.Input((5,))
    model = keras.Model([a, m], average_towers(a, m, weights, average))
    again = keras.Model.from_config(model.get_config())
    shares = np.array(weights) / sum(weights)
    if average == "logits":
        expected = shares[0] * scores(0) + shares[1] * scores(1)
    else:
        expected = np.log(shares[0] * softmax(scores(0)) + shares[1] * softmax(scores(1)))
    close(np.asarray(model([scores(0), scores(1)])), expected, 1e-5)
    close(np.asarray(again([scores(0), scores(1)])), expected, 1e-5)


@pytest.mark.parametrize("how", ["sum", "max", "concat", "conv", "bilinear"])
def test_scores_are_joined_like_maps(how: str) -> None:
    a, m = keras.Input((5,)), keras.Input((5,))
    model = keras.Model([a, m], join_scores(a, m, how))
    got = np.asarray(model([scores(0), scores(1)]))
    if how in ("sum", "max"):
        close(got, {"sum": np.add, "max": np.maximum}[how](scores(0), scores(1)))
        return
    if how == "conv":
        close(got, 0.25 * scores(0) + 0.75 * scores(1))
    features = np.concatenate([scores(0), scores(1)], axis=-1)
    if how == "bilinear":
        features = np.einsum("nc,nd->ncd", scores(0), scores(1)).reshape(4, 25)
        features = np.sign(features) * np.sqrt(np.abs(features))
        features /= np.linalg.norm(features, axis=-1, keepdims=True)
    kernel, bias = RNG.normal(size=(features.shape[-1], 5)), RNG.normal(size=5)
    model.get_layer("logits").set_weights([kernel, bias])
    close(np.asarray(model([scores(0), scores(1)])), features @ kernel + bias)
