"""A stream on its way from frames to scores, step by step, so that two can be walked side by side and joined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import keras
from keras import layers

from actionzoo.models.temporal import FoldTime, UnfoldTime, temporal_pool


@dataclass(frozen=True)
class Step:
    """A few layers of a stream.

    Attributes:
        name: the last of them, without the stream's prefix.
        apply: `(x, stream)` to the output; `stream` is the prefix of the layers' names.
    """

    name: str
    apply: Callable[[keras.KerasTensor, str], keras.KerasTensor]


class Tower:
    """One stream, as far as it has been built.

    Attributes:
        stream: "appearance" or "motion", the prefix of its layers' names.
        x: features of all frames, `(batch * time, height, width, channels)`.
        clip: a tensor `(batch, time, ...)` that tells how many frames belong together.
        finished: takes no more steps; only its classifier is missing, or nothing.
    """

    def __init__(self, stream: str, clip: keras.KerasTensor) -> None:
        """`clip` is the preprocessed input, `(batch, time, height, width, channels)`."""
        self.stream = stream
        self.x: keras.KerasTensor = FoldTime(name=f"{stream}_fold")(clip)
        self.clip = clip
        self.finished = False

    def advance(self, step: Step) -> None:
        """Take a step, unless finished."""
        if not self.finished:
            self.x = step.apply(self.x, self.stream)

    def pool_over_time(self, how: str, stride: int) -> None:
        """Pool five frames, `stride` apart; `how` is "max", "average" or "none"."""
        if not self.finished:
            name = f"{self.stream}_temporal_pool"
            self.x, self.clip = temporal_pool(self.x, self.clip, how, stride, name)

    def scores(self, num_classes: int, over_time: str = "average") -> keras.KerasTensor:
        """The classifier: `logits_<stream>`, `(batch, num_classes)`.

        It is linear, so the mean over places and frames comes before it: the same scores, computed once. `over_time` is
        "average" or "max".
        """
        x = self.x
        if len(x.shape) == 4:
            x = layers.GlobalAveragePooling2D(name=f"{self.stream}_places")(x)
        pooling = layers.GlobalMaxPooling1D if over_time == "max" else layers.GlobalAveragePooling1D
        x = UnfoldTime(name=f"{self.stream}_frames_unfold")([x, self.clip])
        x = pooling(name=f"{self.stream}_frames")(x)
        return layers.Dense(num_classes, dtype="float32", name=f"logits_{self.stream}")(x)
