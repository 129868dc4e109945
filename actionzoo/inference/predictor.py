"""Predictor: a video in, an answer out."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from actionzoo.errors import source_name
from actionzoo.hub.keras_file import check_spec
from actionzoo.hub.openvino import is_converted
from actionzoo.hub.resolve import resolve_model
from actionzoo.inference.answer import Answer, LiveAnswer, Prediction, Window
from actionzoo.inference.engines import ENGINES, PRECISIONS, Engine, check_scores, load_engine
from actionzoo.inference.live import NewestClip
from actionzoo.inference.sources import Video, as_source
from actionzoo.inference.timeline import WindowLogits
from actionzoo.inference.watcher import Progress, Watcher
from actionzoo.video.flow import METHODS
from actionzoo.video.live import live
from actionzoo.video.sampling import flip

Array = npt.NDArray[Any]


class Predictor:
    """Loads a model once and answers many videos.

    model: a catalog name, a `.keras` file, a run folder, or `hf://user/repo[@revision]`.
    engine: "auto", "openvino" or "keras". precision: "auto", "f32" or "bf16".
    flow: the flow method; by default the one that the model was trained with, and another one only with `force`.
    offline: never use the network for the model.

    A predictor may be used from several threads, but cannot be pickled: each process makes its own.

    Raises ModelNotFoundError, WeightsError, ModelError or OfflineError; ValueError for an unknown engine, precision
    or flow.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "mini",
        *,
        engine: str = "auto",
        precision: str = "auto",
        flow: str | None = None,
        force: bool = False,
        offline: bool = False,
    ) -> None:
        for given, known, what in (
            (engine, ENGINES, "engine"),
            (precision, PRECISIONS, "precision"),
            (flow, METHODS, "flow"),
        ):
            if given is not None and given not in known:
                raise ValueError(f"unknown {what} {given!r}; there are {', '.join(known)}")
        files = resolve_model(model, offline=offline)
        self.model = files.name
        self.spec = files.spec
        self._watcher = Watcher(files, flow, force=force)
        views = 2 if self.spec.mirror else 1
        self._checked = False
        self._loading = _in_thread(lambda: load_engine(files, engine, precision, batch=views))
        if engine == "keras" or not is_converted(files):
            # A file seen for the first time may be unusable: say so now. Others load while the first frames are
            # decoded, but not in Keras, whose start-up messages are kept off the process' standard error.
            self._loaded()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Predictor cannot be pickled, as it holds a compiled network; "
            f"let each process make its own: actionzoo.Predictor({self.model!r})"
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The name of every class, by index."""
        return tuple(self.spec.label(index) for index in range(self._loaded().classes))

    @property
    def shortest_stride_s(self) -> float:
        """Seconds from frame to frame as the model sees a video: windows cannot begin closer together."""
        return self._watcher.shortest_stride_s

    @property
    def engine(self) -> str:
        """The engine that runs the network: "openvino" or "keras"."""
        return self._loaded().name

    @property
    def precision(self) -> str:
        """What the network computes in: "f32" or "bf16"."""
        return self._loaded().precision

    def predict(
        self,
        source: Video,
        top_k: int = 5,
        *,
        fps: float | None = None,
        window_s: float | None = None,
        stride_s: float | None = None,
        progress: Progress | None = None,
        on_window: Callable[[Window], None] | None = None,
    ) -> Answer:
        """The answer for one video: its `top_k` classes, and those of every window of `window_s` seconds.

        The source is a file or address; a video file's bytes, or a binary file object (which is read from its beginning
        and stays open); or frames in memory, `(frames, height, width, 3)` uint8 RGB or a list of `(height, width, 3)`,
        of which `fps` are shown a second, as of a folder of numbered pictures (25 by default). Files know their own
        rate. `on_window` is called with each window as soon as it is there, for sources that do not end.

        Windows begin every `stride_s` seconds (default `window_s`); without `window_s` the whole video is one window.
        Logits are averaged over the clips of a window, then turned into scores. Videos shorter than a clip are
        answered by the rules of `actionzoo.video.sampling`.

        Raises VideoError or one of its kinds; ModelError if the network gives scores that are not finite; ValueError
        for a `top_k`, window or stride that is not above zero.
        """
        if top_k < 1:
            raise ValueError(f"top_k is at least 1, not {top_k}")
        begun = time.perf_counter()
        video, busy = as_source(source, fps), _Busy()

        windows: list[Window] = []

        def answered(done: WindowLogits) -> None:
            windows.append(Window(done.start_s, done.end_s, self._best(done.total / done.clips, top_k)))
            if on_window is not None:
                on_window(windows[-1])

        seen = self._watcher.watch(
            video,
            partial(self._run, busy=busy),
            window_s=window_s,
            stride_s=stride_s,
            with_flow=self._wants_flow,
            busy=busy.adder("flow"),
            progress=progress,
            on_window=answered,
        )
        done = seen.windows
        whole = np.sum([w.total for w in done], axis=0) / sum(w.clips for w in done)
        best = self._best(whole, top_k)
        timing_s = {"decode": seen.decode_s, **busy.seconds, "total": time.perf_counter() - begun}
        return Answer(
            source_name(video),
            self.model,
            seen.frames,
            seen.info.fps,
            seen.duration_s,
            best,
            tuple(windows),
            timing_s,
            seen.warnings,
        )

    def predict_batch(self, sources: Iterable[Video], top_k: int = 5, *, fps: float | None = None) -> list[Answer]:
        """The answers for several videos, in order; the sources, and `fps` of those in memory, are as for `predict`.

        For now it is a loop over `predict` and no faster than one: a single video keeps the cores busy with decoding,
        flow and the network. The first video that fails raises its error; loop yourself to go on behind it.
        """
        return [self.predict(source, top_k, fps=fps) for source in sources]

    def stream(self, source: str | int, top_k: int = 5) -> Iterator[LiveAnswer]:
        """Answers about a camera (its number) or an rtsp address, each about the newest frames, until the stream ends.

        An answer comes as soon as the one before is done and there is a new frame; frames are never queued. Close the
        generator, or leave the loop over it, to let go of the camera. Raises VideoError or one of its kinds.
        """
        if top_k < 1:
            raise ValueError(f"top_k is at least 1, not {top_k}")
        watcher = self._watcher
        method = watcher.flow if "motion" in self._loaded().inputs else None
        camera = live(source, size=watcher.input_size)
        with NewestClip(camera, watcher.clip_spec, self.spec.fps, method, watcher.padded) as clips:
            for clip in clips:
                predictions = self._best(self._run(clip.appearance, clip.motion, _Busy()), top_k)
                yield LiveAnswer(clip.time_s, time.monotonic() - clip.arrived, predictions)

    def _loaded(self) -> Engine:
        engine = self._loading.result()
        if not self._checked:
            check_spec(self.model, self.spec, engine.inputs, engine.classes)
            self._checked = True
        return engine

    def _wants_flow(self) -> bool:
        # Flow does not wait for a model that is still being compiled.
        return not self._loading.done() or "motion" in self._loaded().inputs

    def _run(self, appearance: Array, motion: Array, busy: _Busy) -> npt.NDArray[np.float32]:
        """Logits `(classes,)` of one clip, averaged with those of its mirror image where the spec says so."""
        engine = self._loaded()
        images, flows = appearance[None], motion[None]
        if self.spec.mirror:
            mirrored, turned = flip(appearance, motion)
            images, flows = np.stack([appearance, mirrored]), np.stack([motion, turned])
        with busy.timing("model"):
            logits = engine(images, flows)
        check_scores(logits, self.model)
        return np.asarray(logits.mean(0), np.float32)

    def _best(self, logits: Array, top_k: int) -> tuple[Prediction, ...]:
        powers = np.exp(logits.astype(np.float64) - logits.max())
        scores = powers / powers.sum()
        order = np.argsort(-scores, kind="stable")[:top_k]
        return tuple(Prediction(self.spec.label(int(index)), int(index), float(scores[index])) for index in order)


def predict(
    source: Video,
    model: str | os.PathLike[str] = "mini",
    top_k: int = 5,
    *,
    fps: float | None = None,
    window_s: float | None = None,
    stride_s: float | None = None,
    flow: str | None = None,
    engine: str = "auto",
    precision: str = "auto",
    force: bool = False,
    offline: bool = False,
    progress: Progress | None = None,
) -> Answer:
    """What happens in a video: loads the model, answers once. For many videos make one `Predictor`.

    The arguments are those of `Predictor` and `Predictor.predict`, and so are the errors.

    >>> answer = predict("clip.mp4")                                                              # doctest: +SKIP
    >>> answer.label, answer.score                                                                # doctest: +SKIP
    ('handshake', 0.97)
    """
    predictor = Predictor(model, engine=engine, precision=precision, flow=flow, force=force, offline=offline)
    return predictor.predict(source, top_k, fps=fps, window_s=window_s, stride_s=stride_s, progress=progress)


class _Busy:
    """Seconds of work by stage, added up over threads."""

    def __init__(self) -> None:
        self.seconds = {"flow": 0.0, "model": 0.0}
        self._lock = threading.Lock()

    def adder(self, stage: str) -> Callable[[float], None]:
        def add(seconds: float) -> None:
            with self._lock:
                self.seconds[stage] += seconds

        return add

    @contextmanager
    def timing(self, stage: str) -> Iterator[None]:
        since = time.perf_counter()
        yield
        self.adder(stage)(time.perf_counter() - since)


def _in_thread(work: Callable[[], Engine]) -> Future[Engine]:
    """Starts `work` in a thread that does not keep the process from ending."""
    future: Future[Engine] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="model", daemon=True).start()
    return future
