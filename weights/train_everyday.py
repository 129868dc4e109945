"""Train `everyday`, the network that knows what one or two people do, from recorded motion.

    python -m actionzoo.weights.train_everyday POSES OUTPUT --work FOLDER --real FOLDER
        [--depth FOLDER] [--others FOLDER] [--measured FOLDER]

POSES holds the recorded joints of `actionzoo.weights.repertoire`. Puppets are rendered into the work folder, where each
finished piece of the training is kept: stopped and started again, the script goes on after the last one, with the same
clips. The network learns from puppets alone; then people cut out of the depth recordings of DEPTH join, UTD-MHAD in
class folders; then real clips of REAL, UT-Interaction, and of OTHERS, videos that show none of the classes. Without
OTHERS the network learns only from puppets what that is. MEASURED, class folders of some of the classes, is never
learned from: after each step the network is asked about it. `everyday_card` writes the card.
"""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np

from actionzoo.data.augment import Augmentation
from actionzoo.data.dataset import LabeledVideo, VideoDataset
from actionzoo.data.decoded import DecodedVideo, VideoSource
from actionzoo.evaluation.metrics import area, false_alarms
from actionzoo.inference.familiarity import familiarity, kept
from actionzoo.models import create_model
from actionzoo.names import ANSWER, STREAMS
from actionzoo.puppets import ACTIONS, read_depth, write_cutout_dataset, write_dataset, write_motion_dataset
from actionzoo.video.spec import InputSpec
from actionzoo.weights.bundle import catalog_table, export_bundle
from actionzoo.weights.learning import Draws, Mixture, copy_weights, scores, towers
from actionzoo.weights.repertoire import CLASSES, CUTOUTS, IDLE, NONE, performances, read_shelf
from actionzoo.weights.ut_interaction import FOLDS, sequence

LABELS = tuple(sorted({*CLASSES, *ACTIONS}))
SIZE, FPS = (112, 144), 15.0
SPEC = InputSpec(
    LABELS, *SIZE, fps=FPS, num_frames=5, stride=8, stack_length=10, flow="dis-fine-fast", crop_to_motion=True
)
LEARNED = replace(SPEC, num_frames=2, stride=12)
"""What it answers about, and what it learns from: two frames of a clip, in two fifths of the time of five."""

PUPPETS_A_CLASS = 160
CUTOUTS_A_CLASS = 48
"""And of each twice as many of none."""
HEIGHT = 168
"""Rows of the rendered pictures."""

WIDTH = 0.375
"""Of the channels of a ResNet-18."""

BATCH, PIECE, SMOOTHING = 32, 250, 0.1


@dataclass(frozen=True)
class Stage:
    """A part of the training.

    Attributes:
        steps: batches.
        rate: the highest learning rate; it falls as a cosine.
        puppets: clips of a batch.
        idle: puppets of a batch that do nothing that has a class.
        cutouts: people cut out of depth recordings.
        real: real clips of the classes of UT-Interaction.
        others: real clips of none.
    """

    steps: int
    rate: float
    puppets: int
    idle: int
    cutouts: int = 0
    real: int = 0
    others: int = 0


STAGES = {
    "puppets": Stage(6000, 2e-3, puppets=30, idle=2),
    "cutouts": Stage(500, 1e-3, puppets=24, idle=2, cutouts=6),
    "real": Stage(150, 5e-4, puppets=19, idle=1, cutouts=3, real=5, others=4),
}

AUGMENTATION = Augmentation(zoom=(0.85, 1.2), stride=7, camera=0.0)

ANSWER_FIRST = [2, 0, 1]
"""The order in which a model gives the scores of its outputs, among those of `scores`."""

CATALOG_FACTS = {
    "summary": f"{len(LABELS)} actions of 1 or 2 people",
    "licence": "Apache-2.0",
    "data": "puppets that move as recorded, and UT-Interaction (SDHA 2010)",
    "network": "everyday",
}
"""What the catalog says of `everyday` beside its files."""


def build(frames: int) -> keras.Model:
    """The network, of clips of so many frames: two streams whose maps are added at relu5."""
    return create_model(
        "two_stream_resnet18",
        len(LABELS),
        frames,
        height=SIZE[0],
        width=SIZE[1],
        stack_length=SPEC.stack_length,
        fusion="sum",
        temporal_fusion="pool2d",
        dropout=0.3,
        channel_factor=WIDTH,
        preprocessing="torchvision",
    )


def render(poses: Path, folder: Path, seed: int, backgrounds: Path | None = None) -> None:
    """Render all puppets that are not there yet; half of them before pictures of `backgrounds`."""
    shelf = read_shelf(poses)
    for label in sorted({*CLASSES, *ACTIONS, NONE}):
        out = folder / label.replace(" ", "_")
        done = out / ".done"
        if done.exists():
            continue
        sources = IDLE if label == NONE else CLASSES.get(label, ())
        clips = PUPPETS_A_CLASS * (2 if label == NONE else 1)
        played = clips if not sources else clips // 2 if label in ACTIONS else 0
        if played:
            write_dataset(folder, played, seed, actions=[label], height=HEIGHT, fps=FPS, backgrounds=backgrounds)
        if clips - played:
            recordings = performances(label, sources, shelf, clips - played, seed)
            write_motion_dataset(
                folder, recordings, len(recordings), seed, height=HEIGHT, fps=FPS, backgrounds=backgrounds
            )
        done.touch()
        print(f"rendered {label}", flush=True)


def render_cutouts(depth: Path, folder: Path, seed: int, backgrounds: Path | None = None) -> None:
    """Render all people cut out of depth recordings that are not there yet, below `folder` / class / label."""
    recordings = read_depth(depth)
    for label, shown in CUTOUTS.items():
        out = folder / label.replace(" ", "_")
        done = out / ".done"
        if not done.exists():
            clips = -(-CUTOUTS_A_CLASS * (2 if label == NONE else 1) // len(shown))
            write_cutout_dataset(
                out, recordings, clips, seed, labels=shown, height=HEIGHT, fps=FPS, backgrounds=backgrounds
            )
            done.touch()


def read(videos: Sequence[tuple[Path, int]], cache: Path) -> list[DecodedVideo]:
    """Videos with the index of their class, decoded once and kept in `cache`."""
    dataset = VideoDataset(LABELS, tuple(LabeledVideo(path, index) for path, index in videos))
    decoded = VideoSource(dataset, SPEC.video_format, cache)
    if broken := decoded.prepare():
        raise ValueError(f"{broken[0][0].path}: {broken[0][1]}")
    return [decoded.read(index) for index in range(len(decoded))]


def target(index: int) -> np.ndarray:
    """What the network shall say: one class, or of a clip that shows none (-1) all alike."""
    if index < 0:
        return np.full(len(LABELS), 1 / len(LABELS), np.float32)
    return np.eye(len(LABELS), dtype=np.float32)[index]


def draws(mixture: Mixture, batches: range, seed: int) -> Draws:
    """Batches of random clips."""
    return Draws(mixture, batches, seed, spec=LEARNED, target=target, augmentation=AUGMENTATION)


@dataclass(frozen=True)
class Clips:
    """All there is to learn from, decoded.

    Attributes:
        puppets: of the classes.
        idle: puppets that do nothing that has a class.
        cutouts: people cut out of depth recordings, of classes and of none.
        real: clips of UT-Interaction.
        others: videos of none of the classes.
    """

    puppets: Sequence[DecodedVideo]
    idle: Sequence[DecodedVideo]
    cutouts: Sequence[DecodedVideo] = ()
    real: Sequence[DecodedVideo] = ()
    others: Sequence[DecodedVideo] = ()

    def mixture(self, stage: Stage) -> Mixture:
        """What there is of that which a batch of the stage asks for; puppets for what there is not."""
        names = ("idle", "cutouts", "real", "others")
        shares = {name: getattr(stage, name) for name in names if getattr(self, name)}
        return [(self.puppets, BATCH - sum(shares.values()))] + [
            (getattr(self, name), share) for name, share in shares.items() if share
        ]


def learn(mixture: Mixture, place: Path, stage: Stage, seed: int, start: Path | None = None) -> keras.Model:
    """Train, a piece at a time; `place` gets the network after each piece, with its optimiser.

    Args:
        mixture: videos with the number of them that go into each batch.
        place: of the unfinished and then the finished network.
        stage: how long, and how fast.
        seed: of the clips, and of dropout.
        start: a network to begin with.
    """
    keras.config.set_dtype_policy("mixed_bfloat16")
    keras.utils.set_random_seed(seed)
    if place.exists():
        network = keras.models.load_model(place)
    else:
        model = build(LEARNED.num_frames)
        if start is not None:
            copy_weights(keras.models.load_model(start, compile=False), model)
        network = towers(model)
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0, stage.steps, warmup_target=stage.rate, warmup_steps=max(1, stage.steps // 20)
        )
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=SMOOTHING)
        network.compile(keras.optimizers.AdamW(schedule, weight_decay=0.02), [loss, loss])
    while (done := int(network.optimizer.iterations)) < stage.steps:
        piece = draws(mixture, range(done, min(done + PIECE, stage.steps)), seed)
        for layer in network.layers:
            if isinstance(layer, keras.layers.Dropout):  # Keras does not save what it goes on to draw
                layer.seed_generator.state.assign([seed, done])
        history = network.fit(piece, epochs=1, shuffle=False, verbose=0).history
        print(f"{place.stem}: step {done + len(piece)} of {stage.steps}, loss {history['loss'][-1]:.3f}", flush=True)
        beside = place.with_name(f"unfinished-{place.name}")
        network.save(beside)
        beside.replace(place)
    keras.config.set_dtype_policy("float32")
    return network


def answering(network: keras.Model) -> keras.Model:
    """The network that answers: the weights of a trained one, in single precision, of clips of `SPEC`."""
    model = build(SPEC.num_frames)
    copy_weights(network, model)
    return model


def below(folder: Path, index: int) -> list[tuple[Path, int]]:
    """The videos below a folder, with the index of their class."""
    return [(path, index) for path in sorted(folder.rglob("*")) if path.suffix in (".mp4", ".avi")]


def by_label(folder: Path) -> list[tuple[Path, int]]:
    """The videos of all class folders that there are, with the indices of their classes."""
    return [video for index, label in enumerate(LABELS) for video in below(folder / label.replace(" ", "_"), index)]


def cross_validate(work: Path, clips: Clips, start: Path, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits `(videos, 3, classes)` of every real clip and every other by a network that never saw it.

    A fold leaves out sequences of UT-Interaction, and as large a share of the others.
    """
    sequences = [sequence(decoded) for decoded in clips.real]
    known = np.full((len(clips.real), 3, len(LABELS)), np.nan)
    others = np.full((len(clips.others), 3, len(LABELS)), np.nan)
    for number, fold in enumerate(FOLDS):
        out = [index for index, own in enumerate(sequences) if own in fold]
        strange = list(range(number, len(clips.others), len(FOLDS)))
        seen = replace(
            clips,
            real=[decoded for decoded, own in zip(clips.real, sequences, strict=True) if own not in fold],
            others=[decoded for index, decoded in enumerate(clips.others) if index not in strange],
        )
        stage = STAGES["real"]
        network = learn(seen.mixture(stage), work / f"fold{number}.keras", stage, seed + number, start)
        judge = towers(answering(network))
        known[out] = scores(judge, [clips.real[index] for index in out], SPEC)
        if strange:
            others[strange] = scores(judge, [clips.others[index] for index in strange], SPEC)
        right = known[out].argmax(-1) == np.array([clips.real[index].class_index for index in out])[:, None]
        print(f"fold {number + 1} of {len(FOLDS)}, sequences {fold}: {right.mean(axis=0).round(3)}", flush=True)
        keras.backend.clear_session()
    return known, others


def shares_right(logits: np.ndarray, videos: Sequence[DecodedVideo]) -> dict[str, float]:
    """The share of videos that each stream, and both, are right about, of logits `(videos, 3, classes)`."""
    right = logits.argmax(-1) == np.array([decoded.class_index for decoded in videos])[:, None]
    return dict(zip((*STREAMS, ANSWER), right.mean(0).tolist(), strict=True))


def wrong(logits: np.ndarray, videos: Sequence[DecodedVideo]) -> dict[str, int]:
    """How often each class was taken for each other, of logits `(videos, 3, classes)`."""
    answers = logits[:, 2].argmax(-1)
    return dict(
        Counter(
            f"{LABELS[decoded.class_index]} -> {LABELS[answer]}"
            for decoded, answer in zip(videos, answers, strict=True)
            if answer != decoded.class_index
        ).most_common()
    )


def apart(known: np.ndarray, others: np.ndarray) -> dict[str, float]:
    """How well familiarity tells known from unknown, of logits `(videos, 3, classes)` of both."""
    inside, outside = (np.array([familiarity(row[ANSWER_FIRST]) for row in rows]) for rows in (known, others))
    return {"auroc": area(inside, outside), "false_alarms": false_alarms(inside, outside)}


def write(network: keras.Model, held_out: np.ndarray, results: dict[str, Any], output: Path) -> None:
    """Write the network with what it takes as familiar, and `results.json`; print the catalog's table.

    `held_out` are the logits `(videos, 3, classes)` of clips that the network of their fold had not learned from.
    """
    spec = replace(SPEC, known=kept([familiarity(row[ANSWER_FIRST]) for row in held_out]))
    model = answering(network)
    checksums = export_bundle(model, spec, output)
    results["parameters"] = model.count_params()
    (output / "results.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    print(catalog_table("everyday", CATALOG_FACTS, checksums))


def rendered(options: argparse.Namespace) -> Clips:
    """Render what is not there yet, and decode everything."""
    work, cache = options.work, options.work / "decoded"
    render(options.poses, work / "puppets", options.seed, options.others)
    if options.depth:
        render_cutouts(options.depth, work / "cutouts", options.seed, options.others)
    return Clips(
        read(by_label(work / "puppets"), cache),
        read(below(work / "puppets" / NONE, -1), cache),
        read(by_label(work / "cutouts") + below(work / "cutouts" / NONE, -1), cache),
        read(by_label(options.real), cache),
        read(below(options.others, -1), cache) if options.others else [],
    )


def main() -> None:
    """Run all steps that are not done yet."""
    parser = argparse.ArgumentParser(description="Train everyday and write its files.")
    parser.add_argument("poses", type=Path, help="folder of recorded joints")
    parser.add_argument("output", type=Path, help="folder for the network and results.json")
    parser.add_argument("--work", type=Path, required=True, help="folder for puppets and finished pieces")
    parser.add_argument("--real", type=Path, required=True, help="UT-Interaction in class folders")
    parser.add_argument("--depth", type=Path, help="depth recordings of UTD-MHAD in class folders")
    parser.add_argument("--others", type=Path, help="folder of videos of no class, also behind the puppets")
    parser.add_argument("--measured", type=Path, help="class folders that are only asked about")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    clips, work, seed = rendered(options), options.work, options.seed
    counts = {name: len(getattr(clips, name)) for name in ("puppets", "idle", "cutouts", "real", "others")}
    print(counts, flush=True)
    asked = {"ut_interaction": clips.real}
    if options.measured:
        asked[options.measured.name] = read(by_label(options.measured), work / "decoded")
    results: dict[str, Any] = {"seed": seed, "clips": counts, **{name: {} for name in asked}}
    start: Path | None = None
    for step in ["puppets"] + (["cutouts"] if clips.cutouts else []):
        stage, place = STAGES[step], work / f"{step}.keras"
        judge = towers(answering(learn(clips.mixture(stage), place, stage, seed, start)))
        for name, videos in asked.items():
            results[name][step] = shares_right(scores(judge, videos, SPEC), videos)
        start = place
    assert start is not None
    known, others = cross_validate(work, clips, start, seed)
    results["ut_interaction"]["held_out"] = shares_right(known, clips.real)
    results["wrong"] = wrong(known, clips.real)
    results["unknown"] = apart(known, others) if len(others) else {}
    stage = STAGES["real"]
    write(learn(clips.mixture(stage), work / "real.keras", stage, seed, start), known, results, options.output)


if __name__ == "__main__":
    main()
