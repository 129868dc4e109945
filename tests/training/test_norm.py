"""Our batch norm learns as Keras' does."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from actionzoo.training.norm import FusedBatchNormalization


def learn(layer: keras.layers.Layer, clips: np.ndarray, wanted: np.ndarray) -> list[np.ndarray]:
    """The output, the gradients of weights and input, and the statistics behind two steps."""
    given = tf.constant(clips)
    for _ in range(2):
        with tf.GradientTape() as tape:
            tape.watch(given)
            output = layer(given, training=True)
            loss = tf.reduce_sum(output * wanted)
        if isinstance(layer, FusedBatchNormalization) and layer.batch is not None:
            layer.move(*layer.batch)
        found = tape.gradient(loss, [weight.value for weight in layer.trainable_weights] + [given])
    return [np.asarray(value) for value in (output, *found, *layer.weights)]


@pytest.mark.parametrize("shape", [(6, 5, 7, 8), (2, 3, 5, 7, 8)])
@pytest.mark.parametrize("options", [{}, {"momentum": 0.5, "epsilon": 0.1}, {"scale": False}])
def test_as_keras(shape: tuple[int, ...], options: dict[str, float]) -> None:
    rng = np.random.default_rng(0)
    clips, wanted = (rng.normal(2, 3, shape).astype(np.float32) for _ in range(2))
    ours, other = FusedBatchNormalization(**options), keras.layers.BatchNormalization(**options)
    for layer in (ours, other):
        layer.build(shape)
        layer.set_weights([rng.uniform(0.5, 1.5, 8) for _ in layer.weights] if layer is ours else ours.get_weights())
    for value, expected in zip(learn(ours, clips, wanted), learn(other, clips, wanted), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ours(clips), other(clips), rtol=1e-5, atol=1e-5)


def test_frozen() -> None:
    layer = FusedBatchNormalization(trainable=False)
    clips = np.random.default_rng(0).normal(5, 1, (4, 3, 3, 2)).astype(np.float32)
    np.testing.assert_allclose(layer(clips, training=True), clips / np.sqrt(1.001), rtol=1e-5)
    assert np.array_equal(layer.moving_mean, [0, 0])
