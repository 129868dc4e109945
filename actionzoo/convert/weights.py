"""Trained weights in our networks: ImageNet's, from torchvision's files, those that Keras saved, and those of a model.

`actionzoo.create_model` imports this module when it is asked for weights.

The appearance stream takes the weights of an image network as they are, the motion stream with a first layer made for
flow. Filters over time that stand in place of 1x1 convolutions are made of the trained ones. What an image network does
not have keeps its initial values: classifiers, fusing convolutions, the filters over time of ST-MulNet, the blocks of
T-ResNet.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from actionzoo.convert.matconvnet import convert_mat
from actionzoo.convert.torchvision import FC6_SIDE, FIRST_KERNELS, from_torchvision, weight_names
from actionzoo.errors import ModelNotFoundError, WeightsError
from actionzoo.hub.catalog import find_entry, load_catalog
from actionzoo.hub.keras_models import load_keras
from actionzoo.hub.loading import LoadReport, load_arrays, named_weights
from actionzoo.hub.resolve import resolve_model
from actionzoo.hub.safety import check_hdf5
from actionzoo.hub.store import fetch_weights
from actionzoo.models.inputs import TORCHVISION_STD
from actionzoo.models.kernels import cross_modality_kernel, inflate_kernel
from actionzoo.models.temporal import InflatedHeNormal
from actionzoo.names import NETWORKS, STREAM_BASES, STREAMS

IMAGENET = "imagenet"

TAG = ".tv_in1k"
"""End of the catalog's names of ImageNet weights that torchvision trained, such as `resnet50.tv_in1k`."""

NEW = ("logits_*", "fusion_*", "*_temporal/*", "*_temporal_bn/*", "*_temporal_scale/*")
"""Weights that no image network has."""

LARGEST_FILE = 1 << 30
"""Bytes; VGG-16 has 553 million."""


def load_weights(model: keras.Model, network: str, weights: str, *, offline: bool = False) -> LoadReport:
    """Load trained weights into a network.

    Args:
        model: as `actionzoo.create_model(network, ...)` built it.
        network: its name.
        weights: `"imagenet"`; a `.safetensors` file of the network that its streams are built on, in torchvision's or
            timm's layout; a `.weights.h5` file of the same network; or what `trained_network` takes, of the same
            network; where that has other classes, its classifiers are left out.
        offline: never use the network: take weights from the cache only.

    Returns:
        What became of each weight.

    Raises:
        ModelNotFoundError: there is no such file or model.
        WeightsError: the file is damaged or belongs to another network.
        ActionzooError: the weights cannot be fetched (`actionzoo.hub.store.fetch_weights`).
        ValueError: the network cannot have ImageNet weights.
    """
    if weights.endswith(".weights.h5"):
        return _load_h5(model, Path(weights))
    if not _is_of_images(weights):
        return _load_from(model, trained_network(weights, offline=offline), weights)
    base = NETWORKS[network].base
    entry = find_entry(f"{base}{TAG}") if weights == IMAGENET else None
    path = fetch_weights(entry, offline=offline) if entry else Path(weights)
    return load_imagenet(model, base, read_tensors(path), source=str(path))


def trained_network(weights: str, *, offline: bool = False) -> keras.Model:
    """A trained network, of whatever names one.

    Args:
        weights: what `actionzoo.load_model` takes (a name of the catalog, a `.keras` file, a run folder,
            `hf://user/repo[@revision]`), or a network of the papers' authors: a `.mat` file, or a name of the catalog.
        offline: never use the network.

    Raises:
        ValueError: it means weights without a network.
        ActionzooError: the network cannot be found, fetched or loaded.
    """
    if _is_of_images(weights) or weights.endswith(".weights.h5"):
        raise ValueError(
            "Argument `name` may be left out only where `weights` is a trained model, which is returned as it is. "
            f"Received: weights={weights!r}"
        )
    entry = load_catalog().get(weights)
    if entry is not None and entry.kind == "authors":
        return convert_mat(fetch_weights(entry, offline=offline))[0]
    if weights.endswith(".mat"):
        return convert_mat(weights)[0]
    try:
        return load_keras(resolve_model(weights, offline=offline))
    except ModelNotFoundError as error:
        raise ModelNotFoundError(
            f"{error}; or weights for a network: 'imagenet', a .safetensors, .weights.h5 or .mat file"
        ) from error


def _is_of_images(weights: str) -> bool:
    """Whether these are weights of a network on pictures, which fill the streams of ours."""
    return weights == IMAGENET or weights.endswith(".safetensors")


def builder_options(network: str, weights: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a builder, completed to those that weights on pictures were trained with; others as they are.

    Raises:
        ValueError: there are no such weights for the network, or an option contradicts them.
    """
    if not _is_of_images(weights):
        return dict(options)
    base, catalog = NETWORKS[network].base, load_catalog()
    known = [base for base in STREAM_BASES if f"{base}{TAG}" in catalog]  # small ones first
    if base not in known:
        raise ValueError(f"There are ImageNet weights for networks on {known}. Received: a network on {base}")
    factor = options.get("channel_factor", 1)
    if factor != 1:
        raise ValueError(f"ImageNet weights are for networks with all channels. Received: channel_factor={factor!r}")
    trained: dict[str, Any] = {"preprocessing": "torchvision"}
    if base != "vgg16":
        trained["strides"] = "torchvision"
    for option, value in trained.items():
        if options.get(option, value) != value:
            raise ValueError(
                f"weights='imagenet' were trained with {option}={value!r} and would answer wrongly with another. "
                f"Received: {option}={options[option]!r}"
            )
    return {**trained, **options}


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a safetensors file by name.

    Raises:
        WeightsError: it is none, damaged, or too large.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise WeightsError(f"{path} is larger than weights of a known network; give a file of one")
        tensors: dict[str, np.ndarray] = load_file(path)
        if strange := {str(tensor.dtype) for tensor in tensors.values() if tensor.dtype.kind not in "fiu"}:
            raise TypeError(f"it has numbers of the type {', '.join(strange)}")
        return tensors
    except (OSError, SafetensorError, AttributeError, KeyError, TypeError) as error:  # the last: numbers numpy has not
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{path} is no safetensors file, or a damaged one ({reason}); fetch it again") from error


def load_imagenet(model: keras.Model, base: str, tensors: Mapping[str, np.ndarray], *, source: str) -> LoadReport:
    """Load a state dict of torchvision's or timm's `base` into both streams of a network, all of it or nothing.

    Raises:
        WeightsError: the state dict does not fit.
        ValueError: VGG-16 was built for smaller pictures than its fc6 was trained on.
    """
    _check_fc6(model)
    arrays = imagenet_arrays(model, from_torchvision(tensors, base, source=source))
    used = {name.partition("_")[2] for name in arrays}
    unused = [tensor for tensor, name in weight_names(tensors, base).items() if name not in used]
    stacked = [f"{layer}{norm}/*" for layer in _readers_of_both(model) for norm in ("", "_bn")]
    return load_arrays(model, arrays, new=(*NEW, *stacked), unused=unused, source=source)


def imagenet_arrays(model: keras.Model, stream: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays for the weights of a network, from those of one stream on pictures (`from_torchvision`)."""
    new = _readers_of_both(model)
    arrays = {}
    for layer in model.layers:
        to, _, own_name = layer.name.partition("_")
        if to in STREAMS and layer.name not in new:
            for weight in layer.weights:
                if (name := f"{own_name}/{weight.name}") in stream:
                    arrays[f"{layer.name}/{weight.name}"] = _fitted(stream[name], name, layer, to)
    return arrays


def _fitted(array: np.ndarray, name: str, layer: keras.Layer, stream: str) -> np.ndarray:
    """The array that a layer of a stream takes for one of a network on pictures: another for flow, and over time."""
    if stream == "motion" and name in FIRST_KERNELS:
        return flow_kernel(array, layer.kernel.shape[2])
    start = getattr(layer, "kernel_initializer", None)
    if isinstance(start, InflatedHeNormal) and name.endswith("/kernel"):
        inflated = inflate_kernel(array, start.init)
        return inflated.reshape(len(inflated), -1, *array.shape[2:])
    return array


def _check_fc6(model: keras.Model) -> None:
    for name, weight in named_weights(model).items():
        if name.endswith("_fc6/kernel") and tuple(weight.shape[:2]) != (FC6_SIDE, FC6_SIDE):
            height, width = model.inputs[0].shape[2:4]
            raise ValueError(
                "ImageNet weights of VGG-16 need pictures of at least 224x224. "
                f"Received: height={height}, width={width}"
            )


def flow_kernel(kernel: np.ndarray, channels: int) -> np.ndarray:
    """The first kernel of a motion stream, from torchvision's for pictures.

    Motion streams read flow as grey levels around zero, as Caffe's weights read pictures: the papers take the mean of
    those over R, G, B as it is. torchvision's read levels divided by 255 and a deviation; taken as they are they would
    answer flow 58 times too strongly for the batch norm, or the bias, behind them. So the division goes into the kernel
    first, and a grey level weighs in flow what it weighs in a picture.

    Args:
        kernel: `(height, width, 3, channels_out)`.
        channels: of the flow stack, 2*L.

    Returns:
        `(height, width, channels, channels_out)`.
    """
    levels = kernel / (255 * np.reshape(TORCHVISION_STD, (3, 1)))
    return cross_modality_kernel(levels, channels).astype(kernel.dtype)


def _readers_of_both(model: keras.Model) -> set[str]:
    """The layers with weights that read maps of both streams, stacked: their kernels have no like in an image network.

    They stand behind concatenation fusion; in convolutional fusion the fusing convolution is the only one.
    """
    stacked: set[int] = set()
    readers = set()
    for layer in model.operations:  # each stands behind what it reads
        reads = any(id(tensor) in stacked for tensor in keras.tree.flatten(layer.input))
        if reads and layer.weights:
            readers.add(layer.name)
        elif reads or isinstance(layer, keras.layers.Concatenate):
            stacked.update(id(tensor) for tensor in keras.tree.flatten(layer.output))
    return readers


def _load_h5(model: keras.Model, path: Path) -> LoadReport:
    """Load a file of `keras.Model.save_weights`."""
    if not path.is_file():
        raise ModelNotFoundError(f"there is no weights file {path}; give a .weights.h5 file of {model.name}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras warns where it leaves weights out, and goes on
            check_hdf5(path, path.stat().st_size, str(path))
            model.load_weights(path)
    except WeightsError:
        raise
    except Exception as error:  # h5py does not say which errors a damaged file may bring
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{path} does not fit {model.name} or is damaged ({reason}); give another file") from error
    return LoadReport(tuple(named_weights(model)), (), ())


def _load_from(model: keras.Model, trained: keras.Model, source: str) -> LoadReport:
    """Load the weights of a trained network of the same kind; where it has other classes, all but its classifiers."""
    own, theirs = _preprocessing(model), _preprocessing(trained)
    shared = [name for name in own if name in theirs]
    if any(own[name].get_config()["scale"] != theirs[name].get_config()["scale"] for name in shared):
        # The weights would fit, but answer wrongly.
        raise WeightsError(f"{source} was trained with another `preprocessing` than {model.name} has; give its own")
    new = () if trained.output_shape[-1] == model.output_shape[-1] else ("logits*",)
    arrays = {
        name: weight.numpy()
        for name, weight in named_weights(trained).items()
        if not (new and name.startswith("logits"))
    }
    report = load_arrays(model, arrays, new=new, source=source)
    for name in shared:  # the mean of the pictures that it was trained on
        own[name].offset = theirs[name].offset
    return report


def _preprocessing(network: keras.Model) -> dict[str, keras.layers.Rescaling]:
    return {
        layer.name: layer
        for layer in network.layers
        if isinstance(layer, keras.layers.Rescaling) and layer.name.endswith("_preprocessing")
    }
