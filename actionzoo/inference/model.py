"""One handle for a trained model: `load_model` and `Model`, which every command and function takes."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from actionzoo.hub.keras_models import load_keras
from actionzoo.hub.resolve import ModelFiles, resolve_model

if TYPE_CHECKING:
    import keras


class Model:
    """A trained model: its name, what it looks at, and its network.

    Attributes:
        name: as it was asked for.
        spec: its classes, the format of its videos, and its clips.
        files: where its weights are.
    """

    def __init__(self, files: ModelFiles) -> None:
        self.name, self.spec, self.files = files.name, files.spec, files

    @cached_property
    def network(self) -> keras.Model:
        """The network, loaded when it is first asked for, in Keras' safe mode. Raises ModelError, WeightsError."""
        return load_keras(self.files)


def load_model(model: str | os.PathLike[str] | Model, *, offline: bool = False) -> Model:
    """The model that a name of the catalog, a `.keras` file, a run folder or `hf://user/repo[@revision]` means.

    Raises ModelNotFoundError, WeightsError, OfflineError, ModelError.

    >>> load_model("mini").spec.num_frames
    6
    """
    return model if isinstance(model, Model) else Model(resolve_model(model, offline=offline))
