"""The tests that give a network's scores of labelled videos.

"papers": 25 frames spread over the video as one clip, and its mirror image; the whole frame, fully convolutional, with
its short side at 256/224 of the model's; scores averaged over frames, places and the two images (ST-ResNet, NIPS'16,
section 4; so for ST-MulNet and T-ResNet). The networks average their frames, places and towers as logits themselves.

"windows": the clips that `actionzoo predict` sees: of the model's own length and stride, overlapping by half, over the
whole video; their logits averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from actionzoo.data.dataset import VideoDataset
from actionzoo.data.decoded import DecodedVideo, Source, VideoSource
from actionzoo.errors import DataError, ModelError, VideoError, did_you_mean
from actionzoo.evaluation.controls import CONTROLS, TRAITS, control_videos, traits
from actionzoo.evaluation.scores import ANSWER, Scores, softmax
from actionzoo.hub.keras_models import load_keras
from actionzoo.hub.resolve import ModelFiles
from actionzoo.models.dense import fully_convolutional
from actionzoo.models.graph import with_towers
from actionzoo.models.temporal import TemporalPooling
from actionzoo.video.resize import pad_to
from actionzoo.video.sampling import clip_centres, flip, gather_clip, spread_centres
from actionzoo.video.sampling import views as ten_views
from actionzoo.video.spec import InputSpec

PROTOCOLS = ("auto", "papers", "windows")
PAPERS_FRAMES = 25
WHOLE_FRAME = 256 / 224
"""The short side of a whole frame in the papers' test, as a multiple of the side they learned from."""

VIEWS = (1, 2, 10)
BATCH = 8
SHOWN = 3

Clip = tuple[NDArray[np.uint8], NDArray[np.float32]]


@dataclass(frozen=True)
class EvaluationResult:
    """What came out of a test.

    Attributes:
        scores: of the videos that could be read.
        protocol: that gave them.
        broken: videos that could not be read, with their reasons.
        traits: of the same videos as the scores, `(videos,)` by name; see `actionzoo.evaluation.controls`.
    """

    scores: Scores
    protocol: str
    broken: tuple[tuple[Path, str], ...]
    traits: dict[str, NDArray[np.float32]]


class Protocol:
    """How a model is tested: what it is shown of a video, and how its scores are averaged.

    Args:
        spec: the model's input spec.
        name: "papers", "windows", or "auto": windows for models that look at whole frames anyway (`resize` "fit"),
            the papers' test for others.
        frames: of the papers' clip.
        average: "logits" or "softmax", over clips and views.
        views: of each clip: 1 is the clip, 2 also its mirror image, 10 the corners and the centre of whole frames and
            their mirror images (NIPS'14); by default 2 for the papers' test, and else what the spec says.

    Raises ValueError for unknown values, and for ten views of a model that sees whole frames.
    """

    def __init__(
        self,
        spec: InputSpec,
        name: str = "auto",
        *,
        frames: int = PAPERS_FRAMES,
        average: str = "logits",
        views: int | None = None,
    ) -> None:
        if name not in PROTOCOLS or average not in ("logits", "softmax") or views not in (None, *VIEWS):
            raise ValueError(
                f"a protocol is one of {', '.join(PROTOCOLS)}, averages logits or softmax over {VIEWS} views"
            )
        self.name = ("windows" if spec.resize == "fit" else "papers") if name == "auto" else name
        self.spec, self.frames, self.average = spec, frames, average
        self.clip_spec = spec.clip
        video_format = spec.video_format
        if self.name == "papers" and spec.resize != "fit":
            side = round(min(spec.height, spec.width) * WHOLE_FRAME)
            video_format = replace(video_format, height=side, width=side, resize="short")
        self.video_format = video_format
        self.views = views or (2 if self.name == "papers" or spec.mirror else 1)
        if self.views == 10 and video_format.resize != "short":
            raise ValueError(
                "ten views are cut out of frames that are larger than what the model sees: only for the "
                "papers' test of models that do not see whole frames anyway"
            )

    def network(self, model: keras.Model) -> keras.Model:
        """The network for this test, with all its scores. Raises ModelError if the papers' clip is too short for it."""
        shortest = max((layer.window for layer in model.layers if isinstance(layer, TemporalPooling)), default=1)
        if self.name == "papers" and self.frames < shortest:
            raise ModelError(
                f"the network pools over {shortest} frames, a clip has {self.frames}; give --frames {shortest}"
            )
        return with_towers(fully_convolutional(model) if self.name == "papers" else model)

    def clips(self, decoded: DecodedVideo) -> Iterator[Clip]:
        """What the network is shown of a video: appearance `(time, height, width, 3)`, motion `(..., 2*L)`."""
        count = len(decoded.frames)
        if self.name == "papers":
            clips = [spread_centres(count, self.frames, self.clip_spec.stack_length)]
        else:
            clips = clip_centres(count, self.clip_spec)
        size = self.spec.height, self.spec.width
        for centres in clips:
            clip = gather_clip(decoded.frames, decoded.flow, centres, self.clip_spec.stack_length)
            if (
                self.video_format.resize != "stretch"
            ):  # to fit, or where an upright video is narrower than the model's picture
                whole = _at_least(size, clip[0].shape[1:3])
                clip = pad_to(clip[0], whole), pad_to(clip[1], whole)
            if self.views == 10:
                yield from ten_views(*clip, size)
            else:
                yield clip
                yield from [flip(*clip)] * (self.views == 2)


def evaluate(
    files: ModelFiles,
    data: VideoDataset | Source,
    protocol: Protocol,
    *,
    controls: bool = False,
    strategy: Any = None,
    progress: Callable[[int, int], None] | None = None,
) -> EvaluationResult:
    """Scores of labelled videos.

    Args:
        files: the model.
        data: the videos; their classes are those of the model, or some of them.
        protocol: what it is shown.
        controls: also give scores of two control clips of each video, "background" and "shape"
            (`actionzoo.evaluation.controls`).
        strategy: of tf.distribute: its replicas share the clips of a video, its machines the videos.
        progress: called with the number of videos that are done, and of all.

    Raises:
        DataError: the model does not know a class of the set, or no video can be read.
        ModelError: the model cannot be loaded, pools over more frames than a clip has, or gives scores that are no
            numbers.
    """
    import tensorflow as tf

    strategy = strategy or tf.distribute.get_strategy()
    source: Source = VideoSource(data, protocol.video_format) if isinstance(data, VideoDataset) else data
    labels = known_labels(source.classes, files)
    with strategy.scope():
        runner = _Runner(protocol.network(load_keras(files)), strategy, protocol)
    own = range(_worker(strategy), len(source), _workers(strategy))
    names = (*runner.names, *(CONTROLS if controls else ()))
    rows = np.zeros((len(source), len(names), len(files.spec.classes)), np.float32)
    facts = np.zeros((len(source), len(TRAITS)), np.float32)
    reasons: dict[int, str] = {}
    for done, index in enumerate(own, start=1):
        try:
            decoded = source.read(index)
            rows[index] = runner.scores(decoded, controls)
            facts[index] = traits(decoded)
        except VideoError as error:
            reasons[index] = error.reason
        if progress is not None:
            progress(done, len(own))
    failed = np.isin(np.arange(len(source)), list(reasons)).astype(np.float32)
    if _workers(strategy) > 1:
        rows, facts, failed = (_added_up(strategy, array) for array in (rows, facts, failed))
    good = np.flatnonzero(failed == 0)
    broken = [
        (source.videos[index].path, reasons.get(int(index), "another worker could not read it"))
        for index in np.flatnonzero(failed)
    ]
    if not len(good):
        raise DataError(f"none of {len(source)} videos can be read; the first is {broken[0][0]}: {broken[0][1]}")
    lost = [index for index in good if not np.isfinite(rows[index]).all()]
    if lost:  # no accuracy: a comparison with nan is neither right nor wrong
        raise ModelError(
            f"{files.name} gives scores that are no numbers for {len(lost)} of {len(good)} videos, such as "
            f"{source.videos[lost[0]].path}; its training diverged, or its weights are damaged"
        )
    scores = Scores(
        files.spec.classes,
        tuple(str(source.videos[index].path) for index in good),
        np.array([labels[source.videos[index].class_index] for index in good]),
        tuple(source.videos[index].group or "" for index in good),
        {name: rows[good, place] for place, name in enumerate(names)},
    )
    return EvaluationResult(
        scores, protocol.name, tuple(broken), {name: facts[good, place] for place, name in enumerate(TRAITS)}
    )


def known_labels(classes: Sequence[str], files: ModelFiles) -> list[int]:
    """The model's index of each class of a set. Raises DataError for classes that it does not know."""
    known = files.spec.classes
    unknown = [name for name in classes if name not in known]
    if unknown:
        hint = did_you_mean(unknown[0], known) or f"; it knows {', '.join(known[:SHOWN]) or 'no names'}"
        raise DataError(f"{files.name} does not know the class {unknown[0]!r} of the videos{hint}")
    return [known.index(name) for name in classes]


def _at_least(size: tuple[int, int], picture: tuple[int, ...]) -> tuple[int, int]:
    return max(size[0], picture[0]), max(size[1], picture[1])


class _Runner:
    """Runs a network over the clips of a video, on all devices of this machine."""

    def __init__(self, network: keras.Model, strategy: Any, protocol: Protocol) -> None:
        import tensorflow as tf

        self.names = tuple(network.output)
        self._network, self._strategy, self._protocol = network, strategy, protocol
        self._devices = strategy.num_replicas_in_sync // _workers(strategy)
        # Clips of whole frames are large: one for each device at a time.
        self._batch = self._devices * (1 if protocol.name == "papers" else BATCH)

        def outputs(clips: Any) -> Any:
            said = network(clips, training=False)
            return tf.stack([said[name] for name in self.names], axis=1)

        # Keras' own predict would gather what the other machines say about other videos.
        self._forward = tf.function(
            lambda clips: strategy.run(outputs, args=(clips,)), reduce_retracing=True, autograph=False
        )

    def scores(self, decoded: DecodedVideo, controls: bool = False) -> NDArray[np.float32]:
        """What the network says about a video, `(outputs, classes)`, in the order of `names`.

        What it answers to the controls follows, if these are wanted.
        """
        said = self._mean(self._protocol.clips(decoded))
        if not controls:
            return said
        answer = self.names.index(ANSWER)
        stills = control_videos(decoded)
        # All clips of what does not move are the same, but for their views.
        first = (islice(self._protocol.clips(stills[name]), self._protocol.views) for name in CONTROLS)
        return np.concatenate([said, *(self._mean(clips)[answer : answer + 1] for clips in first)])

    def _mean(self, clips: Iterator[Clip]) -> NDArray[np.float32]:
        parts = []
        while batch := list(islice(clips, self._batch)):  # a long video has more clips than fit into memory
            parts.append(self._run(batch))
        said = np.concatenate(parts)
        mean = np.log(softmax(said).mean(axis=0) + 1e-30) if self._protocol.average == "softmax" else said.mean(axis=0)
        return np.asarray(mean, np.float32)

    def _run(self, clips: Sequence[Clip]) -> NDArray[np.float32]:
        """`(clips, outputs, classes)`: each device sees as many clips, the last of which may be there twice."""
        import tensorflow as tf

        both = dict(zip(("appearance", "motion"), zip(*clips, strict=True), strict=True))
        inputs = {name: np.stack(both[name]).astype(np.float32) for name in self._network.input}
        each = -(-len(clips) // self._devices)
        places = np.arange(each * self._devices) % len(clips)

        def part(context: Any) -> dict[str, Any]:
            first = context.replica_id_in_sync_group % self._devices * each
            return {name: tf.constant(array[places[first : first + each]]) for name, array in inputs.items()}

        given = self._strategy.experimental_distribute_values_from_function(part)
        said = self._strategy.experimental_local_results(self._forward(given))
        scores: NDArray[np.float32] = np.concatenate([np.asarray(part, np.float32) for part in said])[: len(clips)]
        return scores


def _workers(strategy: Any) -> int:
    resolver = strategy.cluster_resolver
    return len(resolver.cluster_spec().as_dict().get("worker", [0])) if resolver is not None else 1


def _worker(strategy: Any) -> int:
    resolver = strategy.cluster_resolver
    return int(resolver.task_id or 0) if resolver is not None else 0


def _added_up(strategy: Any, array: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sum of what every machine has."""
    import tensorflow as tf

    each = strategy.num_replicas_in_sync // _workers(strategy)
    mine = tf.constant(array / each)
    total = tf.function(
        lambda: strategy.reduce("SUM", strategy.run(lambda: tf.identity(mine)), axis=None), autograph=False
    )()
    return np.asarray(total, np.float32)
