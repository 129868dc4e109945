"""Frames of a video with their times, read in one pass in constant memory.

PyAV (FFmpeg) decodes: all its formats and codecs, packets out of order, variable frame rates. Frames come as a player
shows them: rotated upright, with square pixels. Sound is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from actionzoo.errors import source_name
from actionzoo.video.camera import camera_frames, open_camera
from actionzoo.video.decoding import Damaged, decode_frames
from actionzoo.video.geometry import Converter, Geometry, Size, wanted_size
from actionzoo.video.memory import Frames
from actionzoo.video.opening import Source, camera_number, check_size, open_video
from actionzoo.video.stills import Stills, open_stills
from actionzoo.video.timing import declared_duration, frame_rate, on_grid

_T = TypeVar("_T")
_Seen = Callable[[float], None]


class Frame(NamedTuple):
    """One frame of a video.

    Attributes:
        time: seconds since the first frame.
        image: `(height, width, 3)` uint8, RGB.
    """

    time: float
    image: NDArray[np.uint8]


@dataclass(frozen=True)
class VideoInfo:
    """The metadata of a video.

    Attributes:
        source: its name, see `actionzoo.errors.source_name`.
        width: in pixels, as a player shows it.
        height: in pixels, as a player shows it.
        fps: frames per second.
        duration_s: in seconds; `None` if it is unknown.
    """

    source: str
    width: int
    height: int
    fps: float
    duration_s: float | None


def probe(source: Source) -> VideoInfo:
    """Read the metadata of a video. The first frame is decoded, so that a video that cannot be used is noticed.

    Args:
        source: as in `read_frames`.

    Raises:
        VideoError: the same errors as `read_frames`.

    >>> probe("clip.mp4")                                                                         # doctest: +SKIP
    VideoInfo(source='clip.mp4', width=320, height=240, fps=25.0, duration_s=7.2)
    """
    stills = _stills(source)
    if stills is not None:
        return VideoInfo(source_name(source), stills.width, stills.height, stills.fps, stills.duration_s)
    number = camera_number(source)
    if number is not None:
        with open_camera(number) as capture:
            width, height = (int(capture.get(what)) for what in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
            return VideoInfo(str(source), width, height, float(capture.get(cv2.CAP_PROP_FPS)) or 30.0, None)
    with open_video(source) as video:
        _, first = next(decode_frames(video, damaged=lambda error: None))
        height, width = Geometry.of(video.stream, first).shown(first.height, first.width)
        duration_s = declared_duration(video.container, video.stream)
        return VideoInfo(source_name(source), width, height, frame_rate(video.stream), duration_s)


def read_frames(
    source: Source,
    *,
    fps: float | None = None,
    size: Size | None = None,
    seen: _Seen | None = None,
    damaged: Damaged | None = None,
) -> Generator[Frame]:
    """Decode the frames of a video, one after the other.

    Args:
        source: a file, an address (http, https, rtsp) or the number of a camera; a folder of numbered images; the bytes
            of a video file, or a seekable binary file object, which stays open; or `actionzoo.video.Frames`.
        fps: keep the frames nearest to the times 0, 1/fps, 2/fps, ... seconds. The others are decoded but not
            converted. A slower video keeps all its frames; none is repeated.
        size: scale every frame to this (height, width); a function maps the (height, width) that a player shows to the
            new one. By default the size of the first frame.
        seen: called with the time of every frame of a video, also of those that are not kept.
        damaged: called once, with a BrokenVideoError, at the first sign that frames are missing or wrong; decoding goes
            on. Without it, such an error is raised: a damaged or truncated video is never silently shortened (except in
            formats without sizes or an index, such as MPEG-TS, which do not show that their end is missing).

    Yields:
        The frames, in the order of their times.

    Raises:
        VideoNotFoundError: there is no such file, address or camera, or it may not be read.
        NotAVideoError: the source is not a video.
        VideoTooLargeError: its frames are too large.
        BrokenVideoError: the video is damaged, and `damaged` is not given or no frame can be decoded. The message has
            the time of the damage.
        ValueError: `fps` is not above 0, or `size` has no pixel.

    >>> next(read_frames("missing.mp4"))
    Traceback (most recent call last):
    actionzoo.errors.VideoNotFoundError: missing.mp4: there is no such file; check the name
    """
    if fps is not None and not fps > 0:
        raise ValueError(f"fps must be more than 0, not {fps}")
    number = camera_number(source)
    if number is not None:
        return _read_camera(number, fps, size)
    return _read_file(source, fps, size, seen, damaged)


def _read_file(
    source: Source, fps: float | None, size: Size | None, seen: _Seen | None, damaged: Damaged | None
) -> Generator[Frame]:
    stills = _stills(source)
    if stills is not None:
        decoded = ((time, av.VideoFrame.from_ndarray(image, "rgb24")) for time, image in stills.timed())
        yield from _converted(decoded, None, fps, size, seen)
        return
    with open_video(source) as video:
        yield from _converted(decode_frames(video, damaged), video.stream, fps, size, seen)


def _stills(source: Source) -> Stills | None:
    """The source, if it is a sequence of images and not a container of packets; its size is checked."""
    stills = source if isinstance(source, Frames) else open_stills(source)
    if stills is not None:
        check_size(source, stills.width, stills.height)
    return stills


def _converted(
    decoded: Iterator[tuple[float, av.VideoFrame]],
    stream: VideoStream | None,
    fps: float | None,
    size: Size | None,
    seen: _Seen | None,
) -> Generator[Frame]:
    """The frames that a rate of `fps` keeps, as arrays of one size."""
    if seen is not None:
        decoded = _reporting(decoded, seen)
    convert: Converter | None = None
    for time, frame in decoded if fps is None else on_grid(decoded, fps):
        convert = convert or Converter(frame, size, Geometry() if stream is None else Geometry.of(stream, frame))
        yield Frame(time, convert(frame))


def _reporting(frames: Iterator[tuple[float, _T]], seen: _Seen) -> Generator[tuple[float, _T]]:
    for time, frame in frames:
        seen(time)
        yield time, frame


def _read_camera(number: int, fps: float | None, size: Size | None) -> Generator[Frame]:
    with open_camera(number) as capture:
        frames = camera_frames(number, capture)
        for time, frame in frames if fps is None else on_grid(frames, fps):
            height, width = wanted_size((frame.shape[0], frame.shape[1]), size)
            image = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
            yield Frame(time, np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8))
