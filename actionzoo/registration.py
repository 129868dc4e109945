"""Registers our layers with Keras, whichever of the two packages is imported first.

Keras finds custom layers only after their module has been imported. `import actionzoo` loads no framework, so that the
registration waits for Keras.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

LAYERS = "actionzoo.models"
"""The module that registers our layers when it is imported."""


def register_layers() -> None:
    """Register our layers: at once if Keras has been imported, otherwise as soon as it is."""
    if "keras" in sys.modules:
        importlib.import_module(LAYERS)
    else:
        sys.meta_path.insert(0, _AfterKeras())


class _AfterKeras(MetaPathFinder):
    """Import hook that lets the other finders find Keras, imports our layers after it, and removes itself."""

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
