"""Rendered training video: two jointed figures doing six actions, with exact optical flow.

>>> clip = render("point", 1, height=96)
>>> clip.label, clip.frames.dtype.name
('point', 'uint8')
"""

from actionzoo.puppets.actions import ACTIONS
from actionzoo.puppets.dataset import write_dataset
from actionzoo.puppets.render import PuppetClip, render

__all__ = ["ACTIONS", "PuppetClip", "render", "write_dataset"]
