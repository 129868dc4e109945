"""The authors' networks as their scripts build them, with narrow layers: MatConvNet graphs under the authors' names."""

from __future__ import annotations

from typing import Any

import numpy as np

from .dagnn_reference import DagNN

CLASSES, SIDE, STACK = 5, 64, 4
HALVED = {"poolSize": [2.0, 2.0], "stride": [2.0, 2.0], "pad": [0.0] * 4, "method": "max"}
LETTERS = {50: ("abc", "abcd", "abcdef", "abc")}


def units(depth: int) -> list[list[str]]:
    """The authors' names of the units of every stage."""
    if depth == 50:
        return [list(letters) for letters in LETTERS[50]]
    counts = {101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}[depth]
    long = [["a", *(f"b{place}" for place in range(1, count))] for count in counts]
    return [list("abc"), long[1], long[2], list("abc")]


def vgg(net: DagNN, suffix: str, channels: int, x: str, width: int = 4, until: str = "fc8") -> str:
    """VGG-16 as MatConvNet imports it; `suffix` is a stream's. Up to pool5, or with its three classifying layers."""
    blocks = ((width, 2), (2 * width, 2), (4 * width, 3), (8 * width, 3), (8 * width, 3))
    for block, (outputs, count) in enumerate(blocks, start=1):
        for index in range(1, count + 1):
            name = f"conv{block}_{index}"
            weights = {
                f"{name}f{suffix}": net.random(3, 3, channels, outputs),
                f"{name}b{suffix}": net.random(1, outputs),
            }
            x = net.add(f"{name}{suffix}", "Conv", [x], weights, pad=[1.0] * 4, stride=[1.0, 1.0])
            x = net.add(f"relu{block}_{index}{suffix}", "ReLU", [x])
            channels = outputs
        if block < 5 or until == "fc8":
            x = net.add(f"pool{block}{suffix}", "Pooling", [x], **HALVED)
    return hidden(net, suffix, channels, x) if until == "fc8" else x


def hidden(net: DagNN, suffix: str, channels: int, x: str, units: int = 256) -> str:
    """fc6, fc7, and the classifier, which has no name of its own."""
    for name, size, inputs in (("fc6", 7, channels), ("fc7", 1, units)):
        weights = {f"{name}f{suffix}": net.random(size, size, inputs, units), f"{name}b{suffix}": net.random(1, units)}
        x = net.add(f"{name}{suffix}", "Conv", [x], weights, pad=[0.0] * 4, stride=[1.0, 1.0])
        x = net.add(f"relu{name[-1]}{suffix}", "ReLU", [x])
        x = net.add(f"dropout_{name}{suffix}", "DropOut", [x], rate=0.85)
    return classify(net, suffix, units, x, "layer38", "f", "b")


def classify(net: DagNN, suffix: str, channels: int, x: str, name: str, f: str, b: str) -> str:
    weights = {f"{name}{f}{suffix}": net.random(1, 1, channels, CLASSES), f"{name}{b}{suffix}": net.random(1, CLASSES)}
    return net.add(f"prediction{suffix}", "Conv", [x], weights, pad=[0.0] * 4, stride=[1.0, 1.0])


class ResNet:
    """A stream of Caffe's ResNet, unit by unit."""

    def __init__(self, net: DagNN, suffix: str, channels: int, x: str, width: int = 4, *, bias: bool = False) -> None:
        self.net, self.suffix, self.width, self.channels = net, suffix, width, width
        weights = {f"conv1_filter{suffix}": net.random(7, 7, channels, width)}
        if bias:
            weights[f"conv1_bias{suffix}"] = net.random(width, 1)
        x = net.add(f"conv1{suffix}", "Conv", [x], weights, pad=[3.0] * 4, stride=[2.0, 2.0])
        x = self.norm("bn_conv1", x, width)
        x = net.add(f"conv1_relu{suffix}", "ReLU", [x])
        pool = {"poolSize": [3.0, 3.0], "stride": [2.0, 2.0], "pad": [0.0, 1.0, 0.0, 1.0], "method": "max"}
        self.x = net.add(f"pool1{suffix}", "Pooling", [x], **pool)
        self.sum = self.x

    def norm(self, name: str, x: str, channels: int) -> str:
        rng = self.net.rng
        sigma = np.sqrt(rng.uniform(0.5, 2, channels) + 1e-5)
        params = {
            f"{name}_mult{self.suffix}": rng.uniform(0.5, 1, (channels, 1)),
            f"{name}_bias{self.suffix}": rng.normal(0, 0.1, (channels, 1)),
            f"{name}_moments{self.suffix}": np.stack([rng.normal(0, 0.2, channels), sigma], 1),
        }
        return self.net.add(f"{name}{self.suffix}", "BatchNorm", [x], params, epsilon=1e-5)

    def conv(self, name: str, x: str, size: int, inputs: int, outputs: int, stride: int, *, time: bool = False) -> str:
        kernel = self.net.random(1, 3, inputs, outputs) if time else self.net.random(size, size, inputs, outputs)
        kind = "ConvTime" if time else "Conv"
        block = {"pad": [float(size // 2)] * 4, "stride": [float(stride)] * 2}
        x = self.net.add(f"{name}{self.suffix}", kind, [x], {f"{name}_filter{self.suffix}": kernel}, **block)
        return self.norm(name.replace("res", "bn"), x, outputs)

    def unit(
        self,
        stage: int,
        letter: str,
        *,
        joined: str | None = None,
        inflate: bool = False,
        inject: bool = False,
        beside: bool = False,
    ) -> None:
        """A bottleneck unit; the branch reads `joined` where that is given."""
        inner = self.width * 2 ** (stage - 2)
        outer, first, name = 4 * inner, letter == "a", f"res{stage}{letter}"
        stride = 2 if first and stage > 2 else 1
        shortcut = self.conv(f"{name}_branch1", self.x, 1, self.channels, outer, stride) if first else self.x
        y = self.conv(f"{name}_branch2a", joined or self.x, 1, self.channels, inner, stride, time=inflate)
        y = self.net.add(f"{name}_branch2a_relu{self.suffix}", "ReLU", [y])
        y = (
            self.beside(f"{name}_branch2b", y, inner)
            if beside
            else self.conv(f"{name}_branch2b", y, 3, inner, inner, 1)
        )
        y = self.net.add(f"{name}_branch2b_relu{self.suffix}", "ReLU", [y])
        if inject:
            at = f"{name}_branch2b_relu{self.suffix}_Time"
            params = {f"{at}_f": self.net.random(1, 3, inner, inner), f"{at}_b": self.net.random(inner, 1)}
            y = self.net.add(at, "ConvTime", [y], params, pad=[0.0, 0.0, 1.0, 1.0], stride=[1.0, 1.0])
        y = self.conv(f"{name}_branch2c", y, 1, inner, outer, 1, time=inflate)
        self.sum = self.net.add(f"{name}{self.suffix}", "Sum", [shortcut, y])
        self.x = self.net.add(f"{name}_relu{self.suffix}", "ReLU", [self.sum])
        self.channels = outer

    def beside(self, name: str, x: str, channels: int) -> str:
        """T-ResNet: the 3x3 convolution and, beside it, batch norm, ReLU, filter over time and scale; then one norm."""
        net, at, rng = self.net, f"conv_time_{name}", self.net.rng
        block = {"pad": [1.0] * 4, "stride": [1.0, 1.0]}
        plain = net.add(name, "Conv", [x], {f"{name}_filter": net.random(3, 3, channels, channels)}, **block)
        moments = np.stack([rng.normal(0, 0.2, channels), rng.uniform(0.5, 2, channels)], 1)
        params = {f"{at}_bn_w": rng.uniform(0.5, 1, (channels, 1)), f"{at}_bn_b": rng.normal(0, 0.1, (channels, 1))}
        y = net.add(f"{at}_bn", "BatchNorm", [x], params | {f"{at}_bn_m": moments})
        y = net.add(f"{at}_relu", "ReLU", [y])
        params = {f"{at}_f": net.random(1, 3, channels, channels), f"{at}_b": net.random(channels, 1)}
        y = net.add(at, "ConvTime", [y], params, pad=[0.0, 0.0, 1.0, 1.0], stride=[1.0, 1.0])
        params = {f"{at}_scalef": net.random(1, 1, channels), f"{at}_scaleb": net.random(1, 1, channels)}
        y = net.add(f"{at}_scale", "Scale", [y], params)
        y = net.add(f"{at}_sum", "Sum", [plain, y])
        return self.norm(name.replace("res", "bn"), y, channels)

    def finish(self, *, pool_over: tuple[float, float] | None = None, pooled_last: bool = False) -> str:
        """Pooling over time where the network has it, pool5 and the classifier."""
        net, x = self.net, self.x
        if pool_over and not pooled_last:
            x = self.pool_time(x, pool_over)
        side = [float(SIDE // 32)] * 2
        x = net.add(
            f"pool5{self.suffix}", "Pooling", [x], poolSize=side, stride=[1.0, 1.0], pad=[0.0] * 4, method="avg"
        )
        if pool_over and pooled_last:
            x = self.pool_time(x, pool_over)
        return classify(net, self.suffix, self.channels, x, "fc101", "_filter", "_bias")

    def pool_time(self, x: str, window: tuple[float, float]) -> str:
        block = {"poolSize": [1.0, window[0]], "stride": [1.0, window[1]], "pad": [0.0] * 4, "method": "max"}
        return self.net.add(f"res5c_relu_pool{self.suffix}", "PoolTime", [x], **block)


def resnet(net: DagNN, channels: int, depth: int = 50, *, bias: bool = False) -> str:
    stream = ResNet(net, "", channels, "input", bias=bias)
    for stage, letters in enumerate(units(depth), start=2):
        for letter in letters:
            stream.unit(stage, letter)
    return stream.finish()


def spatiotemporal(
    net: DagNN,
    gate: str,
    pool: tuple[float, float] | None,
    *,
    into: str = "a",
    activated: bool = False,
    stages: str = "2345",
) -> list[str]:
    """ST-ResNet and ST-MulNet: motion from unit a of every stage into the branch of appearance's unit b.

    `into` tells the streams that receive the other one, "a", "m" or "am"; `activated` joins behind the receiver's ReLU.
    """
    a = ResNet(net, "_spatial", 3, "input", bias=True)
    m = ResNet(net, "_temporal", 2 * STACK, "input_flow")
    over_time: dict[str, Any] = {"inflate": gate == "Sum", "inject": gate == "Mul"}
    for stage, letters in enumerate(units(50), start=2):
        for letter in letters:
            to_a = to_m = None
            if letter == "b" and str(stage) in stages:
                if "a" in into:
                    to_a = net.add(f"res{stage}a_relu_spatial_sum", gate, [a.x if activated else a.sum, m.x])
                if "m" in into:
                    to_m = net.add(f"res{stage}a_relu_temporal_sum", gate, [m.sum, a.x])
            options = over_time if letter == "b" else {}
            m.unit(stage, letter, joined=to_m, **options)
            a.unit(stage, letter, joined=to_a, **options)
    return [a.finish(pool_over=pool), m.finish(pool_over=pool)]


def fused(
    net: DagNN, how: str = "conv3d", *, pool3d: bool = True, both: bool = True, swapped: bool = False
) -> list[str]:
    """CVPR'16's final network: 3x3x3 convolution behind relu5_3, 2x2x5 pooling, two towers.

    Or, as in its tables, `how` is "conv" (1x1) or "sum"; pooling in each frame; one tower. `swapped`: motion first.
    """
    a, m = (
        vgg(net, "_spatial", 3, "input", until="relu5"),
        vgg(net, "_temporal", 2 * STACK, "input_flow", until="relu5"),
    )
    if how == "sum":
        x = net.add("relu5_3_sum", "Sum", [a, m])
    else:
        x = net.add("relu5_3_concat", "Concat", [m, a] if swapped else [a, m])
    if how == "conv3d":
        params = {"conv3Df": net.random(3, 3, 3, 64, 32), "conv3Db": net.random(32, 1)}
        x = net.add("conv53D", "Conv3D", [x], params, pad=[1.0] * 6, stride=[1.0] * 3)
    elif how == "conv":
        params = {"conv_fusion_1f": net.random(1, 1, 64, 32), "conv_fusion_1b": net.random(32, 1)}
        x = net.add("conv_fusion_1", "Conv", [x], params, pad=[0.0] * 4, stride=[1.0, 1.0])
    if how != "sum":
        x = net.add("relu3D5", "ReLU", [x])
    pool = {"poolSize": [2.0, 2.0, 5.0], "stride": [2.0, 2.0, 2.0], "pad": [0.0] * 6, "method": "max"}
    kind, pool = ("Pooling3D", pool) if pool3d else ("Pooling", HALVED)
    x = net.add("pool5_spatial", kind, [x], **pool)
    if not both:
        return [hidden(net, "_spatial", 32, x)]
    y = net.add("pool5_temporal", kind, [m], **pool)
    return [hidden(net, "_spatial", 32, x), hidden(net, "_temporal", 32, y)]
