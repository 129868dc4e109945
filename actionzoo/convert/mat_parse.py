"""What MATLAB files hold, as plain Python. Works in a process of its own, which a damaged file may end.

Files up to version 7 are read by scipy, those of version 7.3, which are HDF5, by h5py. Both do much of it in C, and a
damaged file can bring either to a crash, to no end, or to any amount of memory. Own readers of both formats would be as
long as the rest of the importer.
"""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatlabFunction, MatlabOpaque

MAX_DEPTH = 8
MAX_ENTRIES = 1_000_000
"""Deeper and more than in any network that the papers' authors released."""

COMPRESSED = 15
"""Tag of a packed variable in files of version 5 to 7."""

TREE, NUMBERS = "content.json", "arrays.bin"


def parse(source: str, folder: str, most: int) -> None:
    """Write the variables of a file into a folder, for `read_parsed`. They may unpack to `most` bytes.

    Raises whatever a damaged file makes the libraries raise.
    """
    path = Path(source)
    content = _read_hdf5(path, most) if h5py.is_hdf5(path) else _read_old(path, most)
    with Path(folder, NUMBERS).open("wb") as numbers:
        tree = _written(content, numbers)
    Path(folder, TREE).write_text(json.dumps(tree), "utf-8")


def read_parsed(folder: str | Path) -> dict[str, Any]:
    """The variables that `parse` wrote: structs as dicts, cells and arrays of structs as lists, text, and arrays."""
    content: dict[str, Any] = _read(json.loads(Path(folder, TREE).read_text("utf-8")), Path(folder, NUMBERS))
    return content


def _written(value: Any, numbers: IO[bytes]) -> Any:
    """A value in JSON's terms; its arrays go into the file of numbers."""
    if isinstance(value, dict):
        return {"fields": {name: _written(part, numbers) for name, part in value.items()}}
    if isinstance(value, list):
        return [_written(part, numbers) for part in value]
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        start, reverse = numbers.tell(), not value.flags.c_contiguous and value.flags.f_contiguous
        numbers.write(np.ascontiguousarray(value.T if reverse else value).data)
        return {"dtype": value.dtype.str, "shape": value.shape, "start": start, "reverse": reverse}
    return value if isinstance(value, str) else None


def _read(value: Any, numbers: Path) -> Any:
    if isinstance(value, list):
        return [_read(part, numbers) for part in value]
    if not isinstance(value, dict):
        return value
    if "fields" in value:
        return {name: _read(part, numbers) for name, part in value["fields"].items()}
    shape = tuple(value["shape"])
    count = int(np.prod(shape, dtype=np.int64))
    flat = np.fromfile(numbers, value["dtype"], count, offset=value["start"])
    return flat.reshape(shape[::-1]).T if value["reverse"] else flat.reshape(shape)


def _read_old(path: Path, most: int) -> dict[str, Any]:
    _check_unpacked(path, most)
    content = loadmat(str(path), struct_as_record=True, squeeze_me=False, chars_as_strings=True)
    return {name: _plain(value, 0) for name, value in content.items() if not name.startswith("__")}


def _check_unpacked(path: Path, most: int) -> None:
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
                total += _unpacked(file, size, most - total)
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


def _read_hdf5(path: Path, most: int) -> dict[str, Any]:
    with h5py.File(path, "r") as file:
        reader = _Hdf5(file, most)
        return {name: reader.read(reader.child(file, name), 0) for name in file if not name.startswith("#")}


class _Hdf5:
    """Reads MATLAB's use of HDF5: axes reversed, text as numbers, cells and arrays of structs as references."""

    def __init__(self, file: h5py.File, most: int) -> None:
        self._file, self._most = file, most
        self._entries = self._bytes = 0

    def child(self, group: h5py.Group, name: str) -> Any:
        """A member of a group, which must lie in this file."""
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise ValueError(f"{name} is a link to somewhere else")
        return group[name]

    def read(self, item: Any, depth: int) -> Any:
        self._entries += 1
        if depth > MAX_DEPTH or self._entries > MAX_ENTRIES:
            raise ValueError("it is nested too deeply")
        if isinstance(item, h5py.Group):
            return self._structs(item, depth)
        if item.external or item.is_virtual:
            raise ValueError(f"{item.name} lies in another file")
        if item.dtype.kind not in "biuf" and item.dtype != h5py.ref_dtype:
            return None  # complex numbers, text of HDF5's own and the like, which no network has
        self._bytes += item.nbytes
        if self._bytes > self._most:
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
