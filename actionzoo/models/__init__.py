"""Builders of two-stream networks: plain functional `keras.Model`s. They read no files and no video."""

from actionzoo.models.registry import create_model, list_models

__all__ = ["create_model", "list_models"]
