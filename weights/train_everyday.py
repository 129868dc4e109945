"""Train `everyday`, the network that knows what one or two people do, from recorded motion.

    python -m actionzoo.weights.train_everyday POSES OUTPUT --work FOLDER --real FOLDER [--others FOLDER]

POSES holds the recorded joints of `actionzoo.weights.repertoire`. Puppets are rendered into the work folder, where each
finished piece of the training is kept: stopped and started again, the script goes on after the last one, with the same
clips. REAL holds UT-Interaction, and OTHERS videos that show none of the classes; without them the network learns only
from puppets what that is. No network that it made ships yet.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np

from actionzoo.data.augment import Augmentation
from actionzoo.data.dataset import LabeledVideo, VideoDataset
from actionzoo.data.decoded import DecodedVideo, VideoSource
from actionzoo.inference.familiarity import familiarity, kept
from actionzoo.models import create_model
from actionzoo.names import ANSWER, STREAMS
from actionzoo.puppets import ACTIONS, write_dataset, write_motion_dataset
from actionzoo.video.sampling import ClipSpec
from actionzoo.video.spec import InputSpec, VideoFormat
from actionzoo.weights.bundle import catalog_table, export_bundle
from actionzoo.weights.learning import Draws, Mixture, copy_weights, scores, towers
from actionzoo.weights.repertoire import CLASSES, IDLE, NONE, performances, read_shelf
from actionzoo.weights.ut_interaction import FOLDS, sequence

SIZE, FPS, FLOW = (112, 144), 15.0, "dis-fine-fast"
SPEC = ClipSpec(num_frames=5, stride=8, stack_length=10)
LEARNED = ClipSpec(num_frames=2, stride=12, stack_length=10)
"""What it answers about, and what it learns from: two frames of a clip, in two fifths of the time of five."""

LABELS = tuple(sorted({*CLASSES, *ACTIONS}))
PUPPETS_A_CLASS = 160
HEIGHT = 168
"""Rows of the rendered pictures."""

WIDTH = 0.375
"""Of the channels of a ResNet-18."""

BATCH, PIECE = 32, 250
STEPS = 5000
RATE, SMOOTHING = 2e-3, 0.1
NONE_SHARE = 2
"""Puppets of a batch that do nothing that has a class."""

REAL_STEPS, REAL_RATE = 300, 5e-4
REAL_SHARE, OTHERS_SHARE = 5, 4
"""Real clips in a batch of the last step: of the classes of UT-Interaction, and of none."""

PUPPET_SHARES = (BATCH - REAL_SHARE - OTHERS_SHARE - 1, 1)
"""Puppets in such a batch, of the classes and of none."""

START = "puppets.keras"
"""In the work folder, what the last step begins with."""

AUGMENTATION = Augmentation(zoom=(0.85, 1.2), stride=7, camera=0.2)

CATALOG_FACTS = {
    "summary": f"{len(LABELS)} everyday actions of one or two people",
    "licence": "Apache-2.0",
    "data": "rendered recorded motion, and UT-Interaction (SDHA 2010)",
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
        played = PUPPETS_A_CLASS if not sources else PUPPETS_A_CLASS // 2 if label in ACTIONS else 0
        if played:
            write_dataset(folder, played, seed, actions=[label], height=HEIGHT, fps=FPS, backgrounds=backgrounds)
        if PUPPETS_A_CLASS - played:
            recordings = performances(label, sources, shelf, PUPPETS_A_CLASS - played, seed)
            write_motion_dataset(
                folder, recordings, len(recordings), seed, height=HEIGHT, fps=FPS, backgrounds=backgrounds
            )
        done.touch()
        print(f"rendered {label}", flush=True)


def read(videos: Sequence[tuple[Path, int]], cache: Path) -> list[DecodedVideo]:
    """Videos with the index of their class, decoded once and kept in `cache`."""
    dataset = VideoDataset(LABELS, tuple(LabeledVideo(path, index) for path, index in videos))
    decoded = VideoSource(dataset, VideoFormat(*SIZE, FPS, FLOW), cache)
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
    return Draws(mixture, batches, seed, spec=LEARNED, size=SIZE, target=target, augmentation=AUGMENTATION)


def learn(
    mixture: Mixture,
    place: Path,
    steps: int,
    rate: float,
    seed: int,
    start: Path | None = None,
) -> keras.Model:
    """Train for `steps` batches, a piece at a time; `place` gets the network after each piece, with its optimiser.

    Args:
        mixture: videos with the number of them that go into each batch.
        place: of the unfinished and then the finished network.
        steps: batches in all.
        rate: the highest learning rate; it falls as a cosine.
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
            0.0, steps, warmup_target=rate, warmup_steps=max(1, steps // 20)
        )
        loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=SMOOTHING)
        network.compile(keras.optimizers.AdamW(schedule, weight_decay=0.02), [loss, loss])
    while (done := int(network.optimizer.iterations)) < steps:
        piece = draws(mixture, range(done, min(done + PIECE, steps)), seed)
        for layer in network.layers:
            if isinstance(layer, keras.layers.Dropout):  # Keras does not save what it goes on to draw
                layer.seed_generator.state.assign([seed, done])
        history = network.fit(piece, epochs=1, shuffle=False, verbose=0).history
        print(f"{place.stem}: step {done + len(piece)} of {steps}, loss {history['loss'][-1]:.3f}", flush=True)
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


def learn_real(
    place: Path, start: Path, puppets: Mixture, real: Sequence[DecodedVideo], others: Sequence[DecodedVideo], seed: int
) -> keras.Model:
    """The last step: real clips of some classes and of none join the puppets."""
    mixture = [*puppets, (real, REAL_SHARE)] + ([(others, OTHERS_SHARE)] if others else [])
    return learn(mixture, place, REAL_STEPS, REAL_RATE, seed, start)


def cross_validate(
    work: Path, puppets: Mixture, real: Sequence[DecodedVideo], others: Sequence[DecodedVideo], seed: int
) -> np.ndarray:
    """Logits `(videos, 3, classes)` of every real clip by a network that never saw its sequence, as `scores` gives."""
    sequences = [sequence(decoded) for decoded in real]
    result = np.full((len(real), 3, len(LABELS)), np.nan)
    for number, fold in enumerate(FOLDS):
        out = [index for index, own in enumerate(sequences) if own in fold]
        seen = [decoded for decoded, own in zip(real, sequences, strict=True) if own not in fold]
        network = learn_real(work / f"fold{number}.keras", work / START, puppets, seen, others, seed + number)
        result[out] = scores(towers(answering(network)), [real[index] for index in out], SPEC, SIZE)
        right = result[out].argmax(-1) == np.array([real[index].class_index for index in out])[:, None]
        print(f"fold {number + 1} of {len(FOLDS)}, sequences {fold}: {right.mean(axis=0).round(3)}", flush=True)
        keras.backend.clear_session()
    return result


def write(network: keras.Model, held_out: np.ndarray, results: dict[str, Any], output: Path) -> None:
    """Write the network with what it takes as familiar, and `results.json`; print the catalog's table.

    `held_out` are the logits `(videos, 3, classes)` of clips that the network of their fold had not learned from.
    """
    spec = InputSpec(
        LABELS, *SIZE, fps=FPS, num_frames=SPEC.num_frames, stride=SPEC.stride, stack_length=SPEC.stack_length,
        flow=FLOW, known=kept([familiarity(row[[2, 0, 1]]) for row in held_out]),
    )  # fmt: skip
    checksums = export_bundle(answering(network), spec, output)
    (output / "results.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    print(catalog_table("everyday", CATALOG_FACTS, checksums))


def main() -> None:
    """Run all steps that are not done yet."""
    parser = argparse.ArgumentParser(description="Train everyday and write its files.")
    parser.add_argument("poses", type=Path, help="folder of recorded joints")
    parser.add_argument("output", type=Path, help="folder for the network and results.json")
    parser.add_argument("--work", type=Path, required=True, help="folder for puppets and finished pieces")
    parser.add_argument("--real", type=Path, required=True, help="UT-Interaction in class folders")
    parser.add_argument("--others", type=Path, help="folder of videos of no class, also behind the puppets")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    work, seed = options.work, options.seed
    render(options.poses, work / "puppets", seed, options.others)
    cache = work / "decoded"
    puppets: Mixture = [
        (read(by_label(work / "puppets"), cache), BATCH - NONE_SHARE),
        (read(below(work / "puppets" / NONE, -1), cache), NONE_SHARE),
    ]
    real = read(by_label(options.real), cache)
    others = read(below(options.others, -1), cache) if options.others else []
    print(f"{sum(len(videos) for videos, _ in puppets)} puppets, {len(real)} real, {len(others)} others", flush=True)

    learned = learn(puppets, work / START, STEPS, RATE, seed)
    joined = [(videos, PUPPET_SHARES[place]) for place, (videos, _) in enumerate(puppets)]
    held_out = cross_validate(work, joined, real, others, seed)
    labels = np.array([decoded.class_index for decoded in real])
    right = (held_out.argmax(-1) == labels[:, None]).mean(0).tolist()
    alone = scores(towers(answering(learned)), real, SPEC, SIZE)
    results = {
        "ut_interaction": dict(zip((*STREAMS, ANSWER), right, strict=True)),
        "ut_interaction_puppets_alone": dict(
            zip((*STREAMS, ANSWER), (alone.argmax(-1) == labels[:, None]).mean(0).tolist(), strict=True)
        ),
        "seed": seed,
    }
    network = learn_real(work / "real.keras", work / START, joined, real, others, seed)
    write(network, held_out, results, options.output)


if __name__ == "__main__":
    main()
