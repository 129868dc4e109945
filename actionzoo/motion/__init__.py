"""Recorded motion: the joints of one or two people over time, from files of cameras, trackers and studios."""

from actionzoo.motion.reading import read_motion
from actionzoo.motion.recording import JOINTS, MotionRecording

__all__ = ["JOINTS", "MotionRecording", "read_motion"]
