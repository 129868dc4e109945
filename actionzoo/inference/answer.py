"""The answer: what a model predicts for a video and for its windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Prediction:
    """One class with its score.

    Attributes:
        label: name of the class.
        index: of the class.
        score: softmax of the averaged logits, 0 to 1.
    """

    label: str
    index: int
    score: float

    def to_dict(self) -> dict[str, Any]:
        return {"label": self.label, "index": self.index, "score": round(self.score, 6)}


class _Ranked:
    """Whatever has predictions, best first: the best one's label and score."""

    predictions: tuple[Prediction, ...]

    @property
    def label(self) -> str:
        return self.predictions[0].label

    @property
    def score(self) -> float:
        return self.predictions[0].score


@dataclass(frozen=True)
class Window(_Ranked):
    """A span of the video with its own predictions.

    Attributes:
        start_s: seconds from the start of the video.
        end_s: seconds from the start of the video.
        predictions: best first.
    """

    start_s: float
    end_s: float
    predictions: tuple[Prediction, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "start_s": round(self.start_s, 3),
            "end_s": round(self.end_s, 3),
            "predictions": [prediction.to_dict() for prediction in self.predictions],
        }


@dataclass(frozen=True)
class Answer(_Ranked):
    """What a model predicts for one video.

    Attributes:
        source: the video, as it was given.
        model: the name of the model.
        frames: of the video itself; a model looks at fewer frames a second if it was trained so.
        fps: frames a second of the video itself.
        duration_s: of the video, in seconds.
        predictions: for the whole video, best first, from the mean of the logits of all clips in its windows.
        windows: one for the whole video unless windows were asked for.
        timing_s: busy seconds of "decode", "flow" and "model", which overlap (flow: summed over its threads), and the
            "total" that went by.
        warnings: what is wrong with the video where only a part of it could be decoded.
    """

    source: str
    model: str
    frames: int
    fps: float
    duration_s: float
    predictions: tuple[Prediction, ...]
    windows: tuple[Window, ...]
    timing_s: dict[str, float]
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The object that `--format json` prints."""
        return {
            "source": self.source,
            "model": self.model,
            "frames": self.frames,
            "fps": round(self.fps, 3),
            "duration_s": round(self.duration_s, 3),
            "predictions": [prediction.to_dict() for prediction in self.predictions],
            "windows": [window.to_dict() for window in self.windows],
            "warnings": list(self.warnings),
            "timing_s": {stage: round(seconds, 4) for stage, seconds in self.timing_s.items()},
        }


@dataclass(frozen=True)
class LiveAnswer(_Ranked):
    """An answer about the newest frames of a camera or stream.

    Attributes:
        time_s: when the newest frame was captured, in seconds from the first one.
        latency_s: seconds from its capture to this answer.
        predictions: best first.
    """

    time_s: float
    latency_s: float
    predictions: tuple[Prediction, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "time_s": round(self.time_s, 3),
            "latency_s": round(self.latency_s, 4),
            "predictions": [prediction.to_dict() for prediction in self.predictions],
        }


def merge_segments(windows: Sequence[Window]) -> tuple[Window, ...]:
    """Joins neighbouring windows with the same top label; scores are means weighted by the windows' lengths.

    Windows with time between them that none has seen are not neighbours. A class keeps a place in a segment's
    predictions only if all of the segment's windows list it. Where windows overlap and differ, the segments meet in the
    middle of the overlap, so that segments never do.

    >>> push = Prediction("push", 0, 0.9)
    >>> [(s.start_s, s.end_s, s.label) for s in merge_segments([Window(0, 2, (push,)), Window(2, 4, (push,))])]
    [(0, 4, 'push')]
    """
    groups: list[list[Window]] = []
    for window in windows:
        touches = groups and window.start_s <= groups[-1][-1].end_s + 1e-6
        if touches and groups[-1][-1].label == window.label:
            groups[-1].append(window)
        else:
            groups.append([window])
    segments = [_join(group) for group in groups]
    for i in range(len(segments) - 1):
        if segments[i].end_s > segments[i + 1].start_s:
            middle = (segments[i].end_s + segments[i + 1].start_s) / 2
            segments[i] = replace(segments[i], end_s=middle)
            segments[i + 1] = replace(segments[i + 1], start_s=middle)
    return tuple(segments)


def _join(windows: list[Window]) -> Window:
    lengths = [max(window.end_s - window.start_s, 1e-9) for window in windows]
    listed = [{prediction.index: prediction for prediction in window.predictions} for window in windows]
    joined = [
        Prediction(
            prediction.label,
            index,
            sum(length * here[index].score for length, here in zip(lengths, listed, strict=True)) / sum(lengths),
        )
        for index, prediction in listed[0].items()
        if all(index in here for here in listed)
    ]
    joined.sort(key=lambda prediction: -prediction.score)
    return Window(windows[0].start_s, windows[-1].end_s, tuple(joined))
