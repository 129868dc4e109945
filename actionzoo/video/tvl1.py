"""TV-L1 optical flow (Zach, Pock and Bischof 2007) on a CPU, in real time.

The flow (u, v) from frame I0 to frame I1 minimises the sum over all pixels of |grad u| + |grad v| + lambda |rho|, where
rho = I1(x + u, y + v) - I0 is the change of brightness. As in the paper, and in the description by Sanchez, Meinhardt
and Facciolo (IPOL 2013), I1 is warped and rho made linear several times on each level of a pyramid; each time, steps
that pull the flow to where rho vanishes alternate with steps of total variation, whose dual variables are p.

Some things go beyond the paper; `benchmarks/flow.py` measures what comes out. The dual variables are projected onto
the unit disc (Wedel et al. 2009, section 3.2) instead of being divided by 1 + tau/theta |grad u|, and are kept from
level to level. The tie theta between the two kinds of step is tightened from warp to warp: loose, so that large motion
is found, then tight, so that little is left of noise. After every warp, a median filter (Sun, Roth and Black 2010).

The work is in a few loops, compiled by numba. `_iterate`, where most of it is, does all iterations of a warp in one
sweep over the rows: iteration k follows one row behind iteration k - 1, so that a row is loaded into the cache once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TypeVar

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["TVL1"]

Planes = NDArray[np.float32]
"""One number a pixel, `(height, width)`, or several."""

LANES = 16
"""Rows are padded to a multiple of this, the widest vector of today's processors, so that no remainder is left."""

TIGHTENING = 1 / 6
"""What is left of theta at the last warp of a level."""

SMALLEST = 16
"""Pixels on the short side of the coarsest level, at least."""

# Planes of the state `(height + 1, 6, width + 2 and padding)`: the flow, and the dual variables of each of its two
# parts. Pixel (y, x) is at [y + 1, :, x + 1]; row 0 and column 0 are borders, where the dual variables are zero.
U, V, PUX, PUY, PVX, PVY = range(6)

# Planes of the linearised data term `(height, 4, width and padding)`: rho = |g| (REST + NX u + NY v), where g is the
# gradient of the warped frame and (NX, NY) its direction; LIMIT is the longest step, lambda theta |g|.
NX, NY, REST, LIMIT = range(4)

_KernelT = TypeVar("_KernelT", bound=Callable[..., None])


def _compiled(signature: str) -> Callable[[_KernelT], _KernelT]:
    """Compile now, for these types, and keep the machine code on disk for the next start where that is possible.

    Numba keeps it beside this file, else in the user's cache folder, for this processor and this source. If neither
    can be written, or what is there is damaged, the code is compiled again and lives as long as the process.
    """

    def compile_kernel(kernel: _KernelT) -> _KernelT:
        options = {"fastmath": True, "nogil": True, "error_model": "numpy"}
        try:
            compiled: _KernelT = numba.njit(signature, cache=True, **options)(kernel)
        except Exception:
            compiled = numba.njit(signature, **options)(kernel)
        return compiled

    return compile_kernel


@_compiled("void(f4[:,::1], f4[:,:,::1])")
def _sample(frame: Planes, samples: Planes) -> None:
    """The frame and its central differences, `(height + 1, width + 1, 3)`: the last row and column are there twice."""
    height, width = frame.shape
    half = np.float32(0.5)
    for y in range(height):
        above, row, below = frame[max(y - 1, 0)], frame[y], frame[min(y + 1, height - 1)]
        for x in range(width):
            samples[y, x, 0] = row[x]
            samples[y, x, 1] = half * (row[min(x + 1, width - 1)] - row[max(x - 1, 0)])
            samples[y, x, 2] = half * (below[x] - above[x])
        samples[y, width] = samples[y, width - 1]
    samples[height] = samples[height - 1]


@_compiled("void(f4[:,::1], f4[:,:,::1], f4[:,:,::1], f4[:,:,::1], f4, i8, i8)")
def _linearise(
    first: Planes, samples: Planes, state: Planes, data: Planes, step: np.float32, top: int, bottom: int
) -> None:
    """The data term around the flow in `state`, of rows top to bottom. `step` is lambda theta.

    It is zero, and total variation alone decides, where the flow leaves the frame or brightness does not vary.
    """
    height, width = first.shape
    flat = samples.reshape(-1)
    pitch = 3 * samples.shape[1]
    warped = np.empty((3, width), np.float32)
    zero, one, least = np.float32(0), np.float32(1), np.float32(1e-6)
    right, low = np.float32(width - 1), np.float32(height - 1)
    for y in range(top, bottom):
        for x in range(width):
            px = min(max(np.float32(x) + state[y + 1, U, x + 1], zero), right)
            py = min(max(np.float32(y) + state[y + 1, V, x + 1], zero), low)
            left = min(max(np.int32(px), 0), width - 1)  # an index also where the flow is no number
            above = min(max(np.int32(py), 0), height - 1)
            tx, ty = px - np.float32(left), py - np.float32(above)
            upper = np.intp(above) * pitch + 3 * np.intp(left)
            lower = upper + pitch
            w11 = tx * ty
            w10, w01 = ty - w11, tx - w11
            w00 = one - tx - w10
            for c in range(3):
                warped[c, x] = (
                    w00 * flat[upper + c]
                    + w01 * flat[upper + 3 + c]
                    + w10 * flat[lower + c]
                    + w11 * flat[lower + 3 + c]
                )
        for x in range(width):
            u, v = state[y + 1, U, x + 1], state[y + 1, V, x + 1]
            gx, gy = warped[1, x], warped[2, x]
            px, py = np.float32(x) + u, np.float32(y) + v
            inside = min(min(px, right - px), min(py, low - py)) >= zero
            square = gx * gx + gy * gy
            length = math.sqrt(max(square, least))
            inverse = one / length if inside & (square > least) else zero
            data[y, NX, x] = gx * inverse
            data[y, NY, x] = gy * inverse
            data[y, REST, x] = (warped[0, x] - first[y, x] - gx * u - gy * v) * inverse
            data[y, LIMIT, x] = step * length if inverse > zero else zero


@_compiled("void(f4[:,:,::1], i8, i8, i8, i8, i8, f4)")
def _ascend(state: Planes, row: int, below: int, part: int, px: int, py: int, ratio: np.float32) -> None:
    """A row of the dual variables (px, py) of u or v: a step along its gradient, and onto the unit disc."""
    one = np.float32(1)
    for i in range(1, state.shape[2] - 1):
        here = state[row, part, i]
        p = state[row, px, i] + ratio * (state[row, part, i + 1] - here)
        q = state[row, py, i] + ratio * (state[below, part, i] - here)
        shrink = one / math.sqrt(max(p * p + q * q, one))
        state[row, px, i] = p * shrink
        state[row, py, i] = q * shrink


@_compiled("void(f4[:,:,::1], f4[:,:,::1], i8, i8, f4, f4)")
def _iterate(state: Planes, data: Planes, width: int, iterations: int, theta: np.float32, ratio: np.float32) -> None:
    """All iterations in one sweep: at each step, iteration k does row `step - k`. `ratio` is tau / theta.

    With a row of u and v come the dual variables of the row above, which need both. The border right of the frame
    repeats its last column, so that there is no gradient across; nor is there one across the last row.
    """
    height, padded = data.shape[0], data.shape[2]
    for step in range(height + iterations):
        for k in range(max(0, step - height), min(iterations, step + 1)):
            above = step - k
            row = min(above + 1, height)
            if above < height:
                for x in range(padded):
                    i = x + 1
                    u, v = state[row, U, i], state[row, V, i]
                    nx, ny, limit = data[above, NX, x], data[above, NY, x], data[above, LIMIT, x]
                    move = min(max(data[above, REST, x] + nx * u + ny * v, -limit), limit)
                    div_u = state[row, PUX, i] - state[row, PUX, x] + (state[row, PUY, i] - state[above, PUY, i])
                    div_v = state[row, PVX, i] - state[row, PVX, x] + (state[row, PVY, i] - state[above, PVY, i])
                    state[row, U, i] = u - move * nx + theta * div_u
                    state[row, V, i] = v - move * ny + theta * div_v
                state[row, U, width + 1] = state[row, U, width]
                state[row, V, width + 1] = state[row, V, width]
            if above > 0:
                _ascend(state, above, row, U, PUX, PUY, ratio)
                _ascend(state, above, row, V, PVX, PVY, ratio)


@dataclass(frozen=True)
class TVL1:
    """TV-L1 with parameters that are named as those of OpenCV's `DualTVL1OpticalFlow`.

    tau, lambda, scales, their step, warps and iterations mean the same; theta is tightened, and epsilon ends a level
    where OpenCV's ends the iterations of a warp.

    Attributes:
        tau: step of the dual variables.
        lambda_: weight of brightness against smoothness, for frames in 0..255.
        theta: tie between the steps of brightness and of smoothness, at the first warp of a level.
        scales: levels of the pyramid, at most; none but the finest has a side below 16 pixels.
        scale_step: size of a level over that of the next finer one.
        warps: how often a level's frame is warped, at most.
        iterations: between two warps.
        epsilon: a level is done when a warp moves the flow by less than this, in pixels (root mean square).

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

    def calc(self, first: NDArray[np.uint8], second: NDArray[np.uint8], threads: int = 1) -> NDArray[np.float32]:
        """The flow `(height, width, 2)`, in pixels, from one grey frame `(height, width)` to the next.

        `threads` share the work; the result does not depend on their number. Takes about 100 bytes a pixel, or 150 with
        several threads. Raises ValueError for frames that are not grey, uint8 and of one size, or have no pixel.
        """
        if first.shape != second.shape or first.ndim != 2 or {first.dtype, second.dtype} != {np.dtype(np.uint8)}:
            raise ValueError(
                "frames must be uint8 (height, width) and of one size, "
                f"not {first.dtype} {first.shape} and {second.dtype} {second.shape}"
            )
        if first.size == 0:
            raise ValueError(f"frames have no pixel: {first.shape}")
        flow: list[Planes] = []
        dual: list[Planes] = []
        with _Crew(threads) as crew:
            for frames in reversed(list(zip(self._pyramid(first), self._pyramid(second), strict=True))):
                level = _Level(*frames, flow, dual)
                flow = self._solve(level, crew)
                dual = level.dual()
        return np.asarray(cv2.merge(flow), np.float32)

    def sizes(self, height: int, width: int) -> list[tuple[int, int]]:
        """The (height, width) of every level for frames of this size, the finest first.

        >>> TVL1().sizes(256, 340)
        [(256, 340), (154, 204), (92, 122), (55, 73)]
        """
        scales = (self.scale_step**level for level in range(self.scales))
        sizes = [(round(height * scale), round(width * scale)) for scale in scales]
        return sizes[:1] + [size for size in sizes[1:] if min(size) >= SMALLEST]

    def _pyramid(self, frame: NDArray[np.uint8]) -> list[Planes]:
        """The frame at every scale, the finest first."""
        levels = [frame.astype(np.float32, order="C")]
        for size in self.sizes(*frame.shape)[1:]:
            levels.append(_resized(levels[-1], size, cv2.INTER_AREA))
        return levels

    def _solve(self, level: _Level, crew: _Crew) -> list[Planes]:
        """The flow of a level, u and v."""
        flow = level.flow()
        for warp in range(self.warps):
            theta = self.theta * TIGHTENING ** (warp / max(self.warps - 1, 1))
            level.linearise(self.lambda_ * theta, crew)
            level.iterate(self.iterations, theta, self.tau / theta, crew)
            before, flow = flow, level.filter_flow()
            moved = sum(cv2.norm(new, old, cv2.NORM_L2SQR) for new, old in zip(flow, before, strict=True))
            if moved < self.epsilon**2 * level.first.size:
                break
        return flow


class _Crew:
    """The threads that work on one pair together: the caller's, and some more."""

    def __init__(self, threads: int) -> None:
        self.threads = max(1, threads)
        self._others = ThreadPoolExecutor(threads - 1, thread_name_prefix="tvl1") if threads > 1 else None

    def __enter__(self) -> _Crew:
        return self

    def __exit__(self, *error: object) -> None:
        if self._others is not None:
            self._others.shutdown()

    def run(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Do all of the tasks, at most one a thread, the first one in the caller's."""
        waiting = [self._others.submit(task) for task in tasks[1:]] if self._others is not None else []
        tasks[0]()
        for other in waiting:
            other.result()


class _Level:
    """One level of the pyramid: two frames, the flow and the dual variables, and the data term."""

    def __init__(self, first: Planes, second: Planes, flow: list[Planes], dual: list[Planes]) -> None:
        """Start from the flow and the dual variables of the next coarser level, or from zero where there is none."""
        height, self.width = first.shape
        padded = -(-(self.width + 1) // LANES) * LANES
        self.first = first
        self.samples = np.empty((height + 1, self.width + 1, 3), np.float32)
        self.state = np.zeros((height + 1, 6, padded + 2), np.float32)
        self.data = np.zeros((height, 4, padded), np.float32)
        self.done = self.state  # of the bands, once there are several
        self.bands: list[_Band] = []
        _sample(second, self.samples)
        for plane, coarse in enumerate((*flow, *dual)):
            self._plane(plane)[:] = _resized(coarse, first.shape, cv2.INTER_LINEAR)
        for plane, side in ((U, 1), (V, 0)) if flow else ():
            self._plane(plane)[:] *= np.float32(first.shape[side] / flow[0].shape[side])
        self.state[:, (PUX, PVX), self.width] = 0
        self.state[height, (PUY, PVY)] = 0

    def _plane(self, plane: int) -> Planes:
        """A view of one plane of the state, without its borders."""
        return self.state[1:, plane, 1 : self.width + 1]

    def flow(self) -> list[Planes]:
        """A copy of u and v."""
        return [self._plane(plane).copy() for plane in (U, V)]

    def dual(self) -> list[Planes]:
        """The dual variables."""
        return [self._plane(plane) for plane in (PUX, PUY, PVX, PVY)]

    def linearise(self, step: float, crew: _Crew) -> None:
        """Warp the second frame by the flow, and make the data term linear there."""
        arguments = self.first, self.samples, self.state, self.data, np.float32(step)
        rows = np.linspace(0, len(self.first), crew.threads + 1).astype(int)
        crew.run([partial(_linearise, *arguments, top, bottom) for top, bottom in pairwise(rows)])

    def iterate(self, iterations: int, theta: float, ratio: float, crew: _Crew) -> None:
        """All iterations of a warp.

        Several threads do a band of rows each, and once more the rows around it, as many as the iterations: so far does
        it reach that the rows beyond stand still.
        """
        height = len(self.first)
        steps = iterations, np.float32(theta), np.float32(ratio)
        threads = min(crew.threads, height // (2 * iterations))
        if threads < 2:
            _iterate(self.state, self.data, self.width, *steps)
            return
        if not self.bands:
            self.bands = _bands(self.state, threads, iterations + 1)
            self.done = np.zeros_like(self.state)
        crew.run([partial(self._iterate_band, band, *steps) for band in self.bands])
        self.state, self.done = self.done, self.state

    def _iterate_band(self, band: _Band, iterations: int, theta: np.float32, ratio: np.float32) -> None:
        """All iterations of a band, into the state `done`."""
        np.copyto(band.state, self.state[band.first : band.last + 1])
        _iterate(band.state, self.data[band.first : band.last], self.width, iterations, theta, ratio)
        top, bottom = band.top + 1, band.bottom + 1
        self.done[top:bottom] = band.state[top - band.first : bottom - band.first]

    def filter_flow(self) -> list[Planes]:
        """Put u and v through a median filter of 3x3 pixels, here and in the copies that are returned."""
        flow = [np.asarray(cv2.medianBlur(self._plane(plane), 3), np.float32) for plane in (U, V)]
        for plane, part in zip((U, V), flow, strict=True):
            self._plane(plane)[:] = part
        return flow


@dataclass(frozen=True)
class _Band:
    """Rows top to bottom, and the state of rows first to last, among which they lie."""

    top: int
    bottom: int
    first: int
    last: int
    state: Planes


def _bands(state: Planes, count: int, around: int) -> list[_Band]:
    """The rows of a state in so many bands, each with room for so many rows above and below."""
    height = len(state) - 1
    bands = []
    for top, bottom in pairwise(np.linspace(0, height, count + 1).astype(int).tolist()):
        first, last = max(0, top - around), min(height, bottom + around)
        bands.append(_Band(top, bottom, first, last, np.empty((last - first + 1, *state.shape[1:]), np.float32)))
    return bands


def _resized(plane: Planes, shape: tuple[int, ...], interpolation: int) -> Planes:
    return np.asarray(cv2.resize(plane, (shape[1], shape[0]), interpolation=interpolation), np.float32)
