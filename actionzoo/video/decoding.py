"""Decoding packets to frames with their times, and noticing that frames are missing or wrong.

Signs of damage are: a container that declares more data than the file holds, a packet that the demuxer marks as
corrupt, an error of the decoder, a frame that it had to conceal, an index with more frames than were decoded, and, in
streams without sizes or an index (MPEG-TS, MPEG-PS), a jump of the times.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias, cast

import av
import av.error
from av.video.stream import VideoStream

from actionzoo.errors import BrokenVideoError, NotAVideoError, VideoError
from actionzoo.video.containers import missing_data
from actionzoo.video.opening import OpenVideo, broken, check_size, damage
from actionzoo.video.timing import Clock, frame_rate

Packet: TypeAlias = "av.Packet[VideoStream]"

Damaged: TypeAlias = Callable[[BrokenVideoError], None]
"""Called once, with the first sign of damage; decoding goes on."""

_UNINDEXED = ("mpegts", "mpeg", "h264", "hevc", "m4v", "mpegvideo")
"""Formats that may begin anywhere in a broadcast: errors before the first complete frame are no damage."""

_TIMED_ONLY = ("mpegts", "mpeg")
_JUMP_S, _JUMP_FRAMES = 1.0, 5
_GAP_FRAMES, _SUSPICIOUS_FRAMES = 1.5, 50
"""After a packet that is marked as corrupt: the length of a gap that is damage, and for how many frames that holds."""

_MOST_SEARCHES = 1 << 18
"""Each reads 64 kB: 17 GB without a packet."""

_COUNTED = ("avi", "mov,mp4,m4a,3gp,3g2,mj2")


def decode_frames(video: OpenVideo, damaged: Damaged | None = None) -> Iterator[tuple[float, av.VideoFrame]]:
    """Decode the frames of a video.

    Args:
        video: an open video.
        damaged: called once, at the first sign of damage.

    Yields:
        The time of a frame in seconds, and the frame. Times start at 0 and never decrease.

    Raises:
        BrokenVideoError: there is a sign of damage, and `damaged` is not given or no frame can be decoded.
        NotAVideoError: the file is intact but has no frames.
        VideoTooLargeError: a frame is too large.
    """
    # With this flag, which PyAV sets, the times of AVI files with B-frames are not monotonic.
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
            for frame in self._decoded(packet):
                check_size(self._video.source, frame.width, frame.height)
                time = clock.read(frame)
                self._look_at(frame, time)
                self._time = time
                yield time, frame
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
                    if packet.size or not timed:  # an empty one with a time repeats the frame before
                        yield packet
                return
            except av.error.BlockingIOError as error:
                # FFmpeg reached its limit looking for the next packet of a transport stream; it goes on from there.
                searches += 1
                if self._video.file is None or searches > _MOST_SEARCHES:
                    yield self._end_by(error)
                    return
            except (av.error.FFmpegError, OSError) as error:
                yield self._end_by(error)
                return

    def _end_by(self, error: Exception) -> Packet:
        """The packet that flushes the decoder, after an error ended the demuxing."""
        video = self._video
        # So FFmpeg ends a response of unknown length (None or below 0, depending on PyAV's version).
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
        """The frames that a packet completes; for the empty packet, those that the decoder still holds."""
        if packet.is_corrupt:
            self._suspect()
        try:
            return packet.decode()
        except av.error.EOFError:
            return []
        except av.error.FFmpegError:
            if self._time is not None or self._format not in _UNINDEXED:
                self._tell_damage()
            return []

    def _suspect(self) -> None:
        """Note a corrupt packet. In a transport stream that is damage only if a gap follows: streams may be joined."""
        if self._format not in _TIMED_ONLY:
            self._tell_damage()
        self._suspicious = _SUSPICIOUS_FRAMES

    def _look_at(self, frame: av.VideoFrame, time: float) -> None:
        gap = (time - (self._time or 0.0)) * self._rate
        longest = _GAP_FRAMES if self._suspicious else max(_JUMP_FRAMES, _JUMP_S * self._rate)
        self._suspicious = max(0, self._suspicious - 1)
        if frame.is_corrupt or (self._format in _TIMED_ONLY and gap > longest):
            self._tell_damage()

    def _look_at_end(self) -> None:
        """Look for signs of damage that only show at the end of the file."""
        if self._sign is not None or self._video.live:
            return
        video, time = self._video, self._time or 0.0
        index = video.stream.index_entries
        if video.file is not None and (problem := missing_data(video.file, self._format, index)):
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
