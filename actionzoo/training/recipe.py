"""Recipes: every setting of a training, in one flat table that a TOML file can hold."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import tomli_w

from actionzoo.errors import TrainingError, did_you_mean
from actionzoo.inference.model import Model
from actionzoo.names import NETWORKS

CHOICES = {
    "optimizer": ("sgd", "adamw"),
    "schedule": ("steps", "cosine", "constant"),
    "crop": ("zoom", "multi_scale", "corners", "none"),
    "batch_norm": ("train", "synchronized", "partial", "frozen"),
}
NOT_NEGATIVE = ("num_frames", "stride", "epochs", "batch_size", "patience", "short_side", "stride_range", "seed")
POSITIVE = ("learning_rate", "accumulate")
FRACTIONS = ("test", "validation", "label_smoothing", "momentum")

TUPLES = {"drops": float, "factors": float, "unfreeze": float, "freeze": str}
"""Fields that are tuples, with the type of their items."""

OLD_NAMES = {"split": "official_split", "frozen": "freeze"}
"""What fields were called in recipe files of older versions, which still load."""

FEW_VIDEOS = 1000
"""A set with up to this many training videos is small: it gets a fixed number of steps, not of epochs."""

SMALL_STEPS = 400
SMALL_EPOCHS = (8, 100)


@dataclass(frozen=True)
class Recipe:
    """The settings of a training. The defaults suit small sets of videos, starting from a trained model.

    Attributes:
        model: a network's name, a catalog's name, a `.keras` file, a run folder, `hf://user/repo`, or a `Model`, of
            which the name is kept.
        init: initial weights of a network: "imagenet", "random", or a model of the same network; "trained" for the
            model's own or, for a network of the zoo, ImageNet's where they exist, else random ones.
        options: arguments of the network's builder; those that are `None` are left out.
        num_frames: frames of a clip; 0 for the model's.
        stride: frames between two frames of a clip; 0 for the model's, fitted to the videos.
        fps: frame rate of a clip; 0 for the model's, fitted to the videos.
        epochs: passes over the training videos; 0 for a number that suits their count.
        batch_size: clips a step, over all devices; 0 for 8, or fewer where there are fewer videos.
        accumulate: steps whose gradients are averaged into one update.
        optimizer: "sgd" (with momentum) or "adamw".
        learning_rate: peak learning rate of the classifiers.
        trained_factor: factor on the learning rate for layers with trained weights.
        bias_factor: factor on the learning rate for biases and batch-norm scales.
        schedule: "cosine" after a warm-up of a tenth of the steps; "steps", at each of `drops`; or "constant".
        drops: fractions of the training at which the learning rate drops, above 0 and below 1.
        factors: factors on the learning rate after each drop; by default each is a tenth of the one before.
        momentum: of SGD.
        weight_decay: of kernels; in SGD a part of the gradient as in the papers, in AdamW decoupled.
        dropout: rate before the classifiers; -1 for the network's.
        label_smoothing: fraction of the probability that is spread over all classes.
        batch_norm: "train" (statistics of each replica's clips, as in the papers), "synchronized" (of the clips of all
            replicas), "partial" (only the first layer of each stream is trained, as in TSN) or "frozen".
        freeze: patterns of names of layers that are not trained, such as "appearance_*".
        unfreeze: fractions of the training at which frozen layers are trained again, from the classifiers down, in
            equal numbers: (0.1, 0.2, 0.3, 0.4) frees the last quarter at 0.1 and everything at 0.4.
        crop: "zoom", "multi_scale" or "corners" (`actionzoo.data.augment`); "none": the middle clip of each video, not
            augmented.
        stride_range: the stride varies by up to this many frames either way.
        short_side: short side of the decoded videos, in pixels, to cut crops from; 0 for the model's own size.
        official_split: of UCF101 and HMDB51, from 1 to 3.
        group: a regular expression for the group of a video, as `read_dataset` takes it; "" for none.
        test: fraction of the videos, in whole groups, kept for a test where the set itself has no splits.
        validation: fraction of the training videos, in whole groups, held out to choose the best weights; 0 for none.
        patience: epochs without a lower validation loss before stopping; 0 to never stop early.
        mixed_precision: compute in bfloat16, keep weights in float32.
        seed: of every random choice.

    Raises:
        ValueError: a value is out of its range.

    >>> Recipe(model="st_resnet50", epochs=20, freeze=("appearance_*",)).optimizer
    'adamw'
    """

    model: str | os.PathLike[str] | Model = "mini"
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
    freeze: tuple[str, ...] = ()
    unfreeze: tuple[float, ...] = ()
    crop: str = "zoom"
    stride_range: int = 2
    short_side: int = 0
    official_split: int = 1
    group: str = ""
    test: float = 0.2
    validation: float = 0.0
    patience: int = 0
    mixed_precision: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        name = self.model.name if isinstance(self.model, Model) else os.fspath(self.model)
        object.__setattr__(self, "model", name)
        options = {name: _as_list(value) for name, value in self.options.items() if value is not None}
        object.__setattr__(self, "options", options)
        _check(self)

    @property
    def is_zoo_network(self) -> bool:
        """Whether `model` is a network of the zoo, which comes without weights of its own."""
        return self.model in NETWORKS

    def fitted(self, num_videos: int, replicas: int = 1) -> Recipe:
        """The same recipe with epochs and batch size for a number of training videos.

        Raises:
            TrainingError: the batch is larger than the set.

        >>> Recipe().fitted(48).epochs
        67
        """
        size = self.batch_size or max(1, min(8, num_videos))
        if size > num_videos:
            raise TrainingError(
                f"the set has {num_videos} training videos, fewer than a batch of {size}; add videos or use "
                f"--batch-size {num_videos}"
            )
        size = -(-size // replicas) * replicas
        few, many = SMALL_EPOCHS
        enough = min(many, max(few, -(-SMALL_STEPS // -(-num_videos // size))))
        return replace(self, epochs=self.epochs or (enough if num_videos <= FEW_VIDEOS else few), batch_size=size)

    def with_init(self) -> Recipe:
        """The same recipe with the initial weights that "trained" means for a network of the zoo."""
        if self.init != "trained" or not self.is_zoo_network:
            return self
        untrained = str(self.model).endswith(("resnet18", "mulnet18"))
        return replace(self, init="random" if untrained else "imagenet")

    def to_toml(self) -> str:
        """Every value, as a file that `read_recipe` reads."""
        return tomli_w.dumps(asdict(self))


def read_recipe(path: Path, default: Recipe | None = None) -> Recipe:
    """Read a recipe from a TOML file; values that it lacks are those of `default`, or of `Recipe()`.

    Raises TrainingError if the file cannot be read, or has an unknown name, a wrong type or a value out of its range.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, RecursionError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TrainingError(f"{path} cannot be read as a recipe: {error}") from error
    values = {OLD_NAMES.get(name, name): value for name, value in table.items()}
    types = {known.name: type(known.default) for known in fields(Recipe)} | {"options": dict}
    for name, value in values.items():
        if name not in types:
            raise TrainingError(f"{path}: a recipe has no {name!r}{did_you_mean(name, types)}")
        values[name] = _of_type(value, types[name], f"{path}: {name}")
        if name in TUPLES:
            values[name] = tuple(_of_type(item, TUPLES[name], f"{path}: each of {name}") for item in values[name])
    try:
        return replace(default or Recipe(), **values)
    except ValueError as error:
        raise TrainingError(f"{path}: {error}") from error


def _check(recipe: Recipe) -> None:
    """Raises ValueError for a value out of its range."""
    for name, value in asdict(recipe).items():
        if value not in CHOICES.get(name, (value,)):
            raise ValueError(f"{name} is one of {', '.join(CHOICES[name])}, not {value!r}")
        if name in NOT_NEGATIVE and value < 0:
            raise ValueError(f"{name} is 0 or more, not {value}")
        if name in POSITIVE and not value > 0:
            raise ValueError(f"{name} is above 0, not {value}")
        if name in FRACTIONS and not 0 <= value < 1:
            raise ValueError(f"{name} is from 0 to below 1, not {value}")
        if name in ("drops", "unfreeze") and (not all(0 < part < 1 for part in value) or [*value] != sorted(value)):
            raise ValueError(f"{name} are fractions of the training, rising from above 0 to below 1, not {value}")
    if recipe.schedule == "steps" and not recipe.drops:
        raise ValueError("a schedule of steps needs drops, such as [0.5, 0.75]")
    if recipe.factors and len(recipe.factors) != len(recipe.drops):
        raise ValueError(f"there are {len(recipe.drops)} drops but {len(recipe.factors)} factors")


def _as_list(value: Any) -> Any:
    """Tuples as lists, which is what a file gives back."""
    return [_as_list(part) for part in value] if isinstance(value, list | tuple) else value


def _of_type(value: Any, kind: type, what: str) -> Any:
    """A value of a TOML file as the type of its field. Raises TrainingError if it is of another type."""
    if kind is tuple and isinstance(value, list):
        return tuple(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TrainingError(f"{what} must be of type {kind.__name__}, not {value!r}")
    return value
