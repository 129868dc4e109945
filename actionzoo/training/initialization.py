"""Where a training starts: the network, and what it will look at in these videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import keras

from actionzoo.errors import ModelNotFoundError, TrainingError, VideoError, did_you_mean
from actionzoo.hub.keras_models import load_keras
from actionzoo.hub.loading import load_arrays, named_weights
from actionzoo.hub.resolve import resolve_model
from actionzoo.models import create_model
from actionzoo.names import NETWORKS
from actionzoo.training.network import rebuilt
from actionzoo.training.recipe import Recipe
from actionzoo.video.reader import probe
from actionzoo.video.spec import DEFAULT_FRAMES, DEFAULT_SIDE, DEFAULT_STACK, InputSpec, VideoFormat

LOOKED_AT = 40
"""Videos that are asked for their length and rate, to fit a clip to them."""

PAPERS_FLOW, OWN_FLOW, FINE_FLOW = "tvl1", "dis", "dis-fine"
SMALL = 160
"""Below so many rows, flow goes on to the full resolution."""


Lengths = Sequence[tuple[float, float]]
"""(seconds, frames a second) of videos."""


def initial_spec(recipe: Recipe, classes: tuple[str, ...], lengths: Lengths) -> InputSpec:
    """What the network will look at.

    A trained model keeps its size and flow. Its frame rate is no higher than that of the videos; where they are too
    short for its clips it is higher than the model's, as far as they have frames, and the stride is made smaller.
    Values in the recipe go before both. Without lengths nothing is fitted.
    """
    spec = replace(_record(recipe), classes=classes)
    spec = replace(spec, num_frames=recipe.num_frames or spec.num_frames)
    spec = replace(spec, fps=recipe.fps or _rate(spec, lengths))
    return replace(spec, stride=recipe.stride or _stride(spec, lengths))


def training_format(recipe: Recipe, spec: InputSpec) -> VideoFormat:
    """How videos are kept for the training: as the spec says, or larger, for crops to be cut out of them."""
    video_format = spec.video_format
    return (
        replace(video_format, height=recipe.short_side, width=recipe.short_side, resize="short")
        if recipe.short_side
        else video_format
    )


def start_network(recipe: Recipe, spec: InputSpec) -> keras.Model:
    """The network with new classifiers, or with its own where it knows these very classes.

    Raises TrainingError if the recipe's values do not go together, and what finding its weights raises.
    """
    count = len(spec.classes)
    if recipe.model not in NETWORKS:
        files = resolve_model(recipe.model)
        fresh = recipe.init == "random"
        known = files.spec.classes == spec.classes and not fresh
        return rebuilt(
            load_keras(files),
            classes=None if known else count,
            num_frames=spec.num_frames,
            dropout=recipe.dropout if recipe.dropout >= 0 else None,
            fresh=fresh,
        )
    if recipe.init not in ("random", "imagenet"):
        model = _build(recipe, spec, None)
        _load(model, recipe.init, spec)
        return model
    return _build(recipe, spec, "imagenet" if recipe.init == "imagenet" else None)


def _record(recipe: Recipe) -> InputSpec:
    if recipe.model not in NETWORKS:
        try:
            return resolve_model(recipe.model).spec
        except ModelNotFoundError as error:
            raise ModelNotFoundError(f"{error}{did_you_mean(recipe.model, NETWORKS)}") from error
    options = recipe.options
    for name in ("height", "width", "stack_length"):
        value = options.get(name, 1)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise TrainingError(f"the option {name} of {recipe.model} is a whole number from 1, not {value!r}")
    size = {side: options.get(side, DEFAULT_SIDE) for side in ("height", "width")}
    frames = 1 if recipe.model.startswith(("appearance_", "motion_")) else DEFAULT_FRAMES
    papers = recipe.short_side > 0
    return InputSpec(
        (),
        **size,
        num_frames=frames,
        stack_length=options.get("stack_length", DEFAULT_STACK),
        flow=PAPERS_FLOW if papers else FINE_FLOW if size["height"] < SMALL else OWN_FLOW,
        resize="stretch" if papers else "fit",
        mirror=papers,
    )


def lengths_of(videos: Sequence[Path]) -> Lengths:
    """Those of some of the videos, spread over all; those that cannot be read are left out."""
    step = max(1, len(videos) // LOOKED_AT)
    found = []
    for path in videos[::step]:
        try:
            info = probe(path)
        except VideoError:
            continue
        if info.duration_s:
            found.append((info.duration_s, info.fps))
    return found


def _rate(spec: InputSpec, lengths: Lengths) -> float:
    """The spec's frame rate, or that of slower videos; for short videos as high as a clip at stride 1 needs."""
    if not lengths:
        return spec.fps
    own, seconds = median(fps for _, fps in lengths), median(seconds for seconds, _ in lengths)
    needed = replace(spec, stride=1).span / seconds
    if needed <= spec.fps or own <= spec.fps:
        return min(spec.fps, own)
    return own / max(1, int(own / needed))  # every frame, or every second one, ...


def _stride(spec: InputSpec, lengths: Lengths) -> int:
    """The spec's stride, or the longest with which a clip fits into half of the videos."""
    if not lengths or spec.num_frames < 2:
        return spec.stride
    frames = median(seconds * min(fps, spec.fps) for seconds, fps in lengths)
    longest = int(frames - spec.stack_length - 1) // (spec.num_frames - 1)
    return max(1, min(spec.stride, longest))


def _build(recipe: Recipe, spec: InputSpec, weights: str | None) -> keras.Model:
    options: dict[str, Any] = {"height": spec.height, "width": spec.width, **recipe.options}
    if recipe.dropout >= 0:
        options["dropout"] = recipe.dropout
    if recipe.model.startswith("appearance_"):
        options.pop("stack_length", None)
    try:
        return create_model(recipe.model, len(spec.classes), spec.num_frames, weights=weights, **options)
    except (ValueError, TypeError) as error:
        raise TrainingError(f"{recipe.model} cannot be built so: {error}") from error


def _load(model: keras.Model, init: str, spec: InputSpec) -> None:
    """Weights of the same network from a model file; its classifiers too where it knows these very classes."""
    files = resolve_model(init)
    known = files.spec.classes == spec.classes
    arrays = {
        name: weight.numpy()
        for name, weight in named_weights(load_keras(files)).items()
        if known or not name.startswith("logits")
    }
    load_arrays(model, arrays, new=() if known else ("logits*",), source=init)
