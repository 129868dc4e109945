"""Files of recorded motion, whatever their format."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from actionzoo.errors import MotionError
from actionzoo.motion.bvh import read_bvh
from actionzoo.motion.c3d import read_c3d
from actionzoo.motion.keypoints import read_keypoints
from actionzoo.motion.npz import read_npz
from actionzoo.motion.ntu import read_skeleton
from actionzoo.motion.recording import MotionRecording


def read_motion(path: str | os.PathLike[str], *, fps: float | None = None) -> list[MotionRecording]:
    """Read all recordings of a file.

    The end of its name tells the format: .npz (numbered joints of Kinect, COCO, Penn, JHMDB, SBU, MediaPipe), .bvh,
    .c3d, .skeleton (NTU RGB+D) or .json (COCO's keypoints). What a file without labels shows is called as the file.

    Args:
        path: the file.
        fps: frames a second, of .npz and .json that tell none; 30 when None.

    Raises:
        MotionError: there is no such file, or it cannot be used.

    Example:
        >>> import tempfile, numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.savez(f"{folder}/wave.npz", joints=np.random.default_rng(0).normal(size=(40, 17, 2)))
        ...     recording, = read_motion(f"{folder}/wave.npz")
        >>> recording.label, recording.flat, recording.joints.shape
        ('wave', True, (40, 1, 20, 2))
    """
    path = Path(path)
    readers: dict[str, Callable[[Path], list[MotionRecording]]] = {
        ".npz": partial(read_npz, fps=fps),
        ".bvh": read_bvh,
        ".c3d": read_c3d,
        ".skeleton": read_skeleton,
        ".json": partial(read_keypoints, fps=fps),
    }
    if not path.exists():
        raise MotionError(path, "there is no such file; check the name")
    read = readers.get(path.suffix.lower())
    if read is None or path.is_dir():
        raise MotionError(path, f"not recorded motion; a file of one of {', '.join(readers)} is")
    return read(path)
