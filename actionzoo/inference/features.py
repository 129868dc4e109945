"""Features: what a layer of a model computes about clips, for training a classifier on or for finding similar videos.

A video is brought to the network exactly as in `Predictor.predict`: the same frames, flow, clips and windows. The
network ends at the layer, and what the layer does not depend on is not run: one of the appearance stream alone computes
no flow.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from actionzoo.errors import ModelError, source_name
from actionzoo.hub.keras_models import load_keras
from actionzoo.hub.resolve import resolve_model
from actionzoo.inference.engines import check_scores
from actionzoo.inference.sources import Video, as_source
from actionzoo.inference.watcher import Progress, Watcher

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Features:
    """The features of one video, a row for each window.

    features: `(rows, channels)` float32, or `(rows, ...)` with the layer's own axes where they were not pooled.
    times: `(rows, 2)` float64, where each window starts and ends, in seconds. clips: `(rows,)` int64, how many clips a
    row is the mean of. warnings: what is wrong with the video, where only a part of it could be decoded.
    """

    source: str
    model: str
    layer: str
    features: npt.NDArray[np.float32]
    times: npt.NDArray[np.float64]
    clips: npt.NDArray[np.int64]
    warnings: tuple[str, ...] = ()


class FeatureExtractor:
    """Loads a model once, cuts it at a layer, and gives the features of many videos.

    layer: the name of any layer. model: a catalog name, a `.keras` file, a run folder, or `hf://user/repo[@revision]`.
    pool: average over time, height and width, so that a clip is one vector `(channels,)`. Otherwise a clip is the
    layer's map as it is: `(time, height, width, channels)` in a stream, also where the stream folds its frames into the
    batch; a layer that has pooled an axis lacks it.
    offline: never use the network for the model.

    Runs on Keras, in the precision of the model's layers. The record's mirrored view is left out.

    Raises ModelNotFoundError, WeightsError, OfflineError, or ModelError, which tells the nearest names for a layer that
    there isn't.
    """

    def __init__(
        self, layer: str, model: str | os.PathLike[str] = "mini", *, pool: bool = True, offline: bool = False
    ) -> None:
        files = resolve_model(model, offline=offline)
        self.model, self.layer, self.pool = files.name, layer, pool
        self._watcher = Watcher(files)
        keras_model = load_keras(files)
        self._network = LayerNetwork(keras_model, layer, files.name)

    @property
    def shortest_stride_s(self) -> float:
        """Seconds from frame to frame as the model sees a video: windows cannot begin closer together."""
        return self._watcher.shortest_stride_s

    def extract(
        self,
        source: Video,
        *,
        fps: float | None = None,
        window_s: float | None = None,
        stride_s: float | None = None,
        progress: Progress | None = None,
    ) -> Features:
        """The features of one video: a row for each window, the mean over the clips that lie in it.

        The source, and `fps` of frames in memory, are as for `Predictor.predict`.
        Windows of `window_s` seconds begin every `stride_s` seconds (default `window_s`), as in `Predictor.predict`;
        without `window_s` the whole video is one row. A video of any length is read in constant memory; the rows, and
        the clips of the newest window, are held.

        Raises VideoError or one of its kinds; ModelError if the layer gives numbers that are not finite; ValueError for
        a window or stride that is not above zero.
        """
        video = as_source(source, fps)
        seen = self._watcher.watch(
            video,
            self._run,
            window_s=window_s,
            stride_s=stride_s,
            with_flow=lambda: "motion" in self._network.inputs,
            progress=progress,
        )
        return Features(
            source_name(video),
            self.model,
            self.layer,
            np.stack([window.total / np.float32(window.clips) for window in seen.windows]),
            np.array([(window.start_s, window.end_s) for window in seen.windows], np.float64),
            np.array([window.clips for window in seen.windows], np.int64),
            seen.warnings,
        )

    def _run(self, appearance: Array, motion: Array) -> npt.NDArray[np.float32]:
        values: npt.NDArray[np.float32] = self._network(appearance[None], motion[None])[0]
        check_scores(values, self.model)
        if self.pool:
            return np.asarray(values.reshape(-1, values.shape[-1]).mean(axis=0), np.float32)
        return values


class LayerNetwork:
    """The part of a Keras model from its inputs to one of its layers. `inputs` names those that the layer depends on.

    Raises ModelError if there is no such layer, or it does not give one tensor. `name` is the model's, for the message.
    """

    def __init__(self, model: Any, layer: str, name: str) -> None:
        import keras

        from actionzoo.models.graph import inputs_of, is_folded, layer_output

        output = layer_output(model, layer, name)
        try:
            inputs = inputs_of(model, output)
        except ValueError as error:
            raise ModelError(f"{name} has no features to give: {error}") from error
        self._model = keras.Model(inputs, output)
        self._folded = is_folded(model, output)
        self.inputs = tuple(str(tensor.name) for tensor in inputs)

    def __call__(self, appearance: Array, motion: Array) -> npt.NDArray[np.float32]:
        """The layer's output for a batch of clips, `(batch, ...)`, with a folded time axis restored behind the batch.

        appearance `(batch, time, height, width, 3)`: RGB in 0..255; motion `(batch, time, height, width, 2*L)`:
        pixels a frame step.
        """
        given = {"appearance": appearance, "motion": motion}
        clips = {name: np.ascontiguousarray(given[name], np.float32) for name in self.inputs}
        values = np.asarray(self._model.predict_on_batch(clips)).astype(np.float32)
        return values.reshape(len(appearance), -1, *values.shape[1:]) if self._folded else values


def extract_features(
    source: Video,
    layer: str,
    model: str | os.PathLike[str] = "mini",
    *,
    fps: float | None = None,
    window_s: float | None = None,
    stride_s: float | None = None,
    pool: bool = True,
    offline: bool = False,
    progress: Progress | None = None,
) -> Features:
    """What a layer of a model says about a video: loads the model, runs once. For many make a `FeatureExtractor`.

    The arguments are those of `FeatureExtractor` and its `extract`, and so are the errors.

    >>> found = extract_features("clip.mp4", "motion_pool5", window_s=2.0)                        # doctest: +SKIP
    >>> found.features.shape, found.times[0].tolist()                                             # doctest: +SKIP
    ((3, 128), [0.0, 2.0])
    """
    extractor = FeatureExtractor(layer, model, pool=pool, offline=offline)
    return extractor.extract(source, fps=fps, window_s=window_s, stride_s=stride_s, progress=progress)


def save_features(out: IO[bytes], found: Sequence[Features]) -> None:
    """Writes the features of several videos, from one layer of one model, as one NPZ without pickles.

    Its arrays: `features (rows, ...)` float32, the rows of all videos one below the other; `times (rows, 2)` float64,
    seconds in the video; `source (rows,)` int64, an index into `sources`, the names as given; `clips (rows,)` int64;
    `model` and `layer`, a name each. Raises ValueError for no video at all, and OSError.

    >>> import io
    >>> row = np.zeros((1, 4), np.float32), np.array([[0.0, 2.0]]), np.array([3])
    >>> file = io.BytesIO()
    >>> save_features(file, [Features(name, "mini", "motion_pool5", *row) for name in ("a.mp4", "b.mp4")])
    >>> data = np.load(io.BytesIO(file.getvalue()))
    >>> data["features"].shape, data["sources"][data["source"]].tolist()
    ((2, 4), ['a.mp4', 'b.mp4'])
    """
    if not found:
        raise ValueError("there are no features to write")
    np.savez(
        out,
        features=np.concatenate([video.features for video in found]),
        times=np.concatenate([video.times for video in found]),
        source=np.repeat(np.arange(len(found), dtype=np.int64), [len(video.features) for video in found]),
        sources=np.array([video.source for video in found]),
        clips=np.concatenate([video.clips for video in found]),
        model=np.array(found[0].model),
        layer=np.array(found[0].layer),
    )
