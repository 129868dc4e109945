"""Rendered training video: jointed figures that do six actions, or what was recorded, with exact optical flow.

>>> clip = render("point", 1, height=96)
>>> clip.label, clip.frames.dtype.name
('point', 'uint8')
"""

from actionzoo.puppets.actions import ACTIONS
from actionzoo.puppets.dataset import write_dataset, write_motion_dataset
from actionzoo.puppets.render import PuppetClip, render, render_motion

__all__ = ["ACTIONS", "PuppetClip", "render", "render_motion", "write_dataset", "write_motion_dataset"]
