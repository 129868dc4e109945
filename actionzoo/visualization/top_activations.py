"""The clips of real videos to which a channel responds most."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from actionzoo.data.decoded import DecodedVideo, Source
from actionzoo.inference.clips import Clip, clips_of
from actionzoo.inference.model import Model
from actionzoo.models.graph import layer_output
from actionzoo.video.sampling import clip_centres

BATCH = 8
"""At most so many clips are run through a network at once."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class TopActivation:
    """A clip to which a channel responds strongly.

    Attributes:
        response: the mean of the channel over its places.
        video: index in the source.
        frame: of the video, in the middle of the clip.
        place: `(frame of the clip, y, x)` where the channel responds most, y and x in parts of the picture; `None` for
            a channel without places.
        clip: what the network saw.
    """

    response: float
    video: int
    frame: int
    place: tuple[int, float, float] | None
    clip: Clip


class LayerActivations:
    """What a layer of a network gives for clips of videos.

    Args:
        model: a network of the zoo.
        layer: its name.

    Attributes:
        spec: what the model looks at.
        num_channels: of the layer.

    Raises:
        ModelError: there is no such layer.
    """

    def __init__(self, model: Model, layer: str) -> None:
        self.spec = model.spec
        self.num_channels = int(layer_output(model.network, layer, model.name).shape[-1])
        self._layer = model.layer_engine(layer)

    def clips(self, video: DecodedVideo) -> list[Clip]:
        """The clips of a video that `predict` would see."""
        return list(clips_of(video, self.spec))

    def maps(self, clips: Sequence[Clip]) -> np.ndarray:
        """The layer's values for some clips, `(clips, ..., channels)`."""
        parts = []
        for start in range(0, len(clips), BATCH):
            some = clips[start : start + BATCH]
            appearance, motion = [clip.appearance for clip in some], [clip.motion for clip in some]
            parts.append(self._layer(np.stack(appearance), np.stack(motion)))
        return np.concatenate(parts)

    def responses(self, clips: Sequence[Clip]) -> np.ndarray:
        """The mean of each channel over its places, `(clips, channels)`."""
        return _means(self.maps(clips))


def find_top_activations(
    activations: LayerActivations,
    source: Source,
    channels: Sequence[int],
    count: int = 6,
    progress: Progress | None = None,
) -> tuple[dict[int, list[TopActivation]], np.ndarray]:
    """The clips of a set to which channels respond most, at most one a video, the strongest first.

    Args:
        activations: of the layer.
        source: videos in the format of its model.
        channels: of the layer.
        count: clips a channel.
        progress: called with the number of videos that are done, and of all.

    Returns:
        The clips by channel; and the responses of all clips of the set, `(clips, channels of the layer)`.

    Raises:
        VideoError, DataError: a video cannot be read.
    """
    top: dict[int, list[tuple[float, int, TopActivation]]] = {channel: [] for channel in channels}
    responses = []
    for index in range(len(source)):
        video = source.read(index)
        clips, centres = activations.clips(video), clip_centres(len(video.frames), activations.spec.clip)
        maps = activations.maps(clips)
        means = _means(maps)
        responses.append(means)
        for channel, found in top.items():
            best = int(means[:, channel].argmax())
            value = float(means[best, channel])
            if len(found) == count and value <= found[0][0]:
                continue
            frame = int(centres[best][len(centres[best]) // 2])
            activation = TopActivation(value, index, frame, _place(maps[best][..., channel]), clips[best])
            (heapq.heappush if len(found) < count else heapq.heappushpop)(found, (value, index, activation))
        if progress is not None:
            progress(index + 1, len(source))
    strongest = {channel: [each for *_, each in sorted(found, reverse=True)] for channel, found in top.items()}
    return strongest, np.concatenate(responses)


def _means(maps: np.ndarray) -> np.ndarray:
    return np.asarray(maps.reshape(len(maps), -1, maps.shape[-1]).mean(axis=1))


def _place(values: np.ndarray) -> tuple[int, float, float] | None:
    """Where a map `(time, height, width)` is largest."""
    if values.ndim != 3:
        return None
    time, y, x = np.unravel_index(int(values.argmax()), values.shape)
    return int(time), (int(y) + 0.5) / values.shape[1], (int(x) + 0.5) / values.shape[2]
