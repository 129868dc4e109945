"""Arrays into the weights of a model: every one of them, or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from actionzoo.errors import WeightsError

if TYPE_CHECKING:
    import keras

SHOWN = 3
"""Names that an error lists before it only counts."""


@dataclass(frozen=True)
class LoadReport:
    """What became of each weight and each tensor, all by name.

    Attributes:
        loaded: weights of the model that have a value of the file now.
        new: weights of the model that keep their initial values.
        unused: tensors of the file that were left out.
    """

    loaded: tuple[str, ...]
    new: tuple[str, ...]
    unused: tuple[str, ...]


def named_weights(model: keras.Model) -> dict[str, keras.Variable]:
    """The weights of a Keras model as `layer/weight`, such as `appearance_conv1/kernel`, in the order of its layers."""
    return {f"{layer.name}/{weight.name}": weight for layer in model.layers for weight in layer.weights}


def load_arrays(
    model: keras.Model,
    arrays: Mapping[str, np.ndarray],
    *,
    new: Iterable[str] = (),
    unused: Iterable[str] = (),
    source: str,
) -> LoadReport:
    """Set weights of a Keras model; nothing is set unless everything fits.

    Args:
        model: the model.
        arrays: by the names of `named_weights`, each of its weight's shape and finite; every one is used.
        new: patterns (`logits_*`) of weights that may keep their initial values.
        unused: names of what the caller left out of the file, for the report.
        source: the file, as the error names it.

    Raises:
        WeightsError: a weight gets no array and is not new, an array has no weight, a shape differs, or a number is not
            finite.
    """
    weights, new = named_weights(model), tuple(new)
    kept = [name for name in weights if name not in arrays]
    missing = [name for name in kept if not any(fnmatchcase(name, pattern) for pattern in new)]
    if missing:
        raise WeightsError(f"{source} lacks {shortened(missing)} of {model.name}; give weights of the same network")
    extra = [name for name in arrays if name not in weights]
    if extra:
        raise WeightsError(f"{source} has {shortened(extra)}, {model.name} has not; give weights of the same network")
    shapes = {name: (tuple(weights[name].shape), array.shape) for name, array in arrays.items()}
    wrong = [f"{name} {has} instead of {needs}" for name, (needs, has) in shapes.items() if needs != has]
    if wrong:
        raise WeightsError(f"{source}: wrong shape of {shortened(wrong)}; give weights of the same network")
    check_finite(arrays.items(), source)
    for name, array in arrays.items():
        weights[name].assign(array)
    return LoadReport(tuple(name for name in weights if name in arrays), tuple(kept), tuple(unused))


def check_finite(arrays: Iterable[tuple[str, np.ndarray]], source: str) -> None:
    """Check that every number of some arrays, which have names, is finite. A gigabyte takes a second.

    Raises:
        WeightsError: one is not.
    """
    broken = [name for name, array in arrays if not _finite(array)]
    if broken:
        raise WeightsError(f"{source}: non-finite numbers in {shortened(broken)}; the file is damaged")


def _finite(array: np.ndarray) -> bool:
    """Whether every number is finite, in single precision too."""
    if array.dtype.kind not in "fc":
        return True
    with np.errstate(over="ignore"):
        return bool(np.isfinite(array.astype(np.float32, copy=False)).all())


def shortened(names: list[str]) -> str:
    """The first few of many names, for an error's one line.

    >>> shortened(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
