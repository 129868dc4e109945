"""Rendered training video: jointed figures with exact optical flow, and people cut out of depth recordings.

>>> clip = render("point", 1, height=96)
>>> clip.label, clip.frames.dtype.name
('point', 'uint8')
"""

from actionzoo.puppets.actions import ACTIONS
from actionzoo.puppets.cutouts import render_cutout, write_cutout_dataset
from actionzoo.puppets.dataset import write_dataset, write_motion_dataset
from actionzoo.puppets.depth import DepthRecording, read_depth
from actionzoo.puppets.render import PuppetClip, render, render_motion

__all__ = [
    "ACTIONS",
    "DepthRecording",
    "PuppetClip",
    "read_depth",
    "render",
    "render_cutout",
    "render_motion",
    "write_cutout_dataset",
    "write_dataset",
    "write_motion_dataset",
]
