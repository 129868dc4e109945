"""TFRecord files of `tf.train.Example`s, written without TensorFlow, which a process that builds shards need not load.

The bytes are those of `tf.train.Example.SerializeToString(deterministic=True)` and `tf.io.TFRecordWriter`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Feature = Sequence[bytes] | NDArray[np.int64] | NDArray[np.float32]
"""The values of a feature, of one of the three kinds that an Example has."""

HEADER, FOOTER = 12, 4
"""Bytes around a record: its length with a checksum, and the checksum of its data."""

MAX_BYTES = (1 << 31) - 1
"""Protobuf's limit on a message."""

POLYNOMIAL, MASK = 0x82F63B78, 0xA282EAD8
"""Of CRC-32C, its bits reversed, and what TensorFlow adds to a rotated checksum."""

LANES = 4096
"""Parts of the data whose checksums are computed side by side."""

_BYTES_LIST, _FLOAT_LIST, _INT64_LIST = 1, 2, 3


def encode_example(features: Mapping[str, Feature]) -> bytes:
    """The serialised Example of some features. Raises ValueError if it is longer than protobuf allows.

    >>> encode_example({"label": np.array([7], np.int64)}).hex()
    '0a100a0e0a056c6162656c12051a030a0107'
    """
    entries = (_field(1, name.encode()) + _field(2, _value(features[name])) for name in sorted(features))
    example = _field(1, b"".join(_field(1, entry) for entry in entries))
    if len(example) > MAX_BYTES:
        raise ValueError(f"an Example of {len(example)} bytes is too long; protobuf allows {MAX_BYTES}")
    return example


def frame_records(records: Sequence[bytes]) -> bytes:
    """A TFRecord file of these records."""
    parts = []
    for record in records:
        length = len(record).to_bytes(8, "little")
        parts += [length, _masked(crc32c(length)), record, _masked(crc32c(record))]
    return b"".join(parts)


def crc32c(data: bytes) -> int:
    """The CRC-32C of some bytes.

    A CRC is linear: those of `LANES` parts are computed side by side, and then joined two by two, the first of which
    is carried over as many bytes as the second has.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    table, first = _table(), len(data) % LANES
    states = np.zeros(LANES, np.uint32)
    states[0] = functools.reduce(
        lambda state, byte: int(table[(state ^ byte) & 255]) ^ state >> 8, data[:first], 0xFFFFFFFF
    )
    lanes = np.frombuffer(data, np.uint8, offset=first).reshape(LANES, -1)
    for column in np.ascontiguousarray(lanes.T):
        states = table[(states ^ column) & 255] ^ states >> 8
    carry = _carry(lanes.shape[1])
    while len(states) > 1:
        states = _carried(carry, states[::2]) ^ states[1::2]
        carry = _carried(carry, carry)
    return int(states[0]) ^ 0xFFFFFFFF


def _masked(crc: int) -> bytes:
    rotated = crc >> 15 | crc << 17
    return (rotated + MASK & 0xFFFFFFFF).to_bytes(4, "little")


@functools.cache
def _table() -> NDArray[np.uint32]:
    """What each value of a byte makes of a CRC, `(256,)`."""
    values = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        values = np.where(values & 1, values >> 1 ^ np.uint32(POLYNOMIAL), values >> 1)
    return values.astype(np.uint32)


@functools.lru_cache(maxsize=16)
def _carry(count: int) -> NDArray[np.uint32]:
    """What `count` bytes of zero make of each byte of a CRC, `(4, 256)`."""
    places = (np.arange(256, dtype=np.uint32) << np.arange(0, 32, 8, dtype=np.uint32)[:, None]).astype(np.uint32)
    result, power = places, np.stack([_table(), *places[:3]])
    while count:
        if count & 1:
            result = _carried(power, result)
        power = _carried(power, power)
        count >>= 1
    return result


def _carried(carry: NDArray[np.uint32], states: NDArray[np.uint32]) -> NDArray[np.uint32]:
    low, second, third, high = (states >> shift & 255 for shift in (0, 8, 16, 24))
    return carry[0][low] ^ carry[1][second] ^ carry[2][third] ^ carry[3][high]


def _value(values: Feature) -> bytes:
    """A `tf.train.Feature`."""
    if isinstance(values, np.ndarray):
        if values.dtype.kind == "f":
            return _field(_FLOAT_LIST, _field(1, values.astype("<f4").tobytes()))
        return _field(_INT64_LIST, _field(1, b"".join(_varint(int(value) & (1 << 64) - 1) for value in values)))
    return _field(_BYTES_LIST, b"".join(_field(1, value) for value in values))


def _field(number: int, content: bytes) -> bytes:
    """A field with a length: its key, the length and the content."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """A number in groups of seven bits, the lowest first."""
    groups = bytearray()
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])
