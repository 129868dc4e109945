"""Builders of two-stream networks: plain functional `keras.Model`s. They read no files and no video.

Importing this package makes its layers known to Keras, so that `keras.saving.load_model` can read models with them.
"""

from actionzoo.models.keras_style import (
    AppearanceResNet18,
    AppearanceResNet50,
    AppearanceResNet101,
    AppearanceResNet152,
    AppearanceVGG16,
    MotionResNet18,
    MotionResNet50,
    MotionResNet101,
    MotionResNet152,
    MotionVGG16,
    STMulNet18,
    STMulNet50,
    STMulNet101,
    STMulNet152,
    STResNet18,
    STResNet50,
    STResNet101,
    STResNet152,
    TResNet18,
    TResNet50,
    TResNet101,
    TResNet152,
    TwoStreamResNet18,
    TwoStreamResNet50,
    TwoStreamResNet101,
    TwoStreamResNet152,
    TwoStreamVGG16,
)
from actionzoo.models.kernels import cross_modality_kernel, inflate_kernel
from actionzoo.models.registry import create_model
from actionzoo.models.tvl1_layer import BatchedTVL1
from actionzoo.names import list_models

__all__ = [
    "AppearanceResNet18",
    "AppearanceResNet50",
    "AppearanceResNet101",
    "AppearanceResNet152",
    "AppearanceVGG16",
    "BatchedTVL1",
    "MotionResNet18",
    "MotionResNet50",
    "MotionResNet101",
    "MotionResNet152",
    "MotionVGG16",
    "STMulNet18",
    "STMulNet50",
    "STMulNet101",
    "STMulNet152",
    "STResNet18",
    "STResNet50",
    "STResNet101",
    "STResNet152",
    "TResNet18",
    "TResNet50",
    "TResNet101",
    "TResNet152",
    "TwoStreamResNet18",
    "TwoStreamResNet50",
    "TwoStreamResNet101",
    "TwoStreamResNet152",
    "TwoStreamVGG16",
    "create_model",
    "cross_modality_kernel",
    "inflate_kernel",
    "list_models",
]
