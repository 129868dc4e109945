"""What a training starts from: the format of its clips, and the network with its initial weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import keras

from actionzoo.errors import ModelNotFoundError, TrainingError, VideoError, did_you_mean
from actionzoo.hub.loading import load_arrays, named_weights
from actionzoo.inference.model import Model, load_model
from actionzoo.models import create_model
from actionzoo.names import NETWORKS
from actionzoo.training.network import rebuilt
from actionzoo.training.norm import FusedBatchNormalization
from actionzoo.training.recipe import Recipe
from actionzoo.video.reader import probe
from actionzoo.video.spec import DEFAULT_FRAMES, DEFAULT_SIDE, DEFAULT_STACK, InputSpec, VideoFormat

PROBED = 40
"""Videos that are probed for their length and frame rate, to fit clips to them."""

PAPERS_FLOW, OWN_FLOW, FINE_FLOW = "tvl1", "dis", "dis-fine-fast"
SMALL = 160
"""Below this height, in pixels, flow is computed at full resolution."""

Lengths = Sequence[tuple[float, float]]
"""Duration in seconds and frame rate of videos."""


def initial_model(recipe: Recipe) -> Model | None:
    """The trained model that a recipe starts from; `None` for a network of the zoo. Raises ModelNotFoundError."""
    if recipe.is_zoo_network:
        return None
    try:
        return load_model(recipe.model)
    except ModelNotFoundError as error:
        raise ModelNotFoundError(f"{error}{did_you_mean(str(recipe.model), NETWORKS)}") from error


def initial_spec(recipe: Recipe, model: Model | None, classes: tuple[str, ...], lengths: Lengths) -> InputSpec:
    """The spec of the network to be trained.

    A trained model keeps its size and flow. Its frame rate is no higher than that of the videos; where they are too
    short for its clips it is raised, as far as the videos have frames, and the stride is reduced. Values in the recipe
    take precedence. Without `lengths`, those of the training videos, nothing is fitted.
    """
    spec = replace(_zoo_spec(recipe) if model is None else model.spec, classes=classes, known=())
    spec = replace(spec, num_frames=recipe.num_frames or spec.num_frames)
    spec = replace(spec, fps=recipe.fps or _fitted_fps(spec, lengths))
    return replace(spec, stride=recipe.stride or _fitted_stride(spec, lengths))


def training_format(recipe: Recipe, spec: InputSpec) -> VideoFormat:
    """The format of decoded videos: that of the spec, or larger ones for crops to be cut from."""
    video_format, side = spec.video_format, recipe.short_side
    return replace(video_format, height=side, width=side, resize="short") if side else video_format


def initial_network(recipe: Recipe, model: Model | None, spec: InputSpec) -> keras.Model:
    """The network to be trained: batch norms, precision and clip length as in the recipe, initial weights loaded.

    Classifiers are new unless the model knows exactly these classes. Raises TrainingError if the network cannot be
    built with the recipe's options, ModelError if the initial weights cannot be loaded.
    """
    synchronized = recipe.batch_norm == "synchronized"
    how: dict[str, Any] = {
        "norm": keras.layers.BatchNormalization if synchronized else FusedBatchNormalization,
        "synchronized": synchronized,
        "dtype": "mixed_bfloat16" if recipe.mixed_precision else None,
    }
    if model is None:
        return rebuilt(_zoo_network(recipe, spec), **how)
    fresh = recipe.init == "random"
    return rebuilt(
        model.network,
        num_classes=None if model.spec.classes == spec.classes and not fresh else len(spec.classes),
        num_frames=spec.num_frames,
        dropout=recipe.dropout if recipe.dropout >= 0 else None,
        fresh=fresh,
        **how,
    )


def probe_lengths(videos: Sequence[Path]) -> Lengths:
    """Duration and frame rate of some of the videos, evenly spaced; unreadable ones are skipped."""
    found = []
    for path in videos[:: max(1, len(videos) // PROBED)]:
        try:
            info = probe(path)
        except VideoError:
            continue
        if info.duration_s:
            found.append((info.duration_s, info.fps))
    return found


def _zoo_spec(recipe: Recipe) -> InputSpec:
    """The spec of a network of the zoo, without classes."""
    options = recipe.options
    for name in ("height", "width", "stack_length"):
        value = options.get(name, 1)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise TrainingError(f"the option {name} of {recipe.model} is a whole number from 1, not {value!r}")
    height, papers = options.get("height", DEFAULT_SIDE), recipe.short_side > 0
    single = str(recipe.model).startswith(("appearance_", "motion_"))
    return InputSpec(
        (),
        height,
        options.get("width", DEFAULT_SIDE),
        num_frames=1 if single else DEFAULT_FRAMES,
        stack_length=options.get("stack_length", DEFAULT_STACK),
        flow=PAPERS_FLOW if papers else FINE_FLOW if height < SMALL else OWN_FLOW,
        resize="stretch" if papers else "fit",
        mirror=papers,
    )


def _fitted_fps(spec: InputSpec, lengths: Lengths) -> float:
    """The spec's frame rate or that of slower videos; for short videos as high as a clip at stride 1 needs."""
    if not lengths:
        return spec.fps
    own, seconds = median(fps for _, fps in lengths), median(seconds for seconds, _ in lengths)
    needed = replace(spec, stride=1).span / seconds
    if needed <= spec.fps or own <= spec.fps:
        return min(spec.fps, own)
    return own / max(1, int(own / needed))  # every frame, or every second one, ...


def _fitted_stride(spec: InputSpec, lengths: Lengths) -> int:
    """The spec's stride, or the longest with which a clip fits into half of the videos."""
    if not lengths or spec.num_frames < 2:
        return spec.stride
    frames = median(seconds * min(fps, spec.fps) for seconds, fps in lengths)
    longest = int(frames - spec.stack_length - 1) // (spec.num_frames - 1)
    return max(1, min(spec.stride, longest))


def _zoo_network(recipe: Recipe, spec: InputSpec) -> keras.Model:
    """A network of the zoo with random weights, ImageNet's, or those of a model of the same network.

    Classifiers of that model are loaded only where it knows exactly these classes.
    """
    options: dict[str, Any] = {"height": spec.height, "width": spec.width, **recipe.options}
    if recipe.dropout >= 0:
        options["dropout"] = recipe.dropout
    if str(recipe.model).startswith("appearance_"):
        options.pop("stack_length", None)
    weights = "imagenet" if recipe.init == "imagenet" else None
    try:
        network = create_model(str(recipe.model), len(spec.classes), spec.num_frames, weights=weights, **options)
    except (ValueError, TypeError) as error:
        raise TrainingError(f"{recipe.model} cannot be built with these options: {error}") from error
    if recipe.init not in ("random", "imagenet"):
        init = load_model(recipe.init)
        new = () if init.spec.classes == spec.classes else ("logits*",)
        found = {name: weight.numpy() for name, weight in named_weights(init.network).items()}
        kept = {name: array for name, array in found.items() if not new or not name.startswith("logits")}
        load_arrays(network, kept, new=new, source=init.name)
    return network
