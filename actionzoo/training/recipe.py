"""Recipes: everything that a training does, in one flat table that a file can hold."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from actionzoo.errors import TrainingError, did_you_mean
from actionzoo.names import NETWORKS

OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("steps", "cosine", "constant")
CROPS = ("zoom", "multi_scale", "corners", "none")
BATCH_NORMS = ("train", "synchronized", "partial", "frozen")

FEW_VIDEOS = 1000
"""Up to so many training videos a set is small: it gets a fixed number of steps instead of a number of epochs."""

SMALL_STEPS = 400
SMALL_EPOCHS = (8, 100)


@dataclass(frozen=True)
class Recipe:
    """How a network learns. The defaults are those for small sets of one's own, on top of a trained network.

    Attributes:
        model: a network's name, a catalog's name, a `.keras` file, a run folder, or `hf://user/repo`.
        init: where a network's weights come from: "imagenet", "random", or a `.keras` file of the same network;
            "trained" for the model's own or, for a network of the zoo, ImageNet's where there are such, and random
            ones where not.
        options: arguments of the network's builder; those that are `None` are left to it.
        num_frames, stride, fps: of a clip; 0 is what the model was trained with, fitted to the videos.
        epochs: passes over the training videos; 0 is what suits their number.
        batch_size: clips a step, over all devices; 0 is 8, or fewer where there are fewer videos.
        accumulate: steps whose gradients are averaged before the weights move.
        optimizer: "sgd" (with momentum) or "adamw".
        learning_rate: of the classifiers, at its highest.
        trained_factor: factor on it for layers that come with trained weights.
        bias_factor: factor on it for biases and batch-norm scales.
        schedule: "cosine" after a warm-up of a tenth of the steps; "steps", at each of `drops`; or "constant".
        drops: shares of the training, above 0 and below 1.
        factors: of the learning rate behind each drop; without them it is a tenth at each.
        momentum: of SGD.
        weight_decay: of kernels; in SGD a part of the gradient as in the papers, in AdamW decoupled.
        dropout: rate before the classifiers; -1 leaves the network's.
        label_smoothing: share of the probability that goes to all classes alike.
        batch_norm: "train" (each replica by its own clips, as in the papers), "synchronized" (by the clips of all
            replicas), "partial" (only each stream's first one learns, as in TSN) or "frozen" (none moves).
        frozen: patterns of names of layers that do not learn, such as "appearance_*".
        unfreeze: shares of the training at which the frozen layers begin to learn, the last quarter of them first, and
            so on: (0.1, 0.2, 0.3, 0.4) frees everything.
        crop: "zoom", "multi_scale", "corners" or "none" (`actionzoo.data.augment`).
        stride_range: the stride changes by up to so many frames either way.
        short_side: decode videos so that crops can be cut out of them; 0 is the model's own size and rule.
        split: of UCF101 and HMDB51, the official one.
        group: a pattern for the group of a video, as `read_dataset` takes it; empty for none.
        test: share of the videos, in whole groups, that is kept for a test, where the set itself names no parts.
        validation: share of the training videos, in whole groups, that choose the best weights and are not learned
            from; 0 is none.
        patience: epochs without a better validation loss before stopping; 0 never stops early.
        mixed_precision: compute in bfloat16, keep weights in float32.
        seed: of everything that is drawn.
    """

    model: str = "mini"
    init: str = "trained"
    options: Mapping[str, Any] = field(default_factory=dict)
    num_frames: int = 0
    stride: int = 0
    fps: float = 0.0
    epochs: int = 0
    batch_size: int = 0
    accumulate: int = 1
    optimizer: str = "adamw"
    learning_rate: float = 2e-3
    trained_factor: float = 0.5
    bias_factor: float = 1.0
    schedule: str = "cosine"
    drops: tuple[float, ...] = ()
    factors: tuple[float, ...] = ()
    momentum: float = 0.9
    weight_decay: float = 0.05
    dropout: float = -1.0
    label_smoothing: float = 0.1
    batch_norm: str = "train"
    frozen: tuple[str, ...] = ()
    unfreeze: tuple[float, ...] = ()
    crop: str = "zoom"
    stride_range: int = 2
    short_side: int = 0
    split: int = 1
    group: str = ""
    test: float = 0.2
    validation: float = 0.0
    patience: int = 0
    mixed_precision: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        options = {name: value for name, value in self.options.items() if value is not None}
        object.__setattr__(self, "options", {name: _listed(value) for name, value in options.items()})
        choices = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "crop": CROPS, "batch_norm": BATCH_NORMS}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is one of {', '.join(known)}, not {getattr(self, name)!r}")
        for name in ("num_frames", "stride", "epochs", "batch_size", "patience", "short_side", "stride_range", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is 0 or more, not {getattr(self, name)}")
        for name in ("learning_rate", "accumulate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is above 0, not {getattr(self, name)}")
        for name in ("test", "validation", "label_smoothing", "momentum"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is from 0 to below 1, not {getattr(self, name)}")
        for name in ("drops", "unfreeze"):
            shares = getattr(self, name)
            if any(not 0 < share < 1 for share in shares) or list(shares) != sorted(shares):
                raise ValueError(f"{name} are shares of the training, rising from above 0 to below 1, not {shares}")
        if self.schedule == "steps" and not self.drops:
            raise ValueError("a schedule of steps needs drops, such as [0.5, 0.75]")
        if self.factors and len(self.factors) != len(self.drops):
            raise ValueError(f"there are {len(self.drops)} drops but {len(self.factors)} factors")

    def fitted(self, videos: int, replicas: int = 1) -> Recipe:
        """The same recipe with epochs and batch size for this number of training videos.

        >>> Recipe().fitted(48).epochs
        67
        """
        size = self.batch_size or min(8, videos)
        if self.batch_size > videos:
            raise TrainingError(
                f"{videos} videos to learn from are fewer than a batch of {self.batch_size}; add videos or take "
                f"--batch-size {videos}"
            )
        size = -(-size // replicas) * replicas
        few, many = SMALL_EPOCHS
        steps_an_epoch = -(-videos // size)
        epochs = self.epochs or (
            min(many, max(few, -(-SMALL_STEPS // steps_an_epoch))) if videos <= FEW_VIDEOS else few
        )
        return replace(self, epochs=epochs, batch_size=size)

    def to_toml(self) -> str:
        """Every value, as a file that `read_recipe` reads."""
        values = asdict(self)
        options = values.pop("options")
        lines = [f"{name} = {_toml(value)}" for name, value in values.items()]
        if options:
            lines += ["", "[options]", *(f"{json.dumps(name)} = {_toml(value)}" for name, value in options.items())]
        return "\n".join(lines) + "\n"


def _listed(value: Any) -> Any:
    """Tuples as lists, as a file gives them back."""
    return [_listed(part) for part in value] if isinstance(value, list | tuple) else value


def _toml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(part) for part in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(name)} = {_toml(part)}" for name, part in value.items()) + "}"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # inf and nan, which JSON writes in other words
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def read_recipe(path: Path) -> dict[str, Any]:
    """The values in a recipe file, by name. Raises TrainingError, with the nearest name for an unknown one."""
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, RecursionError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TrainingError(f"{path} cannot be read as a recipe: {error}") from error
    kinds = {known.name: type(known.default) for known in fields(Recipe)} | {"options": dict}
    parts = {"drops": float, "factors": float, "unfreeze": float, "frozen": str}
    for name, value in values.items():
        if name not in kinds:
            raise TrainingError(f"{path}: a recipe has no {name!r}{did_you_mean(name, kinds)}")
        values[name] = _of_kind(value, kinds[name], f"{path}: {name}")
        if name in parts:
            values[name] = tuple(_of_kind(part, parts[name], f"{path}: a part of {name}") for part in values[name])
    return values


def settled(recipe: Recipe) -> Recipe:
    """The recipe with an origin of its weights in place of "trained", which no network of the zoo is."""
    if recipe.init != "trained" or recipe.model not in NETWORKS:
        return recipe
    untrained = recipe.model.endswith("resnet18") or "mulnet18" in recipe.model
    return replace(recipe, init="random" if untrained else "imagenet")


def change(recipe: Recipe, values: Mapping[str, Any], where: str) -> Recipe:
    """A recipe with other values. Raises TrainingError if one of them cannot be."""
    try:
        return replace(recipe, **values)
    except ValueError as error:
        raise TrainingError(f"{where}: {error}") from error


def _of_kind(value: Any, kind: type, what: str) -> Any:
    if kind is tuple and isinstance(value, list):
        return tuple(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TrainingError(f"{what} is of the kind {kind.__name__}, not {value!r}")
    return value
