"""TV-L1 optical flow (Zach, Pock and Bischof 2007) on a CPU, in real time.

The flow (u, v) from frame I0 to frame I1 minimises the sum over all pixels of |grad u| + |grad v| + lambda |rho|, where
rho = I1(x + u, y + v) - I0 is the change of brightness. As in the paper, and in the description by Sanchez, Meinhardt
and Facciolo (IPOL 2013), I1 is warped and rho linearised several times on each level of a pyramid; each time, steps
that reduce |rho| alternate with steps that reduce the total variation, whose dual variables are p.

Some parts go beyond the paper; `benchmarks/flow.py` measures the result. The dual variables are projected onto the unit
disc (Wedel et al. 2009, section 3.2) instead of being divided by 1 + tau/theta |grad u|, and are kept from level to
level. The coupling theta between the two kinds of step is tightened from warp to warp: loose, to find large motion,
then tight, to suppress noise. A median filter follows every warp (Sun, Roth and Black 2010).

The loops over pixels are in `actionzoo.video.tvl1_kernels`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from actionzoo.video import tvl1_kernels as kernels
from actionzoo.video.tvl1_kernels import LANES, PLANES, PUX, PUY, PVX, PVY, Planes, U, V, zeros

TIGHTENING = 1 / 6
"""Factor on theta at the last warp of a level."""

WORTH_SHARING = 2**17
"""Pixels of a level from which on several threads pay: waking them takes as long as the work on fewer pixels."""

SMALLEST = 16
"""Least pixels on the short side of the coarsest level."""


@dataclass(frozen=True)
class TVL1:
    """TV-L1, with the parameters of OpenCV's `DualTVL1OpticalFlow`.

    They mean the same, except that theta is tightened, and that epsilon ends a level, where OpenCV's ends the
    iterations of a warp.

    Attributes:
        tau: step size of the dual variables.
        lambda_: weight of the brightness term against smoothness, for frames in 0..255.
        theta: coupling between the steps of brightness and of smoothness, at the first warp of a level.
        scales: maximum number of levels of the pyramid; none but the finest has a side below 16 pixels.
        scale_step: size of a level relative to the next finer one.
        warps: maximum number of warps per level.
        iterations: per warp.
        epsilon: a level is finished when a warp changes the flow by less than this, in pixels (root mean square).

    Raises:
        ValueError: a parameter is out of range.

    >>> first = np.random.default_rng(0).integers(0, 256, (60, 80), np.uint8)
    >>> bool((TVL1().calc(first, first) == 0).all())
    True
    """

    tau: float = 0.25
    lambda_: float = 0.15
    theta: float = 0.3
    scales: int = 4
    scale_step: float = 0.6
    warps: int = 4
    iterations: int = 25
    epsilon: float = 0.01

    def __post_init__(self) -> None:
        for name in ("scales", "warps", "iterations"):
            count = getattr(self, name)
            if not isinstance(count, int) or not 1 <= count <= 1000:
                raise ValueError(f"{name} is a whole number from 1 to 1000, not {count}")
        for name in ("tau", "lambda_", "theta"):
            if not 1e-6 <= getattr(self, name) <= 1e6:
                raise ValueError(f"{name} is from 1e-6 to 1e6, not {getattr(self, name)}")
        if not 0 < self.scale_step < 1:
            raise ValueError(f"scale_step is above 0 and below 1, not {self.scale_step}")
        if not self.epsilon >= 0:
            raise ValueError(f"epsilon is at least 0, not {self.epsilon}")

    def calc(
        self, first: NDArray[np.uint8], second: NDArray[np.uint8], threads: int = 1, memory: Memory | None = None
    ) -> NDArray[np.float32]:
        """Compute the flow from one frame to the next.

        Args:
            first: `(height, width)` uint8, grey.
            second: the next frame, of the same shape.
            threads: share the work; the result does not depend on their number.
            memory: reused from pair to pair, about 100 bytes per pixel, or 150 with several threads.

        Returns:
            `(height, width, 2)` float32, in pixels.

        Raises:
            ValueError: the frames are not grey, uint8 and of one size, or have no pixel.
        """
        if first.shape != second.shape or first.ndim != 2 or {first.dtype, second.dtype} != {np.dtype(np.uint8)}:
            raise ValueError(
                "frames must be uint8 (height, width) and of one size, "
                f"not {first.dtype} {first.shape} and {second.dtype} {second.shape}"
            )
        if first.size == 0:
            raise ValueError(f"frames have no pixel: {first.shape}")
        levels = self._pyramid(first, second, memory or Memory())
        coarser: _Level | None = None
        with _Threads(threads) as team:
            while levels:
                level = levels.pop()
                level.start(coarser)
                coarser = level  # frees the one before, and the memory of its bands, which may be too small now
                self._solve(level, team)
        return np.asarray(cv2.merge(level.flow), np.float32)

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """The (height, width) of every level, the finest first, for frames of this size in pixels.

        >>> TVL1().sizes(256, 340)
        [(256, 340), (154, 204), (92, 122), (55, 73)]
        """
        scales = (self.scale_step**level for level in range(self.scales))
        sizes = [(round(height * scale), round(width * scale)) for scale in scales]
        return sizes[:1] + [size for size in sizes[1:] if min(size) >= SMALLEST]

    def _pyramid(self, first: NDArray[np.uint8], second: NDArray[np.uint8], memory: Memory) -> list[_Level]:
        """The levels with their frames, the finest first."""
        levels = [_Level(*size, place, memory) for place, size in enumerate(self.sizes(*first.shape))]
        levels[0].show(first, second)
        for finer, coarser in pairwise(levels):
            coarser.show(finer.first, finer.second)
        return levels

    def _solve(self, level: _Level, team: _Threads) -> None:
        """Minimise on one level, from the flow it was started with."""
        for warp in range(self.warps):
            theta = self.theta * TIGHTENING ** (warp / max(self.warps - 1, 1))
            level.linearise(self.lambda_ * theta, team)
            level.iterate(self.iterations, theta, self.tau / theta, team)
            if level.filter_flow() < self.epsilon**2 * level.first.size:
                break


class Memory:
    """Arrays that are reused from pair to pair, for one caller at a time.

    Newly allocated memory costs more time than all the work in it before the first iteration.
    """

    def __init__(self) -> None:
        self._arrays: dict[str, Planes] = {}

    def take(self, name: str, *shape: int) -> Planes:
        """An uninitialised array of this shape, in the memory of that name."""
        count = math.prod(shape)
        if name not in self._arrays or self._arrays[name].size < count:
            self._arrays[name] = zeros(count)
        return self._arrays[name][:count].reshape(shape)


class _Threads(ThreadPoolExecutor):
    """The threads that work on one pair: the caller's, and others."""

    def __init__(self, threads: int) -> None:
        self.threads = max(1, threads)
        super().__init__(max(1, threads - 1), thread_name_prefix="tvl1")  # starts none before it is needed

    def run(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Run the tasks, at most one per thread, the first one in the caller's."""
        waiting = [self.submit(task) for task in tasks[1:]]
        tasks[0]()
        for other in waiting:
            other.result()


class _Level:
    """One level of the pyramid: two frames, the flow and the dual variables, and the data term."""

    def __init__(self, height: int, width: int, place: int, memory: Memory) -> None:
        """`place` is 0 for the finest. A level needs only the one before it, so that the others share memory."""
        padded = -(-(width + 1) // LANES) * LANES
        self.first = memory.take(f"first {place}", height, width)
        self.second = memory.take(f"second {place}", height, width)
        self.samples = memory.take("samples", height + 1, width + 1, 4)
        self.state = memory.take(f"state {place % 2}", height + 1, PLANES, LANES + padded + LANES)
        self.data = memory.take("data", height, 4, padded)
        self.flow = memory.take("flow", 2, height, width)
        self.before = memory.take("flow before", 2, height, width)
        self.done = self.state  # of the bands, once there are several
        self.bands: list[_Band] = []
        self._memory = memory

    def show(self, first: NDArray[np.uint8] | Planes, second: NDArray[np.uint8] | Planes) -> None:
        """Take the frames from the video, or from the next finer level."""
        for own, given in ((self.first, first), (self.second, second)):
            if own.shape == given.shape:
                np.copyto(own, given)
            else:
                _resize(given, own, cv2.INTER_AREA)

    def start(self, coarser: _Level | None) -> None:
        """Start from the flow and the dual variables of the next coarser level, or from zero if there is none."""
        height, width = self.first.shape
        kernels.sample(self.second, self.samples)
        self.state[:] = 0
        self.data[:, :, width:] = 0
        if coarser is not None:
            for plane in (U, V, PUX, PUY, PVX, PVY):
                _resize(coarser.plane(plane), self.plane(plane), cv2.INTER_LINEAR)
            self.plane(U)[:] *= np.float32(width / coarser.first.shape[1])
            self.plane(V)[:] *= np.float32(height / coarser.first.shape[0])
            self.state[:, (PUX, PVX), LANES + width - 1] = 0
            self.state[height, (PUY, PVY)] = 0
        for plane, part in zip((U, V), self.flow, strict=True):
            np.copyto(part, self.plane(plane))

    def plane(self, plane: int) -> Planes:
        """A view of one plane of the state, without its borders."""
        return self.state[1:, plane, LANES : LANES + self.first.shape[1]]

    def linearise(self, step: float, team: _Threads) -> None:
        """Warp the second frame by the flow, and linearise the data term there."""
        arguments = self.first, self.samples, self.state, self.data, np.float32(step)
        threads = team.threads if self.first.size >= WORTH_SHARING else 1
        rows = np.linspace(0, len(self.first), threads + 1).astype(int)
        team.run([partial(kernels.linearise, *arguments, top, bottom) for top, bottom in pairwise(rows)])

    def iterate(self, iterations: int, theta: float, ratio: float, team: _Threads) -> None:
        """All iterations of a warp.

        Each of several threads works on a band of rows and, redundantly, on as many rows around it as there are
        iterations: what is wrong beyond those does not reach the band.
        """
        height, width = self.first.shape
        steps = width, iterations, np.float32(theta), np.float32(ratio)
        threads = min(team.threads, height // (2 * iterations)) if self.first.size >= WORTH_SHARING else 1
        if threads < 2:
            kernels.iterate(self.state, self.data, *steps)
            return
        if not self.bands:
            self.bands = self._bands(threads, iterations + 1)
            self.done = self._memory.take("done", *self.state.shape)
            self.done[0] = 0
        team.run([partial(self._iterate_band, band, *steps) for band in self.bands])
        self.state, self.done = self.done, self.state

    def _bands(self, count: int, around: int) -> list[_Band]:
        """The rows in `count` bands, each with room for `around` rows above and below."""
        height = len(self.first)
        bands: list[_Band] = []
        for top, bottom in pairwise(np.linspace(0, height, count + 1).astype(int).tolist()):
            first, last = max(0, top - around), min(height, bottom + around)
            state = self._memory.take(f"band {len(bands)}", last - first + 1, *self.state.shape[1:])
            bands.append(_Band(top, bottom, first, last, state))
        return bands

    def _iterate_band(self, band: _Band, width: int, iterations: int, theta: np.float32, ratio: np.float32) -> None:
        """All iterations of a band; writes to the state `done`."""
        np.copyto(band.state, self.state[band.first : band.last + 1])
        kernels.iterate(band.state, self.data[band.first : band.last], width, iterations, theta, ratio)
        top, bottom = band.top + 1, band.bottom + 1
        self.done[top:bottom] = band.state[top - band.first : bottom - band.first]

    def filter_flow(self) -> float:
        """Filter u and v by a 3x3 median; returns the sum of squares of their change since the last warp."""
        self.flow, self.before = self.before, self.flow
        moved = 0.0
        for plane, part, before in zip((U, V), self.flow, self.before, strict=True):
            cv2.medianBlur(self.plane(plane), 3, dst=part)
            np.copyto(self.plane(plane), part)
            moved += cv2.norm(part, before, cv2.NORM_L2SQR)
        return moved


@dataclass(frozen=True)
class _Band:
    """Rows `top` to `bottom`, and the state of rows `first` to `last` around them."""

    top: int
    bottom: int
    first: int
    last: int
    state: Planes


def _resize(source: NDArray[np.uint8] | Planes, target: Planes, interpolation: int) -> None:
    """Fill `target`, which may be a view, with `source` resized."""
    height, width = target.shape
    cv2.resize(source, (width, height), dst=target, interpolation=interpolation)
