"""One handle for a trained model: `load_model` and `Model`, which every command and function takes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt

from actionzoo.convert.openvino import is_converted
from actionzoo.errors import ModelError, source_name
from actionzoo.hub.keras_file import check_spec
from actionzoo.hub.keras_models import load_keras
from actionzoo.hub.resolve import ModelFiles, resolve_model
from actionzoo.inference.answer import Answer, LiveAnswer, Window
from actionzoo.inference.clips import Array, Clip, checked_windows, clips_of, cut_clips, fitted
from actionzoo.inference.engines import ENGINES, PRECISIONS, Engine, LayerEngine, check_scores, load_engine
from actionzoo.inference.familiarity import check_threshold, ranked
from actionzoo.inference.layer_features import Features
from actionzoo.inference.live import NewestClip
from actionzoo.inference.prefetch import in_thread
from actionzoo.inference.sources import Video, as_source
from actionzoo.inference.video_pass import Progress, StageTimer, VideoPass
from actionzoo.inference.windows import WindowSum, sum_windows
from actionzoo.video.flow import METHODS
from actionzoo.video.live import live
from actionzoo.video.sampling import flip

if TYPE_CHECKING:
    import keras

    from actionzoo.data.decoded import DecodedVideo


class Model:
    """A trained model: its name, what it looks at, its network, and its answers about videos.

    What it needs is loaded when it is first asked for: the network in Keras, or the engine that predicts. A model may
    be used from several threads, but cannot be pickled: each process loads its own.

    Attributes:
        name: as it was asked for.
        spec: its classes, the format of its videos, and its clips.
        files: where its weights are.
        flow: the flow method.

    >>> model = load_model("mini")
    >>> model.spec.num_frames, model.labels[:2]
    (6, ('handshake', 'hug'))
    """

    def __init__(
        self,
        files: ModelFiles,
        *,
        engine: str = "auto",
        precision: str = "auto",
        flow: str | None = None,
        force: bool = False,
    ) -> None:
        """See `load_model`."""
        for given, known, what in (
            (engine, ENGINES, "engine"),
            (precision, PRECISIONS, "precision"),
            (flow, METHODS, "flow"),
        ):
            if given is not None and given not in known:
                raise ValueError(f"unknown {what} {given!r}; there are {', '.join(known)}")
        self.name, self.spec, self.files = files.name, files.spec, files
        if flow is not None and not force and not self.spec.takes_flow(flow):
            raise ModelError(
                f"{self.name} wants {self.spec.flow} flow and has never seen what {flow} gives; "
                "leave --flow out, or add --force"
            )
        self.flow = flow or self.spec.video_format.flow
        if self.flow not in METHODS:
            raise ModelError(f"{self.name} wants the unknown flow {self.flow!r}; choose one of {', '.join(METHODS)}")
        self._wanted = engine, precision
        self._engine: Future[Engine] | None = None
        self._starting = threading.Lock()
        self._layers: dict[str, LayerEngine] = {}

    def __repr__(self) -> str:
        return f"<actionzoo.Model {self.name!r}: {len(self.spec.classes)} classes>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Model cannot be pickled, as it holds a compiled network; "
            f"let each process load its own: actionzoo.load_model({self.name!r})"
        )

    @cached_property
    def network(self) -> keras.Model:
        """The network, in Keras' safe mode. Raises ModelError, WeightsError."""
        return load_keras(self.files)

    @property
    def labels(self) -> tuple[str, ...]:
        """The name of every class, by index."""
        return self.spec.classes or tuple(self.spec.label(index) for index in range(self._ready().classes))

    @property
    def engine(self) -> str:
        """What predicts: "openvino" or "keras"."""
        return self._ready().name

    @property
    def precision(self) -> str:
        """What the engine computes in: "f32" or "bf16"."""
        return self._ready().precision

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the `scores`: "answer", then the streams that have classifiers of their own."""
        return self._ready().outputs

    @property
    def needs_keras(self) -> bool:
        """Whether the engine is Keras, or has yet to be made with it."""
        return self._wanted[0] == "keras" or not is_converted(self.files)

    def prepare(self) -> Model:
        """Begins to load the engine, so that the first video need not wait; a file seen for the first time is checked.

        Raises ModelError and WeightsError, as `predict` would later.
        """
        with self._starting:
            if self._engine is not None:
                return self
            engine, precision = self._wanted
            views = 2 if self.spec.mirror else 1
            load = partial(load_engine, self.files, engine, precision, views, lambda: self.network)
            self._engine = in_thread(lambda: self._checked(load()))
        if self.needs_keras:
            # A file seen for the first time may be unusable: say so now. Others load while the first frames are
            # decoded, but not in Keras, whose start-up messages are kept off the process' standard error.
            self._engine.result()
        return self

    def predict(
        self,
        video: Video,
        top_k: int = 5,
        *,
        fps: float | None = None,
        window: float | None = None,
        step: float | None = None,
        threshold: float | None = None,
        progress: Progress | None = None,
        on_window: Callable[[Window], None] | None = None,
    ) -> Answer:
        """The answer for one video: its `top_k` classes, and those of every window.

        Logits are averaged over the clips of a window, then turned into scores. Videos shorter than a clip are
        answered by the rules of `actionzoo.video.sampling`. A calibrated model, whose `spec.known` is not empty, may
        answer "none of these", before the classes (`actionzoo.inference.familiarity`); any other names a class always.

        Args:
            video: a file or address; a video file's bytes, or a binary file object (which is read from its beginning
                and stays open); or frames in memory, `(frames, height, width, 3)` uint8 RGB or a list of
                `(height, width, 3)`.
            top_k: how many classes, best first.
            fps: frames a second of frames in memory and of folders of numbered pictures; 25 by default.
            window: length of a window in seconds; by default the whole video is one.
            step: seconds from one window's start to the next; by default `window`.
            threshold: the share of videos of its own classes that a calibrated model may call none of these; 0.05 by
                default, and 0 for never.
            progress: called with the seconds that have been seen, and the video's duration or None.
            on_window: called with each window as soon as it is there, for sources that do not end.

        Raises:
            VideoError: or one of its kinds, if the video cannot be read.
            ModelError: the network gives scores that are not finite.
            ValueError: a `top_k`, window or step that is not above zero, a step below a frame of the model, or a
                threshold that is not from 0 to 1, or for a model that is not calibrated.
        """
        self._check(top_k, threshold)
        begun, timer = time.perf_counter(), StageTimer()
        self.prepare()
        source = as_source(video, fps)
        seen = self._pass(source, window, step, self._wants_flow, timer, progress)
        windows, sums = [], []
        for found in self._windows(seen, partial(self._run, timer=timer), window, step):
            sums.append(found)
            windows.append(Window(found.start_s, found.end_s, *ranked(found.mean, self.spec, top_k, threshold)))
            if on_window is not None:
                on_window(windows[-1])
        whole = np.sum([found.total for found in sums], axis=0) / sum(found.clips for found in sums)
        predictions, known = ranked(whole, self.spec, top_k, threshold)
        return Answer(
            source_name(source), self.name, seen.frames, seen.fps, seen.duration_s(), predictions,
            tuple(windows), {**timer.seconds, "total": time.perf_counter() - begun}, seen.warnings, known,
        )  # fmt: skip

    def scores(self, appearance: Array, motion: Array) -> npt.NDArray[np.float32]:
        """The logits of clips: of the answer, and of each stream that has a classifier of its own.

        Args:
            appearance: `(batch, time, height, width, 3)` RGB in 0..255.
            motion: `(batch, time, height, width, 2*L)`, pixels a frame step.

        Returns:
            `(batch, outputs, classes)` in the order of `outputs`.
        """
        return self._ready().scores(appearance, motion)

    def video_scores(self, video: DecodedVideo) -> npt.NDArray[np.float32]:
        """The logits of a decoded video as `predict` has them: means over its clips and mirrored views.

        Args:
            video: in the spec's video format.

        Returns:
            `(outputs, classes)` in the order of `outputs`.

        Raises:
            ModelError: the network gives scores that are not finite.
        """
        clips = [self._run(clip, StageTimer()) for clip in clips_of(video, self.spec)]
        return np.asarray(np.mean(clips, axis=0), np.float32)

    def predict_batch(
        self, videos: Iterable[Video], top_k: int = 5, *, fps: float | None = None, threshold: float | None = None
    ) -> list[Answer]:
        """The answers for several videos, in order; the videos, and `fps` of those in memory, are as for `predict`.

        For now it is a loop over `predict` and no faster than one: a single video keeps the cores busy with decoding,
        flow and the network. The first video that fails raises its error; loop yourself to go on behind it.
        """
        return [self.predict(video, top_k, fps=fps, threshold=threshold) for video in videos]

    def stream(self, source: str | int, top_k: int = 5, *, threshold: float | None = None) -> Iterator[LiveAnswer]:
        """Answers about a camera (its number) or an rtsp address, each about the newest frames, until the stream ends.

        An answer comes as soon as the one before is done and there is a new frame; frames are never queued. Close the
        generator, or leave the loop over it, to let go of the camera. `threshold` is as for `predict`. Raises
        VideoError or one of its kinds.
        """
        self._check(top_k, threshold)
        method = self.flow if "motion" in self._ready().inputs else None
        camera = live(source, size=self.spec.video_format.size)
        with NewestClip(camera, self.spec, method) as clips:
            for arrived, time_s, clip in clips:
                answer = ranked(self._run(clip, StageTimer()), self.spec, top_k, threshold)
                yield LiveAnswer(time_s, time.monotonic() - arrived, *answer)

    def features(
        self,
        video: Video,
        layer: str,
        *,
        pool: bool = True,
        fps: float | None = None,
        window: float | None = None,
        step: float | None = None,
        progress: Progress | None = None,
    ) -> Features:
        """What a layer gives for a video: a row for each window, the mean over the clips that lie in it.

        A video is brought to the network as in `predict`: the same frames, flow, clips and windows. The network ends at
        the layer, and what the layer does not depend on is not run: one of the appearance stream alone computes no
        flow. It runs on Keras, without the mirrored view.

        Args:
            video: as for `predict`.
            layer: the name of any layer; `actionzoo models show NAME --layers` lists them.
            pool: average over time, height and width, so that a clip is one vector `(channels,)`. Otherwise a clip is
                the layer's map as it is: `(time, height, width, channels)` in a stream, also where the stream folds its
                frames into the batch; a layer that has pooled an axis lacks it.
            fps: as for `predict`.
            window: as for `predict`.
            step: as for `predict`.
            progress: as for `predict`.

        Raises:
            VideoError: or one of its kinds, if the video cannot be read.
            ModelError: there is no such layer, with the nearest names; or it gives numbers that are not finite.
            ValueError: a window or step that is not above zero.
        """
        engine = self.layer_engine(layer)
        source = as_source(video, fps)
        seen = self._pass(source, window, step, lambda: "motion" in engine.inputs, None, progress)

        def run(clip: Clip) -> npt.NDArray[np.float32]:
            values: npt.NDArray[np.float32] = engine(clip.appearance[None], clip.motion[None])[0]
            check_scores(values, self.name)
            return values.reshape(-1, values.shape[-1]).mean(axis=0) if pool else values

        rows = list(self._windows(seen, run, window, step))
        return Features(
            source_name(source),
            self.name,
            layer,
            np.stack([row.mean for row in rows]),
            np.array([(row.start_s, row.end_s) for row in rows], np.float64),
            np.array([row.clips for row in rows], np.int64),
            seen.warnings,
        )

    def layer_engine(self, layer: str) -> LayerEngine:
        """The network up to a layer, for batches of clips. Raises ModelError for a layer that there is not."""
        if layer not in self._layers:
            self._layers[layer] = LayerEngine(self.network, layer, self.name)
        return self._layers[layer]

    def _check(self, top_k: int, threshold: float | None) -> None:
        if top_k < 1:
            raise ValueError(f"top_k is at least 1, not {top_k}")
        check_threshold(threshold, self.name, self.spec)

    def _pass(
        self,
        source: Any,
        window: float | None,
        step: float | None,
        wants_flow: Callable[[], bool],
        timer: StageTimer | None,
        progress: Progress | None,
    ) -> VideoPass:
        window, step = checked_windows(window, step)
        if step is not None and step < 1 / self.spec.fps:
            raise ValueError(f"windows begin at least {1 / self.spec.fps:.3f} s apart, a frame of the model")
        return VideoPass(source, self.spec, self.flow, wants_flow=wants_flow, timer=timer, progress=progress)

    def _windows(
        self, seen: VideoPass, run: Callable[[Clip], Array], window: float | None, step: float | None
    ) -> Iterator[WindowSum]:
        cut = cut_clips(seen, self.spec.clip, seen.duration_s, window, step)
        return sum_windows(cut, lambda clip: run(fitted(clip, self.spec)), whole=window is None)

    def _ready(self) -> Engine:
        self.prepare()
        assert self._engine is not None
        return self._engine.result()

    def _checked(self, engine: Engine) -> Engine:
        check_spec(self.name, self.spec, engine.inputs, engine.classes)
        return engine

    def _wants_flow(self) -> bool:
        # Flow does not wait for a model that is still being compiled.
        return self._engine is None or not self._engine.done() or "motion" in self._ready().inputs

    def _run(self, clip: Clip, timer: StageTimer) -> npt.NDArray[np.float32]:
        """Logits `(outputs, classes)` of a clip, averaged with those of its mirror image where the spec says so."""
        engine = self._ready()
        appearance, motion = clip.appearance[None], clip.motion[None]
        if self.spec.mirror:
            mirrored = flip(clip.appearance, clip.motion)
            appearance, motion = np.stack([clip.appearance, mirrored[0]]), np.stack([clip.motion, mirrored[1]])
        with timer.timing("model"):
            logits = engine.scores(appearance, motion)
        check_scores(logits, self.name)
        return np.asarray(logits.mean(0), np.float32)


def load_model(
    model: str | os.PathLike[str] | Model,
    *,
    engine: str = "auto",
    precision: str = "auto",
    flow: str | None = None,
    force: bool = False,
    offline: bool = False,
) -> Model:
    """The trained model that a name of the catalog, a `.keras` file, a run folder or `hf://user/repo[@revision]` means.

    Args:
        model: the name, or a `Model`, which is given back as it is.
        engine: what predicts: "auto", "openvino" or "keras".
        precision: what the engine computes in: "auto", "f32" or "bf16".
        flow: the flow method; by default the one that the model was trained with, and another one only with `force`.
        force: take another flow.
        offline: never use the network for the model.

    Raises:
        ModelNotFoundError: there is none, with the nearest names that there are.
        WeightsError: its file is damaged.
        OfflineError: it would have to be fetched.
        ModelError: it does not take this flow.
        ValueError: an unknown engine, precision or flow; or one of them for a `Model`, which has its own.

    >>> load_model("mini").labels
    ('handshake', 'hug', 'kick', 'point', 'punch', 'push')
    """
    if isinstance(model, Model):
        if (engine, precision, flow) != ("auto", "auto", None):
            raise ValueError(f"{model.name} is loaded already; choose its engine, precision and flow when loading it")
        return model
    files = resolve_model(model, offline=offline)
    return Model(files, engine=engine, precision=precision, flow=flow, force=force)
