"""ImageNet networks of torchvision and timm: their tensors under our names and in our order of axes.

A file of either is a state dict: `layer1.0.conv2.weight` and so on. timm's ResNets have torchvision's names; its VGG-16
has convolutions, `pre_logits.fc1` and `pre_logits.fc2`, where torchvision has the matrices `classifier.0` and
`classifier.3`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from actionzoo.errors import WeightsError
from actionzoo.hub.loading import shortened
from actionzoo.models.resnet import ResNetSpec
from actionzoo.models.vgg import BLOCKS

CLASSIFIERS = ("fc", "classifier.6", "head.fc")
"""The layers for the 1000 classes of ImageNet, which no network for actions has."""

TIMM_VGG = {"pre_logits.fc1": "classifier.0", "pre_logits.fc2": "classifier.3"}

BATCH_NORM = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}

FIRST_KERNELS = ("conv1/kernel", "conv1_1/kernel")
"""What reads the picture, of a ResNet and of VGG-16."""

FC6_SIDE = 7
"""Side of the map that VGG-16's first matrix reads, flattened as (channels, height, width)."""


def from_torchvision(tensors: Mapping[str, np.ndarray], base: str, *, source: str) -> dict[str, np.ndarray]:
    """The weights of one stream.

    Args:
        tensors: of the file. The classifier and the batch norms' counters may be there and are left out.
        base: `"vgg16"`, `"resnet50"`, `"resnet101"` or `"resnet152"`.
        source: the file, as an error names it.

    Returns:
        Arrays by the names of our weights without the stream, such as `stage2_unit0_conv1_bn/gamma`; kernels are
        `(height, width, channels in, channels out)`.

    Raises:
        WeightsError: the file lacks a tensor of the network or has one more, or one has no shape that it can have.
    """
    names = weight_names(tensors, base)
    unknown = [tensor for tensor, name in names.items() if name is None and not _left_out(tensor)]
    if unknown:
        raise WeightsError(f"{source} has {shortened(unknown)}, {base} has not; give torchvision's or timm's weights")
    found = {name: _our_layout(name, tensors[tensor], source) for tensor, name in names.items() if name}
    missing = [tensor for tensor, name in _names(base).items() if name not in found]
    if missing:
        raise WeightsError(f"{source} lacks {shortened(missing)} of {base}; give torchvision's or timm's weights")
    return found


def weight_names(tensors: Mapping[str, np.ndarray], base: str) -> dict[str, str | None]:
    """Our name of every tensor of a file, or `None` where a stream has no such weight."""
    known = _names(base)
    names = {}
    for tensor in tensors:
        layer, _, parameter = tensor.rpartition(".")
        names[tensor] = known.get(f"{TIMM_VGG.get(layer, layer)}.{parameter}")
    return names


def _left_out(tensor: str) -> bool:
    layer, _, parameter = tensor.rpartition(".")
    return layer in CLASSIFIERS or parameter == "num_batches_tracked"


def _names(base: str) -> dict[str, str]:
    """Our name of every weight of a stream, by torchvision's."""
    return dict(_vgg_names() if base == "vgg16" else _resnet_names(int(base.removeprefix("resnet"))))


def _vgg_names() -> Iterator[tuple[str, str]]:
    place = 0
    for block, channels in enumerate(BLOCKS, start=1):
        for index in range(1, len(channels) + 1):
            yield from _with_bias(f"features.{place}", f"conv{block}_{index}")
            place += 2  # a ReLU stands between
        place += 1  # the pooling
    yield from _with_bias("classifier.0", "fc6")
    yield from _with_bias("classifier.3", "fc7")


def _resnet_names(depth: int) -> Iterator[tuple[str, str]]:
    yield from _with_norm("conv1", "bn1", "conv1")
    spec = ResNetSpec(depth)
    for stage, index in spec.units():
        theirs, ours = f"layer{stage - 1}.{index}", f"stage{stage}_unit{index}"
        for number, _ in enumerate(spec.convolutions(stage, index), start=1):
            yield from _with_norm(f"{theirs}.conv{number}", f"{theirs}.bn{number}", f"{ours}_conv{number}")
        if index == 0:
            yield from _with_norm(f"{theirs}.downsample.0", f"{theirs}.downsample.1", f"{ours}_shortcut")


def _with_bias(theirs: str, ours: str) -> Iterator[tuple[str, str]]:
    yield f"{theirs}.weight", f"{ours}/kernel"
    yield f"{theirs}.bias", f"{ours}/bias"


def _with_norm(conv: str, norm: str, ours: str) -> Iterator[tuple[str, str]]:
    yield f"{conv}.weight", f"{ours}/kernel"
    for parameter, name in BATCH_NORM.items():
        yield f"{norm}.{parameter}", f"{ours}_bn/{name}"


def _our_layout(name: str, tensor: np.ndarray, source: str) -> np.ndarray:
    """A tensor in our order of axes; a matrix becomes the convolution that it is."""
    if not name.endswith("/kernel"):
        return tensor
    side = FC6_SIDE if name == "fc6/kernel" else 1
    if name.startswith("fc") and tensor.ndim == 2 and tensor.shape[1] % side**2 == 0:
        tensor = tensor.reshape(len(tensor), -1, side, side)
    if tensor.ndim != 4 or (name in FIRST_KERNELS and tensor.shape[1] != 3):
        raise WeightsError(f"{source}: the tensor for {name} cannot have the shape {tensor.shape}; it is another file")
    return tensor.transpose(2, 3, 1, 0)
