"""Model files from outside: what a `.keras` file may make of memory is known before anything of it is unpacked.

The network of its `config.json` is built without its weights, which tells how many bytes those take. The weights of the
file must then be about as many, lie in the file itself, and be packed no tighter than weights can be.
"""

from __future__ import annotations

import contextlib
import json
import math
import shutil
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import h5py

from actionzoo.errors import WeightsError

CONFIG, WEIGHTS = "config.json", "model.weights.h5"

MAX_LAYERS = 10_000
"""ST-ResNet-152, the largest network that we have, is a tenth of it."""

MAX_ACTIVATION = 8 << 30
"""Bytes of one layer's output for one clip; 25 frames of 224x224 in VGG-16 take 0.3 GB."""

OPTIMIZER = 4
"""A file saved while training also has the optimizer's state: Adam's is twice the weights, AMSGrad's three times."""

OVERHEAD = 16 << 10
"""Bytes that HDF5 needs for one more weight, at most."""

ALWAYS = 64 << 20
"""So many bytes are no harm, whatever they are packed to."""

MAX_PACKING = 100
"""Weights of pruned networks, nine of ten zero, are packed to a tenth."""


def check_keras_file(path: Path, name: str) -> None:
    """Check that a `.keras` file takes no more memory than its network needs.

    Raises:
        WeightsError: it would take far more. Calls the file `name`.
        Exception: what zipfile, h5py, json and Keras raise for damaged files.
    """
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(WEIGHTS)
        text = archive.read(CONFIG)  # `read_spec` has looked at its size
        if text.count(b'"inbound_nodes"') > MAX_LAYERS:
            raise _refused(name, f"has more than {MAX_LAYERS:,} layers")
        if member.file_size > ALWAYS + MAX_PACKING * member.compress_size:
            raise _refused(name, f"unpacks {_mb(member.compress_size)} of weights to {_mb(member.file_size)}")
        if sum(other.file_size for other in archive.infolist()) - member.file_size > ALWAYS:
            raise _refused(name, "unpacks to much beside its weights")
        # Keras keeps a list, one a thread, of variables that wait for their values: here it ends with its thread.
        with ThreadPoolExecutor(max_workers=1) as thread:
            needed, count = thread.submit(_needs, json.loads(text), name).result()
        if needed > member.file_size:
            raise WeightsError(f"{name} has {_mb(member.file_size)} of weights, its network needs {_mb(needed)}")
        if member.file_size > ALWAYS + OPTIMIZER * needed + OVERHEAD * count:
            raise _refused(name, f"has {_mb(member.file_size)} of weights, its network needs {_mb(needed)}")
        with archive.open(member) as packed, tempfile.TemporaryFile() as unpacked:
            shutil.copyfileobj(packed, unpacked, 1 << 20)
            check_hdf5(unpacked, member.file_size, name)


def check_hdf5(file: IO[bytes] | Path, size: int, name: str) -> None:
    """Check that the arrays of an HDF5 file of this size lie in it, and unpack to no more than it has.

    Raises:
        WeightsError: they do not.
    """
    with h5py.File(file, "r") as content:
        total = 0
        for item in _datasets(content, name):
            total += item.nbytes
            if item.external or item.is_virtual:
                raise _refused(name, f"has weights in another file ({item.name})")
        if total > size:
            raise _refused(name, f"unpacks {_mb(size)} of weights to {_mb(total)}")


def _datasets(content: h5py.File, name: str) -> list[Any]:
    """Every array of a file; none is read. Groups are visited once, whatever leads to them."""
    found: list[Any] = []
    seen: set[Any] = set()
    waiting: list[Any] = [content]
    while waiting:
        group = waiting.pop()
        for key in group:
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise _refused(name, f"has a link to somewhere else ({key})")
            item = group[key]
            if isinstance(item, h5py.Dataset):
                found.append(item)
            elif isinstance(item, h5py.Group) and item.id not in seen:
                seen.add(item.id)
                waiting.append(item)
    return found


def _needs(config: Any, name: str) -> tuple[int, int]:
    """Bytes and number of the weights of a network, from its configuration. Nothing is allocated for them."""
    import keras

    if isinstance(config, dict):
        config["compile_config"] = None
    with keras.StatelessScope(initialize_variables=False):
        network = keras.saving.deserialize_keras_object(config, safe_mode=True)
    for layer in getattr(network, "layers", ()):
        outputs: Any = ()
        with contextlib.suppress(AttributeError, ValueError):  # of a layer that has none, or several
            outputs = layer.output
        for tensor in keras.tree.flatten(outputs):
            if 4 * math.prod(size or 1 for size in tensor.shape) > MAX_ACTIVATION:
                raise _refused(name, f"has a layer, {layer.name}, whose output takes more than any that we know")
    sizes = [math.prod(weight.shape) * _bytes(weight.dtype) for weight in network.weights]
    return sum(sizes), len(sizes)


def _bytes(dtype: str) -> int:
    """Of one number of a type, by its name, such as "bfloat16"."""
    bits = "".join(filter(str.isdigit, dtype))
    return max(int(bits) // 8, 1) if bits.isdigit() and dtype != "float8_e4m3fn" else 1


def _mb(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _refused(name: str, reason: str) -> WeightsError:
    return WeightsError(f"{name} {reason}; it is no model to be trusted")
