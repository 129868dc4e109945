"""Optical flow by name, its 8-bit coding and its colour coding.

A flow field has the displacement of each pixel from one frame to the next: `(height, width, 2)` float32, u pixels to
the right and v pixels down.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from actionzoo.video.reader import Frame


_Algorithm = Callable[[NDArray[np.uint8], NDArray[np.uint8], int], NDArray[np.float32]]
"""Computes the flow `(height, width, 2)` from one grey frame `(height, width)` to the next, in that many threads."""


def _opencv(algorithm: Any) -> _Algorithm:
    """An algorithm of OpenCV, which computes a pair in one thread."""

    def compute(first: NDArray[np.uint8], second: NDArray[np.uint8], threads: int) -> NDArray[np.float32]:
        height, width = first.shape
        flow = algorithm.calc(_padded(first), _padded(second), None)
        return np.ascontiguousarray(flow[:height, :width])

    return compute


def _dis(preset: int, finest_scale: int | None = None) -> _Algorithm:
    algorithm = cv2.DISOpticalFlow.create(preset)
    if finest_scale is not None:
        algorithm.setFinestScale(finest_scale)
    return _opencv(algorithm)


def _dis_fine_fast() -> _Algorithm:
    """Of the settings that `benchmarks.flow_search` tries, those of least photometric error at a millisecond a pair."""
    algorithm = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    algorithm.setFinestScale(0)
    algorithm.setPatchStride(5)
    algorithm.setGradientDescentIterations(12)
    algorithm.setUseMeanNormalization(False)
    algorithm.setVariationalRefinementIterations(0)
    return _opencv(algorithm)


def _tvl1() -> _Algorithm:
    from actionzoo.video.tvl1 import TVL1, Memory  # imports numba, which takes half a second

    return partial(TVL1().calc, memory=Memory())


_BUILDERS: dict[str, Callable[[], _Algorithm]] = {
    "dis": lambda: _dis(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM),
    "dis-ultrafast": lambda: _dis(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST),
    "dis-fast": lambda: _dis(cv2.DISOPTICAL_FLOW_PRESET_FAST),
    "dis-medium": lambda: _dis(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM),
    "dis-fine": lambda: _dis(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM, finest_scale=0),
    "dis-fine-fast": _dis_fine_fast,
    "farneback": lambda: _opencv(cv2.FarnebackOpticalFlow.create()),
    "tvl1": _tvl1,
    "tvl1-opencv": lambda: _opencv(cv2.optflow.DualTVL1OpticalFlow.create()),
}

METHODS = tuple(_BUILDERS)
"""Names of the methods.

DIS (Kroeger et al. 2016) with OpenCV's presets, of which "dis" is the medium one; "dis-fine" is medium up to the full
resolution, where the presets stop at a half or a quarter: for small frames. "dis-fine-fast" goes there, too, at a
quarter of the time: its patches lie further apart, and the variational refinement, most of the work of "dis-fine", is
left out. Farneback (2003). TV-L1 (Zach et al. 2007), the papers' choice: ours (`actionzoo.video.tvl1`) and, for
comparison, OpenCV's with its defaults, which is many times slower.
"""


def optical_flow(frames: NDArray[np.uint8], method: str = "dis", workers: int | None = None) -> NDArray[np.float32]:
    """Compute the optical flow from each frame to the next.

    Args:
        frames: `(frames, height, width, 3)` RGB or `(frames, height, width)` grey, uint8.
        method: a name of `METHODS`.
        workers: number of threads, by default one per core. They share the pairs, and with "tvl1" also a pair, where
            there are more threads than pairs. The result does not depend on their number.

    Returns:
        `(frames-1, height, width, 2)` float32 in pixels, u to the right and v down.

    Raises:
        ValueError: the method is unknown, or the frames have another shape or type.

    >>> optical_flow(np.zeros((3, 48, 64), np.uint8)).shape
    (2, 48, 64, 2)
    """
    frames = np.asarray(frames)
    if frames.ndim not in (3, 4) or frames.dtype != np.uint8:
        raise ValueError(f"frames must be uint8 (frames, height, width[, 3]), not {frames.dtype} {frames.shape}")
    if frames.shape[3:] not in ((), (3,)) or 0 in frames.shape[1:3]:
        raise ValueError(
            f"frames must have pixels and be grey or RGB, (frames, height, width[, 3]), not {frames.shape}"
        )
    flows = np.empty((max(len(frames) - 1, 0), *frames.shape[1:3], 2), np.float32)
    with _FlowPool(method, workers, pairs=len(flows)) as pool:
        greys = [_grey(frame) for frame in frames]
        futures = [pool.submit(first, second) for first, second in pairwise(greys)]
        for index, future in enumerate(futures):
            flows[index] = future.result()
    return flows


def flow_stream(
    frames: Iterable[Frame],
    method: str = "dis",
    workers: int | None = None,
    ahead: int | None = None,
    busy: Callable[[float], None] | None = None,
) -> Generator[tuple[Frame, NDArray[np.float32] | None]]:
    """Compute the flow of a stream of frames in parallel, while the caller works on earlier ones.

    Args:
        frames: their images are `(height, width, 3)` uint8 RGB.
        method: a name of `METHODS`.
        workers: number of threads, by default one per core.
        ahead: frames, at most, that are read beyond the one that is returned; by default twice the workers.
        busy: called with the seconds that each pair took, from the thread that computed it.

    Yields:
        Each frame, with its flow to the next one, `(height, width, 2)` float32 in pixels; the last frame with `None`.

    Raises:
        ValueError: the method is unknown.

    >>> from actionzoo.video.reader import Frame
    >>> still = [Frame(time / 30, np.zeros((48, 64, 3), np.uint8)) for time in range(3)]
    >>> [flow if flow is None else flow.shape for _, flow in flow_stream(still)]
    [(48, 64, 2), (48, 64, 2), None]
    """
    with _FlowPool(method, workers, busy) as pool:
        ahead = 2 * pool.workers if ahead is None else max(1, ahead)
        waiting: deque[tuple[Frame, Future[NDArray[np.float32]]]] = deque()
        newest: tuple[Frame, NDArray[np.uint8]] | None = None
        for frame in frames:
            grey = _grey(frame.image)
            if newest is not None:
                waiting.append((newest[0], pool.submit(newest[1], grey)))
            newest = frame, grey
            if len(waiting) > ahead:
                ready, future = waiting.popleft()
                yield ready, future.result()
        for ready, future in waiting:
            yield ready, future.result()
        if newest is not None:
            yield newest[0], None


class _FlowPool:
    """Threads that each own one algorithm object; OpenCV and numba release Python's lock while they compute."""

    def __init__(
        self, method: str, workers: int | None, busy: Callable[[float], None] | None = None, pairs: int | None = None
    ) -> None:
        """`pairs` is the number of pairs, if it is known."""
        if method not in _BUILDERS:
            raise ValueError(f"unknown flow method {method!r}; there are {', '.join(METHODS)}")
        self.workers = max(1, workers or _cores())
        self._threads_a_pair = max(1, self.workers // pairs) if pairs else 1
        self._build = _BUILDERS[method]
        self._busy = busy
        self._own = threading.local()
        self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix="flow")

    def __enter__(self) -> _FlowPool:
        return self

    def __exit__(self, *error: object) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    def submit(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Future[NDArray[np.float32]]:
        return self._threads.submit(self._calc, first, second)

    def _calc(self, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float32]:
        since = time.perf_counter()
        algorithm: _Algorithm | None = getattr(self._own, "algorithm", None)
        if algorithm is None:
            algorithm = self._own.algorithm = self._build()
        with _single_threaded_opencv():
            flow = algorithm(first, second, self._threads_a_pair)
        if self._busy is not None:
            self._busy(time.perf_counter() - since)
        return flow


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if image.ndim == 3:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    return np.ascontiguousarray(image)


def _padded(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    # OpenCV's DIS reads out of bounds and crashes where no level of its pyramid fits the frame: it needs four patches
    # of 8 pixels on the short side, and more than 90 pixels on the long one.
    height, width = (max(side, 32) for side in grey.shape)
    if max(height, width) < 96:
        width = 96
    if (height, width) == grey.shape:
        return grey
    return np.pad(grey, ((0, height - grey.shape[0]), (0, width - grey.shape[1])), mode="edge")


_opencv_lock = threading.Lock()
_opencv_users = 0
_opencv_threads = 1


@contextmanager
def _single_threaded_opencv() -> Iterator[None]:
    """Turns OpenCV's own threads off while any pair is computed.

    Pairs in parallel keep all cores busy, while the serial parts of a single pair would not; and no field depends on
    how OpenCV divides a frame among its threads.
    """
    global _opencv_users, _opencv_threads
    with _opencv_lock:
        if _opencv_users == 0:
            _opencv_threads = cv2.getNumThreads()
            cv2.setNumThreads(1)
        _opencv_users += 1
    try:
        yield
    finally:
        with _opencv_lock:
            _opencv_users -= 1
            if _opencv_users == 0:
                cv2.setNumThreads(_opencv_threads)


def encode_flow(flow: NDArray[np.float32], bound: float = 20.0) -> NDArray[np.uint8]:
    """Code flow in 8 bits as the papers do: clipped to +-bound, then round(255 (flow + bound) / (2 bound)).

    Halves are rounded to even, as by the authors' `cvRound`, so zero flow (127.5) becomes 128.

    Args:
        flow: in pixels, of any shape.
        bound: in pixels.

    >>> encode_flow(np.array([-30.0, -20.0, 0.0, 20.0], np.float32)).tolist()
    [0, 0, 128, 255]
    """
    clipped = np.clip(flow.astype(np.float64), -bound, bound)
    return np.rint(255 * (clipped + bound) / (2 * bound)).astype(np.uint8)


def decode_flow(code: NDArray[np.uint8], bound: float = 20.0) -> NDArray[np.float32]:
    """Decode flow that `encode_flow` coded, to within half a step, bound / 255.

    Zero flow, whose code is 128, is decoded as half a step (0.078 pixels for the papers' bound).

    Args:
        code: of any shape.
        bound: in pixels.

    >>> decode_flow(np.array([0, 255], np.uint8)).tolist()
    [-20.0, 20.0]
    """
    return (code.astype(np.float64) * (2 * bound / 255) - bound).astype(np.float32)


def flip_encoded(code: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Mirror coded flow `(..., height, width, 2*L)`: columns are reversed, and u becomes 255 - u.

    >>> flip_encoded(np.array([[[128, 7], [0, 9]]], np.uint8)).tolist()
    [[[255, 9], [127, 7]]]
    """
    mirrored = code[..., ::-1, :].copy()
    mirrored[..., 0::2] = 255 - mirrored[..., 0::2]
    return mirrored


def _colour_wheel() -> NDArray[np.float64]:
    """The 55 colours of Baker et al. 2011, from red over yellow, green, cyan, blue and magenta back to red."""
    corners = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1], [1, 0, 0]], np.float64)
    steps = (15, 6, 4, 11, 13, 6)
    parts = [
        corners[k] + np.floor(255 * np.arange(count) / count)[:, None] / 255 * (corners[k + 1] - corners[k])
        for k, count in enumerate(steps)
    ]
    return np.concatenate(parts)


_WHEEL = _colour_wheel()


def flow_to_colour(flow: NDArray[np.float32], maximum: float | None = None) -> NDArray[np.uint8]:
    """Colour flow by the wheel of Baker et al. 2011 (the Middlebury benchmark).

    The hue is the direction: red to the right, yellow down, cyan to the left, violet up. The saturation is the speed:
    white at rest; motion beyond `maximum` is darkened, non-finite flow is black.

    Args:
        flow: `(..., height, width, 2)` in pixels.
        maximum: speed of full saturation, in pixels; by default that of the fastest pixel.

    Returns:
        `(..., height, width, 3)` uint8 RGB.

    >>> flow_to_colour(np.array([[[0, 0], [3, 0]]], np.float32)).tolist()
    [[[255, 255, 255], [255, 0, 0]]]
    """
    known = np.isfinite(flow).all(-1, keepdims=True)
    u, v = np.moveaxis(np.where(known, flow, 0).astype(np.float64), -1, 0)
    speed = np.hypot(u, v)
    if maximum is None:
        maximum = float(speed.max(initial=0.0))
    speed = speed / max(maximum, 1e-9)
    position = (np.arctan2(-v, -u) / np.pi + 1) / 2 * (len(_WHEEL) - 1)
    lower = np.floor(position).astype(int)
    part = (position - lower)[..., None]
    hue = (1 - part) * _WHEEL[lower] + part * _WHEEL[(lower + 1) % len(_WHEEL)]
    speed = speed[..., None]
    colour = np.where(speed <= 1, 1 - speed * (1 - hue), 0.75 * hue)
    code: NDArray[np.uint8] = np.floor(255 * colour * known).astype(np.uint8)
    return code
