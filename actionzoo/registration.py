"""Makes the layers of our networks known to Keras, whichever of the two is imported first.

Keras finds a layer that is not its own only once the module with it has been imported. `import actionzoo` itself loads
no framework, so that waits for Keras.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

LAYERS = "actionzoo.models"
"""Importing it registers them."""


def register_layers() -> None:
    """Registers our layers: now if Keras has been imported, otherwise as soon as it is."""
    if "keras" in sys.modules:
        importlib.import_module(LAYERS)
    else:
        sys.meta_path.insert(0, _AfterKeras())


class _AfterKeras(MetaPathFinder):
    """Leaves finding Keras to the other finders, but has the layers imported behind it; then it is gone."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "keras":
            return None
        others = (finder for finder in sys.meta_path if finder is not self and hasattr(finder, "find_spec"))
        spec = next((found for finder in others if (found := finder.find_spec(name, path, target))), None)
        if spec is not None and spec.loader is not None:
            self._follow(spec.loader)
        return spec

    def _follow(self, loader: object) -> None:
        execute = loader.exec_module  # type: ignore[attr-defined]

        def execute_and_register(module: ModuleType) -> None:
            execute(module)
            if self in sys.meta_path:
                sys.meta_path.remove(self)
                importlib.import_module(LAYERS)

        loader.exec_module = execute_and_register  # type: ignore[attr-defined]
