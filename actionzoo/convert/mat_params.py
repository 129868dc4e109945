"""The parameters of the papers' authors, by their names in MatConvNet files, under our names and in our layout.

MatConvNet correlates, as Keras does, with kernels in the same order of axes. Its batch norms keep (mean, sigma), with
epsilon in sigma.
"""

from __future__ import annotations

import re

import numpy as np

from actionzoo.errors import WeightsError
from actionzoo.hub.loading import shortened
from actionzoo.models.resnet import EPSILON

Arrays = dict[str, np.ndarray]

STREAMS = {"spatial": "appearance", "temporal": "motion"}
"""The authors' names of the streams, and ours."""

STREAM = re.compile(r"_(spatial|temporal)(?=$|_Time)")
UNIT = re.compile(r"(res|bn)(?P<stage>[2-5])(?P<unit>a|b\d*|[c-z])_branch(?P<branch>1|2a|2b|2c)(?P<rest>.*)")
_VGG = re.compile(r"(?P<layer>conv[1-5]_[1-3]|fc[67])(?P<kind>[fb])")
_BRANCHES = {"1": "shortcut", "2a": "conv1", "2b": "conv2", "2c": "conv3"}
_NORM = {"_mult": "gamma", "_bias": "beta", "_moments": "moments"}
_OF_TIME = {
    "_f": "temporal/kernel",
    "_b": "temporal/bias",
    "_bn_w": "temporal_bn/gamma",
    "_bn_b": "temporal_bn/beta",
    "_bn_m": "temporal_bn/moments",
    "_scalef": "temporal_scale/scale",
    "_scaleb": "temporal_scale/offset",
}


def stream_of(name: str) -> str | None:
    """Our name of the stream that a parameter belongs to, or `None` where its name does not tell."""
    match = STREAM.search(name)
    return None if match is None else STREAMS[match[1]]


def without_stream(name: str) -> str:
    """The name of a parameter without the stream."""
    return STREAM.sub("", name)


def our_arrays(params: Arrays, source: str) -> Arrays:
    """The parameters of a stream.

    Args:
        params: by the authors' names without the stream, the classifier's left out.
        source: the file, as an error names it.

    Returns:
        Arrays by our names without the stream, such as `stage2_unit0_conv1_bn/gamma`, in our layout.

    Raises:
        WeightsError: a parameter is of no network that we know.
    """
    names = {name: _our_name(name) for name in params}
    if unknown := [name for name, ours in names.items() if ours is None]:
        raise WeightsError(f"{source} has {shortened(unknown)}, which no network that we know has")
    translated = {ours: params[name] for name, ours in names.items() if ours is not None}
    return {name: _our_layout(name, array) for name, array in _with_norms(translated).items()}


def _our_name(name: str) -> str | None:
    """Our name of a parameter of a stream, without the stream; `moments` of batch norms are still together."""
    if match := _VGG.fullmatch(name):
        return f"{match['layer']}/{'kernel' if match['kind'] == 'f' else 'bias'}"
    if match := re.fullmatch(r"(bn_)?conv1(_filter|_bias|_mult|_moments)", name):
        if match[1]:
            return f"conv1_bn/{_NORM[match[2]]}" if match[2] in _NORM else None
        return {"_filter": "conv1/kernel", "_bias": "conv1/bias"}.get(match[2])
    of_time = name.startswith("conv_time_")
    match = UNIT.fullmatch(name.removeprefix("conv_time_"))
    if match is None:
        return None
    unit = f"stage{match['stage']}_unit{unit_number(match['unit'])}"
    if of_time:
        return f"{unit}_{_OF_TIME[match['rest']]}" if match["rest"] in _OF_TIME else None
    if time := re.fullmatch(r"_relu_Time_([fb])", match["rest"]):
        return f"{unit}_temporal/{'kernel' if time[1] == 'f' else 'bias'}"
    layer = f"{unit}_{_BRANCHES[match['branch']]}"
    if name.startswith("bn"):
        return f"{layer}_bn/{_NORM[match['rest']]}" if match["rest"] in _NORM else None
    return {"_filter": f"{layer}/kernel", "_bias": f"{layer}/bias"}.get(match["rest"])


def unit_number(letter: str) -> int:
    """a, b, c ... of ResNet-50, or a, b1, b2 ... of the deeper ones' long stages, as 0, 1, 2 ...

    >>> [unit_number(letter) for letter in ("a", "b", "f", "b1", "b22")]
    [0, 1, 5, 1, 22]
    """
    return int(letter[1:]) if letter[1:] else ord(letter) - ord("a")


def _with_norms(params: Arrays) -> Arrays:
    """Moments as mean and variance, and the bias of a convolution that a batch norm follows taken off its mean."""
    result: Arrays = {}
    for name, array in params.items():
        layer, _, kind = name.rpartition("/")
        normed = f"{layer}_bn/moments" in params and not layer.endswith("_temporal")  # T-ResNet's comes before
        if kind == "moments":
            if array.ndim != 2 or array.shape[1] != 2:
                raise ValueError(f"the moments of {layer} are {array.shape}, not (channels, 2)")
            mean, sigma = array.T
            bias = params.get(f"{layer.removesuffix('_bn')}/bias") if not layer.endswith("_temporal_bn") else None
            result[f"{layer}/moving_mean"] = mean if bias is None else mean - bias.ravel()
            result[f"{layer}/moving_variance"] = np.maximum(sigma**2 - np.float32(EPSILON), 0)
        elif kind != "bias" or not normed:
            result[name] = array
    return result


def _our_layout(name: str, array: np.ndarray) -> np.ndarray:
    """A filter over time (1, time, in, out) is (time, 1, in, out) here; all but kernels are vectors."""
    if not name.endswith("/kernel"):
        return array.ravel()
    if array.ndim == 4 and array.shape[:2] == (1, 3):
        return array.transpose(1, 0, 2, 3)
    while array.ndim < 4:  # MATLAB drops axes of length one at the end
        array = array[..., None]
    return array
