"""The networks again, as plain torch modules in torchvision's manner: what the Keras networks are compared with.

Nothing is shared with `actionzoo.models`: frames come as `(batch, time, channels, height, width)`, modules and
parameters are called as in torchvision, and `copy_weights` translates. Also the opponent of `benchmarks.networks`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    import keras

DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
VGG16 = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")


class Preprocessing(nn.Module):
    """RGB in 0..255 as torchvision's weights (mean and deviation) or Caffe's (mean) want it; flow in pixels as grey."""

    def __init__(self, stream: str, kind: str) -> None:
        super().__init__()
        mean, std = [0.0] * 3, [1.0] * 3
        if stream == "motion":
            mean, std = [0.0], [40 / 255]
        elif kind == "torchvision":
            mean, std = [255 * m for m in (0.485, 0.456, 0.406)], [255 * s for s in (0.229, 0.224, 0.225)]
        elif kind == "caffe":
            mean = [123.68, 116.779, 103.939]
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


class VGG(nn.Module):
    """torchvision's vgg16 (224 px only at width 1); `width` is a factor on all channels but the classes."""

    def __init__(self, channels: int, classes: int, width: float = 1.0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for step in VGG16:
            if step == "M":
                layers.append(nn.MaxPool2d(2))
            else:
                out = round(width * int(step))
                layers += [nn.Conv2d(channels, out, 3, padding=1), nn.ReLU(inplace=True)]
                channels = out
        hidden = round(width * 4096)
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(channels * 7 * 7, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(hidden, hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(hidden, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.features(x), 1))


class OverTime(nn.Conv3d):
    """A 3x1x1 convolution of frames `(batch * time, channels, height, width)`, zeros before and after the clip."""

    def __init__(self, channels: int, outputs: int, frames: int) -> None:
        super().__init__(channels, outputs, (3, 1, 1), padding=(1, 0, 0), bias=False)
        self.frames = frames

    def forward(self, x: Tensor) -> Tensor:
        clips = x.unflatten(0, (-1, self.frames)).transpose(1, 2)
        return super().forward(clips).transpose(1, 2).flatten(0, 1)


class Unit(nn.Module):
    """A residual unit up to its sum, before the ReLU. The branch reads `joined` where that is given."""

    def __init__(self, channels: int, planes: int, stride: int, basic: bool, caffe: bool, frames: int | None) -> None:
        super().__init__()
        outputs = planes if basic else 4 * planes
        if basic:
            self.conv1 = nn.Conv2d(channels, planes, 3, stride, 1, bias=False)
            self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        else:
            first, second = (stride, 1) if caffe else (1, stride)
            self.conv1 = nn.Conv2d(channels, planes, 1, first, bias=False)
            self.conv2 = nn.Conv2d(planes, planes, 3, second, 1, bias=False)
            self.conv3 = nn.Conv2d(planes, outputs, 1, bias=False)
            if frames is not None:
                self.conv1 = OverTime(channels, planes, frames)
                self.conv3 = OverTime(planes, outputs, frames)
            self.bn3 = nn.BatchNorm2d(outputs)
        self.bn1, self.bn2 = nn.BatchNorm2d(planes), nn.BatchNorm2d(planes)
        self.basic = basic
        self.downsample = None
        if stride != 1 or channels != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor, joined: Tensor | None = None) -> Tensor:
        branch = torch.relu(self.bn1(self.conv1(x if joined is None else joined)))
        branch = self.bn2(self.conv2(branch))
        if not self.basic:
            branch = self.bn3(self.conv3(torch.relu(branch)))
        return branch + (x if self.downsample is None else self.downsample(x))


class ResNet(nn.Module):
    """torchvision's resnet, or the papers' (`strides="caffe"`); with `frames`, the second units filter over time."""

    def __init__(
        self,
        depth: int,
        channels: int,
        classes: int,
        width: float = 1.0,
        strides: str = "torchvision",
        frames: int | None = None,
    ) -> None:
        super().__init__()
        planes, basic, caffe = round(64 * width), depth < 50, strides == "caffe"
        self.conv1 = nn.Conv2d(channels, planes, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.maxpool = nn.MaxPool2d(3, 2, ceil_mode=True) if caffe else nn.MaxPool2d(3, 2, padding=1)
        channels = planes
        for stage, count in enumerate(DEPTHS[depth]):
            units = []
            for index in range(count):
                stride = 2 if stage and index == 0 else 1
                inner = planes * 2**stage
                units.append(Unit(channels, inner, stride, basic, caffe, frames if index == 1 else None))
                channels = inner if basic else 4 * inner
            setattr(self, f"layer{stage + 1}", nn.Sequential(*units))
        self.fc = nn.Linear(channels, classes)

    def stem(self, x: Tensor) -> Tensor:
        return self.maxpool(torch.relu(self.bn1(self.conv1(x))))

    def stages(self) -> list[nn.Sequential]:
        return [self.layer1, self.layer2, self.layer3, self.layer4]

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for stage in self.stages():
            for unit in stage:
                x = torch.relu(unit(x))
        return self.fc(x.mean((2, 3)))


class Single(nn.Module):
    """One stream; its scores are averaged over the clip."""

    def __init__(self, stream: str, network: nn.Module, preprocessing: str = "torchvision") -> None:
        super().__init__()
        self.preprocessing = Preprocessing(stream, preprocessing)
        self.add_module(stream, network)
        self.stream = stream

    def forward(self, x: Tensor) -> Tensor:
        scores = getattr(self, self.stream)(self.preprocessing(x.flatten(0, 1)))
        return scores.unflatten(0, x.shape[:2]).mean(1)


class TwoStream(nn.Module):
    """Two streams that meet in their scores."""

    def __init__(self, appearance: nn.Module, motion: nn.Module, preprocessing: str = "caffe") -> None:
        super().__init__()
        self.appearance, self.motion = appearance, motion
        self.preprocess_appearance = Preprocessing("appearance", preprocessing)
        self.preprocess_motion = Preprocessing("motion", preprocessing)

    def forward(self, appearance: Tensor, motion: Tensor) -> Tensor:
        a = self.appearance(self.preprocess_appearance(appearance.flatten(0, 1)))
        m = self.motion(self.preprocess_motion(motion.flatten(0, 1)))
        return ((a + m) / 2).unflatten(0, appearance.shape[:2]).mean(1)


class STResNet(TwoStream):
    """ST-ResNet (NIPS'16): streams built with `frames`; motion joins the branch of appearance's second units.

    Before the classifiers a maximum over 5 frames, every second one; the scores of what is left are averaged.
    """

    def forward(self, appearance: Tensor, motion: Tensor) -> Tensor:
        time = appearance.shape[1]
        a = self.appearance.stem(self.preprocess_appearance(appearance.flatten(0, 1)))
        m = self.motion.stem(self.preprocess_motion(motion.flatten(0, 1)))
        for stage_a, stage_m in zip(self.appearance.stages(), self.motion.stages(), strict=True):
            for index, (unit_a, unit_m) in enumerate(zip(stage_a, stage_m, strict=True)):
                s = unit_a(torch.relu(a) if index else a, a + m if index == 1 else None)
                a, m = s, torch.relu(unit_m(m))
            a = torch.relu(a)
        scores = [self._classify(a, time, self.appearance.fc), self._classify(m, time, self.motion.fc)]
        return (scores[0] + scores[1]) / 2

    @staticmethod
    def _classify(x: Tensor, time: int, classifier: nn.Linear) -> Tensor:
        clips = x.unflatten(0, (-1, time)).transpose(1, 2)
        pooled = torch.max_pool3d(clips, (5, 1, 1), (2, 1, 1)).mean((3, 4))
        return classifier(pooled.transpose(1, 2)).mean(1)


def two_stream(
    base: str, classes: int, width: float = 1.0, strides: str = "caffe", stack_length: int = 10
) -> TwoStream:
    """Two streams of `"vgg16"` or `"resnet<depth>"` with late fusion."""

    def stream(channels: int) -> nn.Module:
        if base == "vgg16":
            return VGG(channels, classes, width)
        return ResNet(int(base.removeprefix("resnet")), channels, classes, width, strides)

    return TwoStream(stream(3), stream(2 * stack_length))


def st_resnet(
    depth: int, classes: int, frames: int, width: float = 1.0, strides: str = "caffe", stack_length: int = 10
) -> STResNet:
    """ST-ResNet of bottleneck units."""
    streams = [ResNet(depth, channels, classes, width, strides, frames) for channels in (3, 2 * stack_length)]
    return STResNet(*streams)


def torch_input(clip: np.ndarray) -> Tensor:
    """`(batch, time, height, width, channels)` as torch has it, `(batch, time, channels, height, width)`; no copy."""
    return torch.from_numpy(np.moveaxis(clip, -1, 2))


def copy_weights(keras_model: keras.Model, torch_module: nn.Module) -> None:
    """Copy every weight of a Keras network into the torch network, and check that none is left over on either side."""
    targets = {name: value for name, value in torch_module.state_dict().items() if "num_batches" not in name}
    for layer in keras_model.layers:
        for weight in layer.weights:
            module = torch_name(layer.name, torch_module)
            name, value = translate(weight.name, np.asarray(weight.value), torch_module.get_submodule(module))
            target = targets.pop(f"{module}.{name}", None)
            if target is None or target.shape != value.shape:
                raise ValueError(f"{layer.name}/{weight.name}, {value.shape}: {module}.{name} is {target}")
            target.copy_(torch.from_numpy(value))
    if targets:
        raise ValueError(f"not in the Keras model: {list(targets)}")


def torch_name(layer: str, torch_module: nn.Module) -> str:
    """The torch module of a Keras layer: `motion_stage3_unit1_conv2_bn` is `motion.layer2.1.bn2`."""
    if layer.startswith("logits_"):
        stream = layer.removeprefix("logits_")
        return f"{stream}.fc" if hasattr(torch_module.get_submodule(stream), "fc") else f"{stream}.classifier.6"
    stream, _, rest = layer.partition("_")
    vgg = {name: f"features.{place}" for name, place in vgg_places().items()}
    vgg |= {"fc6": "classifier.0", "fc7": "classifier.3"}
    if rest in vgg:
        return f"{stream}.{vgg[rest]}"
    rest = re.sub(r"stage(\d)_unit(\d+)_", lambda found: f"layer{int(found[1]) - 1}.{found[2]}.", rest)
    rest = re.sub(r"conv(\d)_bn$", r"bn\1", rest)
    rest = re.sub(r"shortcut_bn$", "downsample.1", rest)
    return f"{stream}.{re.sub(r'shortcut$', 'downsample.0', rest)}"


def vgg_places() -> dict[str, int]:
    """Where VGG-16's convolutions are in torchvision's `features`: `{"conv1_1": 0, "conv1_2": 2, ...}`."""
    places, place, block, number = {}, 0, 1, 1
    for step in VGG16:
        if step == "M":
            place, block, number = place + 1, block + 1, 1
        else:
            places[f"conv{block}_{number}"] = place
            place, number = place + 2, number + 1
    return places


def translate(name: str, value: np.ndarray, module: nn.Module) -> tuple[str, Any]:
    """torch's name of a Keras layer's weight, and the weight in torch's order of axes."""
    names = {"kernel": "weight", "gamma": "weight", "beta": "bias", "moving_mean": "running_mean"}
    names |= {"moving_variance": "running_var"}
    if name == "kernel":
        value = value.transpose(1, 0) if value.ndim == 2 else value.transpose(3, 2, 0, 1)
        if isinstance(module, nn.Conv3d):  # the filter over time lies in the first axis of the window
            value = value[..., None]
        elif isinstance(module, nn.Linear):  # fc6 reads what torch.flatten makes of (channels, height, width)
            value = value.reshape(len(value), -1)
    return names.get(name, name), np.ascontiguousarray(value)


def random_weights(keras_model: keras.Model, clips: dict[str, np.ndarray], gain: dict[str, float]) -> None:
    """Give every weight of a Keras network a random value, batch norm's statistics too; logits become of order 1.

    Kernels keep the size of the activations (He); units add little to it; the classifiers are scaled to what comes out
    for `clips`. `gain` is the factor, by stream, that brings preprocessed inputs to order 1.
    """
    rng = np.random.default_rng(5)
    for layer in keras_model.layers:
        values = [random_weight(layer.name, weight.name, weight.shape, rng) for weight in layer.weights]
        if (first := re.fullmatch("(appearance|motion)_conv1(_1)?", layer.name)) and values:
            values[0] *= np.float32(gain[first[1]])
        layer.set_weights(values)
    scale = np.std(np.asarray(keras_model(clips, training=False)))
    for layer in keras_model.layers:
        if layer.name.startswith("logits_"):
            layer.set_weights([value / scale for value in layer.get_weights()])


def random_weight(layer: str, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """A value for one weight of a Keras layer."""
    if name == "kernel":
        return rng.standard_normal(shape, np.float32) * np.float32(np.sqrt(2 / np.prod(shape[:-1])))
    if name in ("gamma", "moving_variance"):
        small = 0.3 if re.search(r"unit\d+_conv3_bn", layer) and name == "gamma" else 1.0
        return (small * rng.uniform(0.5, 1.5, shape)).astype(np.float32)
    return rng.normal(0, 0.1, shape).astype(np.float32)
