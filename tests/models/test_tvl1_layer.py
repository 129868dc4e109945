"""The batched TV-L1 is that of `actionzoo.video.tvl1`, on every backend."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from actionzoo.models.tvl1_layer import BatchedTVL1, TVL1Flow
from actionzoo.puppets import render
from actionzoo.video.tvl1 import TVL1

EXACT = TVL1(epsilon=0)
CODE = """
import sys
import numpy as np
from actionzoo.models.tvl1_layer import BatchedTVL1
given = np.load(sys.argv[1])
np.save(sys.argv[2], BatchedTVL1(batch=5)(given["first"], given["second"]))
"""

Frames = NDArray[np.uint8]


@pytest.fixture(scope="module")
def pairs() -> tuple[Frames, Frames]:
    """Five pairs `(5, 64, 96)`: two of a texture that moves, two of a puppet that kicks, one of a still picture."""
    noise = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (100, 120)).astype(np.float32), (0, 0), 2)
    texture = np.clip((noise - 128) * 4 + 128, 0, 255).astype(np.uint8)
    moving = [texture[20 - k : 84 - k, 20 - 2 * k : 116 - 2 * k] for k in range(3)]
    clip = render("kick", 0, fps=15, height=128).frames
    middle = len(clip) // 2
    puppet = [
        cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), (96, 64), interpolation=cv2.INTER_AREA)
        for frame in clip[middle : middle + 3]
    ]
    return np.stack([*moving[:2], *puppet[:2], texture[:64, :96]]), np.stack(
        [*moving[1:], *puppet[1:], texture[:64, :96]]
    )


@pytest.fixture(scope="module")
def flow(pairs: tuple[Frames, Frames]) -> NDArray[np.float32]:
    return BatchedTVL1(batch=5)(*pairs)


def one_by_one(pairs: tuple[Frames, Frames], settings: TVL1 = EXACT) -> NDArray[np.float32]:
    return np.stack([settings.calc(*pair) for pair in zip(*pairs, strict=True)])


def of_layer(settings: TVL1) -> dict[str, float]:
    """The layer has all of them but one."""
    return {name: value for name, value in asdict(settings).items() if name != "epsilon"}


def assert_same(flow: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
    """Up to rounding, which a pixel here and there amplifies."""
    assert flow.shape == expected.shape
    assert flow.dtype == np.float32
    difference = np.abs(flow - expected)
    assert difference.mean() < 1e-3
    assert np.quantile(difference, 0.999) < 0.02


def test_flow_is_that_of_one_pair_after_the_other(pairs: tuple[Frames, Frames], flow: NDArray[np.float32]) -> None:
    expected = one_by_one(pairs)
    assert (np.abs(expected[:4]).max(axis=(1, 2, 3)) > 1).all(), "nothing moves"
    for found, wanted in zip(flow, expected, strict=True):
        assert_same(found, wanted)


def test_of_a_still_picture_it_is_zero(flow: NDArray[np.float32]) -> None:
    assert (flow[4] == 0).all()


@pytest.mark.parametrize("batch", [2, 8])
def test_batches_with_a_remainder_give_what_one_gives(
    pairs: tuple[Frames, Frames], flow: NDArray[np.float32], batch: int
) -> None:
    assert_same(BatchedTVL1(batch=batch)(*pairs), flow)


@pytest.mark.parametrize(
    "settings",
    [
        TVL1(scales=1, warps=1, iterations=7, epsilon=0),
        TVL1(tau=0.2, lambda_=0.1, theta=0.2, scales=9, scale_step=0.8, warps=3, iterations=10, epsilon=0),
    ],
    ids=["coarse", "different"],
)
def test_settings_count(pairs: tuple[Frames, Frames], flow: NDArray[np.float32], settings: TVL1) -> None:
    found = BatchedTVL1(5, **of_layer(settings))(*pairs)
    assert_same(found, one_by_one(pairs, settings))
    assert np.abs(found - flow).mean() > 0.01


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 40), (15, 40), (33, 17), (16, 300)])
def test_any_size_black_white_and_noise(size: tuple[int, int]) -> None:
    black, white = np.zeros(size, np.uint8), np.full(size, 255, np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (2, *size), np.uint8)
    pairs = np.stack([black, white, black, noise[0], noise[0]]), np.stack([white, black, black, noise[1], white])
    found = BatchedTVL1()(*pairs)
    assert np.isfinite(found).all()
    assert_same(found, one_by_one(pairs))


def test_no_pairs_have_no_flow() -> None:
    none = np.zeros((0, 30, 40), np.uint8)
    assert BatchedTVL1(batch=5)(none, none).shape == (0, 30, 40, 2)


def test_frames_that_do_not_fit_are_refused() -> None:
    frames = np.zeros((2, 30, 40), np.uint8)
    with pytest.raises(ValueError, match="at least 1"):
        BatchedTVL1(warps=0)
    for others in (frames[:1], frames[:, :20], frames.astype(np.float32), frames[0]):
        with pytest.raises(ValueError, match="one shape"):
            BatchedTVL1(batch=5)(frames, others)


def test_the_layer_comes_back_from_its_configuration() -> None:
    layer = TVL1Flow(scales=2, warps=3)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert isinstance(again, TVL1Flow)
    assert (again.get_config(), again.compute_dtype) == (layer.get_config(), "float32")
    assert of_layer(TVL1(scales=2, warps=3)).items() <= again.get_config().items()  # with the same defaults


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_give_the_same(pairs: tuple[Frames, Frames], backend: str, tmp_path: Path) -> None:
    pytest.importorskip(backend)
    np.savez(tmp_path / "pairs.npz", first=pairs[0], second=pairs[1])
    environment = os.environ | {"KERAS_BACKEND": backend, "PYTHONWARNINGS": "ignore", "JAX_PLATFORMS": "cpu"}
    environment["OMP_NUM_THREADS"] = "1"
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # compiling takes longer than computing here
    command = [sys.executable, "-c", CODE, tmp_path / "pairs.npz", tmp_path / "flow.npy"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "flow.npy")
    assert_same(found, one_by_one(pairs))
    assert (found[4] == 0).all()
