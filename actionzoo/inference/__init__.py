"""Clip in, answer out: `Predictor`, `predict`, and what goes with an answer."""

from __future__ import annotations

from actionzoo.inference.annotate import annotate
from actionzoo.inference.answer import Answer, LiveAnswer, Prediction, Window, merge_segments
from actionzoo.inference.features import FeatureExtractor, Features, extract_features, save_features
from actionzoo.inference.predictor import Predictor, predict
from actionzoo.inference.sources import expand_sources, is_address, is_live

__all__ = [
    "Answer",
    "FeatureExtractor",
    "Features",
    "LiveAnswer",
    "Prediction",
    "Predictor",
    "Window",
    "annotate",
    "expand_sources",
    "extract_features",
    "is_address",
    "is_live",
    "merge_segments",
    "predict",
    "save_features",
]
