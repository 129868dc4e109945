"""Clips that a network responds to most: gradient ascent on both of its inputs.

After "What have we learned from deep representations for action recognition?" (CVPR'18, section 3). The objective, the
parametrisation and the transforms are as there and in lucid; values that the paper does not tell are ours, in
`Preset`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from actionzoo.models.graph import inputs_of, layer_output
from actionzoo.video.spec import InputSpec
from actionzoo.visualization.canvas import COARSE, Canvas, stack_fields
from actionzoo.visualization.regularizers import norm, spatial_variation, temporal_variation
from actionzoo.visualization.targets import Target, is_answer, odds, responses
from actionzoo.visualization.transforms import borders, middle, moved

SPEEDS = {"slow": 30.0, "medium": 1.0, "fast": 0.0}
"""The weight of the flow's variation in time."""

LEAK = 0.5
"""How much of what an activation cuts off counts."""

STILL = "still"
"""The speed of what sees no motion."""

FLOW_BOUND = 0.08
"""The longest flow, in parts of the picture's height: 20 pixels of 256, as the papers code it."""


@dataclass(frozen=True)
class Preset:
    """How a clip is painted.

    Attributes:
        steps: of Adam.
        rate: its learning rate, which falls to zero along a cosine.
        appearance_norm: weight of the bounded norm of frames.
        motion_norm: that of flow; more, so that what need not move rests.
        appearance_variation: weight of the variation of frames in space, and in time.
        motion_variation: that of flow in space; ten times as large, as in the paper.
        jitter: pixels by which the clip is moved, in parts of the picture's height.
    """

    steps: int = 100
    rate: float = 0.3
    appearance_norm: float = 0.1
    motion_norm: float = 0.5
    appearance_variation: float = 4.0
    motion_variation: float = 40.0
    jitter: float = 0.02


@dataclass(frozen=True)
class Painted:
    """A clip that was painted for a target.

    Attributes:
        target: what it is for.
        speed: a key of `SPEEDS`, or `STILL` for a layer that sees no motion.
        appearance: `(T, height, width, 3)` uint8 RGB, or `None` for a model without it.
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


class Painter(keras.Model):  # type: ignore[misc]
    """Learns a canvas, so that a network that stays as it is responds to it."""

    def __init__(self, head: keras.Model, spec: InputSpec, canvas: Canvas, preset: Preset) -> None:
        super().__init__()
        self.head, self.spec, self.canvas, self.preset = head, spec, canvas, preset
        self.answers = self.rectified = False
        self.channels, self.slowness, self.start = np.zeros(0), np.zeros(0), 1.0
        self.seed = keras.random.SeedGenerator(0)

    def shown(self, clips: dict[str, Any]) -> Any:
        """What the head makes of clips, whose flow is gathered into stacks."""
        given = dict(clips)
        if "motion" in given:
            given["motion"] = stacked(given["motion"], self.spec)
        return self.head({tensor.name: given[tensor.name] for tensor in self.head.inputs}, training=False)

    def painted(self) -> dict[str, Any]:
        """The clips as they are now, at the size of the network's input."""
        return in_full(middle(self.canvas.clips(), borders(self.spec)), self.spec)

    def respond(self, activations: Any) -> Any:
        """How much each clip's target responds."""
        if self.answers:
            return odds(activations, self.channels)
        if self.rectified:  # what is cut off has no gradient, and a channel that is silent would never begin to speak
            activations = ops.leaky_relu(activations, LEAK)
        return responses(activations, len(self.channels), self.channels)

    def call(self, step: Any) -> Any:
        """One look at the canvas; the loss that it adds is the sum over the clips."""
        clips, around = self.canvas.clips(), borders(self.spec)
        seen = in_full(moved(clips, around, self.preset.jitter, self.seed), self.spec)
        response = self.respond(self.shown(seen))
        gain = ops.log(ops.softplus(response / self.start) + 1e-3)
        self.add_loss(ops.sum(self._cost(middle(clips, around)) - gain))
        return response

    def _cost(self, clips: dict[str, Any]) -> Any:
        preset, cost = self.preset, 0.0
        if "appearance" in clips:
            frames = clips["appearance"] / 127.5 - 1
            variation = spatial_variation(frames) + temporal_variation(frames)
            cost += preset.appearance_norm * norm(frames) + preset.appearance_variation * variation
        if "motion" in clips:
            flow = clips["motion"] / flow_bound(self.spec)
            cost += preset.motion_norm * norm(flow) + preset.motion_variation * spatial_variation(flow)
            cost += self.slowness * preset.motion_variation * temporal_variation(flow)
        return cost


def flow_bound(spec: InputSpec) -> float:
    """Pixels of the longest flow that is painted."""
    return FLOW_BOUND * spec.height


def in_full(clips: dict[str, Any], spec: InputSpec) -> dict[str, Any]:
    """Clips of a canvas at the size of the network's input."""
    size = spec.height, spec.width
    return {stream: _resized(clip, size) if COARSE[stream] > 1 else clip for stream, clip in clips.items()}


def _resized(clip: Any, size: tuple[int, int]) -> Any:
    batch, time, height, width, channels = clip.shape
    planes = ops.reshape(clip, (batch * time, height, width, channels))
    return ops.reshape(ops.image.resize(planes, size), (batch, time, *size, channels))


def stacked(flow: Any, spec: InputSpec) -> Any:
    """Flow fields `(batch, N, height, width, 2)` as the stacks of a clip, `(batch, T, height, width, 2L)`."""
    places = stack_fields(spec)[1]
    count, length = places.shape
    stacks = ops.take(flow, places.ravel(), axis=1)
    batch, _, height, width, _ = flow.shape
    stacks = ops.reshape(stacks, (batch, count, length, height, width, 2))
    return ops.reshape(ops.transpose(stacks, (0, 1, 3, 4, 2, 5)), (batch, count, height, width, 2 * length))


def maximize(
    model: keras.Model,
    spec: InputSpec,
    targets: Sequence[Target],
    speeds: Sequence[str] = ("medium",),
    *,
    preset: Preset | None = None,
    seed: int = 0,
    progress: Callable[[int, int, float], None] | None = None,
) -> list[Painted]:
    """Paint a clip for each target at each speed, all at once.

    Args:
        model: a network of the zoo, with inputs `appearance`, `motion` or both.
        spec: what it looks at.
        targets: channels, all of one layer.
        speeds: keys of `SPEEDS`; the motion of the clip is penalised for its change accordingly. A layer that sees no
            motion gets one clip.
        preset: how; by default ours for the network.
        seed: the same seed paints the same clip.
        progress: called with the step, the number of steps and the mean response, now and then.

    Returns:
        Clips in the order of the targets, and of the speeds for each.

    Raises:
        ModelError: the model has no such layer.
        ValueError: the targets are of several layers, or there are none.
    """
    if len({target.layer for target in targets}) != 1:
        raise ValueError("targets are channels of one layer")
    preset = preset or Preset()
    layer = targets[0].layer
    wanted = [(target, speed) for target in targets for speed in speeds_of(model, layer, speeds)]
    output = layer_output(model, layer, model.name)
    rectified = _is_rectified(model.get_layer(layer))
    head = keras.Model(inputs_of(model, output), model.get_layer(layer).input if rectified else output)
    streams = tuple(tensor.name for tensor in head.inputs)
    canvas = Canvas(streams, len(wanted), spec, borders(spec), flow_bound(spec), seed)
    painter = Painter(head, spec, canvas, preset)
    painter.answers, painter.rectified = is_answer(model, layer), rectified
    painter.channels = np.array([target.channel for target, _ in wanted], np.int32)
    painter.slowness = np.array([SPEEDS.get(speed, 0.0) for _, speed in wanted], np.float32)
    painter.seed = keras.random.SeedGenerator(seed)
    painter.start = 1.0 if painter.answers else _usual(painter)
    schedule = keras.optimizers.schedules.CosineDecay(preset.rate, preset.steps)
    with _still(head):
        painter.compile(optimizer=keras.optimizers.Adam(schedule), jit_compile=False)
        steps = np.zeros((preset.steps, 1))
        painter.fit(steps, batch_size=1, shuffle=False, verbose=0, callbacks=_told(progress, preset))
    return _finished(painter, wanted)


def speeds_of(model: keras.Model, layer: str, speeds: Sequence[str]) -> Sequence[str]:
    """The speeds of a layer's clips: those that are wanted, or one, if it sees no motion. Raises ModelError."""
    seen = {tensor.name for tensor in inputs_of(model, layer_output(model, layer, model.name))}
    return speeds if "motion" in seen else (STILL,)


def _is_rectified(layer: Any) -> bool:
    """Whether a layer cuts off what is below zero."""
    return isinstance(layer, keras.layers.ReLU) or getattr(layer, "activation", None) is keras.activations.relu


@contextmanager
def _still(head: keras.Model) -> Iterator[None]:
    """Nothing of a network learns meanwhile."""
    before = [layer.trainable for layer in head.layers]
    head.trainable = False
    try:
        yield
    finally:
        for layer, trainable in zip(head.layers, before, strict=True):
            layer.trainable = trainable


def _usual(painter: Painter) -> float:
    """How strongly the layer's channels respond to the canvas as it begins: the unit of the objective."""
    values = np.asarray(painter.shown(painter.painted()), np.float32)
    return float(np.abs(values).mean() + 1e-6)


def _finished(painter: Painter, wanted: Sequence[tuple[Target, str]]) -> list[Painted]:
    """The clips in the precision of files, and what the network makes of them."""
    clips = {name: np.asarray(clip) for name, clip in painter.painted().items()}
    if "appearance" in clips:
        clips["appearance"] = np.round(clips["appearance"]).astype(np.uint8)
    seen = {name: ops.convert_to_tensor(clip.astype(np.float32)) for name, clip in clips.items()}
    values = np.asarray(painter.shown(seen), np.float32)
    values = np.maximum(values, 0) if painter.rectified else values
    values = values.reshape(len(wanted), -1, values.shape[-1]).mean(axis=1)
    result = []
    for place, (target, speed) in enumerate(wanted):
        chances = np.exp(values[place] - values[place].max())
        result.append(
            Painted(
                target,
                speed,
                clips["appearance"][place] if "appearance" in clips else None,
                clips["motion"][place] if "motion" in clips else None,
                float(values[place, target.channel]),
                float(chances[target.channel] / chances.sum()) if painter.answers else None,
            )
        )
    return result


def _told(progress: Callable[[int, int, float], None] | None, preset: Preset) -> list[keras.callbacks.Callback]:
    if progress is None:
        return []

    def tell(step: int, logs: dict[str, float]) -> None:
        progress(step + 1, preset.steps, -logs["loss"])

    return [keras.callbacks.LambdaCallback(on_train_batch_end=tell)]
