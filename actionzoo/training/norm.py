"""Batch normalization for training on TensorFlow: few passes over memory, and few messages between machines."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from keras import layers

FUSED = ("float32", "bfloat16", "float16")
"""Dtypes of TensorFlow's fused operation; others are left to Keras."""


class FusedBatchNormalization(layers.BatchNormalization):
    """Keras' layer with the batch's statistics and their gradient computed by one fused operation.

    Input and output `(..., channels)`. Weights, configuration and results are those of Keras' layer over the last axis,
    which a network is saved with. Updating the moving statistics is left to the caller: after a call in training
    `batch` holds the mean and the variance of the batch, for `move`. Keras updates them in the call, where every
    replica has to wait for all others, once for each layer.
    """

    batch: tuple[Any, Any] | None = None

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalize, in training by the statistics of this batch."""
        whole = self.scale and self.center and mask is None and inputs.dtype.name in FUSED
        if not (training and self.trainable and whole):
            return super().call(inputs, training=training, mask=mask)
        rows = tf.reshape(inputs, (-1, 1, 1, inputs.shape[-1]))
        result, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            rows, self.gamma.value, self.beta.value, epsilon=self.epsilon, is_training=True
        )
        count = tf.cast(tf.shape(rows)[0], variance.dtype)
        self.batch = mean, variance * (count - 1) / count  # TensorFlow returns the unbiased one
        return tf.reshape(result, tf.shape(inputs))

    def move(self, mean: Any, variance: Any) -> None:
        """Move the moving statistics towards those of a batch, `(channels,)` each."""
        for own, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            own.assign(own * self.momentum + batch * (1 - self.momentum))
