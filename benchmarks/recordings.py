"""Whether recorded joints are read the right way round, by what people do in them.

    python -m benchmarks.recordings POSES

POSES holds penn_action_2d.npz and sbu_two_people_3d.npz (`joints`, `ends`, `label`). Of Penn Action: in how many
serves, forehands and pitches the right arm is the faster one, and how many recordings show too little. Of SBU: how many
people face the other one, and in how many handshakes the right hands come nearer to each other than any other two.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from actionzoo.motion import MotionRecording, read_motion
from actionzoo.motion.cleaning import problem
from actionzoo.motion.recording import INDEX, SIDES

PENN, SBU = "penn_action_2d.npz", "sbu_two_people_3d.npz"
ONE_ARMED = ("tennis_serve", "tennis_forehand", "baseball_pitch")


def faster_arm(recording: MotionRecording) -> str | None:
    """The side whose wrist moves faster against its shoulder (95th percentile); None if one of them is never seen."""
    points, speeds = recording.points(), []
    for side in SIDES:
        steps = np.linalg.norm(np.diff(points[f"{side}_wrist"] - points[f"{side}_shoulder"], axis=0), axis=1)
        if not np.isfinite(steps).any():
            return None
        speeds.append(float(np.nanpercentile(steps, 95)))
    return SIDES[int(np.argmax(speeds))]


def facing(recording: MotionRecording) -> list[bool]:
    """Of each of two people, whether their shoulders face the other one."""
    people = [recording.points(body) for body in (0, 1)]
    found = []
    for own, other in (people, people[::-1]):
        left = np.nanmean(own["left_shoulder"] - own["right_shoulder"], axis=0)
        towards = np.nanmean(other["pelvis"] - own["pelvis"], axis=0)
        found.append(bool(left[1] * towards[0] - left[0] * towards[1] > 0))
    return found


def right_hands_meet(recording: MotionRecording) -> bool:
    """Whether the right hands of two people come nearer to each other than any other two hands."""
    wrists = {side: recording.joints[:, :, INDEX[f"{side}_wrist"]] for side in SIDES}
    nearest = {
        (one, two): np.nanmin(np.linalg.norm(wrists[one][:, 0] - wrists[two][:, 1], axis=1))
        for one in SIDES
        for two in SIDES
    }
    return min(nearest, key=lambda pair: nearest[pair]) == ("right", "right")


def share(answers: Iterable[bool]) -> str:
    """How many are true, in words."""
    answers = list(answers)
    return f"{sum(answers)} of {len(answers)} ({sum(answers) / max(len(answers), 1):.0%})"


def main() -> None:
    """Prints the shares."""
    parser = argparse.ArgumentParser(description="Whether recorded joints are read the right way round.")
    parser.add_argument("poses", type=Path)
    poses = parser.parse_args().poses
    penn, sbu = read_motion(poses / PENN), read_motion(poses / SBU)
    print(f"{PENN}: too little is seen in {share(problem(recording) is not None for recording in penn)}")
    for label in ONE_ARMED:
        arms = [faster_arm(recording) for recording in penn if recording.label == label and problem(recording) is None]
        print(f"  {label}: the right arm is faster in {share(arm == 'right' for arm in arms if arm is not None)}")
    print(f"{SBU}: {share(answer for recording in sbu for answer in facing(recording))} people face the other one")
    hands = share(right_hands_meet(recording) for recording in sbu if recording.label == "handshake")
    print(f"  handshake: the right hands meet in {hands}")


if __name__ == "__main__":
    main()
