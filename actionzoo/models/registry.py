"""Every network by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import keras

from actionzoo.models.spatiotemporal import build_st_resnet
from actionzoo.models.two_stream import build_stream, build_two_stream

BASES = ("resnet18", "resnet50", "vgg16")

_BUILDERS: dict[str, Callable[..., keras.Model]] = {
    **{f"two_stream_{base}": partial(build_two_stream, base) for base in BASES},
    **{
        f"{stream}_{base}": partial(build_stream, base, stream) for base in BASES for stream in ("appearance", "motion")
    },
    "st_resnet18": partial(build_st_resnet, 18),
}


def list_models(pattern: str = "*") -> list[str]:
    """Names of the networks that match a wildcard pattern, sorted.

    >>> list_models("st_*")
    ['st_resnet18']
    """
    return sorted(name for name in _BUILDERS if fnmatchcase(name, pattern))


def create_model(
    name: str, num_classes: int, num_frames: int | None = None, *, weights: str | None = None, **options: Any
) -> keras.Model:
    """Build a network by name.

    Args:
        name: one of `list_models()`.
        num_classes: number of classes.
        num_frames: length of a clip, T; `None` for any length.
        weights: a `.weights.h5` file of the same network, which Keras loads; `None` for random weights.
        **options: arguments of the builder, such as `height`, `width`, `stack_length` or `fusion`.

    Returns:
        A functional model of the inputs `appearance` and `motion` that returns logits `(batch, num_classes)`.

    Raises:
        ValueError: there is no network of that name, or an option has a value that does not exist.

    >>> model = create_model("two_stream_resnet18", 6, 2, height=64, width=64, channel_factor=0.125)
    >>> model.output.shape
    (None, 6)
    """
    if name not in _BUILDERS:
        near = difflib.get_close_matches(name, _BUILDERS, n=3) or list_models()
        raise ValueError(f"There is no network {name!r}. Did you mean one of {near}? Received: name={name!r}")
    if num_classes < 1:
        raise ValueError(f"Argument `num_classes` must be at least 1. Received: num_classes={num_classes!r}")
    model = _BUILDERS[name](num_classes, num_frames, name=name, **options)
    if weights is not None:
        model.load_weights(weights)
    return model
