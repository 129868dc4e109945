"""Videos of a texture that moves, and what a miniature network wants of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from actionzoo.video.spec import InputSpec
from actionzoo.video.writer import VideoWriter

SPEC = InputSpec(("down", "left"), 32, 48, fps=15.0, num_frames=2, stride=2, stack_length=2, flow="dis-ultrafast")
TINY = {"height": 32, "width": 48, "stack_length": 2, "channel_factor": 0.0625, "dropout": 0.0}


def write_moving(path: Path, direction: str, seed: int, frames: int = 12) -> None:
    """A texture that moves left or down, two pixels a frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texture = np.random.default_rng(seed).integers(0, 256, (24, 40, 3)).astype(np.uint8).repeat(4, 0).repeat(4, 1)
    with VideoWriter(path, 15, (32, 48)) as video:
        for time in range(frames):
            top, left = (60 - 2 * time, 50) if direction == "down" else (30, 2 * time)
            video.write(np.ascontiguousarray(texture[top : top + 32, left : left + 48]))


def save_two_layers(path: Path) -> Path:
    """Saves a network that is as small as one can be, and learns in a moment: two dense layers over mean colours."""
    import keras

    from actionzoo.hub.keras_models import save_model

    inputs = {name: keras.Input((2, 32, 48, size), name=name) for name, size in (("appearance", 3), ("motion", 4))}
    means = [keras.layers.GlobalAveragePooling3D(name=f"{name}_mean")(clip) for name, clip in inputs.items()]
    hidden = keras.layers.Dense(4, name="hidden")(keras.layers.Concatenate(name="both")(means))
    save_model(keras.Model(inputs, keras.layers.Dense(2, name="logits")(hidden), name="two_layers"), SPEC, path)
    return path


def save_convolutions(path: Path) -> Path:
    """Saves a network that has what those of the zoo have: in each stream two convolutions with batch norms."""
    import keras
    from keras import layers

    from actionzoo.hub.keras_models import save_model

    inputs = {name: keras.Input((2, 32, 48, size), name=name) for name, size in (("appearance", 3), ("motion", 4))}
    towers = []
    for name, clip in inputs.items():
        values = layers.Rescaling(0.01 if name == "appearance" else 0.5, name=f"{name}_scale")(clip)
        for number, channels in enumerate((4, 8), start=1):
            conv = layers.Conv3D(channels, (1, 3, 3), (1, 2, 2), use_bias=False, name=f"{name}_conv{number}")
            norm = layers.BatchNormalization(momentum=0.95, name=f"{name}_conv{number}_bn")
            values = layers.ReLU(name=f"{name}_conv{number}_relu")(norm(conv(values)))
        values = layers.GlobalAveragePooling3D(name=f"{name}_pool")(values)
        values = layers.Dropout(0.0, name=f"{name}_dropout")(values)
        towers.append(layers.Dense(2, name=f"logits_{name}")(values))
    logits = layers.Average(name="logits")(towers)
    save_model(keras.Model(inputs, logits, name="convolutions"), SPEC, path)
    return path
