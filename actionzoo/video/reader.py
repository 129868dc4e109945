"""Frames of a video with their times, read in one pass in constant memory.

FFmpeg decodes, through PyAV: any of its formats and codecs, files whose packets are out of order, variable frame rates.
Frames come upright whatever way the camera was held. Sound is ignored.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

import av
import av.error
import cv2
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from actionzoo.errors import BrokenVideoError, NotAVideoError, source_name
from actionzoo.video.camera import camera_pictures, open_camera
from actionzoo.video.memory import Frames
from actionzoo.video.opening import Source, broken, camera_number, check_size, open_video
from actionzoo.video.timing import Clock, on_grid

__all__ = ["Frame", "Size", "Source", "VideoInfo", "probe", "read_frames"]

_T = TypeVar("_T")

Size: TypeAlias = tuple[int, int] | Callable[[tuple[int, int]], tuple[int, int]]
"""(height, width) in pixels, or a function that makes it from the (height, width) of the upright original."""


class Frame(NamedTuple):
    """One picture of a video.

    time: seconds since the first frame; image: `(height, width, 3)` uint8, RGB.
    """

    time: float
    image: NDArray[np.uint8]


@dataclass(frozen=True)
class VideoInfo:
    """What a video says about itself: size of the upright frames, frames a second, duration where it is known."""

    source: str
    width: int
    height: int
    fps: float
    duration_s: float | None


def probe(source: Source) -> VideoInfo:
    """Describe a video; its first frame is decoded, so that a video that cannot be used is found out.

    Raises the errors of `read_frames`.
    """
    if isinstance(source, Frames):
        check_size(source, source.width, source.height)
        return VideoInfo(str(source), source.width, source.height, source.fps, source.duration_s)
    number = camera_number(source)
    if number is not None:
        with open_camera(number) as capture:
            width, height = (int(capture.get(what)) for what in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
            return VideoInfo(str(source), width, height, float(capture.get(cv2.CAP_PROP_FPS)) or 30.0, None)
    with open_video(source) as (container, stream):
        try:
            frame = next(_decoded(source, container, stream))[1]
        except StopIteration:
            raise _no_frames(source) from None
        height, width = _Upright(frame).size(frame.height, frame.width)
        return VideoInfo(source_name(source), width, height, _rate(stream), _declared_duration(container, stream))


def read_frames(
    source: Source, *, fps: float | None = None, size: Size | None = None, seen: Callable[[float], None] | None = None
) -> Generator[Frame]:
    """The frames of a video, one after the other.

    source: a file, an address (http, https, rtsp), or the number of a camera; the bytes of a video file, a binary file
        object that can be rewound (it stays open), or the pictures of `actionzoo.video.Frames`.
    fps: keep the frames nearest to a grid of that many a second, counted from the first frame. The others are decoded
        but never converted. A video that is slower keeps all its frames; none is ever given twice.
    size: scale every frame to this (height, width); a function gets the upright (height, width) and returns the new
        one. Default: the size of the first frame.
    seen: called with the time of every frame of a video, also of those that are not kept.

    Raises VideoNotFoundError, NotAVideoError, VideoTooLargeError, or BrokenVideoError with the time at which the video
    breaks: a damaged or cut-off video is never silently shortened (formats without an index or a duration, such as
    MPEG-TS, cannot tell that they were cut).

    >>> next(read_frames("missing.mp4"))
    Traceback (most recent call last):
    actionzoo.errors.VideoNotFoundError: missing.mp4: there is no such file; check the name
    """
    if fps is not None and not fps > 0:
        raise ValueError(f"fps must be more than 0, not {fps}")
    if isinstance(source, Frames):
        return _read_memory(source, fps, size, seen)
    number = camera_number(source)
    return _read_video(source, fps, size, seen) if number is None else _read_camera(number, fps, size)


def _read_video(
    source: Source, fps: float | None, size: Size | None, seen: Callable[[float], None] | None
) -> Generator[Frame]:
    with open_video(source) as (container, stream):
        pictures = _decoded(source, container, stream)
        if seen is not None:
            pictures = _telling(pictures, seen)
        convert: _Converter | None = None
        for time, picture in pictures if fps is None else on_grid(pictures, fps):
            if convert is None:
                convert = _Converter(picture, size)
            yield Frame(time, convert(picture))
        if convert is None:
            raise _no_frames(source)


def _read_memory(
    frames: Frames, fps: float | None, size: Size | None, seen: Callable[[float], None] | None
) -> Generator[Frame]:
    check_size(frames, frames.width, frames.height)
    pictures = ((index / frames.fps, image) for index, image in enumerate(frames.images))
    if seen is not None:
        pictures = _telling(pictures, seen)
    convert: _Converter | None = None
    for time, image in pictures if fps is None else on_grid(pictures, fps):
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
        convert = convert or _Converter(picture, size)
        yield Frame(time, convert(picture))


def _telling(pictures: Iterable[tuple[float, _T]], seen: Callable[[float], None]) -> Generator[tuple[float, _T]]:
    for time, picture in pictures:
        seen(time)
        yield time, picture


def _read_camera(number: int, fps: float | None, size: Size | None) -> Generator[Frame]:
    with open_camera(number) as capture:
        pictures = camera_pictures(number, capture)
        for time, picture in pictures if fps is None else on_grid(pictures, fps):
            height, width = _wanted((picture.shape[0], picture.shape[1]), size)
            image = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
            yield Frame(time, np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8))


def _wanted(original: tuple[int, int], size: Size | None) -> tuple[int, int]:
    height, width = original if size is None else size(original) if callable(size) else size
    if min(height, width) < 1:
        raise ValueError(f"size must be at least 1x1, not {height}x{width}")
    return height, width


def _no_frames(source: Source) -> NotAVideoError:
    return NotAVideoError(source, "has no pictures that can be decoded")


def _decoded(
    source: Source, container: av.container.InputContainer, stream: VideoStream
) -> Iterator[tuple[float, av.VideoFrame]]:
    """Decoded pictures with their times; times start at 0 and never go back."""
    # With this flag, which PyAV sets, AVI files with B-frames get times that jump to and fro.
    container.flags &= ~cast(int, av.container.Flags.gen_pts.value)
    clock = Clock(1 / _rate(stream))
    time = reached = 0.0
    try:
        for packet in container.demux(stream):
            reached = max(reached, _end(packet))
            for picture in packet.decode():
                check_size(source, picture.width, picture.height)
                time = clock.read(picture)
                yield time, picture
    except (av.error.FFmpegError, OSError) as error:
        raise broken(source, time, error) from None
    _check_complete(source, container, stream, reached)


def _end(packet: av.Packet[VideoStream]) -> float:
    start = packet.dts if packet.pts is None else packet.pts
    if start is None:
        return 0.0
    return float((start + (packet.duration or 0) - (packet.stream.start_time or 0)) * packet.time_base)


def _check_complete(
    source: Source, container: av.container.InputContainer, stream: VideoStream, reached: float
) -> None:
    """Raise BrokenVideoError for a file that ends long before the end that it declares.

    FFmpeg says nothing where a Matroska or AVI file is cut off.
    """
    if container.format.name not in _DECLARING_FORMATS:
        return
    duration = _own_duration(stream)
    if container.format.name == "avi":
        # FFmpeg shortens the duration of an AVI file to what is there of it, but not its count of frames.
        duration = stream.frames / _rate(stream)
    if duration is None and len(container.streams) == 1:
        duration = _declared_duration(container, stream)
    if duration is not None and reached < duration - _END_SLACK_S:
        raise BrokenVideoError(source, f"is cut off at {reached:.2f} s of {duration:.2f} s; copy or download it again")


_DECLARING_FORMATS = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "flv", "asf")
_END_SLACK_S = 0.5


def _own_duration(stream: VideoStream) -> float | None:
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    # Matroska's muxers write the duration of a stream as a tag, hours:minutes:seconds.
    hours, _, rest = stream.metadata.get("DURATION", "").partition(":")
    minutes, _, seconds = rest.partition(":")
    try:
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    except ValueError:
        return None


def _declared_duration(container: av.container.InputContainer, stream: VideoStream) -> float | None:
    own = _own_duration(stream)
    if own is None and container.duration is not None:
        return container.duration / av.time_base
    return own


def _rate(stream: VideoStream) -> float:
    # FFmpeg's own guess where a format knows no rate is 25 too.
    return float(stream.average_rate or stream.guessed_rate or 25)


class _Upright:
    """How stored pictures are turned to stand upright, from the display matrix that a camera writes."""

    def __init__(self, picture: av.VideoFrame) -> None:
        self.transpose = self.flip_x = self.flip_y = False
        side_data: Iterable[Any] = cast(Any, picture).side_data
        matrix = next((data for data in side_data if data.type.name == "DISPLAYMATRIX"), None)
        if matrix is not None:
            # Column x and row y of the stored picture are shown at column a x + c y and row b x + d y (plus offsets).
            a, b, _, c, d, *_ = struct.unpack("=9i", bytes(matrix))
            self.transpose = abs(b) + abs(c) > abs(a) + abs(d)
            self.flip_x, self.flip_y = (c < 0, b < 0) if self.transpose else (a < 0, d < 0)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Upright (height, width) from stored, and the other way round."""
        return (width, height) if self.transpose else (height, width)

    def turn(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.transpose:
            image = image.swapaxes(0, 1)
        if self.flip_x:
            image = image[:, ::-1]
        if self.flip_y:
            image = image[::-1]
        return np.ascontiguousarray(image)


class _Converter:
    """Decoded pictures of any size and pixel format to upright RGB arrays of one size."""

    def __init__(self, first: av.VideoFrame, size: Size | None) -> None:
        self._upright = _Upright(first)
        wanted = _wanted(self._upright.size(first.height, first.width), size)
        self._height, self._width = self._upright.size(*wanted)
        self._reformatter = VideoReformatter()

    def __call__(self, picture: av.VideoFrame) -> NDArray[np.uint8]:
        scales = (picture.height, picture.width) != (self._height, self._width)
        rgb = self._reformatter.reformat(
            picture,
            width=self._width,
            height=self._height,
            format="rgb24",
            interpolation=_SCALING if scales else Interpolation.BILINEAR,
            threads=1,
        )
        return self._upright.turn(np.asarray(rgb.to_ndarray(), np.uint8))


# swscale widens its bilinear filter when it scales down, so small frames do not alias. Without scaling the accurate
# conversion takes twice the time of the plain one.
_SCALING = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
