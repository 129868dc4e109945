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
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from actionzoo.errors import BrokenVideoError, ModelError
from actionzoo.hub.openvino import is_converted
from actionzoo.hub.record import DEFAULT_FLOW, InputRecord
from actionzoo.hub.resolve import ModelFiles, resolve_model
from actionzoo.inference.answer import Answer, LiveAnswer, Prediction, Window
from actionzoo.inference.engines import ENGINES, PRECISIONS, Engine, load_engine
from actionzoo.inference.live import NewestClip
from actionzoo.inference.prefetch import Prefetch
from actionzoo.inference.timeline import Run, Timeline, WindowLogits
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


@dataclass(frozen=True)
class Watched:
    """What one pass over a video gave: its own facts, the sums over its windows, and the seconds spent on decoding.

    `warnings` says what is wrong with the video, if anything is.
    """

    info: VideoInfo
    frames: int
    duration_s: float
    windows: list[WindowLogits]
    decode_s: float
    warnings: tuple[str, ...] = ()


class Watcher:
    """Shows videos to a network as its record wants them: decoded once, each flow field computed once.

    flow: a method of `actionzoo.video.flow` in place of the record's; one that the model was not trained with only with
    `force`. Raises ModelError otherwise, and if the record names an unknown one.
    """

    def __init__(self, files: ModelFiles, flow: str | None = None, *, force: bool = False) -> None:
        self.record = files.record
        if flow is not None and not force and not files.record.takes_flow(flow):
            raise ModelError(
                f"{files.name} was trained with {files.record.flow} flow and has never seen what {flow} gives; "
                "leave --flow out, or add --force"
            )
        self.flow = flow or files.record.flow or DEFAULT_FLOW
        if self.flow not in METHODS:
            raise ModelError(f"{files.name} wants the unknown flow {self.flow!r}; choose one of {', '.join(METHODS)}")
        self.spec = ClipSpec(self.record.num_frames, self.record.stride, self.record.stack_length)

    @property
    def shortest_stride_s(self) -> float:
        """Seconds from frame to frame as the model sees a video: windows cannot begin closer together."""
        return 1 / self.record.fps

    def watch(
        self,
        source: str,
        run: Run,
        *,
        window_s: float | None = None,
        stride_s: float | None = None,
        with_flow: Callable[[], bool] = lambda: True,
        busy: Callable[[float], None] | None = None,
        progress: Progress | None = None,
    ) -> Watched:
        """One pass over a video: calls `run` for each clip of its windows and sums up what it gives.

        `with_flow` is asked once frames come: False where the network looks at no motion. `busy` is called with the
        seconds that each flow field took. Raises VideoError or one of its kinds, and ValueError for a window or stride
        that is not above zero, or shorter than a frame of the model.
        """
        step = window_s if stride_s is None else stride_s
        if step is not None and step < self.shortest_stride_s:
            raise ValueError(f"windows begin at least {self.shortest_stride_s:.3f} s apart, a frame of the model")
        info, seen = probe(source), _Seen()
        damage: list[BrokenVideoError] = []
        timeline = Timeline(self.spec, run, window_s, stride_s)
        done: list[WindowLogits] = []
        decoding = Prefetch(
            lambda: read_frames(source, fps=self.record.fps, size=self.input_size, seen=seen, damaged=damage.append)
        )
        with decoding as frames, closing(self._with_flow(frames, with_flow, busy)) as stream:
            for frame, flow in stream:
                motion = None if flow is None else self.padded(flow)
                done += timeline.add(frame.time, self.padded(frame.image), motion)
                if progress is not None:
                    progress(frame.time, info.duration_s)
        duration_s = seen.duration_s(info)
        done += timeline.finish(duration_s)
        if progress is not None:
            progress(duration_s, duration_s)
        warnings = tuple(error.reason for error in damage)
        return Watched(info, seen.frames, duration_s, done, decoding.busy_s, warnings)

    def input_size(self, original: tuple[int, int]) -> tuple[int, int]:
        """The (height, width) to which frames of this (height, width) are scaled."""
        return input_size(original, (self.record.height, self.record.width), self.record.resize)

    def padded(self, array: Array) -> Array:
        """A scaled frame or flow field, filled up to the size of the model's input."""
        return pad_to(array, (self.record.height, self.record.width))

    def _with_flow(
        self, frames: Iterable[Frame], wanted: Callable[[], bool], busy: Callable[[float], None] | None
    ) -> Generator[tuple[Frame, Array | None], None, None]:
        if not wanted():
            yield from ((frame, None) for frame in frames)
            return
        yield from flow_stream(frames, self.flow, ahead=AHEAD, busy=busy)


class Predictor:
    """Loads a model once and answers many videos.

    model: a catalog name, a `.keras` file, a run folder, or `hf://user/repo[@revision]`.
    engine: "auto", "openvino" or "keras". precision: "auto", "f32" or "bf16".
    flow: the flow method; by default the one that the model was trained with, and another one only with `force`.
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
        self.record = files.record
        self._watcher = Watcher(files, flow, force=force)
        views = 2 if self.record.mirror else 1
        self._checked = False
        self._loading = _in_thread(lambda: load_engine(files, engine, precision, batch=views))
        if engine == "keras" or not is_converted(files):
            # A file seen for the first time may be unusable: say so now. Others load while the first frames are
            # decoded, but not in Keras, whose start-up messages are kept off the process' standard error.
            self._loaded()

    @property
    def labels(self) -> tuple[str, ...]:
        """The name of every class, by index."""
        return tuple(self.record.label(index) for index in range(self._loaded().classes))

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
        begun = time.perf_counter()
        source, busy = os.fspath(source), _Busy()
        seen = self._watcher.watch(
            source,
            partial(self._run, busy=busy),
            window_s=window_s,
            stride_s=stride_s,
            with_flow=self._wants_flow,
            busy=busy.adder("flow"),
            progress=progress,
        )
        done = seen.windows
        windows = [Window(w.start_s, w.end_s, self._best(w.total / w.clips, top_k)) for w in done]
        whole = np.sum([w.total for w in done], axis=0) / sum(w.clips for w in done)
        best = self._best(whole, top_k)
        timing_s = {"decode": seen.decode_s, **busy.seconds, "total": time.perf_counter() - begun}
        return Answer(
            source,
            self.model,
            seen.frames,
            seen.info.fps,
            seen.duration_s,
            best,
            tuple(windows),
            timing_s,
            seen.warnings,
        )

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
        with NewestClip(camera, watcher.spec, self.record.fps, method, watcher.padded) as clips:
            for clip in clips:
                predictions = self._best(self._run(clip.appearance, clip.motion, _Busy()), top_k)
                yield LiveAnswer(clip.time_s, time.monotonic() - clip.arrived, predictions)

    def _loaded(self) -> Engine:
        engine = self._loading.result()
        if not self._checked:
            check_record(self.model, self.record, engine)
            self._checked = True
        return engine

    def _wants_flow(self) -> bool:
        # Flow does not wait for a model that is still being compiled.
        return not self._loading.done() or "motion" in self._loaded().inputs

    def _run(self, appearance: Array, motion: Array, busy: _Busy) -> npt.NDArray[np.float32]:
        """Logits `(classes,)` of one clip, averaged with those of its mirror image where the record says so."""
        engine = self._loaded()
        images, flows = appearance[None], motion[None]
        if self.record.mirror:
            mirrored, turned = flip(appearance, motion)
            images, flows = np.stack([appearance, mirrored]), np.stack([motion, turned])
        with busy.timing("model"):
            logits = engine(images, flows)
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
