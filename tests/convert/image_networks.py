"""Networks on pictures, in miniature: torch modules whose state dicts are like torchvision's files."""

from __future__ import annotations

import numpy as np
import torch

from tests.models import torch_reference as reference

CLASSES = 7
TORCHVISION = {"strides": "torchvision", "preprocessing": "torchvision"}


def network(base: str, width: float = 0.125) -> torch.nn.Module:
    """torchvision's network in miniature, with random weights that keep the size of activations."""
    torch.manual_seed(1)
    if base == "vgg16":
        made = reference.VGG(3, CLASSES, width)
    else:
        made = reference.ResNet(int(base.removeprefix("resnet")), 3, CLASSES, width)
    for name, value in made.state_dict().items():
        if value.ndim > 1:
            torch.nn.init.kaiming_normal_(value)
        elif name.endswith(("bias", "running_mean")):
            value.normal_(0, 0.1)
        elif value.ndim == 1:
            value.uniform_(0.5, 1)
    return made.eval()


def tensors(made: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in made.state_dict().items()}
