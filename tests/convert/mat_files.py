"""Writes networks as MATLAB files in MatConvNet's layout: version 7 with scipy, 7.3 with h5py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.io

Struct = dict[str, Any]


def write_v7(path: Path, content: Struct) -> Path:
    scipy.io.savemat(path, {name: _matlab(value) for name, value in content.items()}, do_compression=True)
    return path


def _matlab(value: Any) -> Any:
    """Lists of dicts as arrays of structs, other lists as cells."""
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        array = np.empty((1, len(value)), [(name, object) for name in value[0]])
        for place, one in enumerate(value):
            array[0, place] = tuple(_matlab(part) for part in one.values())
        return array
    if isinstance(value, list):
        cell = np.empty((1, len(value)), object)
        for place, one in enumerate(value):
            cell[0, place] = _matlab(one)
        return cell
    if isinstance(value, dict):
        return {name: _matlab(part) for name, part in value.items()}
    return value


def write_v73(path: Path, content: Struct) -> Path:
    with h5py.File(path, "w", userblock_size=512) as file:
        writer = _Hdf5(file)
        for name, value in content.items():
            writer.write(file, name, value)
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, written by a test".ljust(124) + b"\x00\x02IM")
    return path


class _Hdf5:
    def __init__(self, file: h5py.File) -> None:
        self._file, self._count = file, 0

    def write(self, group: h5py.Group, name: str, value: Any) -> None:
        if isinstance(value, dict):
            struct = group.create_group(name)
            struct.attrs["MATLAB_class"] = np.bytes_("struct")
            for key, part in value.items():
                self.write(struct, key, part)
        elif isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
            structs = group.create_group(name)
            structs.attrs["MATLAB_class"] = np.bytes_("struct")
            for key in value[0]:
                structs.create_dataset(key, data=self._references([one[key] for one in value]), dtype=h5py.ref_dtype)
        elif isinstance(value, list):
            cell = group.create_dataset(name, data=self._references(value), dtype=h5py.ref_dtype)
            cell.attrs["MATLAB_class"] = np.bytes_("cell")
        elif isinstance(value, str):
            text = group.create_dataset(name, data=np.array([[ord(mark)] for mark in value], np.uint16))
            text.attrs["MATLAB_class"] = np.bytes_("char")
        else:
            numbers = np.atleast_2d(np.asarray(value))
            data = group.create_dataset(name, data=numbers.transpose())
            data.attrs["MATLAB_class"] = np.bytes_("single" if numbers.dtype == np.float32 else "double")

    def _references(self, values: list[Any]) -> np.ndarray:
        references = np.empty((len(values), 1), h5py.ref_dtype)
        for place, value in enumerate(values):
            self._count += 1
            name = f"r{self._count}"
            self.write(self._file.require_group("#refs#"), name, value)
            references[place, 0] = self._file["#refs#"][name].ref
        return references
