"""Shards: TFRecord files of videos as JPEGs, with their flow in the papers' 8-bit coding.

A record is a `tf.train.Example` of one video:

    name, label, class          bytes, int64 (index of the class), bytes (its name)
    group, split                bytes; empty where nobody knows
    times                       float, seconds of each frame
    height, width               int64, pixels
    frames                      bytes, a JPEG of each frame
    flow_u, flow_v              bytes, a grey JPEG of each flow field: round(255 (flow + bound) / (2 bound))

`tf.data.TFRecordDataset` reads them. `manifest.json` beside them says where each record lies, so that they can be read
in any order, by any number of machines.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from actionzoo.data.dataset import LabeledVideo
from actionzoo.data.decoded import DecodedVideo
from actionzoo.data.halves import to_single
from actionzoo.data.storage import Storage, is_address, open_storage
from actionzoo.data.tfrecord import HEADER, encode_example
from actionzoo.errors import DataError
from actionzoo.hub.keras_models import silent
from actionzoo.video.flow import decode_flow, encode_flow
from actionzoo.video.spec import VideoFormat

MANIFEST, PLAN = "manifest.json", "plan.json"
VERSION = 2
DIGEST = "blake2b"
"""Key of the digest in a JSON file of a build."""

QUALITY = 95
"""Of JPEGs, 0 to 100."""

PAPERS_BOUND, PAPERS_SIDE = 20.0, 256


@dataclass(frozen=True)
class RecordFacts:
    """One video of a shard: what it is, how long, and where in the file its data lies.

    These names are those of the manifest, where `label` is the index of the class.
    """

    name: str
    label: int
    group: str | None
    split: str | None
    frames: int
    seconds: float
    offset: int
    length: int
    digest: str


@functools.cache
def tensorflow() -> Any:
    """The module, imported without its start-up messages."""
    with silent():
        import tensorflow as tf
    return tf


def flow_bound(video_format: VideoFormat) -> float:
    """The fastest flow that the coding keeps: the papers' 20 pixels for a short side of 256, in proportion for others.

    >>> flow_bound(VideoFormat(256, 256, 25, "tvl1", "short")), flow_bound(VideoFormat(112, 144, 15, "dis-fine"))
    (20.0, 8.75)
    """
    return PAPERS_BOUND * min(video_format.height, video_format.width) / PAPERS_SIDE


def encode_record(
    decoded: DecodedVideo, times: Sequence[float], video: LabeledVideo, classes: Sequence[str], bound: float
) -> bytes:
    """The serialised `tf.train.Example` of a video. Raises ValueError if it is too long for one."""
    # One field at a time stays in the processor's cache.
    codes = [encode_flow(to_single(field), bound) for field in decoded.flow]
    return encode_example(
        {
            "name": [decoded.name.encode("utf-8", "surrogateescape")],
            "label": np.array([video.class_index]),
            "class": [classes[video.class_index].encode()],
            "group": [(video.group or "").encode()],
            "split": [(video.split or "").encode()],
            "times": np.array(times, np.float32),
            "height": np.array([decoded.frames.shape[1]]),
            "width": np.array([decoded.frames.shape[2]]),
            "frames": [_jpeg(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)) for frame in decoded.frames],
            "flow_u": [_jpeg(code[..., 0]) for code in codes],
            "flow_v": [_jpeg(code[..., 1]) for code in codes],
        }
    )


def _jpeg(image: NDArray[np.uint8]) -> bytes:
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(image), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done
    return bytes(data)


def record_facts(
    data: bytes, offset: int, decoded: DecodedVideo, times: Sequence[float], video: LabeledVideo
) -> RecordFacts:
    """What is known of a record that begins at `offset` of its shard."""
    digest = hashlib.blake2b(data, digest_size=16).hexdigest()
    place = offset + HEADER, len(data), digest
    seconds = times[-1] * len(times) / max(len(times) - 1, 1)  # the last frame lasts as long as the others
    return RecordFacts(decoded.name, video.class_index, video.group, video.split, len(times), seconds, *place)


def open_shards(place: str | Path) -> ShardSource | None:
    """The shards at a place, or `None` if it is no place of shards. Raises what ShardSource raises."""
    away = is_address(place)
    there = open_storage(place).names() if away else {name for name in (MANIFEST, PLAN) if Path(place, name).is_file()}
    if PLAN in there and MANIFEST not in there:
        raise DataError(f"{place} holds shards that are not finished; start `actionzoo data build` again")
    return ShardSource(place) if away or MANIFEST in there else None


class ShardSource:
    """The videos of shards in a folder or on an object store; see `actionzoo.data.decoded.Source`.

    Args:
        place: the folder or address.

    Raises:
        DataError: there is no manifest, or it is damaged.
        OutputError: the object store cannot be used.

    >>> ShardSource("s3://bucket/kinetics").read(0).frames[10]                                   # doctest: +SKIP
    """

    def __init__(self, place: str | Path) -> None:
        self._storage: Storage = open_storage(place)
        try:
            manifest = unsealed(self._storage.read(MANIFEST), bare_version=1)
            if manifest["version"] not in (1, VERSION):
                raise ValueError(f"it is of version {manifest['version']}, not {VERSION}")
            self.classes = tuple(manifest["classes"])
            self.video_format = VideoFormat(**manifest["form"])
            self.bound = float(manifest["bound"])
            records = [(s["file"], RecordFacts(**facts)) for s in manifest["shards"] for facts in s["records"]]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{self._storage.place}/{MANIFEST} is damaged, or not that of shards ({error}); start `actionzoo data "
                "build` again, which keeps shards that are whole"
            ) from error
        self._records = records
        self.videos: tuple[LabeledVideo, ...] = tuple(
            LabeledVideo(Path(self._storage.place, file, facts.name), facts.label, facts.group, facts.split)
            for file, facts in records
        )

    def __len__(self) -> int:
        return len(self.videos)

    @property
    def lengths(self) -> list[tuple[float, float]]:
        """(seconds, frames a second) of every video that has more than one frame."""
        return [(facts.seconds, facts.frames / facts.seconds) for _, facts in self._records if facts.seconds > 0]

    def read(self, index: int) -> DecodedVideo:
        """`videos[index]`, whose pictures are decoded when they are asked for.

        Raises DataError if the record is damaged or missing.
        """
        file, facts = self._records[index]
        data = self._storage.read_range(file, facts.offset, facts.length)
        if hashlib.blake2b(data, digest_size=16).hexdigest() != facts.digest:
            raise DataError(
                f"{self._storage.place}/{file} is damaged at {facts.name}; start `actionzoo data build` again"
            )
        feature = tensorflow().train.Example.FromString(data).features.feature
        size = feature["height"].int64_list.value[0], feature["width"].int64_list.value[0]
        frames = _Pictures(feature["frames"].bytes_list.value, (*size, 3), np.uint8, _rgb)
        pairs = list(zip(feature["flow_u"].bytes_list.value, feature["flow_v"].bytes_list.value, strict=True))
        flow = _Pictures(pairs, (*size, 2), np.float16, self._flow)
        lazy: Any = frames, flow
        return DecodedVideo(facts.name, facts.label, *lazy)

    def digest(self, index: int) -> str:
        """What the content of `videos[index]` is known by: the digest of its record."""
        return self._records[index][1].digest

    def _flow(self, pair: tuple[bytes, bytes]) -> NDArray[np.float16]:
        codes = [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) for data in pair]
        return decode_flow(np.stack(codes, axis=-1), self.bound).astype(np.float16)


def _rgb(data: bytes) -> NDArray[np.uint8]:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


class _Pictures:
    """Coded pictures that look like an array `(pictures, height, width, channels)`; what is asked for is decoded."""

    def __init__(
        self, coded: Sequence[Any], shape: tuple[int, int, int], dtype: Any, decode: Callable[[Any], NDArray[Any]]
    ) -> None:
        self.shape, self.dtype = (len(coded), *shape), dtype
        self._coded, self._decode = coded, decode

    def __len__(self) -> int:
        return len(self._coded)

    def __getitem__(self, indices: Any) -> NDArray[Any]:
        if isinstance(indices, int | np.integer):
            return self._decode(self._coded[int(indices)])
        chosen = range(len(self))[indices] if isinstance(indices, slice) else np.asarray(indices)
        pictures = [self._decode(self._coded[int(index)]) for index in chosen]
        return np.stack(pictures) if pictures else np.empty((0, *self.shape[1:]), self.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(dtype or self.dtype, copy=False)


def sealed(content: Mapping[str, Any]) -> bytes:
    """JSON of a table with a digest of it, so that `unsealed` knows it again."""
    text = json.dumps({**content, DIGEST: _digest(content)}, indent=1, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "surrogatepass")  # names of files may hold anything


def unsealed(text: bytes, bare_version: int | None = None) -> dict[str, Any]:
    """What `sealed` was given. Raises ValueError if the text is anything else.

    Tables of the version `bare_version` had no digest: they are taken as they are.
    """
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if isinstance(content, dict) and bare_version is not None and content.get("version") == bare_version:
        return content
    if not isinstance(content, dict) or DIGEST not in content:
        raise ValueError("it lacks the digest that actionzoo writes")
    if content.pop(DIGEST) != _digest(content):
        raise ValueError("its content does not have the digest that was written with it")
    return content


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).hexdigest()


def manifest_text(
    classes: Sequence[str], video_format: VideoFormat, bound: float, shards: Sequence[dict[str, Any]]
) -> bytes:
    """The manifest of finished shards."""
    failed = [entry for shard in shards for entry in shard["failed"]]
    kept = [{key: value for key, value in shard.items() if key != "failed"} for shard in shards]
    content = {
        "version": VERSION,
        "classes": list(classes),
        "form": asdict(video_format),
        "bound": bound,
        "quality": QUALITY,
    }
    return sealed({**content, "shards": kept, "failed": failed})
