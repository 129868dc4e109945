"""Weights: the catalog, the cache, downloads, checks and conversions."""

from __future__ import annotations

from actionzoo.hub.bundle import catalog_table, export_bundle, save_model
from actionzoo.hub.cache import cache_folder
from actionzoo.hub.catalog import CatalogEntry, load_catalog
from actionzoo.hub.record import InputRecord, read_record, write_record
from actionzoo.hub.resolve import ModelFiles, resolve_model

__all__ = [
    "CatalogEntry",
    "InputRecord",
    "ModelFiles",
    "cache_folder",
    "catalog_table",
    "export_bundle",
    "load_catalog",
    "read_record",
    "resolve_model",
    "save_model",
    "write_record",
]
