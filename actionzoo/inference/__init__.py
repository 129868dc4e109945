"""Video in, answer out: `load_model`, `Model`, and what goes with an answer."""

from __future__ import annotations

from actionzoo.inference.annotate import annotate
from actionzoo.inference.answer import Answer, LiveAnswer, Prediction, Window, merge_segments
from actionzoo.inference.functions import features, predict
from actionzoo.inference.layer_features import Features, save_features
from actionzoo.inference.model import Model, load_model
from actionzoo.inference.sources import expand_sources, is_address, is_live

__all__ = [
    "Answer",
    "Features",
    "LiveAnswer",
    "Model",
    "Prediction",
    "Window",
    "annotate",
    "expand_sources",
    "features",
    "is_address",
    "is_live",
    "load_model",
    "merge_segments",
    "predict",
    "save_features",
]
