"""Networks that are in no file, as models."""

from __future__ import annotations

import keras

from actionzoo.hub.resolve import ModelFiles
from actionzoo.inference.model import Model
from actionzoo.video.spec import InputSpec


def as_model(network: keras.Model, spec: InputSpec, name: str = "it") -> Model:
    """A network that looks at what a spec says."""
    model = Model(ModelFiles(name, spec))
    model.network = network
    return model
