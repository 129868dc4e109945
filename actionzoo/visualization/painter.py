"""Gradient ascent on both inputs of a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from actionzoo.video.spec import InputSpec
from actionzoo.visualization.canvas import Canvas, flow_bound, full_size
from actionzoo.visualization.objective import Objective
from actionzoo.visualization.presets import Preset
from actionzoo.visualization.regularizers import norm, spatial_variation, temporal_variation
from actionzoo.visualization.transforms import cropped, moved, random_view

Progress = Callable[[int, int, float], None]
"""Called with the step, the number of steps, and the objective."""


class Painter:
    """Gradient ascent of the canvas; `slowness` is the weight of the flow's variation in time, for each clip."""

    def __init__(
        self, objective: Objective, slowness: Sequence[float], spec: InputSpec, preset: Preset, seed: int
    ) -> None:
        self.objective, self.spec, self.preset = objective, spec, preset
        self.slowness = np.array(slowness, np.float32)
        self.canvas = Canvas(objective.streams, len(slowness), spec, seed)
        self.seed = keras.random.SeedGenerator(seed)
        # XLA joins many small operations on large arrays, a quarter of their time; the network is slower with it.
        self._look = tf.function(self._seen, jit_compile=True, autograph=False)
        self.unit = 1.0 if objective.is_answer else self._usual()

    def clips(self) -> dict[str, Any]:
        """The clips as they are now, by stream, at the size of the network's input."""
        return full_size(cropped(self.canvas.clips(), self.canvas.borders), self.spec)

    def paint(self, progress: Progress | None = None) -> None:
        """Takes all steps; `progress` is called after each."""
        steps, variables = self.preset.steps, self.canvas.trainable_variables
        optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(self.preset.rate, steps))
        optimizer.build(variables)

        def climb() -> Any:
            with tf.GradientTape() as tape:
                loss = self._loss()
            optimizer.apply(tape.gradient(loss, [variable.value for variable in variables]), variables)
            return loss

        climb = tf.function(climb, autograph=False)
        for step in range(1, steps + 1):
            loss = climb()
            if progress is not None:
                progress(step, steps, -float(loss))

    def _usual(self) -> float:
        """How strongly the layer responds to the canvas as it begins: each layer has a scale of its own."""
        values = ops.convert_to_numpy(self.objective.values(self.objective.inputs(self.clips()))).astype(np.float32)
        return float(np.abs(values).mean() + 1e-6)

    def _loss(self) -> Any:
        """Of one look at the canvas, the sum over the clips."""
        inputs, cost = self._look(random_view(len(self.slowness), self.preset.jitter, self.seed))
        response = self.objective.responses(self.objective.values(inputs))
        gain = ops.log(ops.softplus(response / self.unit) + 1e-3)
        return ops.sum(cost - gain)

    def _seen(self, view: tuple[Any, Any, Any]) -> tuple[dict[str, Any], Any]:
        """What the network sees of the canvas, and what the clips cost, `(batch,)`."""
        clips, borders = self.canvas.clips(), self.canvas.borders
        seen = full_size(moved(clips, borders, view), self.spec)
        return self.objective.inputs(seen), self._cost(cropped(clips, borders))

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
