"""Batches of clips as a tf.data.Dataset: the same clips for a seed, however many machines share them.

Every clip of a training has a place: step s, column c. Which video it is of and every draw of its augmentation depend
on the seed and on that place alone. So a worker makes its own columns of each batch and knows nothing of the others;
and a training that was interrupted goes on with the clips that it would have seen.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actionzoo.data.augment import Augmentation, plain_clip, random_clip
from actionzoo.data.decoded import DecodedVideo, Source
from actionzoo.names import STREAMS
from actionzoo.video.spec import InputSpec

Clip = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class BatchSchedule:
    """Which video each place of a training shows: every epoch all of them once, in an order of its own.

    The last batch of an epoch may be filled up with videos of the same epoch, whose weight is zero: no video is lost
    and none counts twice.

    Attributes:
        videos: how many there are.
        batch_size: columns of a batch.
        seed: of the order.
        shuffled: without it, the order is that of the videos.
    """

    videos: int
    batch_size: int
    seed: int = 0
    shuffled: bool = True

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(self.videos / self.batch_size)

    def place(self, step: int, column: int) -> tuple[int, float]:
        """Index of a video and its share of the batch's loss.

        >>> schedule = BatchSchedule(videos=3, batch_size=2, shuffled=False)
        >>> [schedule.place(step, column) for step in range(2) for column in range(2)]
        [(0, 0.5), (1, 0.5), (2, 1.0), (0, 0.0)]
        """
        epoch, step = divmod(step, self.steps_per_epoch)
        position = step * self.batch_size + column
        real = min(self.batch_size, self.videos - step * self.batch_size)
        share = 1 / real if position < self.videos else 0.0
        return int(self._order(epoch)[position % self.videos]), share

    def _order(self, epoch: int) -> NDArray[np.int64]:
        return _permutation(self.videos, self.seed, epoch) if self.shuffled else np.arange(self.videos)


@functools.lru_cache(maxsize=4)
def _permutation(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng((seed, epoch)).permutation(count)


class ClipDataset:
    """Clips of a source by their places, as a tf.data.Dataset.

    Args:
        source: the videos.
        spec: what the model looks at.
        schedule: which video each place shows.
        augmentation: how far random clips may go; without it, clips are plain ones.
        streams: those that elements have.

    Attributes:
        error: what a video raised that could not be read, as tf.data passes on its text only.
    """

    def __init__(
        self,
        source: Source,
        spec: InputSpec,
        schedule: BatchSchedule,
        augmentation: Augmentation | None = None,
        streams: tuple[str, ...] = STREAMS,
    ) -> None:
        self.source, self.spec, self.schedule = source, spec, schedule
        self.augmentation, self.streams = augmentation, streams
        self.error: BaseException | None = None

    def clip(self, step: int, column: int) -> tuple[Clip, int, float]:
        """The clip at a place, the index of its class, and its share of the loss. Raises VideoError, DataError."""
        index, share = self.schedule.place(step, column)
        return self._draw(self.source.read(index), step, column), self.source.videos[index].class_index, share

    def dataset(self, steps: range, columns: range, batch: int | None = None) -> Any:
        """Some columns of the batches of these steps, in elements of `batch` clips (default: all columns).

        An element is `({"appearance": (batch, time, height, width, 3), "motion": (batch, time, height, width, 2*L)},
        indices of classes (batch,) int32, shares (batch,) float32)`, with the streams that were asked for. Shares add
        up to one over the whole batch of a step.
        """
        import tensorflow as tf

        places = tf.data.Dataset.range(len(steps) * len(columns))

        def locate(place: int) -> tuple[int, int]:
            return steps[int(place) // len(columns)], columns[int(place) % len(columns)]

        @tf.autograph.experimental.do_not_convert  # there is nothing to convert, and it leaves files behind
        def load(place: Any) -> Any:
            kinds = (*[tf.float32] * len(self.streams), tf.int32, tf.float32)
            *clip, class_index, share = tf.numpy_function(lambda number: self._load(*locate(number)), [place], kinds)
            for stream, tensor in zip(self.streams, clip, strict=True):
                tensor.set_shape(self._shape(stream))
            class_index.set_shape(())
            share.set_shape(())
            return dict(zip(self.streams, clip, strict=True)), class_index, share

        clips = places.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return clips.batch(batch or len(columns), drop_remainder=True).prefetch(2)

    def _shape(self, stream: str) -> tuple[int, ...]:
        channels = 3 if stream == "appearance" else 2 * self.spec.stack_length
        return self.spec.num_frames, self.spec.height, self.spec.width, channels

    def _draw(self, decoded: DecodedVideo, step: int, column: int) -> Clip:
        if self.augmentation is None:
            return plain_clip(decoded, self.spec)
        rng = np.random.default_rng((self.schedule.seed, step, column))
        return random_clip(decoded, self.spec, rng, self.augmentation)

    def _load(self, step: int, column: int) -> tuple[Any, ...]:
        try:
            clip, class_index, share = self.clip(step, column)
        except BaseException as error:
            self.error = error
            raise
        both = dict(zip(STREAMS, clip, strict=True))
        return *(both[stream] for stream in self.streams), np.int32(class_index), np.float32(share)
