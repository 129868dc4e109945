"""What real videos say about a network, as files: top activations of channels, and where a video speaks for a class."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import groupby
from pathlib import Path

import numpy as np

from actionzoo.data.decoded import Source, decode_video
from actionzoo.figures import png
from actionzoo.files import make_folder, write_atomic
from actionzoo.inference.model import Model
from actionzoo.visualization.attribution import Attribution, explain_clip, stream_layer
from actionzoo.visualization.gallery import file_name
from actionzoo.visualization.render import encoded_animation, encoded_png
from actionzoo.visualization.sheets import attribution_pictures, attribution_sheet, top_activations_sheet
from actionzoo.visualization.targets import Target, class_target
from actionzoo.visualization.top_activations import Progress, TopActivation, find_top_activations
from actionzoo.visualization.tuning import MAGNITUDES, PLAYBACK, Curve, draw_tuning, magnitude_tuning, playback_tuning


@dataclass(frozen=True)
class TopActivationFiles:
    """Of a target: the sheet of its top activations, their table, the figure of its tuning curves, and their table."""

    target: Target
    files: tuple[Path, ...]

    def __str__(self) -> str:
        return f"{self.target.name}  {self.files[0]}  {self.files[2]}"


@dataclass(frozen=True)
class AttributionFiles:
    """Of a video: the class, its probability in the clip that is shown, the sheet and the animation."""

    video: Path
    label: str
    probability: float
    files: tuple[Path, ...]

    def __str__(self) -> str:
        return f"{self.video}  {self.label} {self.probability:.3f}  {self.files[0]}"


def study_targets(
    model: Model, targets: Sequence[Target], source: Source, folder: Path, progress: Progress | None = None
) -> Iterator[TopActivationFiles]:
    """Find the clips of a set to which targets respond most, and how these are tuned to speed; write it into a folder.

    Every target gets `NAME_top_activations.png`, a sheet of its strongest clips; `NAME_top_activations.csv` with their
    places; and `NAME_tuning.png` and `.csv`, its response to the strongest clip by the length of its flow and to the
    strongest video by the speed at which that is played.

    `source` has videos in the format of the model's spec; `progress` is called with the number of videos that are done,
    and of all, for each layer. Raises ModelError, OutputError, and VideoError or DataError for a video.
    """
    make_folder(folder)
    for layer, of_layer in groupby(targets, lambda target: target.layer):
        group, played = list(of_layer), cache(partial(playback_tuning, model, layer))
        channels = [target.channel for target in group]
        found, _ = find_top_activations(model, layer, channels, source, progress=progress)
        for target in group:
            top = found[target.channel]
            paths = [source.videos[each.video].path for each in top]
            by_length = magnitude_tuning(model, layer, top[0].clip)
            curves: dict[str, Curve] = {"length of the flow": (MAGNITUDES, by_length[:, target.channel])}
            if paths[0].exists():  # videos in shards may be gone
                curves["speed of the video"] = (PLAYBACK, played(paths[0])[:, target.channel])
            contents = {
                "top_activations.png": encoded_png(top_activations_sheet(top, paths)),
                "top_activations.csv": _table(_top_activation_rows(top, paths)),
                "tuning.png": png(draw_tuning(target.name, curves)),
                "tuning.csv": _table(_tuning_rows(curves)),
            }
            yield TopActivationFiles(target, _written(folder, f"{file_name(target.name)}_", contents))


def explain_videos(
    model: Model, videos: Sequence[Path], folder: Path, label: str | None = None, layer: str | None = None
) -> Iterator[AttributionFiles]:
    """Show where videos speak for a class: `VIDEO_LABEL.png`, a sheet, and `VIDEO_LABEL.webp` for each.

    The class is by default the answer for each video, the layer the last with places of each stream. Raises ModelError,
    VideoError, OutputError.
    """
    class_index = None if label is None else class_target(model, label).channel
    layers = None if layer is None else stream_layer(model, layer)
    decoded = [decode_video(path, 0, model.spec.video_format) for path in videos]
    make_folder(folder)
    for path, video in zip(videos, decoded, strict=True):
        found = explain_clip(model, video, class_index, layers)
        name = model.spec.label(found.class_index)
        contents = {
            ".png": encoded_png(attribution_sheet(f"{path.name}, {name} {found.probability:.2f}", found)),
            ".webp": encoded_animation(_moving(found), model.spec.fps, quality=85),
        }
        files = _written(folder, file_name(f"{path.stem}_{name}"), contents)
        yield AttributionFiles(path, name, found.probability, files)


def _moving(attribution: Attribution) -> np.ndarray:
    """The pictures of all streams side by side, `(N, height, width, 3)` uint8."""
    pictures = [attribution_pictures(attribution, stream) for stream in attribution.maps]
    return np.concatenate([each[: min(map(len, pictures))] for each in pictures], axis=2)


def _written(folder: Path, name: str, contents: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Files whose names begin alike, by the ends of their names. Raises OutputError."""
    for ending, content in contents.items():
        write_atomic(folder / f"{name}{ending}", content)
    return tuple(folder / f"{name}{ending}" for ending in contents)


def _top_activation_rows(top: Sequence[TopActivation], paths: Sequence[Path]) -> Iterator[list[str]]:
    yield ["rank", "path", "frame", "response", "clip_frame", "y", "x"]
    for rank, (each, path) in enumerate(zip(top, paths, strict=True), start=1):
        place = ["", "", ""] if each.place is None else [str(each.place[0]), *(f"{p:.3f}" for p in each.place[1:])]
        yield [str(rank), str(path), str(each.frame), f"{each.response:.6g}", *place]


def _tuning_rows(curves: Mapping[str, Curve]) -> Iterator[list[str]]:
    yield ["what", "times", "response"]
    for name, (factors, values) in curves.items():
        yield from ([name, f"{factor:g}", f"{value:.6g}"] for factor, value in zip(factors, values, strict=True))


def _table(rows: Iterator[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")
