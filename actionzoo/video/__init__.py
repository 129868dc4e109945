"""Video in and out: numpy arrays on both sides, no deep-learning framework."""

from actionzoo.video.flow import (
    METHODS,
    decode_flow,
    encode_flow,
    flip_encoded,
    flow_stream,
    flow_to_colour,
    optical_flow,
)
from actionzoo.video.flow_files import FlowFiles, write_flow
from actionzoo.video.live import Live, live
from actionzoo.video.memory import Frames
from actionzoo.video.reader import Frame, VideoInfo, probe, read_frames
from actionzoo.video.sampling import ClipSpec, clip_centres, flip, gather_clip, stack_indices, views, windows
from actionzoo.video.writer import VideoWriter, draw_label

__all__ = [
    "METHODS",
    "ClipSpec",
    "FlowFiles",
    "Frame",
    "Frames",
    "Live",
    "VideoInfo",
    "VideoWriter",
    "clip_centres",
    "decode_flow",
    "draw_label",
    "encode_flow",
    "flip",
    "flip_encoded",
    "flow_stream",
    "flow_to_colour",
    "gather_clip",
    "live",
    "optical_flow",
    "probe",
    "read_frames",
    "stack_indices",
    "views",
    "windows",
    "write_flow",
]
