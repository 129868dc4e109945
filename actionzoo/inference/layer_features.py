"""Features: what a layer of a model gives for clips, for training a classifier on or for finding similar videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Features:
    """The features of one video, a row for each window.

    Attributes:
        source: the video, as it was given.
        model: the name of the model.
        layer: the name of the layer.
        features: `(rows, channels)` float32, or `(rows, ...)` with the layer's own axes where they were not pooled.
        times: `(rows, 2)` float64, where each window starts and ends, in seconds.
        clips: `(rows,)` int64, how many clips a row is the mean of.
        warnings: what is wrong with the video where only a part of it could be decoded.
    """

    source: str
    model: str
    layer: str
    features: npt.NDArray[np.float32]
    times: npt.NDArray[np.float64]
    clips: npt.NDArray[np.int64]
    warnings: tuple[str, ...] = ()


def save_features(out: IO[bytes], found: Sequence[Features]) -> None:
    """Write the features of several videos, from one layer of one model, as one NPZ without pickles.

    Its arrays: `features (rows, ...)` float32, the rows of all videos one below the other; `times (rows, 2)` float64,
    seconds in the video; `source (rows,)` int64, an index into `sources`, the names as given; `clips (rows,)` int64;
    `model` and `layer`, a name each.

    Args:
        out: a binary file.
        found: of at least one video.

    Raises:
        ValueError: there are none.
        OSError: the file cannot be written.

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
