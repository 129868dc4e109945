"""What a network has learned, as pictures: inputs that it responds to most, and where a video speaks for a class."""

from actionzoo.visualization.gallery import PaintedFiles
from actionzoo.visualization.painting import SPEEDS, PaintedClip, maximize
from actionzoo.visualization.presets import Preset
from actionzoo.visualization.studies import AttributionFiles, TopActivationFiles
from actionzoo.visualization.targets import Target, channel_target, class_target
from actionzoo.visualization.visualizing import ArgumentError, visualize

__all__ = [
    "SPEEDS", "ArgumentError", "AttributionFiles", "PaintedClip", "PaintedFiles", "Preset", "Target",
    "TopActivationFiles", "channel_target", "class_target", "maximize", "visualize",
]  # fmt: skip
