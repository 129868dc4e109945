"""A network made ready to learn: new classifiers, batch norms, what is frozen."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

import keras
from keras import layers

from actionzoo.errors import TrainingError
from actionzoo.hub.loading import load_arrays, named_weights


def rebuilt(
    model: keras.Model,
    *,
    classes: int | None = None,
    num_frames: int | None = None,
    dropout: float | None = None,
    norm: type[layers.BatchNormalization] = layers.BatchNormalization,
    synchronized: bool = False,
    dtype: str | None = None,
    fresh: bool = False,
) -> keras.Model:
    """A copy of a network of the zoo with some of its settings changed.

    Args:
        model: it is left as it is.
        classes: new classifiers, for so many classes; `None` keeps those that are there, with their weights.
        num_frames: length of a clip, T; `None` keeps it.
        dropout: its rate; `None` keeps it.
        norm: the kind of its batch norms.
        synchronized: they look at the clips of all devices.
        dtype: policy of the layers, such as "mixed_bfloat16"; `None` and the classifiers take `keras.config.floatx()`.
        fresh: all weights are drawn anew.

    Returns:
        The copy, with the weights of all layers but new classifiers.
    """
    full = keras.config.floatx()

    def copy(layer: Any) -> Any:
        last = layer.name.startswith("logits")
        config = layer.get_config() | {"dtype": full if last else dtype or full, "trainable": True}
        if last and classes and "units" in config:
            config["units"] = classes
        if isinstance(layer, layers.BatchNormalization):
            return norm.from_config(config | {"synchronized": synchronized})
        if isinstance(layer, layers.Dropout) and dropout is not None:
            config["rate"] = dropout
        return type(layer).from_config(config)

    result = keras.models.clone_model(model, _inputs(model, num_frames), clone_function=copy)
    if fresh:
        return result
    keep = {
        name: weight.numpy()
        for name, weight in named_weights(model).items()
        if classes is None or not name.startswith("logits")
    }
    load_arrays(result, keep, new=("logits*",), source=model.name)
    return result


def _inputs(model: keras.Model, num_frames: int | None) -> dict[str, keras.KerasTensor]:
    return {
        tensor.name: keras.Input((num_frames or tensor.shape[1], *tensor.shape[2:]), name=tensor.name)
        for tensor in model.inputs
    }


class Freezer:
    """Says which layers learn, and changes that while a training goes on.

    Layers whose names match one of `patterns` are frozen. At each share of the training in `unfreeze` a part of them,
    in equal numbers from the classifiers down, begins to learn. A batch norm that is frozen does not move its
    statistics either. `batch_norm` is that of a recipe.

    Raises TrainingError if a pattern matches no layer, or nothing would ever learn.
    """

    def __init__(
        self, model: keras.Model, patterns: Iterable[str], unfreeze: tuple[float, ...], batch_norm: str
    ) -> None:
        self._layers = [layer for layer in model.layers if layer.weights]
        names = [layer.name for layer in self._layers]
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise TrainingError(
                    f"no layer of {model.name} is called {pattern!r}; `actionzoo models show` lists them"
                )
        frozen = [layer for layer in self._layers if any(fnmatchcase(layer.name, pattern) for pattern in patterns)]
        self._frozen, self._unfreeze = frozen[::-1], unfreeze
        self._still = _still_norms(self._layers, batch_norm)
        if len(frozen) == len(self._layers) and not unfreeze:
            raise TrainingError(f"every layer of {model.name} is frozen; leave some to learn")
        self._freed = -1

    def update(self, progress: float) -> bool:
        """Freeze and free layers for this share of the training; whether anything changed."""
        freed = sum(progress >= share for share in self._unfreeze)
        if freed == self._freed:
            return False
        self._freed = freed
        count = len(self._frozen) * freed // max(len(self._unfreeze), 1)
        still = {id(layer) for layer in (*self._frozen[count:], *self._still)}
        for layer in self._layers:
            layer.trainable = id(layer) not in still
        return True


def _still_norms(trained: list[Any], batch_norm: str) -> list[Any]:
    """The batch norms that do not learn: none, all but each stream's first one, or all."""
    norms = [layer for layer in trained if isinstance(layer, layers.BatchNormalization)]
    if batch_norm in ("train", "synchronized"):
        return []
    first = {layer.name.partition("_")[0]: layer for layer in reversed(norms)}
    return [norm for norm in norms if batch_norm == "frozen" or norm not in first.values()]
