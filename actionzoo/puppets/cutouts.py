"""Depth recordings performed again: real outlines and real motion in invented clothes, light and surroundings."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from actionzoo.puppets.backgrounds import behind, checked
from actionzoo.puppets.dataset import by_label, turns, write_all
from actionzoo.puppets.depth import DepthRecording, Field, silhouette
from actionzoo.puppets.framing import crop, step_back
from actionzoo.puppets.garments import Dresser, draw_look
from actionzoo.puppets.geometry import Array
from actionzoo.puppets.landmarks import landmarks
from actionzoo.puppets.movement import now_and_then
from actionzoo.puppets.render import PuppetClip, draw_grain, draw_lens, finish, light_table
from actionzoo.puppets.replay import TEMPO
from actionzoo.puppets.sprites import Image

_SHARE = (0.34, 0.95)
"""Bounds of a person's height as a share of the picture's."""


def render_cutout(
    recording: DepthRecording,
    seed: int,
    *,
    height: int = 240,
    width: int | None = None,
    fps: float = 30.0,
    mirror: bool = True,
    background: Image | None = None,
) -> PuppetClip:
    """Render one clip of a depth recording; the same arguments give the same bytes in any process.

    Args:
        recording: of `read_depth`; of a long one, 2 to 6.2 seconds are taken.
        seed: not negative; draws the tempo, the place, the camera, clothes, background and light.
        height: rows of the pictures.
        width: columns; when None drawn at random, even, 0.55 to 2.4 times the height.
        fps: frames a second of the clip.
        mirror: mirror half of the clips.
        background: a picture `(rows, columns, 3)` uint8 RGB of which a piece is behind the person; drawn when None.

    Returns:
        a clip without flow, which nobody knows.

    Raises:
        DataError: the recording shows nobody, or no black background.
        VideoError: the recording cannot be read.

    Example:
        >>> import tempfile
        >>> from actionzoo.video.writer import VideoWriter
        >>> path = Path(tempfile.mkdtemp(), "a05_s3_t1.mp4")
        >>> with VideoWriter(path, 30.0, (96, 96)) as video:
        ...     for k in range(8):
        ...         black = np.zeros((96, 96, 3), np.uint8)
        ...         video.write(cv2.ellipse(black, (40 + k, 48), (10, 36), 0, 0, 360, (150, 150, 150), -1))
        >>> clip = render_cutout(DepthRecording(path, "throw"), 1, height=64)
        >>> clip.label, clip.frames.shape[1], clip.flow
        ('throw', 64, None)
    """
    acting, filming, looks = np.random.default_rng([seed, zlib.crc32(recording.label.encode())]).spawn(3)
    person = silhouette(recording, acting)
    marks = landmarks(person)
    step = acting.uniform(*TEMPO) * person.fps / fps
    moments = np.arange(int((len(person.cover) - 1) / step) + 1) * step
    scale, corner, size = _framed(person.cover, marks.height, filming, height, width)
    motion = now_and_then(filming, np.arange(len(moments)) / fps, size)
    softness, exposure, noise = draw_lens(filming, height)
    mirrored = bool(filming.random() < 0.5) and mirror
    margin = round(0.1 * height)
    canvas = behind(checked(background), looks, size[0] + 2 * margin, size[1] + 2 * margin, height / 240.0)
    actor = _Actor(Dresser(person, marks, draw_look(looks), scale), corner, size)
    table = light_table(looks)
    frames = np.empty((len(moments), *size, 3), np.uint8)
    for frame, moment, moved in zip(frames, moments, motion, strict=True):
        place = np.column_stack([moved[:, :2], moved[:, 2] - moved[:, :2] @ np.full(2, float(margin))])
        ground = cv2.warpAffine(canvas, place, size[::-1], borderMode=cv2.BORDER_REFLECT_101)
        picture = cv2.LUT(_over(actor.picture(float(moment), moved, exposure), ground), table)
        frame[:] = cv2.GaussianBlur(picture, (0, 0), softness) if softness > 0.2 else picture
    finish(frames, draw_grain(looks, size, noise), mirrored)
    return PuppetClip(frames, recording.label, fps)


def write_cutout_dataset(
    out: str | os.PathLike[str],
    recordings: Sequence[DepthRecording],
    clips: int,
    seed: int,
    *,
    labels: Sequence[str] | None = None,
    height: int = 240,
    fps: float = 30.0,
    mirror: bool = True,
    backgrounds: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Render `clips` videos of each label of depth recordings as `<out>/<label>/<label>_<index>_g-<group>.mp4`.

    The recordings of a label take turns, in an order drawn at random. Where the group is not known, the name of the
    file ends before it.

    Args:
        out: the folder; made when missing.
        recordings: of `read_depth`.
        clips: videos a label.
        seed: not negative; the same seed and recordings make the same bytes.
        labels: which labels to render, all when None.
        height: rows of the pictures; the width varies.
        fps: frames a second.
        mirror: mirror half of the clips.
        backgrounds: a folder of pictures and videos, as in `write_dataset`.
        workers: processes, all cores when None; 1 stays in this process.
        progress: called with (clips done, clips in all) after each.

    Returns:
        the paths of the videos, by label and index.

    Raises:
        DataError: there is no such label, a recording shows nobody or no black background, or there are no backgrounds
            in the folder.
        VideoError: a recording cannot be read.
        OutputError: a file cannot be written.

    Example:
        >>> import tempfile
        >>> from actionzoo.puppets import read_depth
        >>> from actionzoo.video.writer import VideoWriter
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "throw").mkdir()
        >>> with VideoWriter(folder / "throw" / "a05_s3_t1.mp4", 30.0, (96, 96)) as video:
        ...     for k in range(8):
        ...         black = np.zeros((96, 96, 3), np.uint8)
        ...         video.write(cv2.ellipse(black, (40 + k, 48), (10, 36), 0, 0, 360, (150, 150, 150), -1))
        >>> write_cutout_dataset(folder / "out", read_depth(folder), 1, 0, height=64, workers=1)[0].name
        'throw_0000_g-s3.mp4'
    """
    draw = partial(render_cutout, height=height, fps=fps, mirror=mirror)
    return write_all(turns(out, by_label(recordings, labels), clips, seed, draw, backgrounds), workers, progress)


def _framed(
    cover: Field, tall: float, rng: np.random.Generator, height: int, width: int | None
) -> tuple[float, Array, tuple[int, int]]:
    """Draw what part of a recording a picture shows.

    Returns:
        pixels of the picture a pixel of the recording; the corner of the picture `(2,)`, x and y, in those of the
        recording; and the picture's size `(height, width)`.
    """
    seen = cover.max(0) > 0.5
    columns, rows = np.flatnonzero(seen.any(0)), np.flatnonzero(seen.any(1))
    low, high = np.array([columns[0], rows[0]], float), np.array([columns[-1], rows[-1]], float) + 1.0
    box = crop(low, high, rng, None if width is None else width / height)
    box = step_back(box, low, high, min(tall, float((high - low).max())), _SHARE, rng)
    scale = float(height / (box[3] - box[1]))
    wide = width or round((box[2] - box[0]) * scale / 2.0) * 2
    return scale, np.array([(box[0] + box[2] - wide / scale) / 2.0, box[1]]), (height, wide)


class _Actor:
    """The dressed person in the picture, also between two recorded frames and smeared by its motion.

    Args:
        dresser: of the person.
        corner: of the picture `(2,)`, x and y, in pixels of the recording.
        size: of the picture `(height, width)`.
    """

    def __init__(self, dresser: Dresser, corner: Array, size: tuple[int, int]) -> None:
        self._dresser, self._corner = dresser, corner * dresser.scale
        x, y = np.meshgrid(np.arange(size[1], dtype=np.float32), np.arange(size[0], dtype=np.float32))
        self._pixels = np.stack([x, y], -1)
        self._show(0)

    def _show(self, k: int) -> None:
        """Dress the person of recorded frame `k`."""
        self._shown, self._image = k, self._dresser.picture(k)
        self._flow = self._dresser.enlarged(self._dresser.marks.flow[k]) * np.float32(self._dresser.scale)

    def picture(self, moment: float, motion: Array, exposure: float) -> Image:
        """The person `(height, width, 4)`, RGBA, the colours multiplied by alpha.

        Args:
            moment: which of the recorded frames, and how far on to the next.
            motion: `(2, 3)` of the camera.
            exposure: how many frames the shutter is open.
        """
        k = round(moment)
        if k != self._shown:
            self._show(k)
        back = np.linalg.inv(motion[:, :2])
        start = self._corner - back @ motion[:, 2]
        grid = self._pixels @ back.T.astype(np.float32) + start.astype(np.float32)
        moved = cv2.remap(self._flow, grid, None, cv2.INTER_LINEAR)
        fast = exposure * float(np.abs(moved).max()) > 0.8
        ways = [moment - k + share * exposure / 3.0 for share in ((-1.0, 0.0, 1.0) if fast else (0.0,))]
        seen = [cv2.remap(self._image, grid - np.float32(way) * moved, None, cv2.INTER_LINEAR) for way in ways]
        return np.asarray(np.round(np.mean(seen, 0)) if fast else seen[0], np.uint8)


def _over(person: Image, behind: Image) -> Image:
    """The person before a background."""
    clear = cv2.cvtColor(cv2.bitwise_not(person[..., 3]), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.add(person[..., :3], cv2.multiply(behind, clear, scale=1.0 / 255.0)), np.uint8)
