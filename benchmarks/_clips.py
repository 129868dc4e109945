"""The videos that benchmarks look at: ten real clips, the example of this repository, and puppets with exact flow."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from actionzoo.puppets import ACTIONS, render
from actionzoo.video.reader import read_frames

EXAMPLE = Path(__file__).parents[1] / "examples" / "handshake.mp4"
TEN_SECONDS = "odd_files/kinetics_arm_wrestling.mp4"
CLIPS = (
    "ut_interaction/handshake/17_13_0.avi",
    "ut_interaction/hug/10_2_1.avi",
    "ut_interaction/kick/11_12_2.avi",
    "ut_interaction/push/16_13_5.avi",
    "ucf101_sample/BabyCrawling/v_BabyCrawling_g18_c06.avi",
    "ucf101_sample/CricketBowling/v_CricketBowling_g02_c01.avi",
    "ucf101_sample/Kayaking/v_Kayaking_g12_c03.avi",
    "ucf101_sample/Shotput/v_Shotput_g13_c03.avi",
    TEN_SECONDS,
    "odd_files/flipping_a_pancake.mkv",
)
"""Below the folder of data: four of UT-Interaction, four of UCF101, and two as people put them on the web."""
PUPPET_RATES = (15.0, 30.0)
PUPPET_PAIRS = 4


class Real(NamedTuple):
    """Grey frames of a real clip, `(height, width)` uint8.

    pairs: `(pairs, 2, height, width)`, each of two consecutive frames, evenly spread over the clip.
    run: `(pairs+1, height, width)`, consecutive, from the middle of the clip.
    """

    name: str
    pairs: np.ndarray
    run: np.ndarray


class Exact(NamedTuple):
    """Two consecutive grey frames of a puppet clip, `(2, height, width)` uint8, and their exact flow."""

    frames: np.ndarray
    flow: np.ndarray


def find_clip(data: Path, name: str) -> Path:
    """A clip below the folder of data; ends the program if there is none."""
    path = data / name
    if not path.is_file():
        sys.exit(f"there is no clip {path}; --data must name a folder with the clips of benchmarks/_clips.py")
    return path


def clip_paths(data: Path | None) -> dict[str, Path]:
    """The ten clips by name, or the example alone."""
    if data is None:
        return {EXAMPLE.name: EXAMPLE}
    return {name: find_clip(data, name) for name in CLIPS}


def real_clip(name: str, path: Path, pairs: int, size: tuple[int, int]) -> Real:
    """The pairs of one clip, scaled to `size` (height, width)."""
    grey = [cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY) for frame in read_frames(path)]
    if len(grey) < pairs + 2:
        sys.exit(f"{path} has only {len(grey)} frames")
    starts = np.linspace(0, len(grey) - 2, pairs + 2)[1:-1].astype(int)
    first = (len(grey) - pairs - 1) // 2
    scaled = {index: shrink(grey[index], size) for index in {*starts, *(starts + 1), *range(first, first + pairs + 1)}}
    spread = np.stack([[scaled[index], scaled[index + 1]] for index in starts])
    return Real(name, spread, np.stack([scaled[index] for index in range(first, first + pairs + 1)]))


def puppet_pairs(size: tuple[int, int], actions: tuple[str, ...] = ACTIONS, pairs: int = PUPPET_PAIRS) -> list[Exact]:
    """Pairs from the middle half of a clip of each action at each rate, scaled to `size` (height, width)."""
    return [pair for action in actions for fps in PUPPET_RATES for pair in puppet_clip(action, fps, pairs, size)]


def puppet_clip(action: str, fps: float, pairs: int, size: tuple[int, int]) -> Iterator[Exact]:
    """Evenly spread pairs of one clip."""
    clip = render(action, 0, fps=fps, with_flow=True)
    assert clip.flow is not None
    height, width = clip.frames.shape[1:3]
    scale = np.array([size[1] / width, size[0] / height], np.float32)
    count = len(clip.flow)
    for index in np.linspace(count / 4, 3 * count / 4, pairs + 2)[1:-1].astype(int):
        two = [shrink(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), size) for frame in clip.frames[index : index + 2]]
        yield Exact(np.stack(two), shrink(clip.flow[index], size) * scale)


def shrink(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture or flow field at another (height, width), by the mean of areas; the flow's values stay."""
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
