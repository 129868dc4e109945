"""Video in and out: numpy arrays on both sides, no deep-learning framework."""

from actionzoo.video.flow import optical_flow
from actionzoo.video.flow_files import write_flow
from actionzoo.video.live import Live, live
from actionzoo.video.memory import Frames
from actionzoo.video.reader import Frame, VideoInfo, probe, read_frames
from actionzoo.video.writer import VideoWriter

__all__ = [
    "Frame",
    "Frames",
    "Live",
    "VideoInfo",
    "VideoWriter",
    "live",
    "optical_flow",
    "probe",
    "read_frames",
    "write_flow",
]
