"""Data that a container declares and the file does not hold.

FFmpeg plays what it finds and does not report the rest. That a file was truncated, or partly overwritten, shows in the
sizes of its parts: Matroska's elements, RIFF's chunks, MP4's sample tables, the data object of ASF, the tags of FLV.
Only headers are read. Durations do not count: the sound may be longer, the last frame may stay on.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Protocol

_SLACK = 16
"""Bytes that a file may be shorter than its header says: some writers count the header twice."""


class IndexEntry(Protocol):
    """The place of a sample in the file, as PyAV gives it.

    Attributes:
        pos: position in bytes.
        size: in bytes.
    """

    pos: int
    size: int


def missing_data(file: BinaryIO, format_name: str, index: Iterable[IndexEntry]) -> str | None:
    """Find data that a container declares and the file does not hold.

    Args:
        file: open for reading. Its position is changed.
        format_name: FFmpeg's name of the container.
        index: the index of the video stream; empty if it has none.

    Returns:
        What is missing or damaged, in words; `None` if nothing is.
    """
    size = file.seek(0, 2)
    check = _CHECKS.get(format_name)
    if check is not None and (problem := check(file, size)) is not None:
        return problem
    if format_name in _INDEXED:
        return _beyond(max((entry.pos + entry.size for entry in index), default=0), size)
    return None


def _beyond(declared: int, size: int) -> str | None:
    return f"{declared - size:,} of its {declared:,} bytes are missing" if declared > size + _SLACK else None


def _read(file: BinaryIO, position: int, count: int) -> bytes:
    file.seek(position)
    return file.read(count)


_SEGMENT, _CLUSTER, _EBML = 0x18538067, 0x1F43B675, 0x1A45DFA3


def _matroska(file: BinaryIO, size: int) -> str | None:
    """The elements of a segment follow each other without a gap, down to the blocks of its clusters."""
    position, end = 0, size
    while position < end:
        head = _read(file, position, 12)
        element = _ebml_number(head, keep_marker=True)
        length = _ebml_number(head[element[1] :]) if element else None
        if element is None or length is None:
            # At the very end of the file: an unfinished element, or something that was appended.
            return None if end - position < 12 else f"its bytes from {position:,} on are damaged"
        (name, name_bytes), (content, content_bytes) = element, length
        begin = position + name_bytes + content_bytes
        unknown = content == (1 << 7 * content_bytes) - 1  # a live recording
        if name == _EBML and position:
            return None  # another file was appended
        if name == _SEGMENT and not unknown:
            if begin + content > size:
                return _beyond(begin + content, size)
            end = begin + content
        if name in (_SEGMENT, _CLUSTER):
            position = begin
        elif unknown or begin + content > end:
            return f"its bytes from {position:,} on are damaged or missing"
        else:
            position = begin + content
    return None


def _ebml_number(data: bytes, *, keep_marker: bool = False) -> tuple[int, int] | None:
    """A number whose first byte tells its length, and that length; names of elements keep the marker.

    >>> _ebml_number(bytes([0x40, 0x7F])), _ebml_number(bytes([0x1A, 0x45, 0xDF, 0xA3]), keep_marker=True)
    ((127, 2), (440786851, 4))
    """
    if not data or not data[0]:
        return None
    count = 9 - data[0].bit_length()
    if len(data) < count or (keep_marker and count > 4):
        return None
    number = int.from_bytes(data[:count])
    return (number if keep_marker else number - (1 << 7 * count), count)


def _riff(file: BinaryIO, size: int) -> str | None:
    """An AVI file is a RIFF chunk, or several of them (OpenDML)."""
    position = 0
    while (head := _read(file, position, 8))[:4] == b"RIFF" and len(head) == 8:
        content = struct.unpack("<I", head[4:])[0]
        if content in (0, 0xFFFFFFFF):  # a recorder that was stopped before it wrote it
            return None
        position += 8 + content + content % 2
    return _beyond(position, size)


def _mp4(file: BinaryIO, size: int) -> str | None:
    """The boxes of a fragmented file; of others, the sample tables say more (`_INDEXED`)."""
    fragmented = False
    for name, end in _boxes(file, size):
        fragmented |= name == b"moof"
        if fragmented and end > size:
            return _beyond(end, size)
    return None


def _boxes(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """Names of the outer boxes, and where each ends."""
    position = 0
    while position + 8 <= size:
        head = _read(file, position, 16)
        length, name = struct.unpack(">I4s", head[:8])
        if length == 1 and len(head) == 16:
            length = struct.unpack(">Q", head[8:])[0]
        if length < 8 or not name.isascii():  # 0: up to the end of the file
            return
        position += length
        yield name, position


_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_PACKET = b"\x82\0\0"
_ASF_DATA_HEAD = 50
_ASF_LONGEST_HEADER = 1 << 24
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")


def _asf(file: BinaryIO, size: int) -> str | None:
    """A header, and a data object of packets of one size that all begin alike."""
    name, length = _asf_object(file, 0)
    if name != _ASF_HEADER or length > min(size, _ASF_LONGEST_HEADER):
        return None
    header, begin = _read(file, 0, length), length
    name, length = _asf_object(file, begin)
    if name != _ASF_DATA or length <= _ASF_DATA_HEAD:  # a broadcast that was never finished
        return None
    if begin + length > size + _SLACK:
        return _beyond(begin + length, size)
    properties = header.find(_ASF_PROPERTIES)
    packet = int.from_bytes(header[properties + 92 : properties + 96], "little") if properties >= 0 else 0
    starts = range(begin + _ASF_DATA_HEAD, begin + length - packet + 1, packet) if packet else range(0)
    if starts and _read(file, starts[0], 3) == _ASF_PACKET:
        for position in starts:
            if _read(file, position, 3) != _ASF_PACKET:
                return f"its bytes from {position:,} on are damaged"
    return None


def _asf_object(file: BinaryIO, position: int) -> tuple[bytes, int]:
    head = _read(file, position, 24)
    return (head[:16], struct.unpack("<Q", head[16:])[0]) if len(head) == 24 else (b"", 0)


def _flv(file: BinaryIO, size: int) -> str | None:
    """A header, and tags that begin with their own sizes, each followed by four bytes."""
    header = _read(file, 0, 9)
    if len(header) < 9:
        return None
    position = struct.unpack(">I", header[5:])[0] + 4
    while position < size:
        head = _read(file, position, 4)
        if len(head) == 4 and head[0] & 0x1F not in (8, 9, 18):
            return f"its bytes from {position:,} on are damaged"
        position += 11 + int.from_bytes(head[1:]) + 4 if len(head) == 4 else 15
    return _beyond(position - 4, size)


_MP4_NAME = "mov,mp4,m4a,3gp,3g2,mj2"
_CHECKS: dict[str, Callable[[BinaryIO, int], str | None]] = {
    "matroska,webm": _matroska,
    "avi": _riff,
    _MP4_NAME: _mp4,
    "asf": _asf,
    "flv": _flv,
}
_INDEXED = (_MP4_NAME, "avi")
"""Formats whose index FFmpeg reads whole."""
