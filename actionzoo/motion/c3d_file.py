"""The points of a C3D file, read by ezc3d in a process of its own, which a damaged file may end."""

from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from actionzoo.errors import MotionError
from actionzoo.motion.recording import Array

_COMMAND = [sys.executable, "-c", "import sys; from actionzoo.motion.c3d_file import main; main(sys.argv[1])"]
_LONGEST_S = 60.0
"""A file that takes longer is damaged."""
_MOST_FRAMES = 65535
"""What the header of a file can count, and all that ezc3d gives, also of a file whose parameters tell more."""
_BLOCK = 512


def c3d_points(path: Path) -> tuple[Array, list[str], float]:
    """Points `(frames, points, 3)`, NaN where there are none, their names and the frames a second.

    Raises:
        MotionError: it is not C3D, it is too long, or ezc3d is not there.
    """
    if importlib.util.find_spec("ezc3d") is None:
        raise MotionError(path, "needs ezc3d; install it with: pip install 'actionzoo[mocap]'")
    try:
        done = subprocess.run([*_COMMAND, str(path.absolute())], capture_output=True, timeout=_LONGEST_S, check=False)
        if done.returncode:
            told = done.stderr.decode(errors="replace").strip().splitlines()[-1:] if done.returncode == 1 else []
            raise MotionError(path, f"not a whole C3D file ({told[0] if told else 'its reader broke down'})")
        with np.load(io.BytesIO(done.stdout), allow_pickle=False) as stored:
            if stored["unread"] >= _BLOCK:
                raise MotionError(path, f"has more than the {_MOST_FRAMES} frames that ezc3d reads; cut it into pieces")
            return stored["points"], stored["labels"].tolist(), float(stored["rate"])
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise MotionError(path, f"not a whole C3D file ({error})") from error


def _labels(parameters: Any) -> list[str]:
    """All names of points: those after the 255th are in LABELS2, LABELS3 and so on."""
    names = [name for name in ("LABELS", *(f"LABELS{k}" for k in range(2, 9))) if name in parameters]
    return [str(label).strip() for name in names for label in parameters[name]["value"]]


def _unread(path: str, stored: Any, frames: int) -> int:
    """Bytes behind the last of the frames that were read, of a file of the longest that a header can tell."""
    if frames < _MOST_FRAMES:
        return 0
    with open(path, "rb") as file:
        head = file.read(_BLOCK)
        file.seek((head[0] - 1) * _BLOCK + 3)
        order: Any = "big" if file.read(1) == b"V" else "little"  # by the kind of processor, 84 to 86
    start = (int.from_bytes(head[16:18], order) - 1) * _BLOCK
    numbers: int = 4 * stored["data"]["points"][0].size + stored["data"]["analogs"].size
    width = 4 if stored["parameters"]["POINT"]["SCALE"]["value"][0] < 0 else 2
    return os.path.getsize(path) - start - numbers * width


def main(path: str) -> None:
    """Write what ezc3d reads of a file to the standard output: an .npz of `points`, `labels`, `rate` and `unread`."""
    import ezc3d

    stored = ezc3d.c3d(path)
    points = np.asarray(stored["data"]["points"], float)[:3].transpose(2, 1, 0)
    content = io.BytesIO()
    labels = np.array(_labels(stored["parameters"]["POINT"]), str)
    rate, unread = float(stored["header"]["points"]["frame_rate"]), _unread(path, stored, len(points))
    np.savez(content, points=points, labels=labels, rate=rate, unread=unread)
    sys.stdout.buffer.write(content.getvalue())
