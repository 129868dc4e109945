"""Batch normalisation for training on TensorFlow: few passes over memory, and few messages between machines."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from keras import layers

FUSED = ("float32", "bfloat16", "float16")
"""What TensorFlow's operation takes; others go Keras' way."""


class FusedBatchNormalization(layers.BatchNormalization):  # type: ignore[misc]
    """Keras' layer, which computes a batch's statistics and its gradient in a dozen passes over memory, in a few.

    Input and output `(..., channels)`. Weights, configuration and numbers are those of Keras' layer over the last axis;
    a network is saved with that. One thing is left to who trains: after a call in training `batch` holds the mean and
    the variance of the batch, and `move` takes them into the layer's own. Keras moves these in the call, where each
    replica has to hear from all others first, for every layer anew.
    """

    batch: tuple[Any, Any] | None = None

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise, by the statistics of this batch where it trains."""
        whole = self.scale and self.center and mask is None and inputs.dtype.name in FUSED
        if not (training and self.trainable and whole):
            return super().call(inputs, training=training, mask=mask)
        rows = tf.reshape(inputs, (-1, 1, 1, inputs.shape[-1]))
        result, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            rows, self.gamma.value, self.beta.value, epsilon=self.epsilon, is_training=True
        )
        count = tf.cast(tf.shape(rows)[0], variance.dtype)
        self.batch = mean, variance * (count - 1) / count  # TensorFlow tells that of the population
        return tf.reshape(result, tf.shape(inputs))

    def move(self, mean: Any, variance: Any) -> None:
        """Move the layer's statistics towards those of a batch, `(channels,)` each."""
        for own, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            own.assign(own * self.momentum + batch * (1 - self.momentum))
