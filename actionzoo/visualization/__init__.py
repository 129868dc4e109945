"""What a network has learned, as pictures: inputs that it responds to most."""

from actionzoo.visualization.painting import SPEEDS, Painted, Preset, maximize
from actionzoo.visualization.targets import Target, channel_target, class_target

__all__ = ["SPEEDS", "Painted", "Preset", "Target", "channel_target", "class_target", "maximize"]
