"""The loops of TV-L1 over pixels, compiled by numba, and the memory layout of their arrays.

`iterate`, which takes most of the time, does all iterations of a warp in one sweep over the rows: iteration k follows
one row behind iteration k - 1, so that a row is loaded into the cache once. It is vectorised explicitly: LLVM's
automatic vectorisation checks before every row that no two of the ten planes overlap, which took up to half of the
time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.cgutils import get_or_insert_function
from numba.extending import intrinsic
from numpy.typing import NDArray

Planes = NDArray[np.float32]
"""One number per pixel, `(height, width)`, or several."""

LANES = 16
"""Numbers in the widest vector of today's processors. Rows are padded to a multiple of it, so that there is no
remainder loop, and by one vector on either side, so that the first pixel is aligned."""

# Planes of the state `(height + 1, 6, width and padding)`: the flow, and the dual variables of each of its two parts.
# Pixel (y, x) is at [y + 1, :, x + LANES]; row 0 and the columns before the first pixel are borders, where the dual
# variables are zero.
PLANES = 6
U, V, PUX, PUY, PVX, PVY = range(PLANES)

# Planes of the linearised data term `(height, 4, width and padding)`: rho = |g| (REST + NX u + NY v), where g is the
# gradient of the warped frame and (NX, NY) its direction; LIMIT is the longest step, lambda theta |g|.
NX, NY, REST, LIMIT = range(4)

_KernelT = TypeVar("_KernelT", bound=Callable[..., None])


def zeros(*shape: int) -> Planes:
    """Zeros aligned to a cache line, unlike numpy's: a vector across two lines costs twice as much.

    >>> zeros(3, 5).ctypes.data % 64
    0
    """
    line = LANES * np.dtype(np.float32).itemsize
    memory = np.zeros(math.prod(shape) + LANES, np.float32)
    start = -memory.ctypes.data % line // memory.itemsize
    return memory[start : start + math.prod(shape)].reshape(shape)


def _compiled(signature: str) -> Callable[[_KernelT], _KernelT]:
    """Compile for these types at import, and cache the machine code on disk if possible.

    Numba caches it beside this file or in the user's cache folder, for this processor and this source. If neither can
    be written, or the cache is damaged, the code is compiled anew in every process.
    """

    def compile_kernel(kernel: _KernelT) -> _KernelT:
        options = {"fastmath": True, "nogil": True, "error_model": "numpy"}
        try:
            compiled: _KernelT = numba.njit(signature, cache=True, **options)(kernel)
        except Exception:
            compiled = numba.njit(signature, **options)(kernel)
        return compiled

    return compile_kernel


class _Vector:
    """A vector of numbers in the code of an intrinsic, with arithmetic operators."""

    def __init__(self, builder: Any, value: Any) -> None:
        self._builder, self._value = builder, value

    def __add__(self, other: _Vector) -> _Vector:
        return _Vector(self._builder, self._builder.fadd(self._value, other._value, flags=["fast"]))

    def __sub__(self, other: _Vector) -> _Vector:
        return _Vector(self._builder, self._builder.fsub(self._value, other._value, flags=["fast"]))

    def __mul__(self, other: _Vector) -> _Vector:
        return _Vector(self._builder, self._builder.fmul(self._value, other._value, flags=["fast"]))

    def __truediv__(self, other: _Vector) -> _Vector:
        return _Vector(self._builder, self._builder.fdiv(self._value, other._value, flags=["fast"]))

    def __neg__(self) -> _Vector:
        return _Vector(self._builder, self._builder.fneg(self._value))

    def __getitem__(self, place: int) -> Any:
        return self._builder.extract_element(self._value, ir.IntType(32)(place))

    def at_most(self, other: _Vector) -> _Vector:
        return self._where("<", other)

    def at_least(self, other: _Vector) -> _Vector:
        return self._where(">", other)

    def root(self) -> _Vector:
        kind = self._value.type
        function = ir.FunctionType(kind, [kind])
        root = get_or_insert_function(self._builder.module, function, f"llvm.sqrt.v{kind.count}f32")
        return _Vector(self._builder, self._builder.call(root, [self._value], fastmath=["fast"]))

    def _where(self, comparison: str, other: _Vector) -> _Vector:
        chosen = self._builder.fcmp_ordered(comparison, self._value, other._value, flags=["fast"])
        return _Vector(self._builder, self._builder.select(chosen, self._value, other._value))


class _Numbers:
    """A flat array that is passed to an intrinsic, read and written vector by vector."""

    def __init__(self, context: Any, builder: Any, kind: Any, array: Any, lanes: int = LANES) -> None:
        self._builder = builder
        self._first = context.make_array(kind)(context, builder, array).data
        self._vector = ir.VectorType(ir.FloatType(), lanes)

    def index(self, start: Any, pitch: Any, plane: int, shift: int = 0) -> Any:
        """`start + plane * pitch + shift`."""
        place = self._builder.add(start, self._builder.mul(pitch, pitch.type(plane)))
        return self._builder.add(place, place.type(shift))

    def load(self, index: Any) -> _Vector:
        return _Vector(self._builder, self._builder.load(self._pointer(index), align=4))

    def store(self, index: Any, vector: _Vector) -> None:
        self._builder.store(vector._value, self._pointer(index), align=4)

    def spread(self, number: Any) -> _Vector:
        """A vector of the same number in every place."""
        one = self._builder.insert_element(ir.Constant(self._vector, ir.Undefined), number, ir.IntType(32)(0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), self._vector.count), [0] * self._vector.count)
        return _Vector(self._builder, self._builder.shuffle_vector(one, one, everywhere))

    def _pointer(self, index: Any) -> Any:
        return self._builder.bitcast(self._builder.gep(self._first, [index]), self._vector.as_pointer())


@_compiled("void(f4[:,::1], f4[:,:,::1])")
def sample(frame: Planes, samples: Planes) -> None:
    """The frame and its central differences, `(height + 1, width + 1, 4)`, with the last row and column repeated.

    The fourth number is not set: four are loaded at once.
    """
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


@intrinsic  # type: ignore[untyped-decorator]
def _between(_: Any, samples: Any, index: Any, pitch: Any, tx: Any, ty: Any) -> Any:
    """The first three of four numbers a pixel, between the pixel at `index` and those to its right and below.

    LLVM's automatic vectorisation gathers each number from 16 pixels at once, which takes four times as long.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        numbers = _Numbers(context, builder, signature.args[0], given[0], lanes=4)
        place, pitch, across, down = given[1], given[2], numbers.spread(given[3]), numbers.spread(given[4])

        def row(number: int) -> _Vector:
            left, right = (numbers.load(numbers.index(place, pitch, number, shift)) for shift in (0, 4))
            return left + across * (right - left)

        upper = row(0)
        mixed = upper + down * (row(1) - upper)
        return context.make_tuple(builder, signature.return_type, [mixed[plane] for plane in range(3)])

    return types.UniTuple(types.float32, 3)(samples, index, pitch, tx, ty), generate


@_compiled("void(f4[:,::1], f4[:,:,::1], f4[:,:,::1], f4[:,:,::1], f4, i8, i8)")
def linearise(
    first: Planes, samples: Planes, state: Planes, data: Planes, step: np.float32, top: int, bottom: int
) -> None:
    """The data term around the flow in `state`, of rows top to bottom. `step` is lambda theta.

    It is zero where the flow leaves the frame or brightness does not vary: total variation alone decides there. Each
    row takes three loops: the positions, the interpolated samples, and the data term.
    """
    height, width = first.shape
    flat = samples.reshape(-1)
    pitch = 4 * samples.shape[1]
    where = np.empty(width, np.int64)
    part = np.empty((2, width), np.float32)
    warped = np.empty((3, width), np.float32)
    zero, one, least = np.float32(0), np.float32(1), np.float32(1e-6)
    right, low = np.float32(width - 1), np.float32(height - 1)
    for y in range(top, bottom):
        for x in range(width):
            px = min(max(np.float32(x) + state[y + 1, U, x + LANES], zero), right)
            py = min(max(np.float32(y) + state[y + 1, V, x + LANES], zero), low)
            left = min(max(np.int32(px), 0), width - 1)  # a valid index also where the flow is NaN
            above = min(max(np.int32(py), 0), height - 1)
            part[0, x] = px - np.float32(left)
            part[1, x] = py - np.float32(above)
            where[x] = above * pitch + 4 * left
        for x in range(width):
            warped[0, x], warped[1, x], warped[2, x] = _between(flat, where[x], pitch, part[0, x], part[1, x])
        for x in range(width):
            u, v = state[y + 1, U, x + LANES], state[y + 1, V, x + LANES]
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


@intrinsic  # type: ignore[untyped-decorator]
def _descend(
    _: Any, state: Any, row: Any, above: Any, pitch: Any, data: Any, there: Any, data_pitch: Any, theta: Any
) -> Any:
    """A vector of u and v: a step towards brightness that does not change, and along the divergence of the dual.

    `row`, `above` and `there` are where the vector begins in the state, in its row above, and in the data.
    """

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        row, above, pitch, there, data_pitch = given[1], given[2], given[3], given[5], given[6]
        state = _Numbers(context, builder, signature.args[0], given[0])
        data = _Numbers(context, builder, signature.args[4], given[4])
        theta = state.spread(given[7])
        nx, ny, rest, limit = (data.load(data.index(there, data_pitch, plane)) for plane in (NX, NY, REST, LIMIT))
        u, v = (state.load(state.index(row, pitch, plane)) for plane in (U, V))
        move = (rest + nx * u + ny * v).at_least(-limit).at_most(limit)

        def divergence(px: int, py: int) -> _Vector:
            across = state.load(state.index(row, pitch, px)) - state.load(state.index(row, pitch, px, -1))
            return across + (state.load(state.index(row, pitch, py)) - state.load(state.index(above, pitch, py)))

        new_u = u - move * nx + theta * divergence(PUX, PUY)
        new_v = v - move * ny + theta * divergence(PVX, PVY)
        state.store(state.index(row, pitch, U), new_u)
        state.store(state.index(row, pitch, V), new_v)
        return context.get_dummy_value()

    return types.void(state, row, above, pitch, data, there, data_pitch, theta), generate


@intrinsic  # type: ignore[untyped-decorator]
def _ascend(_: Any, state: Any, row: Any, below: Any, pitch: Any, ratio: Any) -> Any:
    """A vector of the dual variables of u and of v: a step along the gradient, and onto the unit disc."""

    def generate(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        row, below, pitch = given[1:4]
        state = _Numbers(context, builder, signature.args[0], given[0])
        ratio, one = state.spread(given[4]), state.spread(ir.FloatType()(1.0))
        for part, px, py in ((U, PUX, PUY), (V, PVX, PVY)):
            here = state.load(state.index(row, pitch, part))
            right, low = state.load(state.index(row, pitch, part, 1)), state.load(state.index(below, pitch, part))
            p = state.load(state.index(row, pitch, px)) + ratio * (right - here)
            q = state.load(state.index(row, pitch, py)) + ratio * (low - here)
            shrink = one / (p * p + q * q).at_least(one).root()
            state.store(state.index(row, pitch, px), p * shrink)
            state.store(state.index(row, pitch, py), q * shrink)
        return context.get_dummy_value()

    return types.void(state, row, below, pitch, ratio), generate


@_compiled("void(f4[:,:,::1], f4[:,:,::1], i8, i8, f4, f4)")
def iterate(state: Planes, data: Planes, width: int, iterations: int, theta: np.float32, ratio: np.float32) -> None:
    """All iterations in one sweep: at each step, iteration k does row `step - k`. `ratio` is tau / theta.

    After a row of u and v come the dual variables of the row above, which depend on both. The border right of the frame
    repeats its last column, so that the gradient across it is zero, as is the one across the last row.
    """
    height, padded, pitch = data.shape[0], data.shape[2], state.shape[2]
    flat, terms = state.reshape(-1), data.reshape(-1)
    for step in range(height + iterations):
        for k in range(max(0, step - height), min(iterations, step + 1)):
            y = step - k
            above = PLANES * pitch * y + LANES
            row = PLANES * pitch * min(y + 1, height) + LANES
            if y < height:
                for x in range(0, padded, LANES):
                    _descend(flat, row + x, above + x, pitch, terms, 4 * padded * y + x, padded, theta)
                flat[row + width] = flat[row + width - 1]
                flat[row + pitch + width] = flat[row + pitch + width - 1]
            if y > 0:
                for x in range(0, padded, LANES):
                    _ascend(flat, above + x, row + x, pitch, ratio)
