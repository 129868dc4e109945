"""Records and Examples are those of TensorFlow, byte by byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from actionzoo.data import tfrecord
from actionzoo.data.tfrecord import LANES, crc32c, encode_example, frame_records


def test_an_example() -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.bytes(length) for length in (0, 1, 127, 128, 20_000)]
    labels, times = np.array([0, 1, 128, -5, 1 << 40]), rng.normal(size=9).astype(np.float32)
    found = encode_example({"times": times, "pictures": pictures, "none": [], "label": labels, "class": ["ü".encode()]})
    lists = {
        "class": tf.train.Feature(bytes_list=tf.train.BytesList(value=["ü".encode()])),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=labels)),
        "none": tf.train.Feature(bytes_list=tf.train.BytesList(value=[])),
        "pictures": tf.train.Feature(bytes_list=tf.train.BytesList(value=pictures)),
        "times": tf.train.Feature(float_list=tf.train.FloatList(value=times)),
    }
    expected = tf.train.Example(features=tf.train.Features(feature=lists))
    assert found == expected.SerializeToString(deterministic=True)


def test_records(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    records = [rng.bytes(length) for length in (0, 1, 8, LANES - 1, LANES, LANES + 1, 3 * LANES + 5, 1_000_003)]
    with tf.io.TFRecordWriter(str(tmp_path / "file")) as writer:
        for record in records:
            writer.write(record)
    assert frame_records(records) == (tmp_path / "file").read_bytes()


def test_one_bit_changes_the_checksum() -> None:
    data = bytearray(np.random.default_rng(2).bytes(10_000))
    before = crc32c(bytes(data))
    data[7000] ^= 4
    assert crc32c(bytes(data)) != before


def test_an_example_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tfrecord, "MAX_BYTES", 100)
    with pytest.raises(ValueError, match=r"an Example of 2.. bytes is too long; protobuf allows 100"):
        encode_example({"picture": [bytes(200)]})
