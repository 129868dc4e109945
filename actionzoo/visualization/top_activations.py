"""What drives a channel in real videos: the clips to which it responds most, and its tuning to speed."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from actionzoo.data.decoded import DecodedVideo, Source, decode_video
from actionzoo.evaluation.protocol import Protocol
from actionzoo.evaluation.scores import STREAMS
from actionzoo.models.graph import inputs_of, is_folded, layer_output
from actionzoo.video.sampling import clip_centres
from actionzoo.video.spec import InputSpec

BATCH = 8
PLAYBACK = (0.5, 0.71, 1.0, 1.41, 2.0, 2.83, 4.0)
MAGNITUDES = (0.0, 0.25, 0.5, 0.71, 1.0, 1.41, 2.0, 2.83, 4.0)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class TopActivation:
    """A clip that drives a channel.

    Attributes:
        response: the mean of the channel over its places.
        video: index in the source.
        frame: of the recording, in the middle of the clip.
        place: `(frame of the clip, y, x)` where the channel responds most, y and x in parts of the picture; `None` for
            a channel without places.
        appearance: `(T, height, width, 3)` uint8.
        motion: `(T, height, width, 2L)` float32.
    """

    response: float
    video: int
    frame: int
    place: tuple[int, float, float] | None
    appearance: np.ndarray
    motion: np.ndarray


class LayerActivations:
    """A layer's channels for clips of recordings.

    model: a network of the zoo. record: what it looks at. layer: a name. Raises ModelError for one that there isn't.
    """

    def __init__(self, model: keras.Model, spec: InputSpec, layer: str) -> None:
        output = layer_output(model, layer, model.name)
        self.spec, self.channels = spec, int(output.shape[-1])
        self._head = keras.Model({tensor.name: tensor for tensor in inputs_of(model, output)}, output)
        self._folded = is_folded(model, output)
        self._protocol = Protocol(spec, "windows", views=1)

    def clips(self, decoded: DecodedVideo) -> list[tuple[np.ndarray, np.ndarray]]:
        """The clips of a recording that `predict` would see."""
        return list(self._protocol.clips(decoded))

    def maps(self, clips: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """The layer's values for some clips, `(clips, ..., channels)`, with time unfolded."""
        result = []
        for first in range(0, len(clips), BATCH):
            some = zip(*clips[first : first + BATCH], strict=True)
            given = {name: np.stack(stream).astype(np.float32) for name, stream in zip(STREAMS, some, strict=True)}
            count = len(given["motion"])
            values = np.asarray(self._head.predict_on_batch({name: given[name] for name in self._head.input}))
            result.append(values.reshape(count, -1, *values.shape[1:]) if self._folded else values)
        return np.concatenate(result).astype(np.float32)

    def responses(self, clips: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """The mean of each channel over its places, `(clips, channels)`."""
        values = self.maps(clips)
        return np.asarray(values.reshape(len(clips), -1, values.shape[-1]).mean(axis=1))


def find_drivers(
    responder: LayerActivations,
    source: Source,
    channels: Sequence[int],
    count: int = 6,
    progress: Progress | None = None,
) -> tuple[dict[int, list[TopActivation]], np.ndarray]:
    """The clips of a set that drive channels most, at most one a video, the strongest first.

    Args:
        responder: of the layer.
        source: videos in the form of its spec.
        channels: of the layer.
        count: clips a channel.
        progress: called with the number of videos that are done, and of all.

    Returns:
        The clips by channel; and the responses of all clips of the set, `(clips, channels of the layer)`.

    Raises what `source.read` raises.
    """
    best: dict[int, list[tuple[float, int, TopActivation]]] = {channel: [] for channel in channels}
    every = []
    for index in range(len(source)):
        decoded = source.read(index)
        clips = responder.clips(decoded)
        maps = responder.maps(clips)
        means = maps.reshape(len(clips), -1, maps.shape[-1]).mean(axis=1)
        every.append(means)
        clip_spec = responder.spec.clip
        centres = clip_centres(len(decoded.frames), clip_spec)
        for channel, found in best.items():
            place = int(means[:, channel].argmax())
            value = float(means[place, channel])
            if len(found) == count and value <= found[0][0]:
                continue
            frame = int(centres[place][len(centres[place]) // 2])
            driver = TopActivation(value, index, frame, _place(maps[place][..., channel]), *clips[place])
            (heapq.heappush if len(found) < count else heapq.heappushpop)(found, (value, index, driver))
        if progress is not None:
            progress(index + 1, len(source))
    ordered = {channel: [driver for *_, driver in sorted(found, reverse=True)] for channel, found in best.items()}
    return ordered, np.concatenate(every)


def _place(values: np.ndarray) -> tuple[int, float, float] | None:
    """Where a map `(time, height, width)` is largest."""
    if values.ndim != 3:
        return None
    time, y, x = np.unravel_index(int(values.argmax()), values.shape)
    return int(time), (int(y) + 0.5) / values.shape[1], (int(x) + 0.5) / values.shape[2]


def magnitude_tuning(
    responder: LayerActivations, clip: tuple[np.ndarray, np.ndarray], factors: Sequence[float] = MAGNITUDES
) -> np.ndarray:
    """The channels' responses to a clip whose flow is so many times as long, `(factors, channels)`."""
    appearance, motion = clip
    return responder.responses([(appearance, factor * motion) for factor in factors])


def playback_tuning(responder: LayerActivations, path: Path, factors: Sequence[float] = PLAYBACK) -> np.ndarray:
    """The channels' strongest responses to a video that plays so many times as fast, `(factors, channels)`.

    The video is read anew with fewer frames a second for each factor, and its flow computed between them: nothing is
    scaled. Below 1 it needs a video with more frames a second than the model takes; where there are none, the row is
    not a number.

    Raises VideoError.
    """
    video_format = responder.spec.video_format
    rows = []
    whole = decode_video(path, 0, replace(video_format, fps=1e6))
    native = len(whole.frames)
    for factor in factors:
        decoded = decode_video(path, 0, replace(video_format, fps=video_format.fps / factor))
        if factor < 1 and len(decoded.frames) >= native:
            rows.append(np.full(responder.channels, np.nan, np.float32))
            continue
        rows.append(responder.responses(responder.clips(decoded)).max(axis=0))
    return np.stack(rows)
