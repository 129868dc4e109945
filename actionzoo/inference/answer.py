"""The answer: what a model predicts for a video and for its windows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Prediction:
    """One class with its score, or that the video shows none of the classes.

    Attributes:
        label: name of the class, or "none of these".
        index: of the class; -1 for none of these.
        score: softmax of the averaged logits, 0 to 1. Of none of these it is the share of held-out videos of known
            classes that look more familiar: 1 - p (`actionzoo.inference.familiarity`).
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
        predictions: best first; none of these, where that is among them, before all classes.
        known: of a calibrated model, the p value of the window as a video of one of the classes, else `None`.
    """

    start_s: float
    end_s: float
    predictions: tuple[Prediction, ...]
    known: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "start_s": round(self.start_s, 3),
            "end_s": round(self.end_s, 3),
            "predictions": [prediction.to_dict() for prediction in self.predictions],
            **_known(self.known),
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
        known: of a calibrated model, how probable it is that a video of its classes looks no more familiar than this
            one (`actionzoo.inference.familiarity`), else `None`.
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
    known: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The object that `--format json` prints."""
        return {
            "source": self.source,
            "model": self.model,
            "frames": self.frames,
            "fps": round(self.fps, 3),
            "duration_s": round(self.duration_s, 3),
            "predictions": [prediction.to_dict() for prediction in self.predictions],
            **_known(self.known),
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
        known: as of a `Window`.
    """

    time_s: float
    latency_s: float
    predictions: tuple[Prediction, ...]
    known: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "time_s": round(self.time_s, 3),
            "latency_s": round(self.latency_s, 4),
            "predictions": [prediction.to_dict() for prediction in self.predictions],
            **_known(self.known),
        }


def _known(p: float | None) -> dict[str, float]:
    """The p value as a field, of a calibrated model only."""
    return {} if p is None else {"known": round(p, 6)}


def merge_segments(windows: Sequence[Window]) -> tuple[Window, ...]:
    """Joins neighbouring windows with the same top label; scores and p values are means weighted by windows' lengths.

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

    def mean(values: Iterable[float]) -> float:
        return sum(length * value for length, value in zip(lengths, values, strict=True)) / sum(lengths)

    listed = [{prediction.index: prediction for prediction in window.predictions} for window in windows]
    joined = [
        Prediction(prediction.label, index, mean(here[index].score for here in listed))
        for index, prediction in listed[0].items()
        if all(index in here for here in listed)
    ]
    joined.sort(key=lambda prediction: (prediction.index >= 0, -prediction.score))  # none of these stays the first
    p_values = [window.known for window in windows if window.known is not None]
    known = mean(p_values) if p_values else None
    return Window(windows[0].start_s, windows[-1].end_s, tuple(joined), known)
