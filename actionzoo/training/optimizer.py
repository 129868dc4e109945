"""Optimizers for groups of weights with different learning rates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from actionzoo.training.adamw import FusedAdamW
from actionzoo.training.recipe import Recipe

WARM_UP = 0.1
"""Fraction of a cosine schedule in which the learning rate rises."""


class GroupedOptimizer:
    """One Keras optimizer for each factor on the learning rate. Created within the scope of a strategy.

    Kernels of new classifiers use the recipe's learning rate, those of trained layers `trained_factor` times it; biases
    and batch-norm scales `bias_factor` times that. Only kernels decay.

    Attributes:
        optimizers: by their factor.
    """

    def __init__(self, model: keras.Model, recipe: Recipe, steps: int) -> None:
        """`model` is all trainable; `steps` is the number of steps of the whole training."""
        self._decay = recipe.weight_decay if recipe.optimizer == "sgd" else 0.0
        groups: dict[float, list[Any]] = defaultdict(list)
        self._factor: dict[int, float] = {}
        for layer in model.layers:
            new = recipe.init == "random" or layer.name.startswith("logits")
            for weight in layer.trainable_weights:
                factor = 1.0 if new else recipe.trained_factor
                factor *= recipe.bias_factor if weight.name in ("bias", "gamma") else 1.0
                groups[factor].append(weight)
                self._factor[id(weight)] = factor
        self.optimizers = {factor: _optimizer(recipe, factor, weights, steps) for factor, weights in groups.items()}

    def apply(self, gradients: Sequence[Any], weights: Sequence[Any]) -> None:
        """Update weights by their gradients, within a replica: gradients of all replicas are added up."""
        groups: dict[float, list[tuple[Any, Any]]] = defaultdict(list)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        for gradient, weight in zip(gradients, weights, strict=True):
            if self._decay and weight.name == "kernel":
                gradient = gradient + self._decay / replicas * weight
            groups[self._factor[id(weight)]].append((gradient, weight))
        for factor, pairs in groups.items():
            self.optimizers[factor].apply(*map(list, zip(*pairs, strict=True)))

    @property
    def variables(self) -> list[Any]:
        """The state of all optimizers."""
        return [variable for optimizer in self.optimizers.values() for variable in optimizer.variables]


def _optimizer(recipe: Recipe, factor: float, weights: list[Any], steps: int) -> keras.optimizers.Optimizer:
    rate = schedule(recipe, factor, steps)
    accumulate = recipe.accumulate if recipe.accumulate > 1 else None
    if recipe.optimizer == "sgd":
        optimizer = keras.optimizers.SGD(rate, recipe.momentum, gradient_accumulation_steps=accumulate)
    else:
        kernels = [weight for weight in weights if weight.name == "kernel"]
        optimizer = FusedAdamW(rate, recipe.weight_decay, kernels, gradient_accumulation_steps=accumulate)
    optimizer.build(weights)
    return optimizer


def schedule(recipe: Recipe, factor: float, steps: int) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate by step, times a factor, for a training of this many steps."""
    rate = recipe.learning_rate * factor
    if recipe.schedule == "cosine":
        warm_up = max(1, round(WARM_UP * steps))
        return keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=rate, warmup_steps=warm_up)
    if recipe.schedule == "steps":
        factors = recipe.factors or tuple(0.1 ** (index + 1) for index in range(len(recipe.drops)))
        places = [round(drop * steps) for drop in recipe.drops]
        return keras.optimizers.schedules.PiecewiseConstantDecay(places, [rate, *(rate * part for part in factors)])
    return rate
