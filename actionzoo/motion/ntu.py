"""NTU RGB+D's .skeleton: Kinect v2's 25 joints as text, of every body that was tracked."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from actionzoo.errors import MotionError
from actionzoo.motion.layouts import KINECT_25
from actionzoo.motion.recording import Array, MotionRecording

_NAMED = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})", re.IGNORECASE)


def read_skeleton(path: Path) -> list[MotionRecording]:
    """Read a .skeleton file: the one or two bodies that are there longest.

    Label and group are the A and the P of a name such as S001C001P003R001A010.

    Raises:
        MotionError: it is not such a file, or nobody is in it.
    """
    try:
        text = path.read_text("ascii", errors="replace").split()
        tracks = _tracks(iter(text[1:]), range(int(text[0]))[: len(text)])
    except OSError as error:
        raise MotionError(path, f"cannot be read ({error.strerror or error})") from error
    except (ValueError, StopIteration, IndexError) as error:
        raise MotionError(path, "not a whole .skeleton file of NTU RGB+D") from error
    kept = sorted(tracks.values(), key=lambda track: -int(np.isfinite(track[:, 0, 0]).sum()))[:2]
    kept = [track for track in kept if np.isfinite(track[:, 0, 0]).mean() > 0.3]
    if not kept:
        raise MotionError(path, "nobody is seen long enough")
    joints = np.stack([KINECT_25.arrange(track) for track in kept], 1)
    match = _NAMED.search(path.stem)
    label, group = (f"A{match[5]}", f"P{match[3]}") if match else (path.stem, None)
    return [MotionRecording(joints, 30.0, label, path.name, group, 0.04)]


def _tracks(words: Iterator[str], frames: range) -> dict[str, Array]:
    """By the number of a body its joints `(frames, 25, 3)`, NaN where it is not seen."""
    tracks: dict[str, Array] = defaultdict(lambda: np.full((len(frames), 25, 3), np.nan))
    for frame in frames:
        for _ in range(int(next(words))):
            track = tracks[next(words)]
            for _ in range(9):
                next(words)
            for joint in range(int(next(words))):
                values = [float(next(words)) for _ in range(11)]
                if int(next(words)) > 0:
                    track[frame, joint] = values[:3]
    return dict(tracks)
