"""Predictor: a video in, an answer out.

A thread decodes, threads compute flow, and the network runs on each clip as soon as its last frame is there. Every
frame is decoded once and every flow field computed once, at the size of the model's input, however many windows share
them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from actionzoo.errors import ModelError
from actionzoo.hub.record import InputRecord
from actionzoo.hub.resolve import resolve_model
from actionzoo.inference.answer import Answer, LiveAnswer, Prediction, Window
from actionzoo.inference.engines import ENGINES, PRECISIONS, Engine, load_engine
from actionzoo.inference.live import NewestClip
from actionzoo.inference.prefetch import Prefetch
from actionzoo.inference.timeline import Timeline, WindowLogits
from actionzoo.video.flow import METHODS, flow_stream
from actionzoo.video.live import live
from actionzoo.video.reader import Frame, VideoInfo, probe, read_frames
from actionzoo.video.resize import input_size, pad_to
from actionzoo.video.sampling import ClipSpec, flip

Array = npt.NDArray[Any]

Progress = Callable[[float, float | None], None]
"""Called with the seconds of the video that have been seen, and its duration if that is known."""

AHEAD = 32
"""Frames whose flow is computed while the network is busy."""


class Predictor:
    """Loads a model once and answers many videos.

    model: a catalog name, a `.keras` file, a run folder, or `hf://user/repo[@revision]`.
    engine: "auto", "openvino" or "keras". precision: "auto", "f32" or "bf16".
    flow: the flow method; by default the one that the model was trained with.
    offline: never use the network for the model.

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
        self.record = files.record
        self._flow = flow or files.record.flow
        if self._flow not in METHODS:
            raise ModelError(f"{files.name} wants the unknown flow {self._flow!r}; choose one of {', '.join(METHODS)}")
        self._spec = ClipSpec(self.record.num_frames, self.record.stride, self.record.stack_length)
        views = 2 if self.record.mirror else 1
        self._checked = False
        self._loading = _in_thread(lambda: load_engine(files, engine, precision, batch=views))
        if files.entry is None or engine == "keras":
            # A file from outside may be unusable: say so now. A catalog's own loads while the first frames are decoded,
            # but not in Keras, whose start-up messages are kept off the process' standard error.
            self._loaded()

    @property
    def labels(self) -> tuple[str, ...]:
        """The name of every class, by index."""
        return tuple(self.record.label(index) for index in range(self._loaded().classes))

    @property
    def shortest_stride_s(self) -> float:
        """Seconds from frame to frame as the model sees a video: windows cannot begin closer together."""
        return 1 / self.record.fps

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
        source: str | os.PathLike[str],
        top_k: int = 5,
        *,
        window_s: float | None = None,
        stride_s: float | None = None,
        progress: Progress | None = None,
    ) -> Answer:
        """The answer for one video: its `top_k` classes, and those of every window of `window_s` seconds.

        Windows begin every `stride_s` seconds (default `window_s`); without `window_s` the whole video is one window.
        Logits are averaged over the clips of a window, then turned into scores. Videos shorter than a clip are
        answered by the rules of `actionzoo.video.sampling`.

        Raises VideoError or one of its kinds, and ValueError for a `top_k`, window or stride that is not above zero.
        """
        if top_k < 1:
            raise ValueError(f"top_k is at least 1, not {top_k}")
        step = window_s if stride_s is None else stride_s
        if step is not None and step < self.shortest_stride_s:
            raise ValueError(f"windows begin at least {self.shortest_stride_s:.3f} s apart, a frame of the model")
        begun = time.perf_counter()
        source = os.fspath(source)
        info, seen, busy = probe(source), _Seen(), _Busy()
        timeline = Timeline(self._spec, partial(self._run, busy=busy), window_s, stride_s)
        done: list[WindowLogits] = []
        decoding = Prefetch(lambda: read_frames(source, fps=self.record.fps, size=self._input_size, seen=seen))
        with decoding as frames, closing(self._with_flow(frames, busy)) as stream:
            for frame, flow in stream:
                motion = None if flow is None else self._padded(flow)
                done += timeline.add(frame.time, self._padded(frame.image), motion)
                if progress is not None:
                    progress(frame.time, info.duration_s)
        duration_s = seen.duration_s(info)
        done += timeline.finish(duration_s)
        if progress is not None:
            progress(duration_s, duration_s)
        windows = [Window(w.start_s, w.end_s, self._best(w.total / w.clips, top_k)) for w in done]
        whole = np.sum([w.total for w in done], axis=0) / sum(w.clips for w in done)
        timing_s = {"decode": decoding.busy_s, **busy.seconds, "total": time.perf_counter() - begun}
        return Answer(
            source, self.model, seen.frames, info.fps, duration_s, self._best(whole, top_k), tuple(windows), timing_s
        )

    def stream(self, source: str | int, top_k: int = 5) -> Iterator[LiveAnswer]:
        """Answers about a camera (its number) or an rtsp address, each about the newest frames, until the stream ends.

        An answer comes as soon as the one before is done and there is a new frame; frames are never queued. Close the
        generator, or leave the loop over it, to let go of the camera. Raises VideoError or one of its kinds.
        """
        if top_k < 1:
            raise ValueError(f"top_k is at least 1, not {top_k}")
        method = self._flow if "motion" in self._loaded().inputs else None
        camera = live(source, size=self._input_size)
        with NewestClip(camera, self._spec, self.record.fps, method, self._padded) as clips:
            for clip in clips:
                predictions = self._best(self._run(clip.appearance, clip.motion, _Busy()), top_k)
                yield LiveAnswer(clip.time_s, time.monotonic() - clip.arrived, predictions)

    def _loaded(self) -> Engine:
        engine = self._loading.result()
        if not self._checked:
            check_record(self.model, self.record, engine)
            self._checked = True
        return engine

    def _input_size(self, original: tuple[int, int]) -> tuple[int, int]:
        return input_size(original, (self.record.height, self.record.width), self.record.resize)

    def _with_flow(self, frames: Iterable[Frame], busy: _Busy) -> Generator[tuple[Frame, Array | None], None, None]:
        # Flow does not wait for a model that is still being compiled.
        if self._loading.done() and "motion" not in self._loaded().inputs:
            yield from ((frame, None) for frame in frames)
            return
        yield from flow_stream(frames, self._flow, ahead=AHEAD, busy=busy.adder("flow"))

    def _padded(self, array: Array) -> Array:
        return pad_to(array, (self.record.height, self.record.width))

    def _run(self, appearance: Array, motion: Array, busy: _Busy) -> npt.NDArray[np.float32]:
        """Logits `(classes,)` of one clip, averaged with those of its mirror image where the record says so."""
        engine = self._loaded()
        views = [(appearance, motion)]
        if self.record.mirror:
            views.append(flip(appearance, motion))
        with busy.timing("model"):
            logits = engine(np.stack([view[0] for view in views]), np.stack([view[1] for view in views]))
        return np.asarray(logits.mean(0), np.float32)

    def _best(self, logits: Array, top_k: int) -> tuple[Prediction, ...]:
        powers = np.exp(logits.astype(np.float64) - logits.max())
        scores = powers / powers.sum()
        order = np.argsort(-scores, kind="stable")[:top_k]
        return tuple(Prediction(self.record.label(int(index)), int(index), float(scores[index])) for index in order)


def predict(
    source: str | os.PathLike[str],
    model: str | os.PathLike[str] = "mini",
    top_k: int = 5,
    *,
    window_s: float | None = None,
    stride_s: float | None = None,
    flow: str | None = None,
    engine: str = "auto",
    precision: str = "auto",
    offline: bool = False,
    progress: Progress | None = None,
) -> Answer:
    """What happens in a video: loads the model, answers once. For many videos make one `Predictor`.

    The arguments are those of `Predictor` and `Predictor.predict`, and so are the errors.

    >>> answer = predict("clip.mp4")                                                              # doctest: +SKIP
    >>> answer.label, answer.score                                                                # doctest: +SKIP
    ('handshake', 0.97)
    """
    predictor = Predictor(model, engine=engine, precision=precision, flow=flow, offline=offline)
    return predictor.predict(source, top_k, window_s=window_s, stride_s=stride_s, progress=progress)


def check_record(model: str, record: InputRecord, engine: Engine) -> None:
    """Raises ModelError if a network does not take what its record says, or gives another number of classes."""
    if record.classes and len(record.classes) != engine.classes:
        raise ModelError(f"{model} names {len(record.classes)} classes but its network has {engine.classes}")
    channels = {"appearance": 3, "motion": 2 * record.stack_length}
    for name, shape in engine.inputs.items():
        if name not in channels:
            raise ModelError(f"{model} wants an input {name!r}; it can have appearance and motion")
        recorded = (record.num_frames, record.height, record.width, channels[name])
        if len(shape) != 4 or any(size not in (None, known) for size, known in zip(shape, recorded, strict=True)):
            raise ModelError(f"{model} records {name} of {recorded} but its network takes {shape}")


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


class _Seen:
    """Counts the frames that are decoded."""

    def __init__(self) -> None:
        self.frames = 0
        self.last_s = 0.0

    def __call__(self, time_s: float) -> None:
        self.frames += 1
        self.last_s = time_s

    def duration_s(self, info: VideoInfo) -> float:
        """Until the last frame's end; as the video declares, if that is within a frame of it."""
        end_s = self.last_s + 1 / info.fps
        declared_s = info.duration_s
        return declared_s if declared_s is not None and abs(declared_s - end_s) < 1 / info.fps else end_s


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
