"""Builders of two-stream networks: plain functional `keras.Model`s. They read no files and no video.

Importing this package registers its layers, so that `keras.saving.load_model` can read models with them.
"""

from actionzoo.models.keras_style import builder as _builder
from actionzoo.models.kernels import cross_modality_kernel as cross_modality_kernel
from actionzoo.models.kernels import inflate_kernel as inflate_kernel
from actionzoo.models.registry import create_model as create_model
from actionzoo.models.tvl1_layer import BatchedTVL1 as BatchedTVL1
from actionzoo.names import list_models as list_models

AppearanceVGG16 = _builder("appearance_vgg16")
AppearanceResNet18 = _builder("appearance_resnet18")
AppearanceResNet50 = _builder("appearance_resnet50")
AppearanceResNet101 = _builder("appearance_resnet101")
AppearanceResNet152 = _builder("appearance_resnet152")
MotionVGG16 = _builder("motion_vgg16")
MotionResNet18 = _builder("motion_resnet18")
MotionResNet50 = _builder("motion_resnet50")
MotionResNet101 = _builder("motion_resnet101")
MotionResNet152 = _builder("motion_resnet152")
TwoStreamVGG16 = _builder("two_stream_vgg16")
TwoStreamResNet18 = _builder("two_stream_resnet18")
TwoStreamResNet50 = _builder("two_stream_resnet50")
TwoStreamResNet101 = _builder("two_stream_resnet101")
TwoStreamResNet152 = _builder("two_stream_resnet152")
STResNet18 = _builder("st_resnet18")
STResNet50 = _builder("st_resnet50")
STResNet101 = _builder("st_resnet101")
STResNet152 = _builder("st_resnet152")
STMulNet18 = _builder("st_mulnet18")
STMulNet50 = _builder("st_mulnet50")
STMulNet101 = _builder("st_mulnet101")
STMulNet152 = _builder("st_mulnet152")
TResNet18 = _builder("t_resnet18")
TResNet50 = _builder("t_resnet50")
TResNet101 = _builder("t_resnet101")
TResNet152 = _builder("t_resnet152")
