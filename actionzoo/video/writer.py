"""Video out: MP4, H.264 if nothing else is asked for, and the label that is drawn into annotated frames."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import av
import av.error
import cv2
import numpy as np
from av.codec.context import Flags
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from actionzoo.errors import OutputError
from actionzoo.files import cannot_write, replacing_output

CODECS = {"h264": ("libx264", "libopenh264"), "vp9": ("libvpx-vp9",), "mpeg4": ("mpeg4",)}
"""Encoders of FFmpeg by the codec that users name in the environment variable ACTIONZOO_VIDEO_CODEC."""
DEFAULTS = (*CODECS["h264"], "mpeg4")

# Fixed settings, for the same bytes on every machine.
_OPTIONS = {
    "libx264": {"preset": "veryfast", "crf": "20", "x264-params": "cpu-independent=1"},
    "libvpx-vp9": {"crf": "24", "b": "0", "cpu-used": "4"},
    "mpeg4": {"qmin": "3", "qmax": "3"},
}


class VideoWriter:
    """Context manager that writes frames to an MP4 file, atomically.

    The same frames always make the same bytes (with the same FFmpeg). Frames of odd height or width are padded by one
    pixel, by repeating the last row or column: the usual pixel format, yuv420p, needs even sides.

    The codec is H.264, or MPEG-4 where FFmpeg has no encoder of it. The environment variable ACTIONZOO_VIDEO_CODEC
    asks for another one: "h264", "vp9" or "mpeg4"; the last two need no encoder under the GPL.

    Args:
        path: the file, in a folder that exists. An older file is replaced.
        fps: frames per second.
        size: (height, width) of the frames, in pixels.

    Raises:
        ValueError: `fps` is not above 0 or `size` has no pixel; or, from `write`, a frame has another size or type.
        OutputError: the file cannot be written, or got no frame; raised where the block begins, by `write`, or where it
            ends.

    >>> with VideoWriter("clip.mp4", fps=30, size=(48, 64)) as video:                      # doctest: +SKIP
    ...     video.write(np.zeros((48, 64, 3), np.uint8))
    """

    def __init__(self, path: str | os.PathLike[str], fps: float, size: tuple[int, int]) -> None:
        if not fps > 0 or min(size) < 1:
            raise ValueError(f"cannot write frames of {size[1]}x{size[0]} pixels at {fps} a second")
        self._path = Path(path)
        self._size = size
        self._rate = Fraction(fps).limit_denominator(10_000)
        self._frames = 0
        self._reformatter = VideoReformatter()

    def __enter__(self) -> VideoWriter:
        with ExitStack() as files:
            with self._output_errors():
                place = files.enter_context(replacing_output(self._path))
                self._file = place.open("xb")
            files.callback(self._close_quietly, self._file)
            self._container = av.open(self._file, mode="w", format="mp4")
            files.callback(self._close_quietly, self._container)
            self._container.flags |= cast(int, av.container.Flags.bitexact.value)
            self._stream = self._add_stream()
            self._files = files.pop_all()
        return self

    def _add_stream(self) -> Any:
        encoder = _encoder(os.environ.get("ACTIONZOO_VIDEO_CODEC", ""))
        stream = self._container.add_stream(encoder, rate=self._rate, options=_OPTIONS.get(encoder, {}))
        assert isinstance(stream, av.VideoStream)
        stream.height, stream.width = (side + side % 2 for side in self._size)
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.thread_count = 1  # as for _OPTIONS
        context.flags |= Flags.bitexact
        context.colorspace, context.color_range = Colorspace.SMPTE170M, ColorRange.MPEG
        return stream

    def write(self, image: NDArray[np.uint8]) -> None:
        """Append one frame, `(height, width, 3)` uint8 RGB."""
        if image.shape != (*self._size, 3) or image.dtype != np.uint8:
            raise ValueError(f"a frame must be uint8 {(*self._size, 3)}, not {image.dtype} {image.shape}")
        if any(side % 2 for side in self._size):
            image = np.pad(image, (*((0, side % 2) for side in self._size), (0, 0)), mode="edge")
        frame = self._reformatter.reformat(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.SMPTE170M,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.BITEXACT,
            threads=1,
        )
        frame.pts, frame.time_base = self._frames, 1 / self._rate
        self._frames += 1
        self._mux(frame)

    def _mux(self, frame: av.VideoFrame | None) -> None:
        with self._output_errors():
            self._container.mux(self._stream.encode(frame))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self._files.__exit__(kind, error, traceback)
            return
        with self._output_errors(), self._files:
            if self._frames == 0:
                raise OutputError(f"{self._path}: not written, because it got no frames; write at least one")
            self._mux(None)
            self._container.close()
            self._file.close()

    @contextmanager
    def _output_errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, av.error.FFmpegError) as error:
            raise cannot_write(self._path, error) from None

    @staticmethod
    def _close_quietly(file: Any) -> None:
        # Does nothing where all went well. Otherwise the error that led here is the one to report.
        with suppress(OSError, ValueError, av.error.FFmpegError):
            file.close()


def _encoder(codec: str) -> str:
    """The encoder for a codec of CODECS, or for the default one if it is empty. Raises OutputError."""
    if codec and codec not in CODECS:
        raise OutputError(f"unknown codec {codec!r} in ACTIONZOO_VIDEO_CODEC; set it to one of {', '.join(CODECS)}")
    for name in CODECS[codec] if codec else DEFAULTS:
        if name in av.codecs_available:
            return name
    raise OutputError(f"FFmpeg has no encoder for {codec or 'h264'}; set ACTIONZOO_VIDEO_CODEC to another codec")


def draw_label(image: NDArray[np.uint8], lines: Sequence[str]) -> NDArray[np.uint8]:
    """Draw lines of text on a dark panel at the top left of a frame.

    The first line is larger. The text is as large as the frame allows, but never too small to read: lines that are
    still too long are cut, and lines without room are left out.

    Args:
        image: `(height, width, 3)` uint8 RGB. It is not changed.
        lines: the text, line by line.

    Returns:
        The frame with its label, of the same shape.

    >>> draw_label(np.full((120, 160, 3), 255, np.uint8), ["handshake 0.97", "push 0.02"]).shape
    (120, 160, 3)
    """
    result = image.copy()
    height, width = image.shape[:2]
    text = max(height / 22 + 5, _SMALLEST)
    while text > _SMALLEST and _panel_width(lines, text) > width:
        text = max(0.9 * text, _SMALLEST)
    margin, step = round(text / 2), round(1.5 * text)
    lines = [_cut(line, _line_size(k, text), width - 2 * margin) for k, line in enumerate(lines)]
    lines = lines[: (height - margin) // step]
    if not lines:
        return result
    panel = result[: step * len(lines) + margin, : _panel_width(lines, text)]
    panel[:] = panel // 4
    for k, line in enumerate(lines):
        _put_text(result, line, (margin, (k + 1) * step), _line_size(k, text), (255 if k == 0 else 215,) * 3)
    return result


_SMALLEST = 10.0


def _line_size(index: int, text: float) -> int:
    return round(1.25 * text if index == 0 else text)


def _panel_width(lines: Sequence[str], text: float) -> int:
    return max((_text_width(line, _line_size(k, text)) for k, line in enumerate(lines)), default=0) + 2 * round(
        text / 2
    )


def _cut(line: str, size: int, width: int) -> str:
    if _text_width(line, size) <= width:
        return line
    while line and _text_width(line + "...", size) > width:
        line = line[:-1]
    return line + "..."


_WEIGHT = 500
# OpenCV 4 has only stroke fonts, of ASCII letters; a line of this one is 30 pixels high at scale 1.
_STROKES, _STROKE_HEIGHT = cv2.FONT_HERSHEY_SIMPLEX, 30.0


def _text_width(line: str, size: int) -> int:
    if hasattr(cv2, "FontFace"):
        _, _, width, _ = cv2.getTextSize((0, 0), line, (0, 0), cv2.FontFace("sans"), size, _WEIGHT)
        return int(width)
    return int(cv2.getTextSize(line, _STROKES, size / _STROKE_HEIGHT, 1)[0][0])


def _put_text(
    image: NDArray[np.uint8], line: str, origin: tuple[int, int], size: int, colour: tuple[int, int, int]
) -> None:
    if hasattr(cv2, "FontFace"):
        cv2.putText(image, line, origin, colour, cv2.FontFace("sans"), size, _WEIGHT)
    else:
        cv2.putText(image, line, origin, _STROKES, size / _STROKE_HEIGHT, colour, 1, cv2.LINE_AA)
