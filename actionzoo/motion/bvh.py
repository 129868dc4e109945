"""BVH: a skeleton of named joints and, for each frame, the turn of every one."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from actionzoo.errors import MotionError
from actionzoo.motion.names import named
from actionzoo.motion.recording import LARGEST, Array, MotionRecording, assemble
from actionzoo.motion.upright import upright

_CHANNELS = {f"{axis}{kind}" for axis in "xyz" for kind in ("position", "rotation")}


@dataclass
class _Node:
    """A joint of the file; `parent` is its number in the list, -1 of the root."""

    name: str
    parent: int
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    channels: list[str] = field(default_factory=list)


def read_bvh(path: Path) -> list[MotionRecording]:
    """Read a BVH file.

    Angles are degrees, in the order of CHANNELS; a channel of position takes the place of OFFSET, also the root's. A
    BVH tells no unit and no direction: what is up is told by where the head is.

    Raises:
        MotionError: it is not BVH, or its joints have names that are not known.
    """
    nodes, motion, seconds = parse(path)
    places = positions(nodes, motion)
    known = named(node.name for node in nodes if node.parent < 0 or node.channels)
    missing = [name for name in ("pelvis", "left_hip", "right_hip", "left_knee", "right_knee") if name not in known]
    if "pelvis" in missing:
        known["pelvis"] = nodes[0].name
        missing.remove("pelvis")
    if missing:
        names = ", ".join(node.name for node in nodes if node.channels)
        raise MotionError(
            path, f"which joint is {missing[0]}? Its joints are {names}; rename them to LeftUpLeg, LeftLeg .."
        )
    numbers = {node.name: k for k, node in reversed([*enumerate(nodes)])}
    points = {joint: places[:, numbers[name]] for joint, name in known.items()}
    if "head" in known:
        above = [k for k, node in enumerate(nodes) if node.parent == numbers[known["head"]] and not node.channels]
        points["head"] = (points["head"] + places[:, above[0]]) / 2 if above else points["head"]
    joints = upright(assemble(points))[:, None]
    return [MotionRecording(joints, 1.0 / seconds, path.stem, path.name)]


def parse(path: Path) -> tuple[list[_Node], Array, float]:
    """The joints of a file, its motion `(frames, channels)` and the seconds of a frame.

    Raises MotionError.
    """
    try:
        words = path.read_text("utf-8", errors="replace").split()
        start = words.index("MOTION")
        nodes = _hierarchy(words[:start])
        count = words.index("Frames:", start)
        frames, seconds = int(words[count + 1]), float(words[words.index("Time:", count) + 1])
        values = np.array([float(word) for word in words[words.index("Time:", count) + 2 :]])
    except OSError as error:
        raise MotionError(path, f"cannot be read ({error.strerror or error})") from error
    except (ValueError, IndexError) as error:
        raise MotionError(path, "not a whole BVH file; copy or export it again") from error
    channels = sum(len(node.channels) for node in nodes)
    if frames < 1 or not channels or values.size != frames * channels or not 0.0 < seconds < 10.0:
        raise MotionError(
            path, f"{values.size} numbers for {frames} frames of {channels} channels; the file is cut off"
        )
    if not (np.abs(values) < LARGEST).all():
        raise MotionError(path, "a number of its motion is none or much too large")
    return nodes, values.reshape(frames, channels), seconds


def _hierarchy(words: list[str]) -> list[_Node]:
    """The joints that the first part of a file lists, each after its parent. Raises ValueError or IndexError."""
    nodes: list[_Node] = []
    above: list[int] = []
    at = 1
    while at < len(words):
        word = words[at]
        if word in ("ROOT", "JOINT", "End"):
            brace = words.index("{", at)
            nodes.append(_Node(" ".join(words[at + 1 : brace]), above[-1] if above else -1))
            at = brace
            above.append(len(nodes) - 1)
        elif word == "OFFSET":
            x, y, z = (float(number) for number in words[at + 1 : at + 4])
            nodes[above[-1]].offset = (x, y, z)
            at += 3
        elif word == "CHANNELS":
            count = int(words[at + 1])
            channels = words[at + 2 : at + 2 + count]
            if not {channel.lower() for channel in channels} <= _CHANNELS:
                raise ValueError(f"channels {' '.join(channels)[:80]}")
            nodes[above[-1]].channels = channels
            at += 1 + count
        elif word == "}":
            above.pop()
        at += 1
    if not nodes:
        raise ValueError("no ROOT")
    return nodes


def positions(nodes: list[_Node], motion: Array) -> Array:
    """Where the joints are, `(frames, joints, 3)` in the file's axes, from the channels `(frames, channels)`."""
    places = np.empty((len(motion), len(nodes), 3))
    turns = np.empty((len(motion), len(nodes), 3, 3))
    column = 0
    for k, node in enumerate(nodes):
        offset = np.tile(np.array(node.offset), (len(motion), 1))
        turn = np.tile(np.eye(3), (len(motion), 1, 1))
        for channel in node.channels:
            axis, values = "XYZ".index(channel[0].upper()), motion[:, column]
            if channel[1:].lower() == "position":
                offset[:, axis] = values
            else:
                turn = turn @ _turn(axis, np.radians(values))
            column += 1
        if node.parent < 0:
            places[:, k], turns[:, k] = offset, turn
        else:
            above = turns[:, node.parent]
            places[:, k] = places[:, node.parent] + (above @ offset[..., None])[..., 0]
            turns[:, k] = above @ turn
    return places


def _turn(axis: int, angle: Array) -> Array:
    """Right-handed turns `(frames, 3, 3)` about an axis."""
    turn = np.zeros((len(angle), 3, 3))
    a, b = (axis + 1) % 3, (axis + 2) % 3
    turn[:, axis, axis] = 1.0
    turn[:, a, a], turn[:, b, b] = np.cos(angle), np.cos(angle)
    turn[:, a, b], turn[:, b, a] = -np.sin(angle), np.sin(angle)
    return turn
