"""AdamW on TensorFlow as one operation a weight, which is one pass over memory and a small graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


class FusedAdamW(keras.optimizers.Adam):
    """Keras' AdamW with the same state and the same results, to the rounding of 1 - beta in single precision.

    Keras computes a step in a dozen operations for each weight, and the learning rate anew for each that decays: more
    nodes than the rest of a training step has.
    """

    def __init__(self, learning_rate: Any, decay: float, decayed: Sequence[Any], **kwargs: Any) -> None:
        """`decay` is the factor of the decoupled weight decay of the weights `decayed`; others do not decay."""
        super().__init__(learning_rate, **kwargs)
        self._decay = decay
        self._decayed = {self._var_key(weight) for weight in decayed}
        self._powers: tuple[Any, Any] = (self.beta_1, self.beta_2)

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Update weights by their gradients."""
        step = tf.cast(self.iterations + 1, tf.float32)
        self._powers = tf.pow(self.beta_1, step), tf.pow(self.beta_2, step)
        super().apply(grads, trainable_variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one weight, within the update of its replica."""
        kind, index = variable.dtype, self._get_variable_index(variable)
        rate = tf.cast(learning_rate, kind)
        if self._decay and self._var_key(variable) in self._decayed:
            variable.assign_sub(variable * (self._decay * rate))
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.cast(self._powers[0], kind),
            beta2_power=tf.cast(self._powers[1], kind),
            lr=rate,
            beta1=tf.constant(self.beta_1, kind),
            beta2=tf.constant(self.beta_2, kind),
            epsilon=tf.constant(self.epsilon, kind),
            grad=tf.cast(gradient, kind),
        )
