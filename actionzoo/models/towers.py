"""A stream from its input to its scores, built step by step, so that two can be built side by side and joined."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import keras
from keras import layers

from actionzoo.models import inputs
from actionzoo.models.temporal import FoldTime, UnfoldTime, temporal_pool


@dataclass(frozen=True)
class Step:
    """A few layers of a stream.

    Attributes:
        name: of the last layer, without the stream's prefix.
        apply: maps `(x, stream)` to the output; `stream` is the prefix of the layers' names.
    """

    name: str
    apply: Callable[[keras.KerasTensor, str], keras.KerasTensor]


class Tower:
    """One stream, as far as it has been built.

    Args:
        stream: `"appearance"` or `"motion"`, the prefix of its layers' names.
        clip: the preprocessed input, `(batch, time, height, width, channels)`.

    Attributes:
        x: features of all frames, `(batch * time, height, width, channels)`.
        clip: a tensor `(batch, time, ...)` that tells the number of frames per clip.
        finished: whether it takes no more steps.
    """

    def __init__(self, stream: str, clip: keras.KerasTensor) -> None:
        self.stream = stream
        self.x: keras.KerasTensor = FoldTime(name=f"{stream}_fold")(clip)
        self.clip = clip
        self.finished = False

    def advance(self, step: Step) -> None:
        """Add the layers of a step, unless finished."""
        if not self.finished:
            self.x = step.apply(self.x, self.stream)

    def pool_over_time(self, how: str, stride: int) -> None:
        """Pool over five frames, see `temporal_pool`, unless finished."""
        if not self.finished:
            name = f"{self.stream}_temporal_pool"
            self.x, self.clip = temporal_pool(self.x, self.clip, how, stride, name)

    def scores(self, num_classes: int, over_time: str = "average") -> keras.KerasTensor:
        """Add the classifier, the layer `logits_<stream>`.

        It is linear, so the mean over pixels and frames is taken before it, with the same result.

        Args:
            num_classes: number of classes.
            over_time: `"average"` or `"max"` of the features over the frames.

        Returns:
            Scores `(batch, num_classes)`.
        """
        x = self.x
        if len(x.shape) == 4:
            x = layers.GlobalAveragePooling2D(name=f"{self.stream}_places")(x)
        pooling = layers.GlobalMaxPooling1D if over_time == "max" else layers.GlobalAveragePooling1D
        x = UnfoldTime(name=f"{self.stream}_frames_unfold")([x, self.clip])
        x = pooling(name=f"{self.stream}_frames")(x)
        return layers.Dense(num_classes, dtype="float32", name=f"logits_{self.stream}")(x)


def start_towers(
    streams: Iterable[str],
    num_frames: int | None,
    height: int | None,
    width: int | None,
    stack_length: int,
    preprocessing: str,
) -> tuple[dict[str, keras.KerasTensor], list[Tower]]:
    """The inputs of `streams` by name, and a tower on the preprocessed input of each. Raises ValueError."""
    clips, towers = {}, []
    for stream in streams:
        if stream == "appearance":
            clips[stream] = inputs.appearance_input(num_frames, height, width)
            clip = inputs.preprocess_appearance(clips[stream], preprocessing)
        else:
            clips[stream] = inputs.motion_input(num_frames, height, width, stack_length)
            clip = inputs.preprocess_motion(clips[stream])
        towers.append(Tower(stream, clip))
    return clips, towers
