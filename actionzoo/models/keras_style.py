"""Builders with the arguments of `keras.applications`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from actionzoo.models.registry import build
from actionzoo.names import NETWORKS


def builder(name: str) -> Callable[..., keras.Model]:
    """The builder of a network in the manner of `keras.applications`, with a docstring of its own."""

    def build_network(
        include_top: bool = True,
        weights: str | os.PathLike[str] | None = None,
        input_shape: tuple[int | None, int | None, int | None] | None = None,
        classes: int = 101,
        classifier_activation: str | None = None,
        name: str = name,
        **options: Any,
    ) -> keras.Model:
        for option in ("num_classes", "num_frames", "height", "width"):
            if option in options:
                value = options[option]
                raise ValueError(f"{network.builder} takes `classes` and `input_shape`. Received: {option}={value!r}")
        if input_shape is not None and len(input_shape) != 3:
            raise ValueError(
                f"Argument `input_shape` must be (num_frames, height, width). Received: input_shape={input_shape!r}"
            )
        shape = dict(zip(("num_frames", "height", "width"), input_shape or (), strict=False))
        model = build(registered, weights, num_classes=classes, **shape, **options)
        outputs = model.output
        if not include_top:
            features = [layer.input for layer in model.layers if layer.name in LOGITS]
            outputs = layers.Concatenate(name="features")(features) if len(features) > 1 else features[0]
        elif classifier_activation is not None:
            outputs = layers.Activation(classifier_activation, dtype="float32", name="predictions")(outputs)
        return keras.Model(model.input, outputs, name=name)

    registered, network = name, NETWORKS[name]
    build_network.__name__ = build_network.__qualname__ = network.builder
    build_network.__doc__ = DOC.format(
        description=network.description, system=network.system, venue=network.paper.venue, name=name
    )
    return build_network


LOGITS = ("logits_appearance", "logits_motion")

DOC = """Build {name}: {description} ({system}, {venue}).

    Args:
        include_top: whether the classifiers are included; otherwise the model returns the features before them,
            `(batch, channels)`.
        weights: `"imagenet"` or a `.safetensors` file, for streams trained on images; a `.weights.h5` file or
            a trained model of the same network; `None` for random weights. See `actionzoo.create_model`.
        input_shape: `(num_frames, height, width)`, each may be `None` for any; the papers' by default.
        classes: number of classes.
        classifier_activation: such as `"softmax"`; `None` for logits, which the rest of actionzoo expects.
        name: of the model.
        **options: as in `actionzoo.create_model("{name}", ...)`.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: an argument is unknown or has an unknown value.
        ActionzooError: the weights cannot be found or fetched, or are damaged.
    """
