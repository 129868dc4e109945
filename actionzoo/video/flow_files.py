"""The optical flow of a whole video as files: the papers' JPEGs, numbers, or a video in colours.

A video of any length is read once, in constant memory. The files get their names when they are whole; after an error,
or Ctrl-C, nothing is left.
"""

from __future__ import annotations

import os
import secrets
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
from actionzoo.video.flow import METHODS, encode_flow, flow_stream, flow_to_colour
from actionzoo.video.opening import check_size, is_stream
from actionzoo.video.reader import Frame, probe, read_frames
from actionzoo.video.resize import short_size
from actionzoo.video.writer import VideoWriter

__all__ = ["FORMATS", "FlowFiles", "write_flow"]

FORMATS = ("jpeg", "npz", "mp4")

JPEG_QUALITY = 95
"""OpenCV's default, which the authors used."""

_MP4_FPS = (1.0, 120.0)
"""Frame rates outside of this are mistakes of the video's header."""

_Write: TypeAlias = Callable[[Frame, NDArray[np.float32] | None], None]
"""Takes each frame with its flow to the next one; the last frame comes with None."""


@dataclass(frozen=True)
class FlowFiles:
    """What was written: the files or folders, the number of flow fields, and their size in pixels."""

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
    """Computes the flow of a video and writes it to `out`.

    format: what to write.
        "jpeg": the layout of the papers' data, in the folder `out`, which may hold other videos already. `u/<video>/`
        and `v/<video>/` have `frame000001.jpg`, the flow from frame 1 to frame 2, and so on: grey, coded by
        `encode_flow`.
        "npz": one file with `flow (frames-1, height, width, 2)` float16, pixels a frame step, u to the right, v down;
        `times (frames-1,)` float64, the seconds at which each field begins; and `method`. Half precision is exact to
        1/128 px up to 32 px, a tenth of a JPEG's step, and takes half the room.
        "mp4": the flow in the colours of `flow_to_colour`, a frame for each field, to look at.
    method: of `actionzoo.video.flow`.
    short_side: pixels of the shorter side, see `short_size`; None for the size of the video. Frames are enlarged by
        bicubic interpolation as in the authors' tool, but made smaller by averaging, which is free of aliasing.
    bound: pixels. JPEGs clip faster motion, and the default is the papers' 20. In an MP4 it is the speed of full
        colour, the same in the whole video so that nothing flickers; default 1/32 of the short side, 8 for 256.
    frames: with "jpeg", also write the frames themselves: `jpegs/<video>/frame000001.jpg`, one more than the fields.
    progress: called with the seconds of the video that are done, and its duration if that is known.

    Raises VideoError or one of its kinds, also for a video of one frame; OutputError, also for a video that the folder
    has already (an older file is replaced); ValueError for an unknown format or method, or a bound that is not above 0.

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
    with _output_errors(place), writing as write:
        scaled = _scaled_frames(source, original, (height, width))
        with closing(scaled), closing(flow_stream(scaled, method)) as stream:
            for frame, flow in stream:
                if flow is None and fields == 0:
                    raise VideoError(source, "has only one frame; flow needs two")
                write(frame, flow)
                fields += flow is not None
                if progress is not None:
                    progress(frame.time, info.duration_s)
    return FlowFiles(paths, fields, height, width)


def video_name(source: str) -> str:
    """What a video is called in the papers' layout: its name without folders and ending.

    >>> video_name("clips/v_Biking_g01_c01.avi"), video_name("https://host/clip.mp4?id=1")
    ('v_Biking_g01_c01', 'clip')
    """
    name = PurePosixPath(urlsplit(source).path).stem if is_stream(source) else Path(source).stem
    return "video" if name in ("", ".", "..") else name


def _scaled_frames(source: str, original: tuple[int, int], size: tuple[int, int]) -> Generator[Frame]:
    """The frames of a video at a (height, width)."""
    enlarged = min(size) > min(original)
    with closing(read_frames(source, size=original if enlarged else size)) as frames:
        for frame in frames:
            if enlarged:
                image = cv2.resize(frame.image, size[::-1], interpolation=cv2.INTER_CUBIC)
                frame = Frame(frame.time, np.asarray(image, np.uint8))
            yield frame


@contextmanager
def _output_errors(path: Path) -> Iterator[None]:
    """Errors of the operating system, which the reader never lets through, as one that names what was to be written."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{path}: cannot be written ({reason}); choose another place or make room") from error


@contextmanager
def _jpegs(out: Path, places: tuple[Path, ...], bound: float) -> Iterator[_Write]:
    """Writes the folders for u, v and, if there is a third one, frames; they are filled in `out` and then renamed."""
    for place in places:
        if os.path.lexists(place):
            raise OutputError(f"{place}: exists already; remove it, or choose another folder")
    missing = [folder for folder in (*(place.parent for place in places), out, *out.parents) if not folder.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".actionzoo-", dir=out) as beside:
            filled = [Path(beside, place.parent.name) for place in places]
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
            with suppress(OSError):  # it is needed now
                folder.rmdir()


def _write_jpeg(path: Path, image: NDArray[np.uint8]) -> None:
    """Writes a grey or blue-green-red picture."""
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(image), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    path.write_bytes(data.tobytes())


def _move(folders: list[Path], places: tuple[Path, ...]) -> None:
    """Gives each folder its name. All of them, or none."""
    moved: list[Path] = []
    try:
        for folder, place in zip(folders, places, strict=True):
            place.parent.mkdir(exist_ok=True)
            folder.rename(place)
            moved.append(place)
    except BaseException:
        for place in moved:
            shutil.rmtree(place)
        raise


@contextmanager
def _npz(path: Path, method: str) -> Iterator[_Write]:
    """Writes arrays as `numpy.savez` does.

    An array's header has its length, so the fields wait on the disk until they have been counted.
    """
    place = Path(os.path.realpath(path))  # a link stays a link
    if place.is_dir():
        raise OutputError(f"{path}: is a folder; name a file")
    beside = place.with_name(f".actionzoo-{secrets.token_hex(4)}.part")
    times: list[float] = []
    shape: tuple[int, ...] = ()
    try:
        with beside.open("xb") as out, tempfile.TemporaryFile(dir=place.parent) as fields:

            def write(frame: Frame, flow: NDArray[np.float32] | None) -> None:
                nonlocal shape
                if flow is not None:
                    shape = flow.shape
                    times.append(frame.time)
                    fields.write(flow.astype("<f2").tobytes())

            yield write
            fields.seek(0)
            header = {"descr": "<f2", "fortran_order": False, "shape": (len(times), *shape)}
            with ZipFile(out, "w") as archive:
                with archive.open(ZipInfo("flow.npy"), "w", force_zip64=True) as member:
                    np.lib.format.write_array_header_1_0(member, header)
                    shutil.copyfileobj(fields, member, 1 << 20)
                for name, array in (("times", np.array(times, np.float64)), ("method", np.array(method))):
                    with archive.open(ZipInfo(f"{name}.npy"), "w") as member:
                        np.lib.format.write_array(member, array, allow_pickle=False)
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def _mp4(path: Path, fps: float, size: tuple[int, int], full: float) -> Iterator[_Write]:
    """Writes a video in which motion of `full` pixels a frame step has full colour."""
    with VideoWriter(path, fps, size) as video:

        def write(frame: Frame, flow: NDArray[np.float32] | None) -> None:
            if flow is not None:
                video.write(flow_to_colour(flow, full))

        yield write
