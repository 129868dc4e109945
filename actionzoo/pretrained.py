"""The door from the builders to trained weights.

`models` knows no files and `hub` stands above it, so what a builder asks of `hub` goes through here, and `hub` is
imported when the first weights are asked for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

HUB = "actionzoo.hub.pretrained"


def imagenet_options(network: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """See `actionzoo.hub.pretrained.imagenet_options`."""
    found: dict[str, Any] = import_module(HUB).imagenet_options(network, options)
    return found


def load_weights(model: Any, network: str, weights: str) -> None:
    """See `actionzoo.hub.pretrained.load_weights`."""
    import_module(HUB).load_weights(model, network, weights)


def fills_a_network(weights: str | os.PathLike[str]) -> bool:
    """See `actionzoo.hub.pretrained.fills_a_network`."""
    found: bool = import_module(HUB).fills_a_network(os.fspath(weights))
    return found


def load_model(weights: str | os.PathLike[str]) -> Any:
    """See `actionzoo.hub.pretrained.load_model`."""
    return import_module(HUB).load_model(os.fspath(weights))
