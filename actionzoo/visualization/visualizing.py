"""`actionzoo.visualize`: from what is asked for to the files that show it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from actionzoo.data.dataset import read_dataset
from actionzoo.data.decoded import VideoSource
from actionzoo.inference.model import Model, load_model
from actionzoo.visualization.gallery import PaintedFiles, paint_gallery, write_overview
from actionzoo.visualization.painting import SPEEDS
from actionzoo.visualization.studies import AttributionFiles, TopActivationFiles, explain_videos, study_targets
from actionzoo.visualization.targets import ALL, choose_targets

VisualizedFiles = PaintedFiles | TopActivationFiles | AttributionFiles
StrPath = str | os.PathLike[str]


class ArgumentError(ValueError):
    """Arguments of `visualize` that do not go together, or an unknown value."""


def visualize(
    model: StrPath | Model,
    *,
    label: str | Sequence[str] | None = None,
    layer: str | None = None,
    channel: int | Sequence[int] | None = None,
    first: int | None = None,
    speed: str | Sequence[str] | None = None,
    steps: int | None = None,
    seed: int = 0,
    data: StrPath | None = None,
    video: StrPath | Sequence[StrPath] | None = None,
    output: StrPath = "visualized",
    offline: bool = False,
    progress: Callable[..., None] | None = None,
    on_result: Callable[[VisualizedFiles], None] | None = None,
) -> list[VisualizedFiles]:
    """Show what classes, or channels of a layer, respond to most.

    Without `data` and `video`, clips are painted by activation maximization; what is there already is left as it is.
    With `data`, the strongest clips of real videos are found, and the tuning of the response to speed. With `video`,
    Grad-CAM shows where a video speaks for a class: for the one with this label or, without one, the answer.

    Args:
        model: a name, a path or a loaded model.
        label: of a class, or several; `"all"` for every class.
        layer: its name, or `"all"` for every layer that has something to show.
        channel: of the layer, or several.
        first: the first so many channels of the layer.
        speed: how fast the painted motion changes: "slow", "medium", "fast", or several; by default all.
        steps: of the ascent; by default those of the network's preset.
        seed: the same seed paints the same clip.
        data: class folders, a CSV or a data set with its lists, in which the strongest clips are looked for.
        video: a file, or several.
        output: the folder of the pictures.
        offline: never use the network.
        progress: called with how many steps or videos are done, of how many and, while painting, the objective.
        on_result: called with each result as soon as its files are there.

    Returns:
        The files of each target or video. Of several painted targets there is also `overview.png`.

    Raises:
        ArgumentError: arguments do not go together.
        ModelError: the model cannot be loaded, or does not have what is asked for.
        DataError, VideoError: a video cannot be read.
        OutputError: the folder cannot be written.

    >>> visualize("mini", label="kick", speed="slow")[0].probabilities                            # doctest: +SKIP
    {'slow': 0.9999}
    """
    labels, channels, speeds = _several(label), _several(channel), _several(speed)
    videos = [Path(each) for each in _several(video)]
    _check(labels, layer, channels, first, {"speed": speeds, "steps": steps, "seed": seed}, data, videos)
    model, folder = load_model(model, offline=offline), Path(output)
    written: Iterator[VisualizedFiles]
    if videos:
        written = explain_videos(model, videos, folder, labels[0] if labels else None, layer)
    else:
        targets = choose_targets(model, labels, layer, channels, first)
        if data is not None:
            source = VideoSource(read_dataset(Path(data)), model.spec.video_format)
            written = study_targets(model, targets, source, folder, progress)
        else:
            written = paint_gallery(model, targets, speeds, folder, steps=steps, seed=seed, progress=progress)
    results = []
    for result in written:
        results.append(result)
        if on_result is not None:
            on_result(result)
    painted = [result for result in results if isinstance(result, PaintedFiles)]
    if len(painted) > 1:
        write_overview(folder, painted)
    return results


def _several(value: Any) -> list[Any]:
    """One value, several, or none, as a list that has each once."""
    if value is None:
        return []
    return [value] if isinstance(value, str | int | os.PathLike) else list(dict.fromkeys(value))


def _check(
    labels: Sequence[str],
    layer: str | None,
    channels: Sequence[int],
    first: int | None,
    painting: Mapping[str, Any],
    data: StrPath | None,
    videos: Sequence[Path],
) -> None:
    """Raises ArgumentError for arguments that do not go together, or values outside their range."""
    real = data is not None or bool(videos)
    problems = {
        "give either data or a video, not both": data is not None and videos,
        **{f"{name} is for painted clips, not for real ones": real and value for name, value in painting.items()},
        **{f"{name!r} is not one of {', '.join(SPEEDS)}": name not in SPEEDS for name in painting["speed"]},
        "steps and first are at least 1": any(n is not None and n < 1 for n in (first, painting["steps"])),
        "a video is explained for a class; leave channel and first out": videos and (channels or first),
        "a video is explained for one class; name one": videos and (len(labels) > 1 or ALL in labels),
        "give either a class or a layer, or a video": not videos and bool(labels) == (layer is not None),
        "channel and first belong to a layer; give one": layer is None and (channels or first),
        "a layer needs either channel or first": not videos and layer is not None and bool(channels) == bool(first),
    }
    for problem, found in problems.items():
        if found:
            raise ArgumentError(problem)
