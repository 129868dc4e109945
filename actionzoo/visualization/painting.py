"""Activation maximization: clips that a network responds to most.

After "What have we learned from deep representations for action recognition?" (CVPR'18, section 3). The objective, the
parametrisation and the transforms are as there and in lucid; values that the paper does not tell are ours, in
`Preset`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from keras import ops

from actionzoo.inference.model import Model, load_model
from actionzoo.models.graph import inputs_of, layer_output
from actionzoo.visualization.objective import Objective
from actionzoo.visualization.painter import Painter, Progress
from actionzoo.visualization.presets import Preset, preset_for
from actionzoo.visualization.targets import Target

SPEEDS = {"slow": 30.0, "medium": 1.0, "fast": 0.0}
"""The weight of the flow's variation in time."""

STILL = "still"
"""The speed of what sees no motion."""


@dataclass(frozen=True)
class PaintedClip:
    """A clip that was painted for a target.

    Attributes:
        target: what it is for.
        speed: a key of `SPEEDS`, or `STILL` for a layer that sees no motion.
        appearance: `(T, height, width, 3)` uint8 RGB, or `None` for a layer that sees no frames.
        flow: `(N, height, width, 2)` float32 pixels a frame step, the fields of all stacks in the order of time, or
            `None` likewise.
        response: of the target to the finished clip: the mean of the channel over its places, or the class's logit.
        probability: of the class, or `None` for a channel that is no class.
    """

    target: Target
    speed: str
    appearance: np.ndarray | None
    flow: np.ndarray | None
    response: float
    probability: float | None


def maximize(
    model: str | os.PathLike[str] | Model,
    targets: Sequence[Target],
    speeds: Sequence[str] = ("medium",),
    *,
    preset: Preset | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[PaintedClip]:
    """Paint a clip for each target at each speed, all at once.

    Args:
        model: a name, a path or a loaded model, with inputs `appearance`, `motion` or both.
        targets: channels, all of one layer.
        speeds: keys of `SPEEDS`; the motion of the clip is penalised for its change accordingly. A layer that sees no
            motion gets one clip.
        preset: the settings; by default ours for the network.
        seed: the same seed paints the same clip.
        progress: called with the step, the number of steps and the objective.

    Returns:
        Clips in the order of the targets, and of the speeds for each.

    Raises:
        ModelError: the model has no such layer.
        ValueError: the targets are of several layers, or there are none; or an unknown speed.

    >>> model = load_model("mini")                                                                # doctest: +SKIP
    >>> (clip,) = maximize(model, [class_target(model, "kick")], ["slow"])                        # doctest: +SKIP
    >>> clip.appearance.shape, clip.flow.shape                                                    # doctest: +SKIP
    ((6, 112, 144, 3), (45, 112, 144, 2))
    """
    model = load_model(model)
    if len(layers := {target.layer for target in targets}) != 1:
        raise ValueError(f"targets are channels of one layer, not of {len(layers)}")
    (layer,) = layers
    wanted = [(target, speed) for target in targets for speed in speeds_of(model, layer, speeds)]
    objective = Objective(model, layer, [target.channel for target, _ in wanted])
    slowness = [0.0 if speed == STILL else SPEEDS[speed] for _, speed in wanted]
    painter = Painter(objective, slowness, model.spec, preset or preset_for(model.network), seed)
    painter.paint(progress)
    return _finished(painter, wanted)


def speeds_of(model: Model, layer: str, speeds: Sequence[str]) -> Sequence[str]:
    """The speeds of a layer's clips: those that are wanted, or one, if it sees no motion.

    Raises:
        ModelError: the model has no such layer.
        ValueError: an unknown speed.
    """
    inputs = inputs_of(model.network, layer_output(model.network, layer, model.name))
    if "motion" not in {tensor.name for tensor in inputs}:
        return (STILL,)
    if unknown := [speed for speed in speeds if speed not in SPEEDS]:
        raise ValueError(f"{unknown[0]!r} is not one of the speeds {', '.join(SPEEDS)}")
    return speeds


def _finished(painter: Painter, wanted: Sequence[tuple[Target, str]]) -> list[PaintedClip]:
    """The clips in the precision of files, and what the network makes of them."""
    clips = {stream: ops.convert_to_numpy(clip) for stream, clip in painter.clips().items()}
    if "appearance" in clips:
        clips["appearance"] = np.round(clips["appearance"]).astype(np.uint8)
    responses, probabilities = painter.objective.measured(clips)
    missing = [None] * len(wanted)
    columns = clips.get("appearance", missing), clips.get("motion", missing), responses, probabilities or missing
    return [
        PaintedClip(target, speed, frames, flow, response, probability)
        for (target, speed), frames, flow, response, probability in zip(wanted, *columns, strict=True)
    ]
