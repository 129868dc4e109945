"""Checks of the builders' arguments, with messages like those of Keras: what was expected, what was received."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Any

from actionzoo.names import STREAMS

SMALLEST_SIDE = 32
"""In pixels; the networks halve the input five times."""


def by_stream(value: float | tuple[float, float]) -> dict[str, float]:
    """A dropout rate, or a pair (appearance, motion), as a dictionary by stream. Raises ValueError."""
    pair = value if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2:
        raise ValueError(f"Argument `dropout` must be one rate or two. Received: dropout={value!r}")
    return dict(zip(STREAMS, pair, strict=True))


def check_choice(argument: str, value: object, choices: Iterable[str]) -> None:
    """Raises ValueError if an argument is not one of its choices."""
    known = list(choices)
    if value not in known:
        raise ValueError(f"Argument `{argument}` must be one of {known}. Received: {argument}={value!r}")


def check_sizes(**sizes: Any) -> None:
    """Raises ValueError if a size is too small; `None` stands for any size."""
    for name, size in sizes.items():
        least = SMALLEST_SIDE if name in ("height", "width") else 1
        if size is not None and (not isinstance(size, Integral) or size < least):
            raise ValueError(f"Argument `{name}` must be an integer of at least {least}. Received: {name}={size!r}")
