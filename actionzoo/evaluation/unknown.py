"""How well a network tells videos of its classes from videos of anything else, by how familiar they look."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from actionzoo.data.dataset import LabeledVideo, VideoDataset
from actionzoo.data.decoded import VideoSource
from actionzoo.errors import VideoNotFoundError
from actionzoo.evaluation.metrics import HITS, area, false_alarms, percent
from actionzoo.inference.familiarity import NONE_OF_THESE, THRESHOLD, familiarity, p_value
from actionzoo.names import ANSWER, STREAMS
from actionzoo.video.files import videos_below
from actionzoo.video.spec import VideoFormat


@dataclass(frozen=True)
class Unknown:
    """What a network makes of videos that show none of its classes.

    Attributes:
        videos: how many could be read.
        area: the area under the ROC curve: how often a video of the classes looks more familiar than one of these.
        false_alarms: the share of them that look as familiar as 95 % of the videos of the classes do.
        refused: the share that a calibrated network calls none of these, else `None`.
    """

    videos: int
    area: float
    false_alarms: float
    refused: float | None


def unknown_source(folder: str | os.PathLike[str], video_format: VideoFormat) -> VideoSource:
    """All videos below a folder, without labels. Raises VideoNotFoundError if there are none."""
    paths = videos_below(os.fspath(folder)) if os.path.isdir(folder) else []
    if not paths:
        raise VideoNotFoundError(folder, "is no folder that holds videos; name another one")
    videos = tuple(LabeledVideo(Path(path), 0) for path in paths)
    return VideoSource(VideoDataset(("",), videos), video_format)


def familiarities(logits: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
    """`(videos,)`: how familiar each looks, by logits `(videos, classes)` of the answer and of the streams."""
    outputs = [logits[name] for name in (ANSWER, *STREAMS) if name in logits]
    return np.array([familiarity(each) for each in np.stack(outputs, axis=1)])


def refused_share(values: NDArray[np.float64], known: Sequence[float]) -> float:
    """The share of familiarities that are none of these to a network that was calibrated with those of `known`.

    >>> refused_share(np.array([0.1, 0.5, 0.9, 0.05]), [0.2 + 0.01 * number for number in range(19)])
    0.5
    """
    return float(np.mean([p_value(value, known) <= THRESHOLD for value in values]))


def compare(known: NDArray[np.float64], unknown: NDArray[np.float64], held_out: Sequence[float]) -> Unknown:
    """The result for familiarities of videos of the classes, and of others.

    `held_out` is `InputSpec.known`; empty of a network that is not calibrated.
    """
    refused = refused_share(unknown, held_out) if held_out else None
    return Unknown(len(unknown), area(known, unknown), false_alarms(known, unknown), refused)


def unknown_summary(refused: float | None, unknown: Unknown | None) -> list[str]:
    """Sentences about videos of the classes that were refused, and about others that were not.

    >>> unknown_summary(0.042, None)
    ['4.2 % of these videos are wrongly called none of these']
    """
    lines = [] if refused is None else [f"{percent(refused)} % of these videos are wrongly called {NONE_OF_THESE}"]
    if unknown is not None:
        called = "" if unknown.refused is None else f"{percent(unknown.refused)} % are called {NONE_OF_THESE}; "
        lines.append(
            f"{unknown.videos} unknown videos: {called}area under the ROC curve {unknown.area:.3f}, "
            f"{percent(unknown.false_alarms)} % look as familiar as {100 * HITS:.0f} % of the known ones"
        )
    return lines
