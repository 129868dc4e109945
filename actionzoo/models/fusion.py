"""Joining two streams: their scores (NIPS'14), their feature maps (CVPR'16)."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

CONV_INITS = {"sum": (1.0, 1.0), "weighted_sum": (0.25, 0.75), "appearance": (1.0, 0.0), "motion": (0.0, 1.0)}
"""Shares of appearance and motion in a fusing convolution before training. `"weighted_sum"` is the papers' default:
the last convolution of a motion stream answers about three times weaker than that of an appearance stream."""


def late_fusion(logits: list[keras.KerasTensor]) -> keras.KerasTensor:
    """Average the towers' scores (Simonyan and Zisserman, NIPS'14)."""
    return layers.Average(name="logits")(logits)


def conv_fusion(appearance: keras.KerasTensor, motion: keras.KerasTensor, init: str) -> keras.KerasTensor:
    """Stack two maps of D channels and mix them by a 1x1 convolution to D (CVPR'16, section 3.1).

    Args:
        appearance: `(batch * time, height, width, D)`.
        motion: of the same shape.
        init: a name of `CONV_INITS`.
    """
    if init not in CONV_INITS:
        raise ValueError(f"Argument `fusion_init` must be one of {list(CONV_INITS)}. Received: fusion_init={init!r}")
    x = layers.Concatenate(name="fusion_concat")([appearance, motion])
    return layers.Conv2D(
        appearance.shape[-1], 1, activation="relu", kernel_initializer=StackedIdentity(*CONV_INITS[init]), name="fusion"
    )(x)


@keras.saving.register_keras_serializable(package="actionzoo")
class StackedIdentity(keras.initializers.Initializer):
    """Kernel `(1, 1, 2*D, D)` that adds two stacked maps of D channels, each with a factor of its own."""

    def __init__(self, appearance: float, motion: float) -> None:
        self.appearance = appearance
        self.motion = motion

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None, **_: Any) -> Any:
        identity = ops.eye(shape[-1], dtype=dtype or "float32")
        return ops.concatenate([self.appearance * identity, self.motion * identity])[None, None]

    def get_config(self) -> dict[str, Any]:
        return {"appearance": self.appearance, "motion": self.motion}
