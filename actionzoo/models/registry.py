"""The builders of all networks, by name."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

import keras

from actionzoo.errors import did_you_mean
from actionzoo.models.arguments import check_sizes
from actionzoo.models.spatiotemporal import ST_MULNET, ST_RESNET, build_spatiotemporal
from actionzoo.models.t_resnet import build_t_resnet
from actionzoo.models.two_stream import build_stream, build_two_stream
from actionzoo.names import NETWORKS, RESNET_DEPTHS, STREAM_BASES


def _builders() -> dict[str, Callable[..., keras.Model]]:
    builders: dict[str, Callable[..., keras.Model]] = {}
    for base in STREAM_BASES:
        builders[f"appearance_{base}"] = partial(build_stream, base, "appearance")
        builders[f"motion_{base}"] = partial(build_stream, base, "motion")
        builders[f"two_stream_{base}"] = partial(build_two_stream, base)
    for depth in RESNET_DEPTHS:
        # Units of depth 18 have no 1x1 convolutions that ST-ResNet could inflate.
        filters = {"temporal_filters": "injected", "temporal_init": "centre"} if depth == 18 else {}
        builders[f"st_resnet{depth}"] = partial(build_spatiotemporal, depth, **ST_RESNET | filters)
        builders[f"st_mulnet{depth}"] = partial(build_spatiotemporal, depth, **ST_MULNET)
        builders[f"t_resnet{depth}"] = partial(build_t_resnet, depth)
    return builders


BUILDERS = _builders()
"""By name; each takes `num_classes`, `num_frames` and the options of its system."""


def create_model(
    name: str | None = None,
    num_classes: int | None = None,
    num_frames: int | None = None,
    *,
    weights: str | os.PathLike[str] | None = None,
    **options: Any,
) -> keras.Model:
    """Build a network by name, or load a trained model.

    Args:
        name: one of `list_models()`. Without it, `weights` is a trained model, which is returned as it is.
        num_classes: number of classes.
        num_frames: length of a clip, T; `None` for any length, of at least five where frames are pooled.
        weights: `"imagenet"` for streams trained on images, with new classifiers (VGG-16 and ResNet-50, 101, 152;
            `strides` and `preprocessing` are then `"torchvision"`); a `.safetensors` file of such a network, laid out
            as by torchvision or timm; a `.weights.h5` file of the same network, built with the same options; a trained
            model of the same network, whose classifiers are used where the number of classes is the same: a name such
            as `"mini"`, a `.keras` file, a run folder, `hf://user/repo[@revision]`, or a network of the papers' authors
            (a `.mat` file, or its name in the catalog); `None` for random weights.
        **options: arguments of the builder, such as `height`, `width`, `stack_length` or `fusion`: see
            `actionzoo.models.two_stream.build_two_stream`, `actionzoo.models.spatiotemporal.build_spatiotemporal` and
            `actionzoo.models.t_resnet.build_t_resnet`.

    Returns:
        A functional model of `{"appearance": (batch, time, height, width, 3), "motion": (batch, time, height, width,
        2*L)}`, or of the one stream it has, that returns logits `(batch, num_classes)`.

    Raises:
        ValueError: the name, an option or the value of an option is unknown.
        ActionzooError: the weights cannot be found or fetched, are damaged, or belong to another network.

    >>> model = create_model("two_stream_resnet18", 6, 2, height=64, width=64, channel_factor=0.125)
    >>> model.output.shape
    (None, 6)
    """
    if name is not None:
        return build(name, weights, num_classes=num_classes, num_frames=num_frames, **options)
    given = {"num_classes": num_classes, "num_frames": num_frames, **options}
    changed = {argument: value for argument, value in given.items() if value is not None}
    if weights is None or changed:
        raise ValueError(
            "Argument `name` may be left out only where `weights` is a trained model, which is returned as it is. "
            f"Received: weights={weights!r}, {changed}"
        )
    return _weights().trained_network(os.fspath(weights))


def build(name: str, weights: str | os.PathLike[str] | None, **arguments: Any) -> keras.Model:
    """Build a network by name with its builder's own arguments, whose defaults are the papers' values."""
    if name not in BUILDERS:
        meant = did_you_mean(name.lower(), NETWORKS) or f"; there are {', '.join(NETWORKS)}"
        raise ValueError(f"There is no network {name!r}{meant}. Received: name={name!r}")
    if arguments["num_classes"] is None:
        raise ValueError(f"{name} needs the argument `num_classes`, the number of its classes. Received: None")
    check_sizes(num_classes=arguments["num_classes"])
    known = [option for option in inspect.signature(BUILDERS[name]).parameters if option != "name"]
    for argument, value in arguments.items():
        if argument not in known:
            raise ValueError(f"{name} takes the arguments {known}. Received: {argument}={value!r}")
    if weights is None:
        return BUILDERS[name](name=name, **arguments)
    weights = os.fspath(weights)
    model = BUILDERS[name](name=name, **_weights().builder_options(name, weights, arguments))
    _weights().load_weights(model, name, weights)
    return model


def _weights() -> ModuleType:
    """`actionzoo.convert.weights`, which stands above the builders: imported when weights are asked for."""
    return import_module("actionzoo.convert.weights")
