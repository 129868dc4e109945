"""COCO's JSON of keypoints, as pose estimators write it: people of each picture, 17 joints with a score."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from actionzoo.errors import MotionError
from actionzoo.motion.layouts import COCO_17
from actionzoo.motion.recording import LARGEST, Array, MotionRecording

_JITTER_S = 0.05
_LONGEST_GAP_S = 1.0
_LARGEST_STEP = 0.5
"""Share of a person's size by which it may move from a frame to the next and still be the same one."""
_LEAST_SEEN, _LEAST_SIZE = 0.5, 0.5
"""Of the second person, against the first: someone in the background is no partner."""


@dataclass
class _Track:
    """One person through the frames, `(17, 3)` by frame."""

    frames: dict[int, Array]
    number: Any = None

    @property
    def size(self) -> float:
        return float(np.median([_extent(person) for person in self.frames.values()]))


def read_keypoints(path: Path, fps: float | None = None) -> list[MotionRecording]:
    """Read a list of COCO results (`image_id`, `keypoints` of 51 numbers), or a COCO file with `annotations`.

    The pictures of the file are the frames of one video, in the order of their `image_id`. People are followed by
    `track_id` or `idx` where there is one, else by where they are; the one who is seen most is kept, and a second one
    who is there at least half as long and half as large. A joint of a score below 0.3 is not seen.

    Args:
        path: the file.
        fps: frames a second of the video, which the file does not tell; 30 when None.

    Raises:
        MotionError: it is not such a file, or nobody is in it.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        entries = content["annotations"] if isinstance(content, dict) else content
        people = [_person(entry) for entry in entries]
    except OSError as error:
        raise MotionError(path, f"cannot be read ({error.strerror or error})") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise MotionError(
            path, "not a list of COCO results: every entry needs image_id and keypoints of 17 x 3 numbers"
        ) from error
    people = [person for person in people if (person[2][:, 2] >= COCO_17.scores).any()]
    if not people:
        raise MotionError(path, "nobody is seen in it")
    rate = fps or 30.0
    order = _numbers([frame for frame, *_ in people])
    tracks = _follow([(order[frame], number, person) for frame, number, person in people], _LONGEST_GAP_S * rate)
    first, last = min(order.values()), max(order.values())
    joints = np.stack([_joints(track, first, last) for track in _chosen(tracks)], 1)
    return [MotionRecording(joints, rate, path.stem, path.name, None, _JITTER_S)]


def _person(entry: Any) -> tuple[str, Any, Array]:
    """Picture, number (or None) and joints `(17, 3)` of an entry."""
    person = np.array(entry["keypoints"], float).reshape(17, 3)
    if not (np.abs(person) < LARGEST).all():
        raise ValueError("a keypoint is not a number")
    number = entry.get("track_id", entry.get("idx"))
    return str(entry["image_id"]), number if isinstance(number, int | str) else None, person


def _numbers(pictures: list[str]) -> dict[str, int]:
    """The number of the frame of each picture: its own number where these are close, else its place in the order."""
    names = sorted(set(pictures), key=lambda name: [int(part) if part.isdigit() else part for part in _parts(name)])
    digits = [re.findall(r"\d+", name) for name in names]
    if all(digits):
        last = [int(found[-1][:15]) for found in digits]
        if len(set(last)) == len(last) and last == sorted(last) and last[-1] - last[0] < 4 * len(last) + 30:
            return dict(zip(names, last, strict=True))
    return {name: k for k, name in enumerate(names)}


def _parts(name: str) -> list[str]:
    """Texts and digits by turns, so that 2 comes before 10: always beginning with a text."""
    return re.split(r"(\d{1,15})", name)


def _extent(person: Array) -> float:
    """The larger side of the box around the joints that are seen."""
    seen = person[person[:, 2] >= COCO_17.scores, :2]
    return float(max(np.ptp(seen, axis=0).max(), 1e-6))


def _follow(people: list[tuple[int, Any, Array]], longest_gap: float) -> list[_Track]:
    """Entries of (frame, number, joints) put together, those of a number or those that lie near each other."""
    tracks: list[_Track] = []
    for frame in sorted({frame for frame, *_ in people}):
        here = [(number, person) for at, number, person in people if at == frame]
        pairs = []
        for k, (number, person) in enumerate(here):
            for track in tracks:
                then = max(track.frames)
                apart = _apart(person, track.frames[then])
                if number is not None and number == track.number:
                    apart = 0.0
                elif number is not None or frame - then > longest_gap or apart > _LARGEST_STEP * np.sqrt(frame - then):
                    continue
                pairs.append((apart, k, track))
        free, taken = set(range(len(here))), set()
        for _, k, track in sorted(pairs, key=lambda pair: pair[0]):
            if k in free and id(track) not in taken:
                track.frames[frame] = here[k][1]
                free.discard(k)
                taken.add(id(track))
        tracks += [_Track({frame: here[k][1]}, here[k][0]) for k in sorted(free)]
    return tracks


def _apart(one: Array, other: Array) -> float:
    """Mean distance of the joints that both show, as a share of their size; infinite where there are none."""
    both = (one[:, 2] >= COCO_17.scores) & (other[:, 2] >= COCO_17.scores)
    if not both.any():
        return float("inf")
    return float(np.linalg.norm(one[both, :2] - other[both, :2], axis=1).mean() / max(_extent(one), _extent(other)))


def _chosen(tracks: list[_Track]) -> list[_Track]:
    """The person who is seen most, large ones first among equals, and perhaps a partner."""
    ranked = sorted(tracks, key=lambda track: -len(track.frames) * track.size)
    first = ranked[0]
    partners = [
        track
        for track in ranked[1:]
        if len(track.frames) >= _LEAST_SEEN * len(first.frames) and track.size >= _LEAST_SIZE * first.size
    ]
    return [first, *partners[:1]]


def _joints(track: _Track, first: int, last: int) -> Array:
    people = np.full((last - first + 1, 17, 3), np.nan)
    for frame, person in track.frames.items():
        people[frame - first] = person
    return COCO_17.arrange(COCO_17.seen(people))
