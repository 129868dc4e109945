"""The clips of real videos to which a channel responds most."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from actionzoo.data.decoded import Source
from actionzoo.inference.clips import Clip, clips_of
from actionzoo.inference.model import Model
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


def layer_maps(model: Model, layer: str, clips: Sequence[Clip]) -> np.ndarray:
    """What a layer gives for some clips, `(clips, ..., channels)`. Raises ModelError for a layer that there is not."""
    engine, parts = model.layer_engine(layer), []
    for start in range(0, len(clips), BATCH):
        some = clips[start : start + BATCH]
        parts.append(engine(np.stack([clip.appearance for clip in some]), np.stack([clip.motion for clip in some])))
    return np.concatenate(parts)


def layer_responses(model: Model, layer: str, clips: Sequence[Clip]) -> np.ndarray:
    """The mean of each channel of a layer over its places, `(clips, channels)`. Raises ModelError."""
    return _means(layer_maps(model, layer, clips))


def find_top_activations(
    model: Model,
    layer: str,
    channels: Sequence[int],
    source: Source,
    count: int = 6,
    progress: Progress | None = None,
) -> tuple[dict[int, list[TopActivation]], np.ndarray]:
    """The clips of a set to which channels respond most, at most one a video, the strongest first.

    `source` has videos in the format of the model's spec; `progress` is called with the number of videos that are done,
    and of all. Raises ModelError for a layer that there is not; VideoError and DataError for a video.

    Returns:
        At most `count` clips by channel; and the responses of all clips of the set, `(clips, channels of the layer)`.
    """
    top: dict[int, list[tuple[float, int, TopActivation]]] = {channel: [] for channel in channels}
    responses = []
    for index in range(len(source)):
        video = source.read(index)
        clips, centres = list(clips_of(video, model.spec)), clip_centres(len(video.frames), model.spec.clip)
        maps = layer_maps(model, layer, clips)
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
