"""TV-L1 optical flow of many pairs of frames at once, as a layer, on whatever device Keras computes on.

The method, and the papers that it is from, are described in `actionzoo.video.tvl1`; here it is in operations on whole
pictures. All pairs do all warps of all levels. Otherwise the flow is that of `actionzoo.video.tvl1.TVL1(epsilon=0)`, up
to rounding. No step is a matrix product, as a GPU would round its factors to TF32.

What is done to u and to v is one operation, on `(2, pairs, height, width)`.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

PAIRS, PIXELS = 32, 2**21
"""What a batch has by default at most: 24 pairs of 256x340. A pixel takes about 150 bytes on the device."""

TIGHTENING = 1 / 6
"""What is left of theta at the last warp of a level."""

SMALLEST = 16
"""Pixels of the shorter side of a level, at least; the finest may be smaller."""

Y, X = 2, 3
"""The axes of `(2, pairs, height, width)`."""

State = tuple[Any, Any, Any]
"""The flow, and the dual variables along x and along y, each `(2, pairs, height, width)`."""


class BatchedTVL1:
    """The flow of any number of pairs, a batch at a time; compiled once for every size of picture, then kept.

    JAX and TensorFlow compile by XLA; torch runs the operations one by one.

    Args:
        batch: pairs at a time, which all take memory on the device; by default up to 32, of 2 million pixels
            together. The last batch is filled up, so that nothing is compiled anew.
        **settings: of `TVL1Flow`.

    >>> frames = np.random.default_rng(0).integers(0, 256, (3, 12, 16), np.uint8)
    >>> BatchedTVL1(batch=2, warps=1)(frames[:-1], frames[1:]).shape
    (2, 12, 16, 2)
    """

    def __init__(self, batch: int | None = None, **settings: Any) -> None:
        if batch is not None and batch < 1:
            raise ValueError(f"batch is at least 1, not {batch}")
        self.batch = batch
        self._layer = TVL1Flow(**settings)
        self._models: dict[tuple[int, int], keras.Model] = {}

    def __call__(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Compute the flow of pairs of frames; for a video, those of `frames[:-1]` and `frames[1:]`.

        Args:
            first: grey frames `(pairs, height, width)` uint8.
            second: the frames that follow them, of the same shape.

        Returns:
            The flow `(pairs, height, width, 2)` float32, in pixels.

        Raises:
            ValueError: frames are not uint8, or not as many or as large as the others, or have no pixel.
        """
        if first.shape != second.shape or first.ndim != 3 or {first.dtype, second.dtype} != {np.dtype(np.uint8)}:
            raise ValueError("first and second must be uint8 of one shape, (pairs, height, width)")
        pairs, height, width = first.shape
        if height * width == 0:
            raise ValueError(f"frames have no pixel: {first.shape}")
        batch = self.batch or max(1, min(PAIRS, PIXELS // (height * width)))
        flow = np.empty((pairs, height, width, 2), np.float32)
        for begin in range(0, pairs, batch):
            chosen = [frames[begin : begin + batch] for frames in (first, second)]
            missing = (0, batch - len(chosen[0])), (0, 0), (0, 0)
            filled = self._model(height, width).predict_on_batch([np.pad(frames, missing) for frames in chosen])
            flow[begin : begin + batch] = filled[: len(chosen[0])]
        return flow

    def _model(self, height: int, width: int) -> keras.Model:
        if (height, width) not in self._models:
            frames = [keras.Input((height, width), dtype="uint8", name=name) for name in ("first", "second")]
            self._models[height, width] = keras.Model(frames, self._layer(*frames))
        return self._models[height, width]


@keras.saving.register_keras_serializable(package="actionzoo")
class TVL1Flow(keras.layers.Layer):
    """The flow `(pairs, height, width, 2)`, in pixels, from grey frames `(pairs, height, width)`, 0..255, to others.

    Args:
        tau: step of the dual variables.
        lambda_: weight of brightness against smoothness, for frames in 0..255.
        theta: tie between the steps of brightness and of smoothness, at the first warp of a level.
        scales: levels of the pyramid, at most; none but the finest has a side below 16 pixels.
        scale_step: size of a level over that of the next finer one, between 0 and 1.
        warps: how often a level's frame is warped.
        iterations: between two warps.
        **kwargs: of a Keras layer.
    """

    def __init__(
        self,
        tau: float = 0.25,
        lambda_: float = 0.15,
        theta: float = 0.3,
        scales: int = 4,
        scale_step: float = 0.6,
        warps: int = 4,
        iterations: int = 25,
        **kwargs: Any,
    ) -> None:
        super().__init__(**({"dtype": "float32"} | kwargs))
        if min(scales, warps, iterations) < 1 or not 0 < scale_step < 1 or min(tau, lambda_, theta) <= 0:
            raise ValueError("scales, warps and iterations are at least 1, scale_step is below 1, nothing is below 0")
        self.tau, self.lambda_, self.theta = tau, lambda_, theta
        self.scales, self.scale_step = scales, scale_step
        self.warps, self.iterations = warps, iterations

    def call(self, first: Any, second: Any) -> Any:
        pyramid = self._pyramid(ops.cast(ops.stack([first, second]), "float32"))
        state: State = (ops.zeros_like(pyramid[-1]),) * 3
        for frames in reversed(pyramid):
            state = self._solve(frames, _refined(state, frames.shape[Y:]))
        return ops.moveaxis(state[0], 0, -1)

    def _pyramid(self, frames: Any) -> list[Any]:
        """Both frames of all pairs, `(2, pairs, height, width)`, at every scale, the finest first."""
        levels = [frames]
        for level in range(1, self.scales):
            size = tuple(round(side * self.scale_step**level) for side in frames.shape[Y:])
            if min(size) >= SMALLEST:
                levels.append(_resized(levels[-1], size))
        return levels

    def _solve(self, frames: Any, state: State) -> State:
        """The state at the end of a level, from that at its start."""
        samples = _samples(frames[1])
        thetas = _constant(self.theta * TIGHTENING ** (np.arange(self.warps) / max(self.warps - 1, 1)))

        def warp(number: Any, state: State) -> State:
            theta = thetas[number]
            data = _linearised(frames[0], samples, state[0], self.lambda_ * theta)
            flow, dual_x, dual_y = _iterated(state, data, self.iterations, theta, self.tau / theta)
            return _median(flow), dual_x, dual_y

        return ops.fori_loop(0, self.warps, warp, state)

    def compute_output_shape(
        self, first_shape: tuple[int | None, ...], second_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        return (*first_shape, 2)

    def get_config(self) -> dict[str, Any]:
        names = ("tau", "lambda_", "theta", "scales", "scale_step", "warps", "iterations")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _samples(frame: Any) -> Any:
    """The frame and its central differences, as `(3, pairs * height * width)`."""
    frame = frame[None]
    (left, _, right), (above, _, below) = _neighbours(frame, X), _neighbours(frame, Y)
    return ops.reshape(ops.concatenate([frame, 0.5 * (right - left), 0.5 * (below - above)]), (3, -1))


def _linearised(first: Any, samples: Any, flow: Any, step: Any) -> tuple[Any, Any, Any]:
    """The data term around the flow: rho = |g| (rest + normal . flow), and the longest step. `step` is lambda theta.

    It is zero, and total variation alone decides, where the flow leaves the frame or brightness does not vary.

    Returns:
        normal `(2, pairs, height, width)`, the direction of the gradient g of the warped frame; rest, and
        limit = lambda theta |g|, `(pairs, height, width)`.
    """
    height, width = first.shape[1:]
    x = flow[0] + ops.arange(width, dtype="float32")
    y = flow[1] + ops.arange(height, dtype="float32")[:, None]
    inside = ops.minimum(ops.minimum(x, width - 1 - x), ops.minimum(y, height - 1 - y)) >= 0
    warped = _warped(samples, x, y)
    gradient = warped[1:]
    square = gradient[0] * gradient[0] + gradient[1] * gradient[1]
    used = ops.cast(ops.logical_and(inside, square > 1e-6), "float32")
    length = ops.sqrt(ops.maximum(square, 1e-6))
    inverse = used / length
    rest = warped[0] - first - gradient[0] * flow[0] - gradient[1] * flow[1]
    return gradient * inverse, rest * inverse, step * length * used


def _warped(samples: Any, x: Any, y: Any) -> Any:
    """The samples at the places `(pairs, height, width)`, or the nearest ones in the frame, as `(3, *places)`."""
    pairs, height, width = ops.shape(x)
    x, y = (ops.clip(place, 0, side - 1) for place, side in ((x, width), (y, height)))
    left, above = ops.floor(x), ops.floor(y)
    tx, ty = x - left, y - above
    left, above = ops.cast(left, "int32"), ops.cast(above, "int32")
    right, below = ops.minimum(left + 1, width - 1), ops.minimum(above + 1, height - 1)
    before = height * ops.reshape(ops.arange(pairs, dtype="int32"), (-1, 1, 1))

    def at(row: Any, column: Any) -> Any:
        return ops.take(samples, (before + row) * width + column, axis=1)

    upper = (1 - tx) * at(above, left) + tx * at(above, right)
    lower = (1 - tx) * at(below, left) + tx * at(below, right)
    return (1 - ty) * upper + ty * lower


def _iterated(state: State, data: tuple[Any, Any, Any], iterations: int, theta: Any, ratio: Any) -> State:
    """The state after all iterations of a warp; ratio is tau / theta."""
    normal, rest, limit = data

    def iteration(_: Any, state: State) -> State:
        flow, dual_x, dual_y = state
        move = rest + normal[0] * flow[0] + normal[1] * flow[1]
        move = ops.minimum(ops.maximum(move, -limit), limit)
        flow = flow - move * normal + theta * (_backward(dual_x, X) + _backward(dual_y, Y))
        dual_x = dual_x + ratio * _forward(flow, X)
        dual_y = dual_y + ratio * _forward(flow, Y)
        shrink = ops.rsqrt(ops.maximum(dual_x * dual_x + dual_y * dual_y, 1))
        return flow, dual_x * shrink, dual_y * shrink

    return ops.fori_loop(0, iterations, iteration, state)


def _forward(planes: Any, axis: int) -> Any:
    """What is added from each pixel to the next; nothing at the last."""
    return _padded(_cut(planes, axis, 1, None) - _cut(planes, axis, None, -1), axis, (0, 1))


def _backward(planes: Any, axis: int) -> Any:
    """What is added to each pixel from the one before; the first pixel itself at the first."""
    return planes - _padded(_cut(planes, axis, None, -1), axis, (1, 0))


def _median(planes: Any) -> Any:
    """The median of 3x3 pixels, of which those outside repeat the border.

    Of three sorted columns, it is the middle one of the greatest low, the middle middle and the least high number.
    """
    columns = _neighbours(planes, Y)
    lows, middles, highs = _least(*columns), _middle(*columns), _greatest(*columns)
    return _middle(_greatest(*_neighbours(lows, X)), _middle(*_neighbours(middles, X)), _least(*_neighbours(highs, X)))


def _least(a: Any, b: Any, c: Any) -> Any:
    return ops.minimum(ops.minimum(a, b), c)


def _middle(a: Any, b: Any, c: Any) -> Any:
    return ops.maximum(ops.minimum(a, b), ops.minimum(ops.maximum(a, b), c))


def _greatest(a: Any, b: Any, c: Any) -> Any:
    return ops.maximum(ops.maximum(a, b), c)


def _neighbours(planes: Any, axis: int) -> tuple[Any, Any, Any]:
    """For every pixel the one before, itself, and the one after; the border is repeated."""
    size = planes.shape[axis]
    longer = ops.concatenate([_cut(planes, axis, 0, 1), planes, _cut(planes, axis, size - 1, size)], axis)
    return _cut(longer, axis, 0, size), planes, _cut(longer, axis, 2, size + 2)


def _cut(planes: Any, axis: int, start: int | None, stop: int | None) -> Any:
    return planes[(*[slice(None)] * axis, slice(start, stop))]


def _constant(values: Any) -> Any:
    return ops.convert_to_tensor(values, "float32")


def _padded(planes: Any, axis: int, width: tuple[int, int]) -> Any:
    """With that many zeros before and after."""
    return ops.pad(planes, [width if place == axis else (0, 0) for place in range(4)])


def _refined(state: State, shape: tuple[int, int]) -> State:
    """The state at the start of a level of (height, width), from that at the end of the next coarser one."""
    rows, columns = state[0].shape[Y:]
    if (rows, columns) == tuple(shape):
        return state
    height, width = shape
    planes = _resized(ops.concatenate(state), shape)
    flow = planes[:2] * _constant([[[[width / columns]]], [[[height / rows]]]])
    # As there is no gradient across the last column and row, there is nothing of its dual variables there.
    dual_x = _padded(_cut(planes[2:4], X, None, -1), X, (0, 1))
    dual_y = _padded(_cut(planes[4:], Y, None, -1), Y, (0, 1))
    return flow, dual_x, dual_y


def _resized(planes: Any, shape: tuple[int, int]) -> Any:
    """`(planes, pairs, height, width)` resized: shrunk by means over areas, enlarged linearly, as OpenCV does both."""
    for axis, size in zip((Y, X), shape, strict=True):
        places, weights = _taps(planes.shape[axis], size)
        along = (-1,) + (1,) * (X - axis)
        planes = sum(
            _constant(weight.reshape(along)) * ops.take(planes, place, axis=axis)
            for place, weight in zip(places, weights, strict=True)
        )
    return planes


@cache
def _taps(source: int, target: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Which pixels of a line of `source` make up each of `target` pixels, and their weights: both `(taps, target)`.

    >>> [array.tolist() for array in _taps(4, 2)]
    [[[0, 2], [1, 3]], [[0.5, 0.5], [0.5, 0.5]]]
    """
    scale, pixels = source / target, np.arange(source)
    if target < source:
        edges = np.arange(target + 1)[:, None] * scale
        matrix = (np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)) / scale
    else:
        centres = np.clip((np.arange(target) + 0.5) * scale - 0.5, 0, source - 1)
        matrix = 1 - np.abs(centres[:, None] - pixels)
    matrix = np.where(matrix > 1e-6, matrix, 0)
    taps = int(np.count_nonzero(matrix, axis=1).max())
    places = np.sort(np.argsort(-matrix, axis=1, kind="stable")[:, :taps], axis=1)
    return places.T.astype(np.int32), np.take_along_axis(matrix, places, axis=1).T.astype(np.float32)
