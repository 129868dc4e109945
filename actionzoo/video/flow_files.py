"""The optical flow of a whole video as files: the papers' JPEGs, arrays, or a video in colours.

A video of any length is read once, in constant memory. Files and folders are written atomically.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias
from urllib.parse import urlsplit
from zipfile import ZipFile, ZipInfo

import cv2
import numpy as np
from numpy.typing import NDArray

from actionzoo.errors import OutputError, VideoError
from actionzoo.files import cannot_write, folder_beside, remove, replacing_output
from actionzoo.video.flow import METHODS, encode_flow, flow_stream, flow_to_colour
from actionzoo.video.opening import check_size, is_stream
from actionzoo.video.reader import Frame, probe, read_frames
from actionzoo.video.resize import short_size
from actionzoo.video.writer import VideoWriter

FORMATS = ("jpeg", "npz", "mp4")

JPEG_QUALITY = 95
"""OpenCV's default, which the authors used."""

_MP4_FPS = (1.0, 120.0)
"""Frame rates outside of this range are errors in the video's header."""

_Write: TypeAlias = Callable[[Frame, NDArray[np.float32] | None], None]
"""Takes each frame with its flow to the next one; the last frame comes with None."""


@dataclass(frozen=True)
class FlowFiles:
    """What `write_flow` wrote.

    Attributes:
        paths: the files or folders.
        fields: number of flow fields.
        height: of a field, in pixels.
        width: of a field, in pixels.
    """

    paths: tuple[Path, ...]
    fields: int
    height: int
    width: int


def write_flow(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    format: str = "jpeg",
    method: str = "tvl1",
    short_side: int | None = 256,
    bound: float | None = None,
    frames: bool = False,
    progress: Callable[[float, float | None], None] | None = None,
) -> FlowFiles:
    """Compute the optical flow of a video and write it to `out`.

    Args:
        source: a video file, a folder of numbered images, or an address.
        out: for "jpeg" a folder, which may hold other videos; otherwise a file, in a folder that exists.
        format: `"jpeg"`, the layout of the papers' data: `u/<video>/` and `v/<video>/` hold `frame000001.jpg`, the flow
            from frame 1 to frame 2, and so on, as grey images coded by `encode_flow`. `"npz"`, one file with `flow`
            `(frames-1, height, width, 2)` float16, in pixels per frame, u to the right, v down; `times (frames-1,)`
            float64, the seconds at which each field begins; and `method`. Half precision is exact to 1/128 pixel up to
            32 pixels. `"mp4"`, a video of the fields in the colours of `flow_to_colour`, to look at.
        method: a name of `actionzoo.video.flow.METHODS`.
        short_side: length of the short side of the flow in pixels, see `short_size`; `None` keeps the video's size.
            Frames are enlarged by bicubic interpolation as in the authors' tool, but reduced by averaging, which avoids
            aliasing.
        bound: in pixels per frame. JPEGs clip faster motion, at 20 by default, as in the papers. In an MP4 it is the
            speed of full saturation, the same in the whole video so that nothing flickers; by default 1/32 of the
            short side, 8 for 256.
        frames: with "jpeg", also write the frames, as `jpegs/<video>/frame000001.jpg`, one more than there are fields.
        progress: called after each frame with its time and the duration of the video, in seconds; the duration is
            `None` if it is unknown.

    Returns:
        What was written.

    Raises:
        VideoError: the video cannot be used, or has only one frame.
        OutputError: `out` cannot be written, or has JPEGs of this video already. An older file is replaced.
        ValueError: the format or method is unknown, or the bound is not above 0.

    >>> write_flow("clip.mp4", "tvl1_flow").fields                                                # doctest: +SKIP
    163
    """
    for given, known, what in ((format, FORMATS, "format"), (method, METHODS, "flow method")):
        if given not in known:
            raise ValueError(f"unknown {what} {given!r}; there are {', '.join(known)}")
    if bound is not None and not bound > 0:
        raise ValueError(f"bound must be more than 0 pixels, not {bound}")
    source, place = os.fspath(source), Path(out)
    info = probe(source)
    original = info.height, info.width
    height, width = original if short_side is None else short_size(original, short_side)
    check_size(source, width, height)
    writing: AbstractContextManager[_Write]
    if format == "jpeg":
        paths = tuple(place / kind / video_name(source) for kind in (("u", "v", "jpegs") if frames else ("u", "v")))
        writing = _jpegs(place, paths, 20.0 if bound is None else bound)
    elif format == "npz":
        paths, writing = (place,), _npz(place, method)
    else:
        fps = min(max(info.fps, _MP4_FPS[0]), _MP4_FPS[1])
        paths, writing = (place,), _mp4(place, fps, (height, width), bound or min(height, width) / 32)
    fields = 0
    try:
        with writing as write:
            scaled = _scaled_frames(source, original, (height, width))
            with closing(scaled), closing(flow_stream(scaled, method)) as stream:
                for frame, flow in stream:
                    if flow is None and fields == 0:
                        raise VideoError(source, "has only one frame; flow needs two")
                    write(frame, flow)
                    fields += flow is not None
                    if progress is not None:
                        progress(frame.time, info.duration_s)
    except OSError as error:  # of writing: the reader raises none
        raise cannot_write(place, error) from error
    return FlowFiles(paths, fields, height, width)


def video_name(source: str) -> str:
    """The name of a video in the papers' layout: its file name without folders and suffix.

    >>> video_name("clips/v_Biking_g01_c01.avi"), video_name("https://host/clip.mp4?id=1")
    ('v_Biking_g01_c01', 'clip')
    """
    name = PurePosixPath(urlsplit(source).path).stem if is_stream(source) else Path(source).stem
    return "video" if name in ("", ".", "..") else name


def _scaled_frames(source: str, original: tuple[int, int], size: tuple[int, int]) -> Generator[Frame]:
    """The frames of a video, scaled to a (height, width)."""
    enlarged = min(size) > min(original)
    with closing(read_frames(source, size=original if enlarged else size)) as frames:
        for frame in frames:
            if enlarged:
                image = cv2.resize(frame.image, size[::-1], interpolation=cv2.INTER_CUBIC)
                frame = Frame(frame.time, np.asarray(image, np.uint8))
            yield frame


@contextmanager
def _jpegs(out: Path, places: tuple[Path, ...], bound: float) -> Iterator[_Write]:
    """Writes the folders for u, v and, if there is a third one, frames: filled inside `out`, then renamed."""
    for place in places:
        if os.path.lexists(place):
            raise OutputError(f"{place}: exists already; remove it, or choose another folder")
    missing = [folder for folder in (*(place.parent for place in places), out, *out.parents) if not folder.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        with folder_beside(out / "flow") as beside:
            filled = [beside / place.parent.name for place in places]
            for folder in filled:
                folder.mkdir()
            count = 0

            def write(frame: Frame, flow: NDArray[np.float32] | None) -> None:
                nonlocal count
                count += 1
                name = f"frame{count:06d}.jpg"
                if flow is not None:
                    code = encode_flow(flow, bound)
                    for axis in (0, 1):
                        _write_jpeg(filled[axis] / name, code[..., axis])
                for folder in filled[2:]:
                    _write_jpeg(folder / name, frame.image[..., ::-1])

            yield write
            _move(filled, places)
    finally:
        for folder in missing:
            with suppress(OSError):  # no longer empty
                folder.rmdir()


def _write_jpeg(path: Path, image: NDArray[np.uint8]) -> None:
    """Writes a grey or BGR image."""
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(image), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    path.write_bytes(data.tobytes())


def _move(folders: list[Path], places: tuple[Path, ...]) -> None:
    """Renames all folders, or none."""
    try:
        for folder, place in zip(folders, places, strict=True):
            place.parent.mkdir(exist_ok=True)
            folder.rename(place)
    except BaseException:
        for folder, place in zip(folders, places, strict=True):
            if not folder.exists():
                remove(place)
        raise


@contextmanager
def _npz(path: Path, method: str) -> Iterator[_Write]:
    """Writes arrays as `numpy.savez` does.

    An array's header holds its length, so the fields are kept in a temporary file until they have been counted.
    """
    times: list[float] = []
    shape: tuple[int, ...] = ()
    with replacing_output(path) as place, tempfile.TemporaryFile(dir=place.parent) as fields:

        def write(frame: Frame, flow: NDArray[np.float32] | None) -> None:
            nonlocal shape
            if flow is not None:
                shape = flow.shape
                times.append(frame.time)
                fields.write(flow.astype("<f2").tobytes())

        yield write
        fields.seek(0)
        header = {"descr": "<f2", "fortran_order": False, "shape": (len(times), *shape)}
        with ZipFile(place, "w") as archive:
            with archive.open(ZipInfo("flow.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(member, header)
                shutil.copyfileobj(fields, member, 1 << 20)
            for name, array in (("times", np.array(times, np.float64)), ("method", np.array(method))):
                with archive.open(ZipInfo(f"{name}.npy"), "w") as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)


@contextmanager
def _mp4(path: Path, fps: float, size: tuple[int, int], full: float) -> Iterator[_Write]:
    """Writes a video in which motion of `full` pixels per frame has full saturation."""
    with VideoWriter(path, fps, size) as video:

        def write(frame: Frame, flow: NDArray[np.float32] | None) -> None:
            if flow is not None:
                video.write(flow_to_colour(flow, full))

        yield write
