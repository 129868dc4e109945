"""MatConvNet networks in MATLAB files: layers and parameters as plain Python, and nothing that could run.

MATLAB's files up to version 7 are read by scipy, those of version 7.3, which are HDF5, by h5py. A network is a DagNN (a
graph: layers with named inputs, outputs and parameters) or a SimpleNN (a chain, whose layers hold their weights); the
second is given the form of the first, with the names that MatConvNet's own `fromSimpleNN` gives.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatlabFunction, MatlabOpaque

from actionzoo.errors import ModelNotFoundError, WeightsError

MAX_BYTES = 4 << 30
MAX_DEPTH = 8
MAX_ENTRIES = 20_000
"""Larger and deeper than any network that the papers' authors released. Bytes are of the file and of its content."""

COMPRESSED = 15
"""Tag of a packed variable in files of version 5 to 7."""

SIMPLE_TYPES = {
    "conv": "dagnn.Conv",
    "relu": "dagnn.ReLU",
    "pool": "dagnn.Pooling",
    "dropout": "dagnn.DropOut",
    "bnorm": "dagnn.BatchNorm",
    "softmax": "dagnn.SoftMax",
    "softmaxloss": "dagnn.Loss",
    "normalize": "dagnn.LRN",
}
SIMPLE_SUFFIXES = {"conv": ("f", "b"), "bnorm": ("m", "b", "x")}
"""What the parameters of a layer are called behind its name."""


@dataclass(frozen=True)
class MatLayer:
    """A layer: its MatConvNet class, the names of its variables and parameters, and its settings."""

    name: str
    type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    params: tuple[str, ...]
    block: Mapping[str, Any]


@dataclass(frozen=True)
class MatNetwork:
    """A network as the file has it; arrays are float32, with MATLAB's order of axes (height, width, in, out)."""

    layers: tuple[MatLayer, ...]
    params: Mapping[str, np.ndarray]
    meta: Mapping[str, Any] = field(default_factory=dict)


def read_network(path: str | Path) -> MatNetwork:
    """The network in a `.mat` file, in its variable `net` or in variables of its own.

    Raises ModelNotFoundError if there is no such file, WeightsError if it is damaged or holds no network.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise WeightsError(f"{path} is larger than any network that we know")
        content = _read_hdf5(path) if h5py.is_hdf5(path) else _read_old(path)
        return _network(content)
    except FileNotFoundError as error:
        raise ModelNotFoundError(f"there is no file {path}") from error
    except WeightsError:
        raise
    except Exception as error:  # neither library says which errors a damaged file may bring
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise WeightsError(f"{path} is no MATLAB file with a network, or is damaged ({reason})") from error


def _network(content: Mapping[str, Any]) -> MatNetwork:
    net = content.get("net", content)
    if not isinstance(net, Mapping) or "layers" not in net:
        raise ValueError(f"it has {', '.join(sorted(content)) or 'nothing'}, but no net with layers")
    layers = _listed(net["layers"])
    if len(layers) > MAX_ENTRIES:
        raise ValueError("it has too many layers")
    meta = net.get("meta")
    if not isinstance(meta, Mapping):
        meta = {key: net[key] for key in ("normalization", "classes") if key in net}
    if "params" not in net:
        return _from_chain(layers, meta)
    entries = _listed(net["params"])
    params = {str(entry["name"]): _array(entry["value"]) for entry in entries}
    if len(params) != len(entries):
        raise ValueError("it has several parameters of one name")
    return MatNetwork(tuple(_layer(entry) for entry in layers), params, meta)


def _layer(entry: Mapping[str, Any]) -> MatLayer:
    inputs, outputs, params = (
        tuple(str(name) for name in _listed(entry.get(key, ()))) for key in ("inputs", "outputs", "params")
    )
    block = _listed(entry.get("block", ()))
    return MatLayer(str(entry["name"]), str(entry["type"]), inputs, outputs, params, block[0] if block else {})


def _from_chain(entries: Sequence[Mapping[str, Any]], meta: Mapping[str, Any]) -> MatNetwork:
    layers: list[MatLayer] = []
    params: dict[str, np.ndarray] = {}
    before = "input"
    for place, entry in enumerate(entries, start=1):
        kind, name = str(entry["type"]), str(entry.get("name") or f"layer{place}")
        weights = entry.get("weights")
        if weights is None and "filters" in entry:  # of the oldest files
            weights = [entry["filters"], entry["biases"]]
        suffixes = SIMPLE_SUFFIXES.get(kind, ())
        values = _listed(weights) if weights is not None and suffixes else []
        names = tuple(f"{name}{suffix}" for suffix in suffixes[: len(values)])
        params |= {param: _array(value) for param, value in zip(names, values, strict=True)}
        block = {key: value for key, value in entry.items() if key not in ("weights", "filters", "biases")}
        layers.append(MatLayer(name, SIMPLE_TYPES.get(kind, kind), (before,), (f"x{place}",), names, block))
        before = f"x{place}"
    return MatNetwork(tuple(layers), params, meta)


def _listed(value: Any) -> list[Any]:
    """What may be one or several, as a list."""
    if isinstance(value, np.ndarray):
        return [] if value.size == 0 else [value]
    return list(value) if isinstance(value, list | tuple) else [value]


def _array(value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"a parameter is no array of numbers but {type(value).__name__}")
    return array.astype(np.float32)


def _read_old(path: Path) -> dict[str, Any]:
    _check_unpacked(path)
    content = loadmat(str(path), struct_as_record=True, squeeze_me=False, chars_as_strings=True)
    return {name: _plain(value, 0) for name, value in content.items() if not name.startswith("__")}


def _check_unpacked(path: Path) -> None:
    """Raises ValueError if the variables of a file unpack to too much; scipy would take whatever they take."""
    with path.open("rb") as file:
        order = {b"IM": "<", b"MI": ">"}.get(file.read(128)[126:])
        if order is None:  # of version 4, which packs nothing, or no MATLAB file
            return
        total = 0
        while len(tag := file.read(8)) == 8:
            kind, size = struct.unpack(f"{order}II", tag)
            end = file.tell() + size
            if kind == COMPRESSED:
                total += _unpacked(file, size, MAX_BYTES - total)
            file.seek(end)


def _unpacked(file: IO[bytes], size: int, most: int) -> int:
    """Bytes that the next `size` of a file unpack to. Raises ValueError above `most`."""
    total, stream = 0, zlib.decompressobj()
    while size > 0 and (block := file.read(min(size, 1 << 20))):
        size -= len(block)
        while block:
            total += len(stream.decompress(block, 1 << 20))
            block = stream.unconsumed_tail
            if total > most:
                raise ValueError("it unpacks to more than any network that we know")
    return total


def _plain(value: Any, depth: int) -> Any:
    """Structs as dicts, several and cells as lists, text as str; numbers stay arrays."""
    if depth > MAX_DEPTH:
        raise ValueError("it is nested too deeply")
    if not isinstance(value, np.ndarray) or isinstance(value, MatlabOpaque | MatlabFunction):
        return None  # an object or a function of MATLAB's, which has no meaning here
    if value.dtype.names:
        structs = [{name: _plain(one[name], depth + 1) for name in value.dtype.names} for one in value.ravel(order="F")]
        return structs[0] if len(structs) == 1 else structs
    if value.dtype == object:
        return [_plain(one, depth + 1) for one in value.ravel(order="F")]
    if value.dtype.kind in "US":
        return "".join(str(line) for line in value.ravel())
    return value


def _read_hdf5(path: Path) -> dict[str, Any]:
    with h5py.File(path, "r") as file:
        reader = _Hdf5(file)
        return {name: reader.read(reader.child(file, name), 0) for name in file if not name.startswith("#")}


class _Hdf5:
    """Reads MATLAB's use of HDF5: axes reversed, text as numbers, cells and arrays of structs as references."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._entries = self._bytes = 0

    def child(self, group: h5py.Group, name: str) -> Any:
        """A member of a group, which must lie in this file."""
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{name} is a link to somewhere else")
        return group[name]

    def read(self, item: Any, depth: int) -> Any:
        self._entries += 1
        if depth > MAX_DEPTH or self._entries > 50 * MAX_ENTRIES:
            raise ValueError("it is nested too deeply")
        if isinstance(item, h5py.Group):
            return self._structs(item, depth)
        if item.external or item.is_virtual:
            raise ValueError(f"{item.name} lies in another file")
        if item.dtype.kind not in "biuf" and item.dtype != h5py.ref_dtype:
            return None  # complex numbers, text of HDF5's own and the like, which no network has
        self._bytes += item.nbytes
        if self._bytes > MAX_BYTES:
            raise ValueError("it unpacks to more than any network that we know")
        kind = _text(item.attrs.get("MATLAB_class", b""))
        if item.attrs.get("MATLAB_empty", 0):
            return "" if kind == "char" else [] if kind in ("cell", "struct") else np.zeros((0, 0), np.float32)
        if item.dtype == h5py.ref_dtype:
            return [self.read(self._file[reference], depth + 1) for reference in item[()].ravel()]
        if kind == "char":
            return "".join(map(chr, item[()].ravel(order="C")))
        return item[()].transpose()

    def _structs(self, group: h5py.Group, depth: int) -> Any:
        members = {name: self.child(group, name) for name in group}
        arrays = [name for name, item in members.items() if _is_field_of_array(item)]
        if arrays and len(arrays) == len(members):
            columns = {name: self.read(members[name], depth) for name in arrays}
            return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        return {name: self.read(item, depth + 1) for name, item in members.items()}


def _is_field_of_array(item: Any) -> bool:
    """Of an array of structs: references, one a struct, without a class of their own (a cell says that it is one)."""
    return isinstance(item, h5py.Dataset) and item.dtype == h5py.ref_dtype and "MATLAB_class" not in item.attrs


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
