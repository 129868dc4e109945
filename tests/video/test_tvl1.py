from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import cv2
import numba
import numba.core.config
import numpy as np
import pytest
from numpy.typing import NDArray

from actionzoo.puppets import render
from actionzoo.video import tvl1, tvl1_kernels
from actionzoo.video.flow import optical_flow
from actionzoo.video.tvl1 import TVL1, Memory

Image = NDArray[np.float32]


def moved(texture: NDArray[np.uint8], right: float, down: float, size: tuple[int, int]) -> list[NDArray[np.uint8]]:
    """Two windows onto a smooth picture that moves by any number of pixels, exactly: its Fourier series is shifted."""
    picture = cv2.GaussianBlur(cv2.cvtColor(texture, cv2.COLOR_RGB2GRAY), (0, 0), 1.5).astype(np.float64)
    rows, columns = (np.fft.fftfreq(side)[:, None] for side in picture.shape)
    phase = np.exp(-2j * np.pi * (rows * down + columns.T * right))
    shifted = np.fft.ifft2(np.fft.fft2(picture) * phase).real
    window = slice(40, 40 + size[0]), slice(40, 40 + size[1])
    return [np.rint(np.clip(image[window], 0, 255)).astype(np.uint8) for image in (picture, shifted)]


def forward(image: Image) -> tuple[Image, Image]:
    """Differences to the right and downwards, zero across the border."""
    return (
        np.diff(image, axis=1, append=image[:, -1:]),
        np.diff(image, axis=0, append=image[-1:]),
    )


def divergence(px: Image, py: Image) -> Image:
    return np.diff(px, axis=1, prepend=0) + np.diff(py, axis=0, prepend=0)


def bilinear(image: Image, x: Image, y: Image) -> Image:
    height, width = image.shape
    image = np.pad(image, ((0, 1), (0, 1)), mode="edge")
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    tx, ty = x - left, y - top
    upper = (1 - tx) * image[top, left] + tx * image[top, left + 1]
    lower = (1 - tx) * image[top + 1, left] + tx * image[top + 1, left + 1]
    return (1 - ty) * upper + ty * lower


def central(image: Image) -> tuple[Image, Image]:
    padded = np.pad(image, 1, mode="edge")
    return (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2, (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2


def reference(first: NDArray[np.uint8], second: NDArray[np.uint8], settings: TVL1) -> Image:
    """The algorithm on whole arrays, one formula after the other, in double precision."""
    frames = [[first.astype(np.float32)], [second.astype(np.float32)]]
    for scale in range(1, settings.scales):
        height, width = (round(side * settings.scale_step**scale) for side in first.shape)
        if min(height, width) >= 16:
            for pyramid in frames:
                pyramid.append(cv2.resize(pyramid[-1], (width, height), interpolation=cv2.INTER_AREA))
    u = v = None
    for before, after in zip(*(reversed(pyramid) for pyramid in frames), strict=True):
        height, width = before.shape
        if u is None:
            u, v = np.zeros((2, height, width))
            dual = np.zeros((4, height, width))
        else:
            scale = width / u.shape[1], height / u.shape[0]
            u, v = (cv2.resize(part, (width, height)) * factor for part, factor in zip((u, v), scale, strict=True))
            dual = np.stack([cv2.resize(part, (width, height)) for part in dual])
            dual[[0, 2], :, -1] = dual[[1, 3], -1] = 0
        y, x = np.mgrid[:height, :width]
        for warp in range(settings.warps):
            theta = settings.theta * (1 / 6) ** (warp / max(settings.warps - 1, 1))
            warped, gx, gy = (bilinear(image, x + u, y + v) for image in (after, *central(after)))
            inside = (x + u >= 0) & (x + u <= width - 1) & (y + v >= 0) & (y + v <= height - 1)
            square = gx**2 + gy**2
            use = inside & (square > 1e-6)
            constant = warped - gx * u - gy * v - before
            limit = settings.lambda_ * theta
            for _ in range(settings.iterations):
                rho = constant + gx * u + gy * v
                step = np.where(use, np.clip(-rho / np.maximum(square, 1e-6), -limit, limit), 0)
                u = u + step * gx + theta * divergence(dual[0], dual[1])
                v = v + step * gy + theta * divergence(dual[2], dual[3])
                dual += settings.tau / theta * np.stack([*forward(u), *forward(v)])
                dual[:2] /= np.maximum(1, np.hypot(dual[0], dual[1]))
                dual[2:] /= np.maximum(1, np.hypot(dual[2], dual[3]))
            u, v = (cv2.medianBlur(part.astype(np.float32), 3).astype(np.float64) for part in (u, v))
    return np.stack([u, v], axis=-1)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 3), (15, 40), (33, 21), (48, 64), (50, 15)])
def test_it_is_the_algorithm_written_out(texture: NDArray[np.uint8], size: tuple[int, int]) -> None:
    pair = moved(texture, 1.6, -0.7, size)
    settings = TVL1(iterations=7, epsilon=0)
    difference = np.abs(settings.calc(*pair) - reference(*pair, settings))
    assert difference.mean() < 1e-4
    assert np.quantile(difference, 0.99) < 1e-3


def test_every_parameter_has_its_meaning(texture: NDArray[np.uint8]) -> None:
    pair = moved(texture, 1.6, -0.7, (40, 52))
    usual = TVL1(iterations=5, epsilon=0)
    changes = {"tau": 0.1, "lambda_": 0.05, "theta": 0.15, "scales": 1, "scale_step": 0.7, "warps": 1, "iterations": 9}
    for name, value in changes.items():
        settings = TVL1(**{"iterations": 5, "epsilon": 0, name: value})
        found = settings.calc(*pair)
        assert np.abs(found - reference(*pair, settings)).mean() < 1e-4, name
        assert np.abs(found - usual.calc(*pair)).mean() > 1e-3, name


@pytest.mark.parametrize(
    ("right", "down"), [(0.3, 0), (1, 0), (0, -2.5), (-4, 3), (8, 0), (0, 8), (-5.6, -5.6), (4.5, -6.5)]
)
def test_a_translation_is_exact_to_a_twentieth_of_a_pixel(
    texture: NDArray[np.uint8], right: float, down: float
) -> None:
    flow = TVL1().calc(*moved(texture, right, down, (160, 200)))
    assert np.abs(flow[16:-16, 16:-16] - (right, down)).max() < 0.05


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tau", 0),
        ("lambda_", -1),
        ("theta", float("nan")),
        ("scales", 0),
        ("scale_step", 1),
        ("warps", 0),
        ("iterations", 2.5),
        ("epsilon", -0.1),
    ],
)
def test_parameters_that_make_no_sense(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"^{name} is .*, not {value}$"):
        TVL1(**{name: value})


def test_the_oddest_parameters_stay_within_memory() -> None:
    pair = np.random.default_rng(0).integers(0, 256, (2, 40, 52), np.uint8)
    for tau in (1e-6, 1e6):
        for theta in (1e-6, 1e6):
            for lambda_ in (1e-6, 1e6):
                assert TVL1(tau=tau, theta=theta, lambda_=lambda_).calc(*pair).shape == (40, 52, 2)


def test_frames_in_any_order_of_memory(texture: NDArray[np.uint8]) -> None:
    first, second = moved(texture, 1, 0, (40, 30))
    expected = TVL1().calc(first.T.copy(), second.T.copy())
    assert (TVL1().calc(first.T, second.T) == expected).all()


def test_memory_that_was_used_before_changes_nothing(
    texture: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tvl1, "WORTH_SHARING", 0)
    memory = Memory()
    for right, down, size in (
        (3, 1, (60, 52)),
        (-2, 0.5, (60, 52)),
        (0, 0, (60, 52)),
        (1, 1, (41, 70)),
        (1, 1, (5, 1)),
    ):
        pair = moved(texture, right, down, size)
        for threads in (1, 2):
            assert (TVL1(iterations=5).calc(*pair, threads, memory) == TVL1(iterations=5).calc(*pair)).all()


def test_parameters_out_of_range() -> None:
    for name in ("tau", "lambda_", "theta"):
        with pytest.raises(ValueError, match=f"^{name} is from 1e-6 to 1e6"):
            TVL1(**{name: 1e20})


def test_frames_that_are_none() -> None:
    grey = np.zeros((4, 5), np.uint8)
    with pytest.raises(ValueError, match="no pixel"):
        TVL1().calc(grey[:0], grey[:0])
    for first, second in ((grey, grey[:3]), (grey, grey.astype(np.float32)), (np.zeros((4, 5, 3), np.uint8),) * 2):
        with pytest.raises(ValueError, match="uint8 \\(height, width\\)"):
            TVL1().calc(first, second)


def test_larger_motion_takes_more_scales(texture: NDArray[np.uint8]) -> None:
    flow = TVL1(scales=6).calc(*moved(texture, -12, 12, (160, 200)))
    assert np.abs(flow[16:-16, 16:-16] - (-12, 12)).max() < 0.05


def test_a_still_picture_has_no_flow_at_all(texture: NDArray[np.uint8]) -> None:
    frame = texture[:120, :160]
    assert (optical_flow(np.stack([frame, frame, frame]), "tvl1") == 0).all()


def test_the_number_of_threads_changes_nothing(texture: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tvl1, "WORTH_SHARING", 0)
    frames = np.stack([texture[40 - k : 140 - k, 40 - 2 * k : 170 - 2 * k] for k in range(4)])
    alone = optical_flow(frames, "tvl1", workers=1)
    for workers in (2, 3, 8):
        assert (optical_flow(frames, "tvl1", workers=workers) == alone).all()
    for threads in (0, 2, 3, 100):
        pair = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames[:2]]
        assert (TVL1().calc(*pair, threads=threads) == alone[0]).all()


@pytest.mark.parametrize(("height", "iterations"), [(3, 2), (40, 1), (41, 2), (90, 5), (130, 25)])
def test_bands_of_rows_meet_without_a_seam(height: int, iterations: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tvl1, "WORTH_SHARING", 0)
    pair = np.random.default_rng(0).integers(0, 256, (2, height, 37), np.uint8)
    settings = TVL1(iterations=iterations, warps=2)
    alone = settings.calc(*pair)
    for threads in (2, 3, 7, 50):
        assert (settings.calc(*pair, threads=threads) == alone).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 2), (16, 17), (61, 130)])
@pytest.mark.parametrize("levels", [(0, 0), (255, 255), (0, 255), (0, None), (None, 255), (None, None)])
def test_every_picture_has_a_finite_flow(size: tuple[int, int], levels: tuple[int | None, int | None]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2, *size), np.uint8)
    pair = [
        frame if level is None else np.full(size, level, np.uint8) for frame, level in zip(noise, levels, strict=True)
    ]
    flow = TVL1().calc(*pair)
    assert flow.shape == (*size, 2)
    assert np.isfinite(flow).all()
    assert np.abs(flow).max() < 1000


def test_a_large_picture_takes_a_bounded_number_of_bytes_a_pixel() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (3000, 4000), np.uint8)
    quick = TVL1(warps=1, iterations=1)
    tracemalloc.start()
    try:
        flow = quick.calc(frame, np.roll(frame, 1, axis=1), threads=2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.isfinite(flow).all()
    assert peak < 160 * frame.size


def test_a_settled_level_is_left_early(texture: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> None:
    sweeps: list[int] = []
    iterate = tvl1_kernels.iterate
    monkeypatch.setattr(tvl1_kernels, "iterate", lambda *arguments: (sweeps.append(1), iterate(*arguments)))
    still = moved(texture, 0, 0, (120, 160))
    moving = moved(texture, 3, 1, (120, 160))
    for pair, epsilon, expected in ((still, 0.01, 4), (moving, 0, 16), (moving, 100, 4)):
        sweeps.clear()
        TVL1(epsilon=epsilon).calc(*pair)
        assert len(sweeps) == expected  # of 4 levels


def test_it_is_no_further_from_the_truth_than_opencv() -> None:
    clip = render("kick", 0, fps=15, with_flow=True)
    assert clip.flow is not None
    middle = len(clip.flow) // 2
    frames, exact = clip.frames[middle : middle + 2], clip.flow[middle]
    errors = {
        method: np.linalg.norm(optical_flow(frames, method)[0] - exact, axis=-1).mean()
        for method in ("tvl1", "tvl1-opencv")
    }
    assert errors["tvl1"] <= errors["tvl1-opencv"]
    assert errors["tvl1"] < 0.7 * np.linalg.norm(exact, axis=-1).mean()


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="looks for instructions of x86 with AVX")
@pytest.mark.parametrize(("kernel", "operation"), [("iterate", r"sqrt(14)?"), ("linearise", r"sqrt(14)?")])
def test_the_inner_loops_are_vectors(kernel: str, operation: str) -> None:
    function = getattr(tvl1_kernels, kernel).py_func
    signature = getattr(tvl1_kernels, kernel).signatures[0]
    code = numba.njit(signature, fastmath=True, error_model="numpy")(function).inspect_asm(signature)
    assert re.search(operation + r"ps\s.*%[yz]mm", code)


START = (
    "import sys; from actionzoo.video import tvl1_kernels; print(sum(tvl1_kernels.iterate.stats.cache_hits.values()))"
)


def start(**environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", START],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> int:
    """How many kernels came from the disk."""
    out, err = process.communicate(timeout=1800)
    assert (process.returncode, err) == (0, "")
    return int(out)


def test_machine_code_is_kept_for_the_next_start_and_made_again_where_it_is_damaged(tmp_path: Path) -> None:
    both = [start(NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2)]  # two first starts at once
    assert all(finish(process) in (0, 1) for process in both)
    assert finish(start(NUMBA_CACHE_DIR=str(tmp_path))) == 1
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        path.write_bytes(path.read_bytes()[:100])
    assert finish(start(NUMBA_CACHE_DIR=str(tmp_path))) == 0


def test_folders_that_cannot_be_written_are_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = {"NUMBA_CACHE_DIR": str(tmp_path / "file"), "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator"}
    from_disk = finish(start(**nowhere))
    if hasattr(numba.core.config, "CACHE_LOCATOR_CLASSES"):  # older numba looks beside the module as well
        assert from_disk == 0
