"""The papers' own networks: MatConvNet files of the authors, made into models of ours.

What a file holds is told by the types of its layers and the names of its parameters, which the authors' code gives:

    VGG-16        conv1_1f, conv1_1b ... fc7b            ResNet   res2a_branch2a_filter, bn2a_branch2a_mult ...
    two streams   every name ends in _spatial (appearance) or _temporal (motion)
    fusion        conv3Df, conv3Db (3x3x3), or conv_fusion_1f, conv_fusion_1b
    ST-ResNet     the filters of res2b_branch2a and so on are (1, time, in, out)
    ST-MulNet     res2b_branch2b_relu_spatial_Time_f, and products where ST-ResNet has sums
    T-ResNet      conv_time_res2a_branch2b_f, its batch norm _bn_w, _bn_b, _bn_m, its scale _scalef, _scaleb

Where two streams meet is read from the graph, and a graph that we cannot build is an error, whatever fits by name.

What the networks read as flow is the papers' 8-bit code less 128, which our motion streams make of pixels.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import keras
import numpy as np

from actionzoo.convert.mat_file import MatLayer, MatNetwork, read_network
from actionzoo.convert.mat_params import UNIT, Arrays, our_arrays, stream_of, unit_number, without_stream
from actionzoo.convert.mat_wiring import Meeting, Wiring, kind_of
from actionzoo.errors import WeightsError
from actionzoo.hub.loading import LoadReport, load_arrays, shortened
from actionzoo.models import create_model
from actionzoo.models.resnet import UNITS
from actionzoo.video.spec import InputSpec

FRAMES, STRIDE, FPS, FUSED_FRAMES = 25, 7, 25.0, 5
"""The authors test on 25 frames all over a video, in one clip; here those of seven seconds. Fusion takes five."""

GATES = {"Sum": "st_resnet", "Mul": "st_mulnet"}
"""What the layers that connect the streams make of two ResNets."""

DIRECTIONS = {
    ("appearance",): "motion_to_appearance",
    ("motion",): "appearance_to_motion",
    ("appearance", "motion"): "both",
}
"""Which way the connections lead, by the streams that they lead into."""

FUSION_PARAMS = ("conv3Df", "conv3Db", "conv_fusion_1f", "conv_fusion_1b")
"""Of the layer that fuses both streams."""

FLOW_MEAN = 128.0
"""Taken off every grey level of flow; our motion streams count from there."""

POOLED = 5
"""Frames that the authors' networks pool over."""


def convert_mat(
    path: str | Path, *, side: int = 224, frames: int | None = None
) -> tuple[keras.Model, InputSpec, LoadReport]:
    """The model in a file of the authors.

    Args:
        path: the `.mat` file.
        side: height and width of the frames, in pixels.
        frames: length of a clip, if not the authors'.

    Returns:
        The model, its input spec, and what became of every parameter.

    Raises:
        ModelNotFoundError: there is no such file.
        WeightsError: it is damaged, holds a network that we do not know, or has parameters that find no place.
    """
    network = read_network(path)
    try:
        return _convert(network, str(path), side, frames)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{path} is not laid out as the authors' files are ({reason})") from error


def _convert(
    network: MatNetwork, source: str, side: int, frames: int | None
) -> tuple[keras.Model, InputSpec, LoadReport]:
    found = _AuthorsNetwork(network, source, frames)
    mean = found.mean()
    model = create_model(found.name, found.classes, found.frames, height=side, width=side, **found.options())
    report = load_arrays(model, found.arrays(), source=source)
    if mean is not None:
        model.get_layer("appearance_preprocessing").offset = [-value for value in mean]
    return model, found.spec(side), report


class _AuthorsNetwork:
    """The network in a file: which one it is, and its parameters under our names."""

    def __init__(self, network: MatNetwork, source: str, frames: int | None) -> None:
        self._network, self._source = network, source
        self._wiring = Wiring(network)
        self._by_stream: dict[str, Arrays] = {}
        shared: Arrays = {}
        for name, array in network.params.items():
            stream = stream_of(name)
            if stream is None and name in FUSION_PARAMS:
                shared[name] = array
            else:
                self._by_stream.setdefault(stream or "", {})[without_stream(name)] = array
        self._fusion = shared
        self._name_single()
        self._classifiers = {stream: self._classifier(stream) for stream in self._by_stream}
        self.classes = int(self._params_of(*self._last_of_a_stream())[0].shape[-1])
        self._meetings = self._wiring.meetings()
        self.name = self._system()
        self.frames = frames or (FUSED_FRAMES if self.name.startswith("two_stream") else FRAMES)

    def options(self) -> dict[str, Any]:
        """The builder's options."""
        first = next(iter(self._by_stream.values()))
        factor = _first_kernel(first, self._source).shape[-1] / 64
        options: dict[str, Any] = {"channel_factor": factor}
        if "motion" in self._by_stream:
            options["stack_length"] = self._stack_length()
        if self.name.startswith("two_stream"):
            options |= {"fusion": "conv" if self._fusion else "sum", "fusion_layer": "relu5"}
            options["temporal_fusion"] = self._temporal_fusion()
        if self.name.startswith("st_"):
            options |= self._pooling() | {"direction": self._direction()}
        if self.name.startswith("t_resnet"):
            self._check_pooled_over_the_clip()
            options["streams"] = next(iter(self._by_stream))
        return options

    def arrays(self) -> Arrays:
        """Every parameter under our name, in our layout. Raises WeightsError if one is not known."""
        arrays: Arrays = {}
        for stream, params in self._by_stream.items():
            arrays |= self._of_stream(stream, params)
        for name, array in self._fusion.items():
            kernel = name.endswith("f")
            three_d = name.startswith("conv3D")  # (height, width, time, in, out)
            value = array.transpose(2, 0, 1, 3, 4) if kernel and three_d else array if kernel else array.ravel()
            arrays[f"fusion_relu5_3/{'kernel' if kernel else 'bias'}"] = value
        return arrays

    def mean(self) -> list[float] | None:
        """R, G and B of the mean picture, where the file has one and the network looks at frames.

        Raises WeightsError if it is none of frames, flow or both, or if the mean of flow is not the authors'.
        """
        normalization = self._network.meta.get("normalization")
        average = normalization.get("averageImage") if isinstance(normalization, dict) else None
        if not isinstance(average, np.ndarray) or average.size < 3:
            return None
        flat = average.astype(np.float64)
        flat = flat.reshape(-1, flat.shape[-1]).mean(0) if flat.ndim == 3 and flat.shape[-1] >= 3 else flat.ravel()
        both = 2 * self._stack_length()
        if flat.size not in (3, both, both + 3) or not np.isfinite(flat).all():
            sizes = f"3, {both} or {both + 3}"
            raise WeightsError(
                f"{self._source}: its mean picture has {flat.size} values; {sizes} finite ones are known"
            )
        flow = flat[:both] if flat.size >= both else flat[:0]  # of a joint mean, flow comes first
        if "motion" in self._by_stream and (np.abs(flow - FLOW_MEAN) > 0.5).any():
            raise WeightsError(f"{self._source}: its mean of flow is {flow.mean():.1f}; {FLOW_MEAN:.0f} is known")
        if "appearance" not in self._by_stream or flat.size == both:
            return None
        return [float(value) for value in flat[-3:]]

    def _stack_length(self) -> int:
        if "motion" not in self._by_stream:
            return 10
        return int(_first_kernel(self._by_stream["motion"], self._source).shape[2]) // 2

    def spec(self, side: int) -> InputSpec:
        """What the authors' test shows to it. Frames are stretched: training drew their two sides by chance."""
        names, stack = self._class_names(), self._stack_length()
        return InputSpec(names, side, side, FPS, self.frames, STRIDE, stack, "tvl1", "stretch", mirror=True)

    def _name_single(self) -> None:
        """A network of one stream does not say which; what its first filter reads does."""
        if "" not in self._by_stream:
            return
        if len(self._by_stream) > 1:
            stray = shortened(list(self._by_stream[""]))
            raise WeightsError(f"{self._source}: {stray} belongs to neither stream; it is no network that we know")
        params = self._by_stream.pop("")
        stream = "appearance" if _first_kernel(params, self._source).shape[2] == 3 else "motion"
        self._by_stream[stream] = params

    def _system(self) -> str:
        bases = {stream: _base(params, self._source) for stream, params in self._by_stream.items()}
        if len(set(bases.values())) > 1:
            both = " and ".join(f"{stream} on {base}" for stream, base in bases.items())
            raise WeightsError(f"{self._source}: {both}; networks of two different ones cannot be built yet")
        base = next(iter(bases.values()))
        if len(bases) == 1:
            stream, params = next(iter(self._by_stream.items()))
            if any(name.startswith("conv_time_") for name in params):
                return f"t_{base}"
            return f"{stream}_{base}"
        if self._fusion or base == "vgg16":
            self._check_fusion()
            return f"two_stream_{base}"
        gates = {meeting.kind for meeting in self._meetings}
        if len(gates) == 1 and (gate := gates.pop()) in GATES:
            return f"{GATES[gate]}{base.removeprefix('resnet')}"
        raise self._unknown("meet in a way that we do not know; known are conv and sum fusion, ST-ResNet and ST-MulNet")

    def _unknown(self, what: str) -> WeightsError:
        return WeightsError(f"{self._source}: its two streams {what}")

    def _check_fusion(self) -> None:
        """Raises WeightsError unless the streams meet once, behind relu5_3, appearance first, and both go on."""
        kind = "Concat" if self._fusion else "Sum"
        if [(meeting.kind, meeting.streams) for meeting in self._meetings] != [(kind, ("appearance", "motion"))]:
            raise self._unknown(f"must meet in one {kind} of appearance and motion, in this order")
        for source in self._meetings[0].sources:
            before = [without_stream(name) for name in self._wiring.parameters_before(source)]
            if kind_of(source) != "ReLU" or "conv5_3f" not in before:
                raise self._unknown(f"meet behind {source.name}; only fusion of relu5_3 is known")
        if {"conv5_3f", "conv5_3b"} & {name for names in self._classifiers.values() for name in names}:
            raise self._unknown("have one tower only; networks with both can be built")

    def _direction(self) -> str:
        """Which way the connections lead. Raises WeightsError if a stage has none, or one that the papers have not."""
        found: dict[str, list[int]] = {}
        for meeting in self._meetings:
            place = self._reader(meeting)
            if place is None:
                raise self._unknown(f"meet behind {' and '.join(source.name for source in meeting.sources)}")
            receiver, stage = place
            kinds = {stream: kind_of(source) for stream, source in zip(meeting.streams, meeting.sources, strict=True)}
            if len(meeting.streams) != 2 or any(
                kind != ("Sum" if stream == receiver else "ReLU") for stream, kind in kinds.items()
            ):
                raise self._unknown(f"meet in stage {stage}, but not as a sum and the other stream's ReLU")
            found.setdefault(receiver, []).append(stage)
        if any(sorted(stages) != [2, 3, 4, 5] for stages in found.values()):
            raise self._unknown("do not meet once in each of the stages 2 to 5")
        return DIRECTIONS[tuple(sorted(found))]

    def _reader(self, meeting: Meeting) -> tuple[str, int] | None:
        """Stream and stage of the second unit whose residual branch alone reads a meeting, if that is what reads it."""
        if len(meeting.readers) != 1:
            return None
        for name in meeting.readers[0].params:
            stream, match = stream_of(name), UNIT.fullmatch(without_stream(name))
            if stream and match and match["branch"] == "2a" and unit_number(match["unit"]) == 1:
                return stream, int(match["stage"])
        return None

    def _temporal_fusion(self) -> str:
        """How a network with fusion looks across frames."""
        pools = [layer.block for layer in self._network.layers if kind_of(layer) == "Pooling3D"]
        if not pools and "conv3Df" not in self._fusion:
            return "pool2d"
        sizes = {(int(np.ravel(block["poolSize"])[-1]), int(np.ravel(block["stride"])[-1])) for block in pools}
        if len(pools) != 2 or sizes != {(POOLED, 2)}:
            raise WeightsError(
                f"{self._source}: both of its towers must pool 2x2x{POOLED}; without conv3D both may pool 2x2"
            )
        return "conv3d" if "conv3Df" in self._fusion else "pool3d"

    def _pooling(self) -> dict[str, Any]:
        """How a spatiotemporal network pools over time, before pool5."""
        pools = self._wiring.pools_over_time()
        if not pools:
            return {"temporal_pool": "none"}
        method, window, stride = next(iter(pools))
        how = {"max": "max", "avg": "average"}.get(method)
        if len(pools) > 1 or how is None or window != POOLED:
            several = " and in other ways" if len(pools) > 1 else ""
            raise WeightsError(
                f"{self._source}: it pools over {window:g} frames ({method}){several}, not over {POOLED}"
            )
        return {"temporal_pool": how, "temporal_pool_stride": int(stride)}

    def _check_pooled_over_the_clip(self) -> None:
        """Raises WeightsError unless a T-ResNet takes the maximum over all frames."""
        if [(method, window) for method, window, _ in self._wiring.pools_over_time()] != [("max", math.inf)]:
            raise WeightsError(f"{self._source}: a T-ResNet that takes no maximum over the whole clip is not known")

    def _classifier(self, stream: str) -> tuple[str, ...]:
        """The parameters of a stream's classifier, its last convolution, whatever the file calls it."""
        last: MatLayer | None = None
        for layer in self._network.layers:
            streams = {stream_of(name) for name in layer.params} - {None}
            if layer.type.endswith(".Conv") and len(layer.params) == 2 and streams <= {stream}:
                last = layer if streams or len(self._by_stream) == 1 else last
        if last is None:
            raise WeightsError(f"{self._source}: its {stream} stream has no classifier; it is no whole network")
        return tuple(without_stream(name) for name in last.params)

    def _last_of_a_stream(self) -> tuple[str, str]:
        stream, params = next(iter(self._classifiers.items()))
        return stream, params[0]

    def _params_of(self, stream: str, *names: str) -> list[np.ndarray]:
        missing = [name for name in names if name not in self._by_stream[stream]]
        if missing:
            raise WeightsError(f"{self._source} lacks {shortened(missing)} of its {stream} stream")
        return [self._by_stream[stream][name] for name in names]

    def _of_stream(self, stream: str, params: Arrays) -> Arrays:
        kernel, bias = self._classifiers[stream]
        weights = self._params_of(stream, kernel, bias)
        arrays = {"kernel": weights[0].reshape(-1, weights[0].shape[-1]), "bias": weights[1].ravel()}
        others = {name: array for name, array in params.items() if name not in (kernel, bias)}
        result = {f"{stream}_{name}": array for name, array in our_arrays(others, self._source).items()}
        return result | {f"logits_{stream}/{part}": array for part, array in arrays.items()}

    def _class_names(self) -> tuple[str, ...]:
        classes = self._network.meta.get("classes")
        for key in ("description", "name"):
            names = classes.get(key) if isinstance(classes, dict) else None
            if isinstance(names, list) and len(names) == self.classes and all(map(_is_a_name, names)):
                return tuple(names)
        return ()


def _is_a_name(name: object) -> bool:
    """Whether a class may be called so: text that a terminal can show."""
    return isinstance(name, str) and name.isprintable()


def _first_kernel(params: Arrays, source: str) -> np.ndarray:
    for name in ("conv1_1f", "conv1_filter"):
        if name in params and params[name].ndim == 4:
            return params[name]
    raise WeightsError(f"{source} has no first convolution of a VGG-16 or a ResNet; it is no network that we know")


def _base(params: Arrays, source: str) -> str:
    """What a stream is built on."""
    if "conv1_1f" in params:
        return "vgg16"
    units = {(match["stage"], match["unit"]) for name in params if (match := UNIT.fullmatch(name))}
    counts = tuple(sum(stage == place for place, _ in units) for stage in "2345")
    for depth, known in UNITS.items():
        if counts == known and depth != 18:
            return f"resnet{depth}"
    raise WeightsError(f"{source}: {counts} residual units a stage are no ResNet-50, 101 or 152")
