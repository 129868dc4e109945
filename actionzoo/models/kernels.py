"""Kernels of trained networks adapted to new ones, in pure numpy.

A spatial filter becomes a spatiotemporal one (ST-ResNet, NIPS'16; ST-MulNet, CVPR'17), and the first layer of an RGB
network becomes one for flow stacks (two-stream fusion, CVPR'16).
"""

from __future__ import annotations

import numpy as np

from actionzoo.models.arguments import check_choice

TEMPORAL_INITS = {"average": (1 / 3, 1 / 3, 1 / 3), "centre": (0.0, 1.0, 0.0), "difference": (-1.0, 3.0, -1.0)}
"""Taps at t-1, t, t+1 of a temporal filter before training."""


def inflate_kernel(kernel: np.ndarray, init: str = "centre") -> np.ndarray:
    """Inflate a spatial kernel to three frames.

    Args:
        kernel: `(height, width, channels_in, channels_out)`.
        init: `"average"` spreads it over t-1, t, t+1 (ST-ResNet); `"centre"` puts it at t (ST-MulNet); `"difference"`
            weights it by -1, 3, -1.

    Returns:
        `(3, height, width, channels_in, channels_out)`, the layout of a `keras.layers.Conv3D` kernel. A 1x1 kernel
        without its width, `[:, :, 0]`, is that of an `actionzoo.models.temporal.TemporalConv`.

    Raises:
        ValueError: `init` is not a name of `TEMPORAL_INITS`.

    >>> inflate_kernel(np.ones((1, 1, 2, 4)), "average").sum(axis=0)[0, 0, 0]
    array([1., 1., 1., 1.])
    """
    return np.stack([tap * kernel for tap in temporal_taps(init)])


def temporal_taps(init: str) -> tuple[float, float, float]:
    """Taps at t-1, t, t+1 of an initialisation by name. Raises ValueError."""
    check_choice("temporal_init", init, TEMPORAL_INITS)
    return TEMPORAL_INITS[init]


def cross_modality_kernel(kernel: np.ndarray, channels: int = 20, how: str = "mean") -> np.ndarray:
    """Adapt the first kernel of an RGB network to flow stacks.

    Args:
        kernel: `(height, width, 3, channels_out)`.
        channels: of the flow stack, 2*L.
        how: `"mean"` gives every channel the mean over R, G, B (VGG-16 of CVPR'16, all of ST-ResNet); `"mirror"` reads
            R, G, B, B, G, R, R, ... (ResNets of CVPR'16). Neither rescales the kernel.

    Returns:
        `(height, width, channels, channels_out)`.

    Raises:
        ValueError: `how` is neither.

    >>> cross_modality_kernel(np.arange(3.0).reshape(1, 1, 3, 1), 8, "mirror").ravel()
    array([0., 1., 2., 2., 1., 0., 0., 1.])
    """
    check_choice("how", how, ("mean", "mirror"))
    if how == "mean":
        return np.repeat(kernel.mean(axis=2, keepdims=True), channels, axis=2)
    padding = max(0, channels - kernel.shape[2])
    return np.pad(kernel, ((0, 0), (0, 0), (0, padding), (0, 0)), mode="symmetric")[:, :, :channels]
