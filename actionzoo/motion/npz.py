"""Recordings in NumPy's .npz: numbered joints of known layouts, many recordings one after the other."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from actionzoo.errors import UNREADABLE_NPZ, MotionError, did_you_mean
from actionzoo.motion.layouts import KINECT_20, KINECT_20_SDK, LAYOUTS, Layout, told_by
from actionzoo.motion.recording import INDEX, SIDES, Array, MotionRecording, middle

RATES = {"sbu15": 15.0}
"""Frames a second of the sets that differ from 30."""

_JITTER_S = 0.04
_STEEPEST = 0.35
"""Radians by which a depth camera may look down; people who lean more do so themselves."""
_ENOUGH = 10
"""Recordings from which the slope of a camera can be told."""


def read_npz(path: Path, fps: float | None = None) -> list[MotionRecording]:
    """Read recorded joints.

    The file holds `joints` `(frames, joints, channels)`, all recordings one after the other, and may hold `ends` (the
    frame after each recording's last), of each recording `label` and `group`, and for all `fps` and `layout`, one of
    `LAYOUTS`. A third channel of flat joints tells which are seen.

    Args:
        path: the file.
        fps: frames a second of a file that tells none; 30 when None, 15 in SBU's layout.

    Raises:
        MotionError: it is not such a file.
    """
    arrays = _arrays(path)
    joints = arrays.get("joints")
    if joints is None or joints.ndim != 3 or joints.dtype.kind not in "fiu" or 0 in joints.shape:
        raise MotionError(path, "needs an array joints of numbers (frames, joints, channels)")
    joints = joints.astype(float)
    layout, bodies = _layout(path, arrays, joints)
    flat = joints.shape[2] == 2 or layout.axes == LAYOUTS["coco17"].axes
    people = np.split(joints, bodies, axis=1)
    if flat and joints.shape[2] == 3:
        people = [layout.seen(person) for person in people]
    arranged = np.stack([layout.arrange(person) for person in people], 1)
    ends = _ends(path, arrays, len(joints))
    if not flat and len(ends) >= _ENOUGH:
        arranged = level(arranged)
    rate = fps or next((r for name, r in RATES.items() if layout is LAYOUTS[name] and not flat), 30.0)
    rate = _number(path, arrays["fps"]) if "fps" in arrays else rate
    starts = [0, *ends[:-1]]
    texts = {key: _texts(path, arrays, key, len(ends)) for key in ("label", "group")}
    return [
        MotionRecording(
            arranged[start:end],
            rate,
            path.stem if texts["label"] is None else texts["label"][k],
            f"{path.name}[{k}]" if len(ends) > 1 else path.name,
            None if texts["group"] is None else texts["group"][k],
            _JITTER_S,
        )
        for k, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """What a file holds of what is read here."""
    names = ("joints", "ends", "label", "group", "fps", "layout")
    try:
        with path.open("rb") as file:
            stored = np.load(file, allow_pickle=False)
            if not isinstance(stored, np.lib.npyio.NpzFile):
                raise ValueError("it is one array; write it with numpy.savez(file, joints=..)")
            arrays = {name: stored[name] for name in names if name in stored}
        if strange := [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]:
            raise ValueError(f"its {strange[0]} is no array")
        for array in arrays.values():
            if array.dtype.kind == "U" and array.size and _largest(array) > sys.maxunicode:
                raise ValueError("its texts are damaged")
    except UNREADABLE_NPZ as error:
        reason = (getattr(error, "strerror", None) or str(error) or "it is damaged").splitlines()[0]
        raise MotionError(path, f"not an .npz that can be read ({reason})") from error
    return arrays


def _largest(texts: NDArray[np.str_]) -> int:
    """The largest code of a letter: NumPy lets through what is none, at which Python fails later."""
    codes = np.frombuffer(texts.tobytes(), np.dtype(np.uint32).newbyteorder(texts.dtype.byteorder))
    return int(codes.max(initial=0))


def level(joints: Array) -> Array:
    """3-D joints `(..., len(JOINTS), 3)` turned so that most people stand upright: a camera may look down.

    >>> people = np.full((4, len(INDEX), 3), np.nan)
    >>> people[:, INDEX["neck"]], people[:, INDEX["left_ankle"]] = (0.0, 0.2, 1.0), 0.0
    >>> level(people)[0, INDEX["neck"]].round(3).tolist()
    [0.0, 0.0, 1.02]
    """
    feet = middle([joints[..., INDEX[f"{side}_ankle"], :] for side in SIDES])
    lines = (joints[..., INDEX["neck"], :] - feet).reshape(-1, 3)
    lines = lines[np.isfinite(lines).all(1)]
    if not len(lines):
        return joints
    _, away, up = np.median(lines, axis=0)
    angle = float(np.arctan2(away, up))
    if not abs(angle) < _STEEPEST:
        return joints
    cosine, sine = np.cos(angle), np.sin(angle)
    levelled: Array = joints @ np.array([[1.0, 0.0, 0.0], [0.0, cosine, sine], [0.0, -sine, cosine]])
    return levelled


def _layout(path: Path, arrays: Mapping[str, Any], joints: Array) -> tuple[Layout, int]:
    """The layout of a file, by its name or by its numbers of joints and channels, and how many people are in it."""
    count, channels = joints.shape[1:]
    if "layout" in arrays:
        name = str(arrays["layout"])
        layout = LAYOUTS.get(name)
        if layout is None:
            known = did_you_mean(name, LAYOUTS) or f"; known are {', '.join(LAYOUTS)}"
            raise MotionError(path, f"there is no layout {name!r}{known}")
        if count not in (layout.size, 2 * layout.size) or channels not in (2, 3):
            wanted = f"(frames, {layout.size} or {2 * layout.size}, 2 or 3)"
            raise MotionError(path, f"joints are {joints.shape}; layout {name!r} needs {wanted}")
        return layout, count // layout.size
    told = told_by(count, channels)
    if told is None:
        raise MotionError(
            path,
            f"{count} joints of {channels} channels may mean anything; add to the file an array layout, one of "
            f"{', '.join(LAYOUTS)}",
        )
    if told[0] is KINECT_20 and np.nansum(joints[:, 0, 1] - joints[:, 3, 1]) < 0.0:
        return KINECT_20_SDK, told[1]
    return told


def _ends(path: Path, arrays: Mapping[str, Any], frames: int) -> list[int]:
    stored = np.atleast_1d(arrays.get("ends", frames)).ravel()
    ends = stored.tolist() if stored.dtype.kind in "iu" else []
    if not ends or any(b <= a for a, b in zip([0, *ends], ends, strict=False)) or ends[-1] > frames:
        raise MotionError(path, f"ends must be whole numbers that rise to {frames} at most, the frames of joints")
    return ends


def _texts(path: Path, arrays: Mapping[str, Any], key: str, count: int) -> list[str] | None:
    if key not in arrays:
        return None
    texts = [str(text) for text in np.atleast_1d(arrays[key]).ravel()]
    if len(texts) != count:
        raise MotionError(path, f"has {len(texts)} of {key} for {count} recordings; it needs one of each")
    return texts


def _number(path: Path, value: Any) -> float:
    try:
        rate = float(value)
    except (TypeError, ValueError) as error:
        raise MotionError(path, "fps must be a number") from error
    if not 0.0 < rate < 10000.0:
        raise MotionError(path, f"fps is {rate}; it must be a number above 0")
    return rate
