"""Weights: the catalog, the cache, downloads and their checks, and the `.keras` files that models are kept in."""

from __future__ import annotations

from actionzoo.hub.cache import cache_folder
from actionzoo.hub.catalog import CatalogEntry, load_catalog
from actionzoo.hub.keras_file import read_spec, write_spec
from actionzoo.hub.keras_models import save_model
from actionzoo.hub.resolve import ModelFiles, resolve_model
from actionzoo.video.spec import InputSpec

__all__ = [
    "CatalogEntry",
    "InputSpec",
    "ModelFiles",
    "cache_folder",
    "load_catalog",
    "read_spec",
    "resolve_model",
    "save_model",
    "write_spec",
]
