"""The builders under CapWords names and with the arguments of `keras.applications`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from actionzoo.models.registry import build
from actionzoo.names import NETWORKS


def _builder(name: str) -> Callable[..., keras.Model]:
    def builder(
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
    builder.__name__ = builder.__qualname__ = network.builder
    builder.__doc__ = DOC.format(
        description=network.description, system=network.system, venue=network.paper.venue, name=name
    )
    return builder


LOGITS = ("logits_appearance", "logits_motion")

DOC = """Build {name}: {description} ({system}, {venue}).

    Args:
        include_top: with the classifiers; without, the model returns the features before them, `(batch, channels)`.
        weights: `"imagenet"` or a `.safetensors` file, for streams trained on pictures; a `.weights.h5` file or
            a trained model of the same network; `None` for random weights. See `actionzoo.create_model`.
        input_shape: `(num_frames, height, width)`, each may be `None` for any; the papers' by default.
        classes: number of classes.
        classifier_activation: such as `"softmax"`. `None`, for logits, is what the rest of actionzoo works with.
        name: of the model.
        **options: as in `actionzoo.create_model("{name}", ...)`.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: an argument does not exist or has a value that does not exist.
        ActionzooError: the weights cannot be found or fetched, or are damaged.
    """

AppearanceVGG16 = _builder("appearance_vgg16")
AppearanceResNet18 = _builder("appearance_resnet18")
AppearanceResNet50 = _builder("appearance_resnet50")
AppearanceResNet101 = _builder("appearance_resnet101")
AppearanceResNet152 = _builder("appearance_resnet152")

MotionVGG16 = _builder("motion_vgg16")
MotionResNet18 = _builder("motion_resnet18")
MotionResNet50 = _builder("motion_resnet50")
MotionResNet101 = _builder("motion_resnet101")
MotionResNet152 = _builder("motion_resnet152")

TwoStreamVGG16 = _builder("two_stream_vgg16")
TwoStreamResNet18 = _builder("two_stream_resnet18")
TwoStreamResNet50 = _builder("two_stream_resnet50")
TwoStreamResNet101 = _builder("two_stream_resnet101")
TwoStreamResNet152 = _builder("two_stream_resnet152")

STResNet18 = _builder("st_resnet18")
STResNet50 = _builder("st_resnet50")
STResNet101 = _builder("st_resnet101")
STResNet152 = _builder("st_resnet152")

STMulNet18 = _builder("st_mulnet18")
STMulNet50 = _builder("st_mulnet50")
STMulNet101 = _builder("st_mulnet101")
STMulNet152 = _builder("st_mulnet152")

TResNet18 = _builder("t_resnet18")
TResNet50 = _builder("t_resnet50")
TResNet101 = _builder("t_resnet101")
TResNet152 = _builder("t_resnet152")
