"""Arrays into weights: all of them, or none and an error that names the first."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from actionzoo.errors import WeightsError
from actionzoo.hub.loading import LoadReport, load_arrays, named_weights


@pytest.fixture
def model() -> keras.Model:
    x = keras.Input((4, 4, 3))
    y = keras.layers.Conv2D(2, 3, use_bias=False, name="conv1")(x)
    y = keras.layers.BatchNormalization(name="conv1_bn")(y)
    y = keras.layers.Dropout(0.5, seed=1)(y)
    y = keras.layers.Dense(5, name="logits")(y)
    return keras.Model(x, y, name="small")


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    shapes = {"conv1/kernel": (3, 3, 3, 2)}
    shapes |= {f"conv1_bn/{name}": (2,) for name in ("gamma", "beta", "moving_mean", "moving_variance")}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def values(model: keras.Model) -> dict[str, np.ndarray]:
    return {name: np.array(weight) for name, weight in named_weights(model).items()}


def test_what_is_loaded_and_what_is_new(model: keras.Model, arrays: dict[str, np.ndarray]) -> None:
    before = values(model)
    backwards = dict(reversed(arrays.items()))
    report = load_arrays(model, backwards, new=["logits/*"], unused=["fc.weight"], source="x.bin")
    assert report == LoadReport(tuple(arrays), ("logits/kernel", "logits/bias"), ("fc.weight",))
    after = values(model)
    for name, array in (before | arrays).items():
        np.testing.assert_array_equal(after[name], array)


def changed(arrays: dict[str, np.ndarray], problem: str) -> dict[str, np.ndarray]:
    """The arrays with the last one damaged, so that a loader that goes one by one would have set the others."""
    name = list(arrays)[-1]
    arrays = dict(arrays)
    if problem == "missing":
        del arrays[name]
    elif problem == "extra":
        arrays["conv2/kernel"] = np.zeros(2, np.float32)
    elif problem == "shape":
        arrays[name] = np.zeros((1, 2), np.float32)
    elif problem == "too large":
        arrays[name] = np.array([1.0, 1e300])
    else:
        arrays[name] = np.array([1.0, float(problem)], np.float32)
    return arrays


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        ("missing", "x.bin lacks conv1_bn/moving_variance of small"),
        ("extra", "x.bin has conv2/kernel, small has not"),
        ("shape", r"x.bin: wrong shape of conv1_bn/moving_variance \(1, 2\) instead of \(2,\)"),
        ("nan", "x.bin: non-finite numbers in conv1_bn/moving_variance"),
        ("inf", "non-finite numbers in conv1_bn/moving_variance"),
        ("too large", "non-finite numbers in conv1_bn/moving_variance"),
    ],
)
def test_nothing_is_set_unless_all_fits(
    model: keras.Model, arrays: dict[str, np.ndarray], problem: str, says: str
) -> None:
    before = values(model)
    with pytest.raises(WeightsError, match=says) as caught:
        load_arrays(model, changed(arrays, problem), new=["logits/*"], source="x.bin")
    assert "\n" not in str(caught.value)
    for name, array in values(model).items():
        np.testing.assert_array_equal(array, before[name])


def test_an_error_names_a_few_and_counts_the_rest(model: keras.Model) -> None:
    with pytest.raises(WeightsError, match="conv1/kernel, conv1_bn/gamma, conv1_bn/beta and 2 more of small"):
        load_arrays(model, {}, new=["logits/*"], source="x.bin")
