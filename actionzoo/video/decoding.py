"""Packets to pictures with their times, and the signs that some are missing or wrong.

A sign is: a container that promises more than the file holds, a packet that the demuxer marks as corrupt, an error of
the decoder, a picture that it had to make up, an index that lists more pictures than came, and, in streams that have
neither sizes nor an index (MPEG-TS, MPEG-PS), a jump of the times.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, cast

import av
import av.error
from av.video.stream import VideoStream

from actionzoo.errors import BrokenVideoError, NotAVideoError, VideoError
from actionzoo.video.containers import broken_promise
from actionzoo.video.opening import OpenVideo, broken, check_size, damage
from actionzoo.video.timing import Clock, frame_rate

Packet: TypeAlias = "av.Packet[VideoStream]"

Damaged: TypeAlias = Callable[[BrokenVideoError], None]
"""Called once with the first sign of damage; the reading goes on."""

_UNINDEXED = ("mpegts", "mpeg", "h264", "hevc", "m4v", "mpegvideo")
"""Formats that may begin anywhere in a broadcast: what comes before the first whole picture is no damage."""

_TIMED_ONLY = ("mpegts", "mpeg")
_JUMP_S, _JUMP_FRAMES = 1.0, 5
_GAP_FRAMES, _SUSPICIOUS_FRAMES = 1.5, 50
"""How long a gap is damage, and for how many pictures, behind a packet that is marked as corrupt."""

_MOST_SEARCHES = 1 << 18
"""Of 64 kB each: 17 GB without a packet."""

_COUNTED = ("avi", "mov,mp4,m4a,3gp,3g2,mj2")


def pictures(video: OpenVideo, damaged: Damaged | None = None) -> Iterator[tuple[float, av.VideoFrame]]:
    """Decoded pictures with their times; times start at 0 and never go back.

    Raises BrokenVideoError at the first sign of damage, with `damaged` only if no picture can be decoded;
    NotAVideoError where a whole file has none.
    """
    # With this flag, which PyAV sets, AVI files with B-frames get times that jump to and fro.
    video.container.flags &= ~cast(int, av.container.Flags.gen_pts.value)
    return _Decoding(video, damaged).run()


class _Decoding:
    """One pass over a video."""

    def __init__(self, video: OpenVideo, damaged: Damaged | None) -> None:
        self._video, self._damaged = video, damaged
        self._format = video.container.format.name
        self._rate = frame_rate(video.stream)
        self._sign: VideoError | None = None
        self._time: float | None = None
        self._packets = self._suspicious = 0

    def run(self) -> Iterator[tuple[float, av.VideoFrame]]:
        clock = Clock(self._rate)
        for packet in self._demuxed():
            for picture in self._decoded(packet):
                check_size(self._video.source, picture.width, picture.height)
                time = clock.read(picture)
                self._look_at(picture, time)
                self._time = time
                yield time, picture
        self._look_at_end()
        if self._time is None:
            raise self._sign or NotAVideoError(self._video.source, "has no pictures that can be decoded")

    def _demuxed(self) -> Iterator[Packet]:
        searches = 0
        while True:
            try:
                for packet in self._video.container.demux(self._video.stream):
                    searches = 0
                    timed = packet.dts is not None or packet.pts is not None
                    self._packets += timed
                    if packet.size or not timed:  # an empty one with a time repeats the picture before
                        yield packet
                return
            except av.error.BlockingIOError as error:
                # FFmpeg looked for the next packet of a transport stream as far as it dared; it goes on from there.
                searches += 1
                if self._video.file is None or searches > _MOST_SEARCHES:
                    yield self._end_by(error)
                    return
            except (av.error.FFmpegError, OSError) as error:
                yield self._end_by(error)
                return

    def _end_by(self, error: Exception) -> Packet:
        """What empties the decoder, where an error ended the demuxing."""
        video = self._video
        # FFmpeg ends so what a server sends without saying how long it is (None or below 0, by PyAV's version).
        unknown = video.file is None and (video.container.size or 0) <= 0
        unbounded = unknown and getattr(error, "errno", None) == errno.EIO
        if self._time is None or not unbounded:
            found = broken(video, self._time, error)
            if video.live:
                raise found from None
            self._tell(found)
        last = cast(Any, av.Packet())
        last.stream, last.time_base = video.stream, video.stream.time_base
        return cast(Packet, last)

    def _decoded(self, packet: Packet) -> list[av.VideoFrame]:
        """The pictures that a packet completes; with the empty one, those that the decoder still holds."""
        if packet.is_corrupt:
            self._suspect()
        try:
            pictures = packet.decode()
        except av.error.EOFError:
            return []
        except av.error.FFmpegError:
            pictures = []
            if self._time is not None or self._format not in _UNINDEXED:
                self._tell_damage()
        return pictures

    def _suspect(self) -> None:
        """A packet is marked as corrupt. Two transport streams that were joined are no damage: a gap must follow."""
        if self._format not in _TIMED_ONLY:
            self._tell_damage()
        self._suspicious = _SUSPICIOUS_FRAMES

    def _look_at(self, picture: av.VideoFrame, time: float) -> None:
        gap = (time - (self._time or 0.0)) * self._rate
        longest = _GAP_FRAMES if self._suspicious else max(_JUMP_FRAMES, _JUMP_S * self._rate)
        self._suspicious = max(0, self._suspicious - 1)
        if picture.is_corrupt or (self._format in _TIMED_ONLY and gap > longest):
            self._tell_damage()

    def _look_at_end(self) -> None:
        """What only the whole file can tell."""
        if self._sign is not None or self._video.live:
            return
        video, time = self._video, self._time or 0.0
        index = video.stream.index_entries
        if video.file is not None and (problem := broken_promise(video.file, self._format, index)):
            end = f"is damaged or cut off at {time:.2f} s or before: {problem}; copy or download it again"
            self._tell(BrokenVideoError(video.source, end))
        elif self._format in _COUNTED and len(index) > self._packets:
            there = f"holds {self._packets} of the {len(index)} pictures of its index; copy or download it again"
            self._tell(BrokenVideoError(video.source, there))

    def _tell_damage(self) -> None:
        if not self._video.live:
            self._tell(damage(self._video.source, self._time))

    def _tell(self, error: BrokenVideoError) -> None:
        if self._damaged is None:
            raise error
        if self._sign is None:
            self._sign = error
            self._damaged(error)
