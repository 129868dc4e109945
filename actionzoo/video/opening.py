"""Opening videos from untrusted sources.

FFmpeg is given as little as possible. A local file is passed as an open file without its name, and all that it refers
to (the entries of a playlist, other files, network addresses) is refused. A network address may only lead to further
network addresses, never to local files. Sizes are checked before a frame is decoded.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, cast

import av
import av.container
import av.error
import av.video.stream

from actionzoo.errors import BrokenVideoError, NotAVideoError, VideoError, VideoNotFoundError, VideoTooLargeError
from actionzoo.video.memory import Frames, open_memory

if TYPE_CHECKING:
    from actionzoo.video.stills import FrameFolder

Source: TypeAlias = "int | str | os.PathLike[str] | bytes | BinaryIO | Frames | FrameFolder"
"""A file, a folder of numbered images, an address (http, https, rtsp, rtsps) or the number of a camera; the bytes of a
video file, or a seekable binary file object; or decoded frames."""

MAX_SIDE = 16_384
"""Limit of the sides of a frame, in pixels."""

MAX_PIXELS = 8192 * 4320
"""Limit of the size of a frame, in pixels (8K); as RGB it takes 106 MB."""

NETWORK_TIMEOUT_S = 15.0
"""Seconds to wait for an answer from the network."""

_LENIENT: Any = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
"""Metadata in any text encoding is accepted; newer versions of PyAV always do."""

_DECODER_BYTES = 256 << 20
_PIXELS_A_THREAD = 300_000
"""One thread decodes thousands of smaller frames a second; handing them from thread to thread costs a third more."""

_PROTOCOLS = {
    "http": "http,https,tcp,tls,crypto",
    "https": "http,https,tcp,tls,crypto",
    "rtsp": "rtsp,rtsps,rtp,srtp,udp,tcp,tls",
    "rtsps": "rtsp,rtsps,rtp,srtp,udp,tcp,tls",
}
_VIDEO_SIGNATURES = {
    0: (b"RIFF", b"\x1aE\xdf\xa3", b"FLV\x01", b"OggS"),
    4: (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"),
}
_DAMAGED_AT_ONCE = "is damaged or cut off at 0.00 s; copy or download it again"
_STILL_BRANDS = ("avif", "heic", "heix", "mif1")
_LIST_SIGNATURES = (b"#EXTM3U", b"ffconcat", b"v=0")


def camera_number(source: Source) -> int | None:
    """The camera that `source` names: an int, or a string of digits that is not the name of a file; otherwise None.

    >>> camera_number("0"), camera_number("./0"), camera_number("clip.mp4")
    (0, None, None)
    """
    if isinstance(source, int):
        return source
    if not isinstance(source, str) or len(source) > 3 or not source.isascii() or not source.isdigit():
        return None
    return None if os.path.exists(source) else int(source)


def is_stream(source: Source) -> bool:
    """Whether `source` is a network address: a string that begins with http, https, rtsp or rtsps and ://.

    A `pathlib.Path` is always a local file.

    >>> is_stream("rtsp://camera/1"), is_stream("http:clip.mp4")
    (True, False)
    """
    return _scheme(source) is not None


def _scheme(source: Source) -> str | None:
    if not isinstance(source, str):
        return None
    scheme, separator, _ = source.partition("://")
    return scheme.lower() if separator and scheme.lower() in _PROTOCOLS else None


@dataclass(frozen=True)
class OpenVideo:
    """An open container and its video stream, set up for decoding in threads.

    Attributes:
        source: as the caller gave it.
        container: PyAV's container.
        stream: the video stream of the container.
        file: from which the container is read; `None` for an address.
        live: whether the stream has no end, so that damaged frames are not reported.
    """

    source: Source
    container: av.container.InputContainer
    stream: av.video.stream.VideoStream
    file: BinaryIO | None = None
    live: bool = False


@contextmanager
def open_video(source: Source) -> Iterator[OpenVideo]:
    """Open a video for one pass over it.

    Raises:
        VideoNotFoundError: there is no such file or address, or it may not be read.
        NotAVideoError: it is not a video.
        BrokenVideoError: it is damaged at its beginning, or cannot be read.
        VideoTooLargeError: its frames are too large.
    """
    scheme = _scheme(source)
    if scheme is None:
        with _open_file(source) as file, _open_container(source, file) as container:
            yield OpenVideo(source, container, _video_stream(source, container, low_delay=False), file)
    else:
        live = scheme.startswith("rtsp")
        with _open_address(str(source), scheme) as container:
            yield OpenVideo(source, container, _video_stream(source, container, low_delay=live), live=live)


def _open_file(source: Source) -> AbstractContextManager[BinaryIO]:
    if not isinstance(source, str | os.PathLike):
        return open_memory(source)  # type: ignore[arg-type]
    path = Path(os.fspath(source))
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise NotAVideoError(source, f"is a folder; name the videos in it, for example {path / '*.mp4'}")
        if not stat.S_ISREG(mode):
            raise NotAVideoError(source, "is not a regular file; save the video to a file first")
        # Opened as a descriptor, the file has no name from which FFmpeg could guess its format.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
        return os.fdopen(descriptor, "rb", buffering=0)
    except FileNotFoundError:
        if "://" in str(source):
            raise VideoNotFoundError(source, f"addresses begin with {', '.join(_PROTOCOLS)} and ://") from None
        raise VideoNotFoundError(source, "there is no such file; check the name") from None
    except PermissionError:
        raise VideoNotFoundError(source, "may not be read; check its permissions") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise VideoNotFoundError(source, f"cannot be opened: {reason}") from None


def _open_container(source: Source, file: BinaryIO) -> av.container.InputContainer:
    # Motion JPEG begins like an image, for which FFmpeg would take it.
    motion_jpeg = isinstance(source, str | os.PathLike) and os.fspath(source).lower().endswith((".mjpeg", ".mjpg"))
    known = {"format": "mjpeg"} if motion_jpeg else {}
    try:
        return _opened(file, container_options={"protocol_whitelist": "none"}, buffer_size=1 << 16, **known)
    except av.error.FFmpegError:
        raise _why_not_a_video(source, file) from None
    except OSError as error:
        raise BrokenVideoError(source, f"cannot be read: {error.strerror or error}") from None


def _opened(what: BinaryIO | str, **options: Any) -> av.container.InputContainer:
    bounds = {"max_pixels": str(MAX_PIXELS)}
    return cast(av.container.InputContainer, av.open(what, mode="r", options=bounds, **_LENIENT, **options))


def _why_not_a_video(source: Source, file: BinaryIO) -> VideoError:
    try:
        file.seek(0)
        head = file.read(16)
    except OSError as error:
        return BrokenVideoError(source, f"cannot be read: {error.strerror or error}")
    if not head:
        return NotAVideoError(source, "is empty; copy or download it again")
    for position, signatures in _VIDEO_SIGNATURES.items():
        if head[position:].startswith(signatures):
            return BrokenVideoError(source, _DAMAGED_AT_ONCE)
    if head.startswith(_LIST_SIGNATURES):
        return NotAVideoError(source, "is a list of other files or addresses; name the videos themselves")
    return NotAVideoError(source, "is not a video that FFmpeg knows")


def _open_address(address: str, scheme: str) -> av.container.InputContainer:
    options = {"protocol_whitelist": _PROTOCOLS[scheme]}
    if scheme.startswith("rtsp"):
        options |= {"rtsp_transport": "tcp", "fflags": "nobuffer"}
    begun = time.monotonic()
    try:
        return _opened(address, container_options=options, timeout=NETWORK_TIMEOUT_S)
    except (av.error.FFmpegError, OSError) as error:
        if time.monotonic() - begun >= NETWORK_TIMEOUT_S:
            raise VideoNotFoundError(address, f"cannot be opened: {_NO_ANSWER.format(NETWORK_TIMEOUT_S)}") from None
        if isinstance(error, av.error.InvalidDataError):
            raise NotAVideoError(
                address, "what the server sends is not a video, or ends too soon; download it first to see"
            ) from None
        raise VideoNotFoundError(address, f"cannot be opened: {_network_reason(error)}") from None


def broken(video: OpenVideo, time: float | None, error: Exception) -> BrokenVideoError:
    """The error of a video that could be read up to `time` seconds; None if no frame came."""
    reading = not isinstance(error, av.error.FFmpegError) or video.file is None
    if not reading or isinstance(error, av.error.InvalidDataError):
        return damage(video.source, time)
    if time is None and video.file is None and not video.live:
        reason = "the server sends it from its beginning on only, and this video must be read from elsewhere first"
        return BrokenVideoError(video.source, f"{reason}; download it, then give the file")
    return BrokenVideoError(video.source, f"cannot be read beyond {time or 0.0:.2f} s: {_network_reason(error)}")


def damage(source: Source, time: float | None) -> BrokenVideoError:
    """The error of a video that is damaged after the frame at `time` seconds."""
    return BrokenVideoError(source, f"is damaged or cut off at {time or 0.0:.2f} s; copy or download it again")


_NO_ANSWER = "no answer within {:.0f} s; check the address and the network, or download it first"


def _network_reason(error: Exception) -> str:
    # FFmpeg reports "exit requested" after a timeout.
    if isinstance(error, av.error.ExitError) or getattr(error, "errno", None) == errno.ETIMEDOUT:
        return _NO_ANSWER.format(NETWORK_TIMEOUT_S)
    return f"{getattr(error, 'strerror', None) or error}; check the address and the network, or download it first"


def _video_stream(
    source: Source, container: av.container.InputContainer, *, low_delay: bool
) -> av.video.stream.VideoStream:
    name = container.format.name
    if name.endswith("_pipe") or name == "image2" or container.metadata.get("major_brand", "").strip() in _STILL_BRANDS:
        raise NotAVideoError(source, "is a picture, not a video")
    if all(stream.type == "data" for stream in container.streams):
        raise BrokenVideoError(source, _DAMAGED_AT_ONCE)
    streams = [s for s in container.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
    if not streams:
        raise NotAVideoError(source, "has sound but no pictures" if container.streams.audio else "has no pictures")
    stream = container.streams.best("video")
    if not isinstance(stream, av.video.stream.VideoStream) or stream not in streams:
        stream = streams[0]
    context = stream.codec_context
    if context is None:
        raise NotAVideoError(source, "is coded in a way that FFmpeg cannot decode; convert it, for example to H.264")
    check_size(source, context.width, context.height)
    context.options = {"max_pixels": str(MAX_PIXELS)}
    context.thread_type = "SLICE" if low_delay else "AUTO"
    context.thread_count = _decoder_threads(context.width * context.height)
    return stream


def _decoder_threads(pixels: int) -> int:
    # Each thread holds a frame of its own, at up to 4 bytes per pixel.
    most = min(os.cpu_count() or 1, 16, pixels // _PIXELS_A_THREAD, _DECODER_BYTES // max(1, 4 * pixels))
    return max(1, most)


def check_size(source: Source, width: int, height: int) -> None:
    """Check the size of frames, in pixels.

    Raises:
        VideoTooLargeError: they are larger than `MAX_SIDE` or `MAX_PIXELS`.
    """
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise VideoTooLargeError(
            source,
            f"its frames of {width}x{height} pixels are larger than the limit of {MAX_PIXELS / 1e6:.0f} million "
            f"pixels and {MAX_SIDE} on a side; scale it down first",
        )
