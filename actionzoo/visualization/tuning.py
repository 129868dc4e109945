"""Tuning curves: the response of a channel by the speed of what it sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from actionzoo.data.decoded import decode_video
from actionzoo.figures import readable_fonts
from actionzoo.inference.clips import Clip, clips_of
from actionzoo.inference.model import Model
from actionzoo.video.reader import read_frames
from actionzoo.visualization.top_activations import layer_responses

MAGNITUDES = (0.0, 0.25, 0.5, 0.71, 1.0, 1.41, 2.0, 2.83, 4.0)
"""Factors by which the flow vectors are multiplied."""

PLAYBACK = (0.5, 0.71, 1.0, 1.41, 2.0, 2.83, 4.0)
"""Playback speeds, as multiples of the original."""

Curve = tuple[Sequence[float], np.ndarray]
"""The factors, and the response to each."""


def magnitude_tuning(model: Model, layer: str, clip: Clip, factors: Sequence[float] = MAGNITUDES) -> np.ndarray:
    """The responses of a layer to a clip whose flow vectors are multiplied by each factor, `(factors, channels)`."""
    return layer_responses(model, layer, [replace(clip, motion=factor * clip.motion) for factor in factors])


def playback_tuning(model: Model, layer: str, path: Path, factors: Sequence[float] = PLAYBACK) -> np.ndarray:
    """The strongest responses of a layer to a video at each playback speed, `(factors, channels)`.

    The video is read anew with fewer frames a second for each factor, and its flow computed between them: nothing is
    scaled. Below 1 it needs a video with more frames a second than the model takes; where there are none, the row is
    NaN. Raises VideoError.
    """
    video_format, rows = model.spec.video_format, []
    native = sum(1 for _ in read_frames(path, size=video_format.size))
    for factor in factors:
        video = decode_video(path, 0, replace(video_format, fps=video_format.fps / factor))
        row = layer_responses(model, layer, list(clips_of(video, model.spec))).max(axis=0)
        rows.append(np.full_like(row, np.nan) if factor < 1 and len(video.frames) >= native else row)
    return np.stack(rows)


@readable_fonts()
def draw_tuning(title: str, curves: Mapping[str, Curve]) -> Figure:
    """The curves of a channel, by what is varied; factors on a logarithmic axis, that of no flow at its left end."""
    figure = Figure((6, 3.2), layout="constrained", dpi=120)
    axes = figure.add_subplot()
    for (name, (factors, values)), style in zip(curves.items(), ("o-", "s--"), strict=False):
        known = np.isfinite(values)
        axes.plot(np.maximum(factors, 0.125)[known], values[known], style, label=name)
    axes.set_xscale("log", base=2)
    ticks = [0.125, 0.25, 0.5, 1, 2, 4]
    axes.set_xticks(ticks, ["0", *(f"{tick:g}" for tick in ticks[1:])])
    axes.axvline(1, color="gray", linewidth=1, linestyle=":")
    axes.set(xlabel="times as fast", ylabel="response", title=title)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
