"""Depth recordings: which a folder holds, and the person in one as a smooth outline with relief."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from actionzoo.data.dataset import read_dataset
from actionzoo.errors import DataError
from actionzoo.puppets.replay import LENGTH_S
from actionzoo.video.reader import read_frames

Field = NDArray[np.float32]

_PERSON = re.compile(r"(?:^|[_-])((?:s|p|person|subject)\d+)(?=[_.-])", re.IGNORECASE)
"""The person in the name of a file, as `a05_s3_t1.mp4` has it."""
_LIT = 20
"""Greys up to this are black: compression leaves some light about a person."""
_SMALLEST, _FEWEST = 30, 4
"""Pixels of somebody who is seen in a frame, and frames in which somebody must be."""
_LOWEST = 24
"""Rows of the smallest person."""
_FULL = 0.6
"""A person does not fill this share of a picture."""
_MARGIN = 12
"""Black pixels that are kept around a person."""
_SQUARE = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class DepthRecording:
    """A depth video of one person, lighter where nearer, on black.

    Attributes:
        path: of the file.
        label: what the person does.
        group: who it is, or None where nobody knows.
    """

    path: Path
    label: str
    group: str | None = None


@dataclass(frozen=True)
class Silhouette:
    """The person in a depth recording, in the part of the picture where it is.

    Attributes:
        cover: `(frames, rows, columns)` how much of a pixel the person covers, 0..1.
        relief: `(frames, rows, columns)` greys, lighter where nearer; goes on beyond the outline.
        fps: frames a second.
    """

    cover: Field
    relief: Field
    fps: float


def read_depth(folder: str | os.PathLike[str], *, group: str | None = None) -> list[DepthRecording]:
    r"""Find the depth recordings of a data set.

    A recording's group is what the data set tells; else the person in the name of its file: a part of the name that is
    s, p, person or subject and a number, such as the `s3` of `a05_s3_t1.mp4`.

    Args:
        folder: class folders of videos, or any other data set that `read_dataset` reads, of one label and more.
        group: a regular expression on a video's path below the folder; what its first group matches is its group.

    Raises:
        DataError: there is no such folder, it has no videos, or the expression is none or matches nothing.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "throw").mkdir()
        >>> (folder / "throw" / "a05_s3_t1.mp4").touch()
        >>> (recording,) = read_depth(folder)
        >>> recording.label, recording.group
        ('throw', 's3')
    """
    dataset = read_dataset(Path(folder), group=group, one_class_ok=True)
    known = any(video.group is not None for video in dataset.videos)
    recordings = []
    for video in dataset.videos:
        person = None if known else _PERSON.search(video.path.name)
        recordings.append(
            DepthRecording(video.path, dataset.classes[video.class_index], person[1] if person else video.group)
        )
    return recordings


def silhouette(recording: DepthRecording, rng: np.random.Generator) -> Silhouette:
    """Cut the person out of a depth recording, or out of a piece of a long one that `rng` draws.

    Raises:
        DataError: it shows nobody, somebody too small, or no black background.
        VideoError: the video cannot be read.
    """
    times, greys = _read(recording.path)
    shown = _shown(greys)
    if len(shown) < _FEWEST:
        what = f"{len(shown)} of its {len(greys)} frames show somebody lighter than the black background"
        raise DataError(f"{recording.path}: {what}, and {_FEWEST} are the fewest; leave it out")
    fps = (len(times) - 1) / (times[-1] - times[0])
    greys = _piece(greys[shown[0] : shown[-1] + 1], fps, rng)
    level = 0.5 * float(np.percentile(greys[greys > _LIT], 10))
    if (share := float((greys > level).mean())) > _FULL:
        what = f"{share:.0%} of its pixels are lighter than black, so that nobody is cut out"
        raise DataError(f"{recording.path}: {what}; give depth videos of a person on black")
    greys, solid = _cropped(greys, level)
    soft = [cv2.GaussianBlur(each.astype(np.float32), (0, 0), 0.8) for each in solid]
    bounds = [(cv2.erode(each, _SQUARE), cv2.dilate(each, _SQUARE)) for each in soft]
    relief = np.stack([_relief(grey, each, level) for grey, each in zip(greys, solid, strict=True)])
    cover = _steady(np.stack(soft), bounds)
    rows = (cover > 0.5).any(2).sum(1)
    tall = float(np.median(rows[rows > 0])) if rows.any() else 0.0
    if tall < _LOWEST:
        what = f"what is lighter than black is {tall:.0f} rows high, and a person of {_LOWEST} is the smallest"
        raise DataError(f"{recording.path}: {what}; leave it out")
    return Silhouette(cover, _steady(relief, [(each - 3, each + 3) for each in relief]), fps)


def _read(path: Path) -> tuple[list[float], NDArray[np.uint8]]:
    """The times of the frames in seconds, and the frames `(frames, rows, columns)`."""
    frames = [(frame.time, frame.image[..., 0].copy()) for frame in read_frames(path)]
    return [time for time, _ in frames], np.stack([grey for _, grey in frames])


def _shown(greys: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The indices of the frames in which somebody is seen."""
    return np.flatnonzero((greys > _LIT).sum((1, 2)) >= _SMALLEST)


def _piece(greys: NDArray[np.uint8], fps: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """All frames, or a piece of many in which somebody is seen."""
    frames = round(rng.uniform(*LENGTH_S) * fps)
    if len(greys) <= LENGTH_S[1] * fps:
        return greys
    start = int(rng.integers(len(greys) - frames + 1))
    piece = greys[start : start + frames]
    return piece if len(_shown(piece)) >= _FEWEST else greys


def _cropped(greys: NDArray[np.uint8], level: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The part of the pictures where somebody is, and where the person is in it, 0 or 1."""
    rows, columns = _around(greys.max(0) > level)
    greys = greys[:, rows, columns]
    solid = np.stack([_solid(grey, level) for grey in greys])
    rows, columns = _around(solid.max(0) > 0)
    return np.ascontiguousarray(greys[:, rows, columns]), np.ascontiguousarray(solid[:, rows, columns])


def _around(seen: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rows and columns in which something is seen, with a margin."""
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    return (
        slice(max(int(rows[0]) - _MARGIN, 0), int(rows[-1]) + _MARGIN + 1),
        slice(max(int(columns[0]) - _MARGIN, 0), int(columns[-1]) + _MARGIN + 1),
    )


def _solid(grey: NDArray[np.uint8], level: float) -> NDArray[np.uint8]:
    """Where somebody is, 0 or 1: without specks, what is left of the floor, and holes that the camera left."""
    lit = cv2.morphologyEx((grey > level).astype(np.uint8), cv2.MORPH_CLOSE, _SQUARE)
    _, parts, facts, _ = cv2.connectedComponentsWithStats(lit, connectivity=4)
    area, top = facts[1:, cv2.CC_STAT_AREA], facts[1:, cv2.CC_STAT_TOP]
    if not len(area):
        return lit
    body = area.argmax()
    floor = top[body] + 0.9 * facts[1 + body, cv2.CC_STAT_HEIGHT]
    kept = (area >= 0.005 * area[body]) & (top < floor)  # hands come off the arms
    kept[body] = True
    lit = np.concatenate([[False], kept])[parts].astype(np.uint8)
    _, gaps, facts, _ = cv2.connectedComponentsWithStats(1 - lit, connectivity=4)
    small = facts[:, cv2.CC_STAT_AREA] < 0.004 * area[body]
    small[0] = False
    return lit | small[gaps].astype(np.uint8)


def _relief(grey: NDArray[np.uint8], solid: NDArray[np.uint8], level: float) -> Field:
    """Greys that go on beyond the outline and over holes, near both of which compression mixes them with black."""
    inner = cv2.erode(solid * (grey > level), _SQUARE).astype(np.float32)
    inner = inner if inner.any() else np.ones_like(inner)
    held = np.dstack([inner * grey, inner])
    near, far = cv2.GaussianBlur(held, (0, 0), 1.0), cv2.GaussianBlur(held, (0, 0), 5.0)
    total = near + 1e-4 * far
    return np.asarray((total[..., 0] + 1e-12 * grey.mean()) / (total[..., 1] + 1e-12), np.float32)


def _steady(fields: Field, bounds: list[tuple[Field, Field]]) -> Field:
    """Fields averaged over three frames, each within its own bounds: what trembles is calmed, what moves is not."""
    calm = fields.copy()
    calm[1:-1] = 0.25 * fields[:-2] + 0.5 * fields[1:-1] + 0.25 * fields[2:]
    low, high = (np.stack(each) for each in zip(*bounds, strict=True))
    return np.clip(calm, low, high)
