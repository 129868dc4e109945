"""What the training scripts share: batches of random clips, both towers of a network, and their scores of videos."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np

from actionzoo.data.augment import Augmentation, random_clip
from actionzoo.data.decoded import DecodedVideo
from actionzoo.inference.clips import clips_of
from actionzoo.names import STREAMS
from actionzoo.video.spec import InputSpec

Target = Callable[[int], np.ndarray]
Mixture = Sequence[tuple[Sequence[DecodedVideo], int]]
"""Videos, and how many of them go into each batch."""


class Draws(keras.utils.PyDataset):
    """Batches of random clips; batch `i` depends on the seed and on `i` only."""

    def __init__(
        self,
        mixture: Mixture,
        batches: range,
        seed: int,
        *,
        spec: InputSpec,
        target: Target,
        augmentation: Augmentation,
    ) -> None:
        """Prepare to draw.

        Args:
            mixture: the videos of a batch.
            batches: which of the endless batches.
            seed: of every choice.
            spec: what the network looks at.
            target: the scores `(classes,)` that a class index asks for.
            augmentation: how far a draw may go.
        """
        super().__init__(workers=1, max_queue_size=6)
        self.mixture, self.batches, self.seed = mixture, batches, seed
        self.spec, self.target, self.augmentation = spec, target, augmentation

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[dict[str, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        batch = self.batches[index]
        rng = np.random.default_rng((self.seed, batch))
        chosen = [
            videos[self._shuffled(len(videos), batch * share + place)]
            for videos, share in self.mixture
            for place in range(share)
        ]
        clips = [random_clip(decoded, self.spec, rng, self.augmentation) for decoded in chosen]
        inputs = {name: np.stack(stream) for name, stream in zip(STREAMS, zip(*clips, strict=True), strict=True)}
        targets = np.stack([self.target(decoded.class_index) for decoded in chosen])
        return inputs, (targets, targets)

    def _shuffled(self, count: int, position: int) -> int:
        epoch, place = divmod(position, count)
        return int(np.random.default_rng((self.seed, epoch, count)).permutation(count)[place])


def towers(model: keras.Model) -> keras.Model:
    """The same network with the scores of both towers as its outputs."""
    outputs = [model.get_layer(f"logits_{stream}").output for stream in STREAMS]
    return keras.Model(model.inputs, outputs)


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Copy every layer's weights to the layer of the same name."""
    for layer in source.layers:
        target.get_layer(layer.name).set_weights(layer.get_weights())


def scores(network: keras.Model, decoded_videos: Sequence[DecodedVideo], spec: InputSpec) -> np.ndarray:
    """Logits of appearance, motion and both, `(videos, 3, classes)`, averaged over the clips of a video.

    Args:
        network: of `towers`.
        decoded_videos: in the format of the spec.
        spec: what the network looks at.
    """
    rows = []
    for decoded in decoded_videos:
        clips = list(clips_of(decoded, spec))
        inputs = {name: np.stack([getattr(clip, name) for clip in clips]).astype(np.float32) for name in STREAMS}
        a, m = (np.asarray(output).mean(axis=0) for output in network.predict_on_batch(inputs))
        rows.append([a, m, (a + m) / 2])
    return np.array(rows)
