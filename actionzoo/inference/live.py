"""The newest clip of a camera or stream, kept up to date while the network is busy with an older one."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from types import TracebackType

import numpy as np

from actionzoo.inference.clips import Array, Clip, fitted
from actionzoo.video import sampling
from actionzoo.video.flow import optical_flow
from actionzoo.video.live import Live
from actionzoo.video.spec import InputSpec


class NewestClip:
    """A context manager that iterates over clips, each made of the newest frames there are when it is asked for.

    With each clip come the `time.monotonic` at which its newest frame arrived, and the seconds of that in the stream. A
    thread takes the camera's frames at the spec's rate (a slower camera gives all of its own) and computes
    their flow by `method`, None for none. Until there are enough frames for a clip, the rules for short videos make one
    of those there are. The iteration ends with the stream.
    """

    def __init__(self, camera: Live, spec: InputSpec, method: str | None) -> None:
        self._camera, self._spec, self._method = camera, spec, method
        self._frames: deque[tuple[float, float, Array]] = deque(maxlen=spec.span)
        self._flows: deque[Array] = deque(maxlen=spec.span - 1)
        self._last: Array | None = None
        self._seen = self._given = 0
        self._ended = False
        self._stopped = threading.Event()
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._follow, name="newest-clip", daemon=True)

    def __enter__(self) -> Iterator[tuple[float, float, Clip]]:
        self._thread.start()
        return self._clips()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join(timeout=3.0)

    def _clips(self) -> Iterator[tuple[float, float, Clip]]:
        while True:
            with self._changed:
                while self._seen == self._given and not self._ended:
                    self._changed.wait()
                if self._seen == self._given:
                    if self._error is not None:
                        raise self._error
                    return
                self._given = self._seen
                frames, flows = list(self._frames), list(self._flows)
            yield self._gather(frames, flows)

    def _gather(self, frames: list[tuple[float, float, Array]], flows: list[Array]) -> tuple[float, float, Clip]:
        images = [image for _, _, image in frames]
        centres = sampling.clip_centres(len(images), self._spec.clip)[0]
        time_s, arrived, _ = frames[-1]
        clip = Clip(self._given - 1, *sampling.gather_clip(images, flows, centres, self._spec.stack_length))
        return arrived, time_s, fitted(clip, self._spec)

    def _follow(self) -> None:
        try:
            with self._camera as camera:
                due = 0.0
                for frame in camera:
                    if self._stopped.is_set():
                        return
                    arrived = time.monotonic() - camera.age_s
                    # A quarter of a step early is nearer to the grid than a whole frame late.
                    if frame.time >= due - 0.25 / self._spec.fps:
                        due = max(due, frame.time - 0.5 / self._spec.fps) + 1 / self._spec.fps
                        self._take(frame.time, arrived, frame.image)
        except BaseException as error:
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _take(self, time_s: float, arrived: float, image: Array) -> None:
        flow = None
        if self._method is not None and self._last is not None:
            (flow,) = optical_flow(np.stack([self._last, image]), self._method, workers=1)
            flow = flow.astype(np.float16)  # as in `VideoPass`
        self._last = image
        with self._changed:
            if flow is not None:
                self._flows.append(flow)
            self._frames.append((time_s, arrived, image))
            self._seen += 1
            self._changed.notify_all()
