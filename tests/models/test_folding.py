"""Folded batch normalisation: fewer operations, the same answers."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from actionzoo.models.folding import fold_batch_norm

from .clips import answer, clip, close, small
from .numpy_reference import randomise


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("st_resnet50", 0),
        ("st_mulnet18", 0),
        ("two_stream_resnet18", 0),
        ("t_resnet50", 8 * 2),
        ("two_stream_vgg16", 0),
    ],
)
def test_answers_stay(name: str, left: int) -> None:
    """T-ResNet keeps its blocks' own batch norms, which come first, and those behind its sums."""
    model = small(name)
    randomise(model)
    folded = fold_batch_norm(model)
    close(answer(folded, clip(2)), answer(model, clip(2)), 1e-4)
    assert sum(isinstance(layer, keras.layers.BatchNormalization) for layer in folded.layers) == left
    assert [layer.name for layer in folded.layers] == [layer.name for layer in model.layers]


@pytest.mark.parametrize("options", [{"scale": False}, {"center": False}, {"scale": False, "center": False}])
def test_batch_norm_without_factor_or_offset(options: dict[str, bool]) -> None:
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.BatchNormalization(**options)(keras.layers.Conv2D(8, 3)(image)))
    randomise(model)
    folded = fold_batch_norm(model)
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    close(np.asarray(folded(x)), np.asarray(model(x)), 1e-5)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in folded.layers)


def test_what_cannot_be_folded_stays() -> None:
    """Read elsewhere too, with an activation, normalised by row. A bias is no hindrance."""
    image = keras.Input((8, 8, 3))
    shared = keras.layers.Conv2D(4, 3, padding="same")(image)
    active = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    biased, by_row = (keras.layers.Conv2D(4, 3, padding="same")(image) for _ in range(2))
    norms = [keras.layers.BatchNormalization(name=f"norm{n}")(x) for n, x in enumerate((shared, active, biased))]
    norms.append(keras.layers.BatchNormalization(axis=1, name="norm3")(by_row))
    model = keras.Model(image, keras.layers.Add()([shared, *norms]))
    randomise(model)
    folded = fold_batch_norm(model)
    kinds = [type(folded.get_layer(f"norm{n}")).__name__ for n in range(4)]
    assert kinds == ["BatchNormalization", "BatchNormalization", "Identity", "BatchNormalization"]
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    close(np.asarray(folded(x)), np.asarray(model(x)), 1e-5)


def test_layers_that_are_called_twice_are_refused() -> None:
    image = keras.Input((8, 8, 3))
    shared = keras.layers.Conv2D(3, 3, padding="same")
    model = keras.Model(image, keras.layers.BatchNormalization()(shared(shared(image))))
    with pytest.raises(ValueError, match="more than once"):
        fold_batch_norm(model)
