"""Two-stream action recognition in videos.

>>> import actionzoo
>>> "predict" in dir(actionzoo)
True

Importing the package loads no framework; each name below loads what it needs when it is first used. Where Keras is
imported too, before or after, it knows the layers of our networks: `keras.saving.load_model` reads them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from actionzoo.registration import register_layers

if TYPE_CHECKING:
    from actionzoo import errors, models
    from actionzoo.evaluation import evaluate
    from actionzoo.inference import Answer, Model, features, load_model, predict
    from actionzoo.models import create_model
    from actionzoo.names import list_models
    from actionzoo.training import Recipe, finetune
    from actionzoo.video import optical_flow
    from actionzoo.visualization import visualize

__version__ = "0.1.0.dev0"

_HOMES = {
    "Answer": "inference",
    "Model": "inference",
    "Recipe": "training",
    "create_model": "models",
    "evaluate": "evaluation",
    "features": "inference",
    "finetune": "training",
    "list_models": "names",
    "load_model": "inference",
    "optical_flow": "video",
    "predict": "inference",
    "visualize": "visualization",
}
_ROOMS = (
    "convert", "data", "errors", "evaluation", "hub", "inference", "models", "motion", "puppets", "report", "training",
    "video", "visualization",
)  # fmt: skip

__all__ = [
    "Answer",
    "Model",
    "Recipe",
    "__version__",
    "create_model",
    "errors",
    "evaluate",
    "features",
    "finetune",
    "list_models",
    "load_model",
    "models",
    "optical_flow",
    "predict",
    "visualize",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


register_layers()
