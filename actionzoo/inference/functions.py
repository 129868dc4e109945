"""`actionzoo.predict` and `actionzoo.features`: one video, one model."""

from __future__ import annotations

import os

from actionzoo.inference.answer import Answer
from actionzoo.inference.layer_features import Features
from actionzoo.inference.model import Model, load_model
from actionzoo.inference.sources import Video
from actionzoo.inference.video_pass import Progress
from actionzoo.names import DEFAULT_MODEL


def predict(
    video: Video,
    model: str | os.PathLike[str] | Model = DEFAULT_MODEL,
    top_k: int = 5,
    *,
    fps: float | None = None,
    window: float | None = None,
    step: float | None = None,
    threshold: float | None = None,
    engine: str = "auto",
    precision: str = "auto",
    flow: str | None = None,
    force: bool = False,
    offline: bool = False,
    progress: Progress | None = None,
) -> Answer:
    """What happens in a video: loads the model, answers once. For many videos load a model yourself.

    The arguments are those of `Model.predict` and `load_model`, and so are the errors.

    >>> answer = predict("clip.mp4")                                                              # doctest: +SKIP
    >>> answer.label, answer.score                                                                # doctest: +SKIP
    ('handshake', 0.97)
    """
    loaded = load_model(model, engine=engine, precision=precision, flow=flow, force=force, offline=offline)
    return loaded.predict(video, top_k, fps=fps, window=window, step=step, threshold=threshold, progress=progress)


def features(
    video: Video,
    layer: str,
    model: str | os.PathLike[str] | Model = DEFAULT_MODEL,
    *,
    pool: bool = True,
    fps: float | None = None,
    window: float | None = None,
    step: float | None = None,
    offline: bool = False,
    progress: Progress | None = None,
) -> Features:
    """What a layer of a model gives for a video: loads the model, runs once. For many videos load a model yourself.

    The arguments are those of `Model.features` and `load_model`, and so are the errors.

    >>> found = features("clip.mp4", "motion_pool5", window=2.0)                                  # doctest: +SKIP
    >>> found.features.shape, found.times[0].tolist()                                             # doctest: +SKIP
    ((3, 128), [0.0, 2.0])
    """
    loaded = load_model(model, offline=offline)
    return loaded.features(video, layer, pool=pool, fps=fps, window=window, step=step, progress=progress)
