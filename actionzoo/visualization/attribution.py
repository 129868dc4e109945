"""Where in a clip a network sees a class: Grad-CAM, for frames and flow.

Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks", ICCV'17: the channels of a layer, weighted by the
mean gradient of the class's score, added up; what is below zero is cut off. Each stream has a layer, and so a map.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import keras
import numpy as np
from scipy.special import softmax

from actionzoo.data.decoded import DecodedVideo
from actionzoo.errors import ModelError
from actionzoo.evaluation.protocol import Protocol
from actionzoo.evaluation.scores import STREAMS
from actionzoo.models.graph import layer_output
from actionzoo.video.sampling import clip_centres
from actionzoo.video.spec import InputSpec

FULL = ("relu6", "relu7")
"""Fully connected layers of VGG: convolutions, but each sees nearly the whole picture."""


@dataclass(frozen=True)
class Attribution:
    """Where a clip of a video speaks for a class.

    Attributes:
        label: the class's index.
        probability: of it, for this clip.
        frames: of the recording, `(T,)`, that the clip shows.
        appearance: `(T, height, width, 3)` uint8.
        motion: `(T, height, width, 2L)` float32.
        maps: by stream, `(T, height, width)`, as `grad_cam` gives them.
    """

    label: int
    probability: float
    frames: tuple[int, ...]
    appearance: np.ndarray
    motion: np.ndarray
    maps: dict[str, np.ndarray]


def explain_clip(
    model: keras.Model,
    spec: InputSpec,
    decoded: DecodedVideo,
    label: int | None = None,
    layers: Mapping[str, str] | None = None,
) -> Attribution:
    """Grad-CAM of the clip of a video whose answer is surest.

    Args:
        model: a network of the zoo; it runs on TensorFlow.
        spec: what it looks at.
        decoded: the video in the spec's form.
        label: the class; by default the network's answer for the whole video. The clip is the one in which this class
            has the highest probability.
        layers: as for `grad_cam`.

    Raises ModelError as `grad_cam` does.
    """
    clips = list(Protocol(spec, "windows", views=1).clips(decoded))
    logits = np.concatenate([_logits(model, clip) for clip in clips])
    label = int(logits.mean(axis=0).argmax()) if label is None else label
    chances = softmax(logits.astype(np.float64), axis=1)[:, label]
    best = int(chances.argmax())
    appearance, motion = clips[best]
    centres = clip_centres(len(decoded.frames), spec.clip)
    maps = grad_cam(model, {"appearance": appearance, "motion": motion}, label, layers)
    frames = tuple(int(frame) for frame in centres[best])
    return Attribution(label, float(chances[best]), frames, appearance, motion, maps)


def _logits(model: keras.Model, clip: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    given = dict(zip(STREAMS, clip, strict=True))
    batch = {tensor.name: given[tensor.name][None].astype(np.float32) for tensor in model.inputs}
    return np.asarray(model.predict_on_batch(batch), np.float32)


def default_layers(model: keras.Model) -> dict[str, str]:
    """The last layer of each stream that still has places, by stream.

    >>> from actionzoo.models import create_model
    >>> default_layers(create_model("st_resnet18", 6, 2, height=64, width=64, channel_factor=0.125))
    {'appearance': 'appearance_stage5_unit1_relu', 'motion': 'motion_stage5_unit1_relu'}
    """
    found = {}
    for layer in model.layers:
        stream, _, name = layer.name.partition("_")
        spatial = isinstance(layer, keras.layers.ReLU) and len(layer.output.shape) in (4, 5)
        if stream in STREAMS and spatial and name not in FULL:
            found[stream] = layer.name
    return {stream: found[stream] for stream in STREAMS if stream in found}


def layers_for(model: keras.Model, layer: str, source: str) -> dict[str, str]:
    """One layer, by the stream to which it belongs: where both have met, the map is that of the appearance.

    `source` is what errors call the model. Raises ModelError for a layer that there isn't.
    """
    layer_output(model, layer, source)
    return {"motion" if layer.startswith("motion") else "appearance": layer}


def grad_cam(
    model: keras.Model, clip: Mapping[str, np.ndarray], index: int, layers: Mapping[str, str] | None = None
) -> dict[str, np.ndarray]:
    """Where a clip speaks for a class.

    Args:
        model: a network of the zoo; it runs on TensorFlow.
        clip: its inputs without a batch axis, `appearance (T, height, width, 3)`, `motion (T, height, width, 2L)`.
        index: the class.
        layers: one for each map, by any name; by default `default_layers`.

    Returns:
        By the same names, `(T, height, width)` float32 from 0 to 1, in parts of the largest value of the clip; all
        zero where nothing speaks for the class.

    Raises:
        ModelError: the model has no such layer, or it does not lead to the scores; Keras runs on another backend.
    """
    if keras.backend.backend() != "tensorflow":
        raise ModelError(f"Grad-CAM needs TensorFlow, and Keras runs on {keras.backend.backend()}")
    import tensorflow as tf

    layers = default_layers(model) if layers is None else layers
    outputs = {name: layer_output(model, layer, model.name) for name, layer in layers.items()}
    for name, output in outputs.items():
        if len(output.shape) not in (4, 5):
            raise ModelError(f"{model.name}: the layer {layers[name]} has no places; choose one before the pooling")
    seen = keras.Model({tensor.name: tensor for tensor in model.inputs}, {**outputs, "": model.output})
    given = {tensor.name: tf.constant(clip[tensor.name][None], tf.float32) for tensor in model.inputs}
    with tf.GradientTape() as tape:
        tape.watch(given)
        values = seen(given, training=False)
        score = values[""][0, index]
    gradients = tape.gradient(score, {name: values[name] for name in outputs})
    height, width = next(iter(clip.values())).shape[1:3]
    maps = {}
    for name, layer in layers.items():
        if gradients[name] is None:
            raise ModelError(f"{model.name}: the scores do not depend on the layer {layer}")
        maps[name] = _enlarged(_map(values[name], gradients[name]), height, width)
    return maps


def _map(values: Any, gradients: Any) -> np.ndarray:
    """`(T, height, width)` of a layer: each frame's channels, weighted by the frame's mean gradient."""
    shape = values.shape[-3:]
    values, gradients = (np.asarray(value, np.float32).reshape(-1, *shape) for value in (values, gradients))
    weights = gradients.mean(axis=(1, 2), keepdims=True)
    return np.asarray(np.maximum((weights * values).sum(axis=-1), 0))


def _enlarged(maps: np.ndarray, height: int, width: int) -> np.ndarray:
    largest = maps.max(initial=0.0)
    shares = maps / largest if largest > 0 else maps
    return np.stack([cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR) for share in shares])
