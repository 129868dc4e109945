"""Train `mini`, the network that ships with actionzoo, and measure it by leave-sequences-out cross-validation.

    python -m actionzoo.weights.train_mini REAL OUTPUT --work FOLDER --seed 0

REAL holds the UT-Interaction clips as `<class>/<number>_<sequence>_<label>.avi`. Puppets are rendered into the work
folder, where each finished step is kept: started again, the script goes on after the last one. OUTPUT gets the
network and its conversion (`export_bundle`), the measured numbers as `results.json`, and the model card.

The steps: both streams learn from puppets, without a connection; the connection joins them, and they learn on; then
real clips are mixed in. For the cross-validation this last step is done once for each fold, for the shipped network
with all clips.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np

from actionzoo.data.augment import Augmentation
from actionzoo.data.dataset import read_dataset
from actionzoo.data.decoded import DecodedVideo, VideoSource
from actionzoo.hub import InputSpec
from actionzoo.models import create_model
from actionzoo.puppets import ACTIONS, write_dataset
from actionzoo.video.sampling import ClipSpec
from actionzoo.video.spec import VideoFormat
from actionzoo.weights.bundle import catalog_table, export_bundle
from actionzoo.weights.card import card
from actionzoo.weights.learning import Draws, Mixture, copy_weights, scores, towers
from actionzoo.weights.ut_interaction import FOLDS, sequence

SIZE = (112, 144)
FPS = 15.0
FLOW, ANSWERS_FLOW = "dis-fine", "dis-fine-fast"
"""What it learns from, and what it asks for: as right, and four times as fast (`benchmarks.flow_choice`)."""
SPEC = ClipSpec(num_frames=6, stride=7, stack_length=10)
INPUT = InputSpec(
    ACTIONS,
    *SIZE,
    fps=FPS,
    num_frames=SPEC.num_frames,
    stride=SPEC.stride,
    stack_length=SPEC.stack_length,
    flow=ANSWERS_FLOW,
)
STARTS = {"none": "puppets_alone.weights.h5", "residual": "puppets_joined.weights.h5"}
"""What each network, by its connection, goes on from when it learns from real clips."""

PUPPETS_A_CLASS = 150
BATCH = 8
PUPPET_SHARE = 2
"""Puppets in a batch beside real clips."""

PUPPET_STEPS, JOINED_STEPS, REAL_STEPS = 900, 250, 150
SMOOTHING = 0.1

CATALOG_FACTS = {
    "summary": "six actions between two people",
    "licence": "Apache-2.0",
    "data": "rendered puppets and UT-Interaction (SDHA 2010)",
    "network": "mini",
}
"""What the catalog says of `mini` beside its files; accuracy and input are written there by hand."""


def build(connection: str, dropout: float = 0.3) -> keras.Model:
    """The network of `mini`, `(appearance, motion)` to logits."""
    return create_model(
        "st_resnet18",
        len(ACTIONS),
        SPEC.num_frames,
        height=SIZE[0],
        width=SIZE[1],
        stack_length=SPEC.stack_length,
        connection=connection,
        temporal_pool="none",
        dropout=dropout,
        channel_factor=0.25,
        preprocessing="torchvision",
    )


class Progress(keras.callbacks.Callback):
    """A line every hundred steps: a step takes about half a second on two cores."""

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if batch % 100 == 99:
            print(f"  step {batch + 1}, loss {(logs or {}).get('loss', float('nan')):.3f}", flush=True)


def target(index: int) -> np.ndarray:
    """One of the classes."""
    return np.eye(len(ACTIONS), dtype=np.float32)[index]


def draws(mixture: Mixture, steps: int, seed: int) -> Draws:
    """Batches of random clips."""
    return Draws(mixture, range(steps), seed, spec=INPUT, target=target, augmentation=Augmentation())


def train(model: keras.Model, mixture: Mixture, steps: int, rate: float, seed: int) -> float:
    """Train both towers, each with a loss of its own; returns the loss of the last step."""
    schedule = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=rate, warmup_steps=max(1, steps // 10))
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=SMOOTHING)
    network = towers(model)
    network.compile(keras.optimizers.AdamW(schedule, weight_decay=0.05), [loss, loss])
    history = network.fit(draws(mixture, steps, seed), epochs=1, shuffle=False, verbose=0, callbacks=[Progress()])
    return float(history.history["loss"][-1])


def tower_scores(model: keras.Model, decoded_videos: Sequence[DecodedVideo]) -> np.ndarray:
    """Logits of appearance, motion and both, `(videos, 3, classes)`."""
    return scores(towers(model), decoded_videos, INPUT)


def read(folder: Path, cache: Path) -> list[DecodedVideo]:
    """Every video of the class folders below `folder`, decoded once and kept in `cache`."""
    source = VideoSource(read_dataset(folder), VideoFormat(*SIZE, FPS, FLOW), cache)
    if source.classes != ACTIONS:
        raise ValueError(f"{folder} has the classes {source.classes}, not {ACTIONS}")
    if broken := source.prepare():
        raise ValueError(f"{broken[0][0].path}: {broken[0][1]}")
    return [source.read(index) for index in range(len(source))]


def learn_puppets(puppets: Sequence[DecodedVideo], seed: int, work: Path) -> None:
    """Both streams by themselves, then joined; what is learned goes into the work folder, unless it is there."""
    alone, joined = work / STARTS["none"], work / STARTS["residual"]
    model = build("none")
    if not alone.exists():
        train(model, [(puppets, BATCH)], PUPPET_STEPS, 2e-3, seed)
        model.save_weights(alone)
    if not joined.exists():
        model.load_weights(alone)
        network = build("residual")
        copy_weights(model, network)
        train(network, [(puppets, BATCH)], JOINED_STEPS, 1e-3, seed + 1)
        network.save_weights(joined)


def learn_real(
    connection: str, start: Path, real: Sequence[DecodedVideo], puppets: Sequence[DecodedVideo], seed: int
) -> keras.Model:
    """The last step: real clips and, in a smaller share, puppets."""
    keras.utils.set_random_seed(seed)
    model = build(connection)
    model.load_weights(start)
    train(model, [(real, BATCH - PUPPET_SHARE), (puppets, PUPPET_SHARE)], REAL_STEPS, 1e-3, seed)
    return model


def cross_validate(
    connection: str, start: Path, real: Sequence[DecodedVideo], puppets: Sequence[DecodedVideo], seed: int
) -> np.ndarray:
    """Scores of every real clip by a model that never saw its sequence, as `tower_scores` gives them."""
    sequences = np.array([sequence(decoded) for decoded in real])
    result = np.full((len(real), 3, len(ACTIONS)), np.nan)
    for number, fold in enumerate(FOLDS):
        out = np.isin(sequences, fold)
        seen = [decoded for decoded in real if sequence(decoded) not in fold]
        unseen = [decoded for decoded in real if sequence(decoded) in fold]
        model = learn_real(connection, start, seen, puppets, seed + number)
        result[out] = tower_scores(model, unseen)
        correct = result[out].argmax(-1) == np.array([decoded.class_index for decoded in unseen])[:, None]
        print(f"fold {number + 1} of {len(FOLDS)}, sequences {fold}: {correct.mean(axis=0).round(3)}", flush=True)
        keras.backend.clear_session()
    return result


def summary(result: np.ndarray, real: Sequence[DecodedVideo]) -> dict[str, Any]:
    """Accuracies with their standard errors, over all clips and without "point", and the confusion of the fused answer.

    Clips of a sequence are alike, so a standard error is that of the mean over sequences.
    """
    labels = np.array([decoded.class_index for decoded in real])
    sequences = np.array([sequence(decoded) for decoded in real])
    correct = result.argmax(-1) == labels[:, None]
    table: dict[str, Any] = {}
    for column, name in enumerate(("appearance", "motion", "fused")):
        for rows, kept in (("all", labels >= 0), ("without_point", labels != ACTIONS.index("point"))):
            means = [correct[(sequences == number) & kept, column].mean() for number in np.unique(sequences)]
            error = np.std(means, ddof=1) / np.sqrt(len(means))
            table[f"{name}_{rows}"] = {
                "accuracy": float(correct[kept, column].mean()),
                "standard_error": float(error),
                "clips": int(kept.sum()),
            }
    confusion = np.zeros((len(ACTIONS), len(ACTIONS)), int)
    np.add.at(confusion, (labels, result[:, 2].argmax(-1)), 1)
    wrong = [
        {"clip": f"{ACTIONS[decoded.class_index]}/{decoded.name}", "answer": ACTIONS[int(answer)]}
        for decoded, answer in zip(real, result[:, 2].argmax(-1), strict=True)
        if answer != decoded.class_index
    ]
    return {"accuracy": table, "confusion": confusion.tolist(), "wrong": wrong}


def measure(real: Sequence[DecodedVideo], puppets: Sequence[DecodedVideo], seed: int, work: Path) -> dict[str, Any]:
    """Cross-validate both networks; appearance alone and motion alone are the towers of the one without connection."""
    results: dict[str, Any] = {}
    for connection, start in STARTS.items():
        kept = work / f"scores_{connection}.npy"
        if not kept.exists():
            print(f"cross-validation, connection: {connection}", flush=True)
            np.save(kept, cross_validate(connection, work / start, real, puppets, seed))
        results[connection] = summary(np.load(kept), real)
        model = build(connection)
        model.load_weights(work / start)
        results[f"{connection}_puppets_only"] = summary(tower_scores(model, real), real)
    return results


def write(model: keras.Model, results: dict[str, Any], output: Path) -> None:
    """Write the network, `results.json` and the card; print the catalog's table."""
    checksums = export_bundle(model, INPUT, output)
    (output / "results.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    facts = {
        **asdict(INPUT),
        "span": SPEC.span,
        "span_s": round(SPEC.span / FPS, 1),
        "parameters": f"{model.count_params():,}",
        "puppets": f"{PUPPETS_A_CLASS * len(ACTIONS):,}",
        "puppets_a_class": PUPPETS_A_CLASS,
    }
    (output / "README.md").write_text(card(results, facts), "utf-8")
    print(catalog_table("mini", CATALOG_FACTS, checksums))


def main() -> None:
    """Run all steps."""
    parser = argparse.ArgumentParser(description="Train mini, measure it, and write its files and its card.")
    parser.add_argument("real", type=Path, help="UT-Interaction in class folders")
    parser.add_argument("output", type=Path, help="folder for the network, its card and results.json")
    parser.add_argument("--work", type=Path, required=True, help="folder for puppets and finished steps")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    keras.utils.set_random_seed(options.seed)
    options.work.mkdir(parents=True, exist_ok=True)
    folder = options.work / "puppets"
    if not folder.exists():
        write_dataset(folder, PUPPETS_A_CLASS, options.seed)
    puppets, real = (read(data, options.work / "recordings") for data in (folder, options.real))
    print(f"{len(puppets)} puppets, {len(real)} real clips", flush=True)

    learn_puppets(puppets, options.seed, options.work)
    results = measure(real, puppets, options.seed, options.work)
    best = max(STARTS, key=lambda connection: results[connection]["accuracy"]["fused_all"]["accuracy"])
    model = learn_real(best, options.work / STARTS[best], real, puppets, options.seed)
    results |= {"connection": best, "seed": options.seed}
    write(model, results, options.output)


if __name__ == "__main__":
    main()
