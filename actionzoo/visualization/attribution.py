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
from actionzoo.inference.clips import Clip, clips_of
from actionzoo.inference.model import Model
from actionzoo.models.graph import layer_output
from actionzoo.video.sampling import clip_centres
from actionzoo.visualization.targets import last_layer
from actionzoo.visualization.top_activations import layer_maps

FULL = ("relu6", "relu7")
"""Fully connected layers of VGG: convolutions, but each sees nearly the whole picture."""


@dataclass(frozen=True)
class Attribution:
    """Where a clip of a video speaks for a class.

    Attributes:
        class_index: of the class.
        probability: of it, for this clip.
        frames: of the video, `(T,)`, that the clip shows.
        clip: what the network saw.
        maps: by stream, `(T, height, width)`, as `grad_cam` gives them.
    """

    class_index: int
    probability: float
    frames: tuple[int, ...]
    clip: Clip
    maps: dict[str, np.ndarray]


def explain_clip(
    model: Model, video: DecodedVideo, class_index: int | None = None, layers: Mapping[str, str] | None = None
) -> Attribution:
    """Grad-CAM of the clip of a video in which a class has the highest probability.

    The video is in the format of the model's spec; the class is by default the network's answer for the whole of it.
    `layers` and errors are those of `grad_cam`.
    """
    clips = list(clips_of(video, model.spec))
    logits = layer_maps(model, last_layer(model.network), clips)
    index = int(logits.mean(axis=0).argmax()) if class_index is None else class_index
    probabilities = softmax(logits, axis=1)[:, index].tolist()
    best = int(np.argmax(probabilities))
    frames = tuple(clip_centres(len(video.frames), model.spec.clip)[best].tolist())
    return Attribution(index, probabilities[best], frames, clips[best], grad_cam(model, clips[best], index, layers))


def default_layers(network: keras.Model) -> dict[str, str]:
    """The last layer of each stream that still has places, by stream.

    >>> from actionzoo.models import create_model
    >>> default_layers(create_model("st_resnet18", 6, 2, height=64, width=64, channel_factor=0.125))
    {'appearance': 'appearance_stage5_unit1_relu', 'motion': 'motion_stage5_unit1_relu'}
    """
    found = {"appearance": "", "motion": ""}
    for layer in network.layers:
        stream, _, name = layer.name.partition("_")
        spatial = isinstance(layer, keras.layers.ReLU) and len(layer.output.shape) in (4, 5)
        if stream in found and spatial and name not in FULL:
            found[stream] = layer.name
    return {stream: layer for stream, layer in found.items() if layer}


def stream_layer(model: Model, layer: str) -> dict[str, str]:
    """One layer, by the stream to which it belongs: where both have met, the map is that of the appearance.

    Raises ModelError for a layer that there is not.
    """
    layer_output(model.network, layer, model.name)
    return {"motion" if layer.startswith("motion") else "appearance": layer}


def grad_cam(
    model: Model, clip: Clip, class_index: int, layers: Mapping[str, str] | None = None
) -> dict[str, np.ndarray]:
    """Where a clip speaks for a class.

    Args:
        model: a network of the zoo; it runs on TensorFlow.
        clip: what it sees.
        class_index: of the class.
        layers: one for each map, by any name; by default `default_layers`. Raises ModelError where one will not do.

    Returns:
        By the same names, `(T, height, width)` float32 from 0 to 1, in parts of the largest value of the clip; all
        zero where nothing speaks for the class.
    """
    if keras.backend.backend() != "tensorflow":
        raise ModelError(f"Grad-CAM needs TensorFlow, and Keras runs on {keras.backend.backend()}")
    import tensorflow as tf

    network = model.network
    layers = default_layers(network) if layers is None else layers
    outputs = {name: layer_output(network, layer, model.name) for name, layer in layers.items()}
    for name, output in outputs.items():
        if len(output.shape) not in (4, 5):
            raise ModelError(f"{model.name}: the layer {layers[name]} has no places; choose one before the pooling")
    inputs = {tensor.name: tensor for tensor in network.inputs}
    seen = keras.Model(inputs, {**outputs, "": network.output})
    given = {name: tf.constant(getattr(clip, name)[None], tf.float32) for name in inputs}
    with tf.GradientTape() as tape:
        tape.watch(given)  # the layers may be frozen
        values = seen(given, training=False)
        score = values[""][0, class_index]
    gradients = tape.gradient(score, {name: values[name] for name in outputs})
    height, width = clip.appearance.shape[1:3]
    maps = {}
    for name, layer in layers.items():
        if gradients[name] is None:
            raise ModelError(f"{model.name}: the scores do not depend on the layer {layer}; choose another")
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
