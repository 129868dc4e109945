"""What real videos say about a network, as files: what drives its channels, and where a video speaks for a class."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from actionzoo.data.decoded import Source
from actionzoo.figures import png, readable_fonts
from actionzoo.files import write_atomic
from actionzoo.video.spec import InputSpec
from actionzoo.visualization.attribution import Attribution
from actionzoo.visualization.gallery import file_name
from actionzoo.visualization.render import encoded_animation
from actionzoo.visualization.sheets import attention_pictures, attention_sheet, drivers_sheet
from actionzoo.visualization.targets import Target
from actionzoo.visualization.top_activations import (
    MAGNITUDES,
    PLAYBACK,
    LayerActivations,
    TopActivation,
    find_drivers,
    magnitude_tuning,
    playback_tuning,
)

DRIVERS = 6
"""Clips that are shown for a channel."""


def study_drivers(
    model: keras.Model,
    spec: InputSpec,
    targets: Sequence[Target],
    source: Source,
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[Target, list[Path]]]:
    """Find the clips of a set that drive targets most, and how these are tuned to speed; write it into a folder.

    Every target gets `NAME_drivers.png`, a sheet of its strongest clips; `NAME_drivers.csv` with their places; and
    `NAME_tuning.png` and `.csv`, its response to the strongest clip by the length of its flow and to the strongest
    video by the speed at which that is played.

    Args:
        model: a network of the zoo.
        spec: what it looks at.
        targets: channels, all of one layer.
        source: videos in the spec's form.
        folder: is there.
        progress: called with the number of videos that are done, and of all.

    Raises:
        ModelError: the model has no such layer.
        OutputError: the folder cannot be written.
        VideoError, DataError: a video cannot be read.
    """
    responder = LayerActivations(model, spec, targets[0].layer)
    channels = [target.channel for target in targets]
    found, _ = find_drivers(responder, source, channels, DRIVERS, progress)
    for target in targets:
        drivers = found[target.channel]
        paths = [source.videos[driver.video].path for driver in drivers]
        curves = tuning_curves(responder, drivers[0], paths[0], target.channel)
        name = file_name(target.label)
        files = {
            f"{name}_drivers.png": _png(drivers_sheet(drivers, paths)),
            f"{name}_drivers.csv": _drivers_table(drivers, paths),
            f"{name}_tuning.png": png(draw_tuning(target.label, curves)),
            f"{name}_tuning.csv": _tuning_table(curves),
        }
        for file, content in files.items():
            write_atomic(folder / file, content)
        yield target, [folder / file for file in files]


Curves = dict[str, tuple[np.ndarray, np.ndarray]]
"""By name: factors and responses."""

FLOW, PLAYED = "length of the flow", "speed of the video"


def tuning_curves(responder: LayerActivations, driver: TopActivation, path: Path, channel: int) -> Curves:
    """A channel's response to a clip by the length of its flow, and to a video by its speed; both in times as usual."""
    factors, played = np.array(MAGNITUDES), np.array(PLAYBACK)
    by_length = magnitude_tuning(responder, (driver.appearance, driver.motion), MAGNITUDES)[:, channel]
    curves = {FLOW: (factors, by_length)}
    if path.exists():  # videos in shards may be gone
        curves[PLAYED] = (played, playback_tuning(responder, path, PLAYBACK)[:, channel])
    return curves


@readable_fonts()
def draw_tuning(title: str, curves: Curves) -> Figure:
    """The curves of a channel; the factors on a logarithmic axis, that of no flow at its left end."""
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


def write_attention(folder: Path, name: str, title: str, attention: Attribution, fps: float) -> list[Path]:
    """Write Grad-CAM maps of a clip as `NAME.png`, a sheet, and `NAME.webp`. Raises OutputError."""
    both = [attention_pictures(attention, stream) for stream in attention.maps]
    moving = np.concatenate([pictures[: min(map(len, both))] for pictures in both], axis=2)
    files = {
        f"{name}.png": _png(attention_sheet(title, attention)),
        f"{name}.webp": encoded_animation(moving, fps, quality=85),
    }
    for file, content in files.items():
        write_atomic(folder / file, content)
    return [folder / file for file in files]


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "png")
    return file.getvalue()


def _drivers_table(drivers: Sequence[TopActivation], paths: Sequence[Path]) -> bytes:
    rows = [["rank", "path", "frame", "response", "clip_frame", "y", "x"]]
    for rank, (driver, path) in enumerate(zip(drivers, paths, strict=True), start=1):
        place = (
            ["", "", ""] if driver.place is None else [str(driver.place[0]), *(f"{p:.3f}" for p in driver.place[1:])]
        )
        rows.append([str(rank), str(path), str(driver.frame), f"{driver.response:.6g}", *place])
    return _table(rows)


def _tuning_table(curves: Curves) -> bytes:
    rows = [["what", "times", "response"]]
    for name, (factors, values) in curves.items():
        rows += [[name, f"{factor:g}", f"{value:.6g}"] for factor, value in zip(factors, values, strict=True)]
    return _table(rows)


def _table(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")
