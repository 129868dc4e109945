"""The papers' recipes, from their released training scripts.

All are SGD with momentum 0.9 and weight decay 0.0005 on kernels; biases and the scales of batch norms learn twice as
fast and do not decay. An "epoch" of the scripts is several passes over the list; here an epoch is one. The scripts sum
their loss over the outputs of a clip, where our networks average the scores first: a recipe's learning rate is the
script's times the number of these outputs. Clips are crops of frames with a short side of 256 pixels, flow is TV-L1.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from actionzoo.errors import TrainingError
from actionzoo.training.recipe import FEW_VIDEOS, Recipe, read_recipe

_ALL: dict[str, Any] = {
    "init": "imagenet",
    "fps": 25.0,
    "optimizer": "sgd",
    "schedule": "steps",
    "trained_factor": 1.0,
    "bias_factor": 2.0,
    "weight_decay": 5e-4,
    "label_smoothing": 0.0,
    "crop": "corners",
    "short_side": 256,
    "stride": 10,
    "stride_range": 5,
}

_SINGLE_FRAMES: dict[str, Any] = {"num_frames": 1, "stride": 1, "stride_range": 0}

_FOUR_VIDEOS: dict[str, Any] = {"batch_size": 4, "accumulate": 32}
"""A batch of 128 videos, in parts whose batch norms see four."""

_RECIPES: dict[str, dict[str, Any]] = {
    # The base streams. 10 passes an epoch for appearance, 100 for motion.
    r"appearance_vgg16": _SINGLE_FRAMES
    | {"batch_size": 128, "learning_rate": 1e-3, "epochs": 120}
    | {"drops": (3 / 12, 8 / 12, 10 / 12), "factors": (0.5, 0.05, 0.005)}
    | {"dropout": 0.85, "freeze": ("*_conv*", "*_fc*"), "unfreeze": (0.249, 0.2499, 0.24999, 0.25)},
    r"motion_vgg16": _SINGLE_FRAMES
    | {"batch_size": 128, "learning_rate": 5e-4, "epochs": 1600, "drops": (10 / 16, 15 / 16)}
    | {"dropout": 0.9, "crop": "multi_scale"},
    r"appearance_resnet\d+": _SINGLE_FRAMES
    | {"batch_size": 256, "learning_rate": 1e-2, "epochs": 60, "drops": (2 / 6, 4 / 6), "dropout": 0.0},
    r"motion_resnet\d+": _SINGLE_FRAMES
    | {"batch_size": 128, "learning_rate": 1e-2, "epochs": 400, "drops": (1 / 4, 2 / 4, 3 / 4)}
    | {"dropout": 0.8, "crop": "multi_scale"},
    # CVPR'16: the convolutions below the fusion do not learn.
    r"two_stream_\w+": {"num_frames": 5, "batch_size": 96, "learning_rate": 1e-3, "epochs": 50}
    | {"drops": (2 / 5, 3 / 5, 4 / 5), "dropout": 0.85, "freeze": ("*_conv?_?", "*_conv1*", "*_stage*")},
    # NIPS'16, its first stage: every frame has a loss, nothing is pooled over time.
    r"st_resnet\d+": _FOUR_VIDEOS
    | {"num_frames": 5, "options": {"temporal_pool": "none"}, "learning_rate": 5e-3, "epochs": 80}
    | {"drops": (3 / 8, 6 / 8), "dropout": 0.0},
    # CVPR'17.
    r"st_mulnet\d+": _FOUR_VIDEOS
    | {"num_frames": 5, "stride": 20, "stride_range": 15, "learning_rate": 1e-3, "epochs": 25}
    | {"drops": (2 / 5, 3 / 5, 4 / 5)},
    r"t_resnet\d+": _FOUR_VIDEOS
    | {"num_frames": 16, "batch_size": 4, "accumulate": 64, "learning_rate": 1e-2, "epochs": 150}
    | {"drops": (1 / 3, 2 / 3), "dropout": 0.0},
}

_SECOND_STAGE: dict[str, Any] = _FOUR_VIDEOS | {
    "num_frames": 11,
    "stride": 8,
    "stride_range": 7,
    "learning_rate": 4e-4,
    "epochs": 2,
    "drops": (0.5,),
    "dropout": 0.0,
}
"""ST-ResNet's second stage (NIPS'16), on top of the first stage's network: four outputs, pooled over time."""


def papers_recipe(network: str, *, second_stage: bool = False) -> Recipe:
    """The papers' recipe for a network of the zoo; ST-ResNets have a second stage. Raises ValueError if there is none.

    >>> papers_recipe("st_mulnet50").stride
    20
    """
    if second_stage:
        if not network.startswith("st_resnet"):
            raise ValueError(f"only ST-ResNets are trained in two stages, not {network}")
        return Recipe(model=network, **_ALL | _SECOND_STAGE)
    for pattern, values in _RECIPES.items():
        if re.fullmatch(pattern, network):
            return Recipe(model=network, **_ALL | values)
    raise ValueError(f"the papers have no recipe for {network}")


def choose_recipe(name: str, model: str, init: str | None = None, num_videos: int = 0) -> Recipe:
    """The recipe that a name means.

    Args:
        name: "small", "papers", "papers-2", a file, or "auto": the papers' for a network of the zoo on many videos,
            else the one for small sets.
        model: what is trained.
        init: its initial weights; `None` for the model's own or, for networks of the zoo, ImageNet's where they exist,
            else random ones.
        num_videos: size of the set, which only "auto" depends on.

    Raises:
        TrainingError: the file is not a recipe, or the papers have none for this network.

    >>> choose_recipe("auto", "st_resnet50", num_videos=50).init
    'imagenet'
    """
    small = Recipe(model=model, init=init or "trained").with_init()
    if small.init == model or (small.init == "mini" and not small.is_zoo_network):
        small = replace(small, init="trained")
    if name == "auto":
        name = "papers" if small.is_zoo_network and num_videos > FEW_VIDEOS else "small"
    if name == "small":
        return small
    if name in ("papers", "papers-2"):
        try:
            return replace(papers_recipe(model, second_stage=name == "papers-2"), init=small.init)
        except ValueError as error:
            raise TrainingError(f"{error}; use --recipe small") from error
    recipe = read_recipe(Path(name), small)
    return replace(recipe, init=init) if init else recipe
