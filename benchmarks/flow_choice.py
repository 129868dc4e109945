"""Whether a network that learned from one flow is as right with another: `mini`, sequences of UT-Interaction left out.

    python -m benchmarks.flow_choice REAL --work FOLDER [--learned dis-fine] [--methods dis-fine-fast dis]

REAL holds the UT-Interaction clips as for `actionzoo.weights.train_mini`, whose steps this repeats for the connection
that `mini` ships with: one network a fold, which never saw the fold's sequences. Each is asked about them with the flow
that it learned from, then with the others. Finished steps are kept in FOLDER: started again, it goes on after the last.
With two cores it takes about half an hour.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from actionzoo.data.dataset import read_dataset
from actionzoo.data.decoded import DecodedVideo, VideoSource
from actionzoo.puppets import write_dataset
from actionzoo.video.flow import METHODS
from actionzoo.video.spec import VideoFormat
from actionzoo.weights import train_mini
from actionzoo.weights.ut_interaction import FOLDS, sequence

CONNECTION = "none"


def read(folder: Path, work: Path, method: str) -> list[DecodedVideo]:
    """Every video below a folder, with the flow of a method."""
    video_format = VideoFormat(*train_mini.SIZE, train_mini.FPS, method)
    source = VideoSource(read_dataset(folder), video_format, work / "recordings")
    source.prepare()
    return [source.read(index) for index in range(len(source))]


def held_out(
    number: int, real: Sequence[DecodedVideo], puppets: Sequence[DecodedVideo], work: Path
) -> train_mini.keras.Model:
    """The network of a fold, which saw nothing of its sequences."""
    kept, model = work / f"fold_{number}.weights.h5", train_mini.build(CONNECTION)
    if not kept.exists():
        seen = [video for video in real if sequence(video) not in FOLDS[number]]
        start = work / train_mini.STARTS[CONNECTION]
        train_mini.learn_real(CONNECTION, start, seen, puppets, number).save_weights(kept)
    model.load_weights(kept)
    return model


def main() -> None:
    """Prints accuracy, mean score of the true class, and agreement with the flow that was learned from."""
    parser = argparse.ArgumentParser(description="Accuracy with a flow that was not learned from.")
    parser.add_argument("real", type=Path, help="UT-Interaction in class folders")
    parser.add_argument("--work", type=Path, required=True, help="folder for puppets and finished steps")
    parser.add_argument("--learned", choices=METHODS, default="dis-fine")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=("dis-fine-fast", "dis"))
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    if not (folder := given.work / "puppets").exists():
        write_dataset(folder, train_mini.PUPPETS_A_CLASS, 0)
    puppets, real = (read(data, given.work, given.learned) for data in (folder, given.real))
    train_mini.keras.utils.set_random_seed(0)
    if not (alone := given.work / train_mini.STARTS[CONNECTION]).exists():
        model = train_mini.build(CONNECTION)
        train_mini.train(model, [(puppets, train_mini.BATCH)], train_mini.PUPPET_STEPS, 2e-3, 0)
        model.save_weights(alone)

    sequences = np.array([sequence(video) for video in real])
    asked = {method: read(given.real, given.work, method) for method in (given.learned, *given.methods)}
    logits = {method: np.full((len(real), len(train_mini.ACTIONS)), np.nan) for method in asked}
    for number, fold in enumerate(FOLDS):
        model = held_out(number, real, puppets, given.work)
        for method, videos in asked.items():
            out = np.flatnonzero(np.isin(sequences, fold))
            logits[method][out] = train_mini.tower_scores(model, [videos[index] for index in out])[:, 2]
        train_mini.keras.backend.clear_session()
    report(logits, np.array([video.class_index for video in real]), given.learned)


def report(logits: dict[str, np.ndarray], truth: np.ndarray, learned: str) -> None:
    """A line for each method; logits `(clips, classes)`, truth `(clips,)`."""
    print(f"{len(truth)} clips, networks that learned from {learned}\n\n{'':<16}correct   score   same class")
    for method, values in logits.items():
        powers = np.exp(values - values.max(1, keepdims=True))
        score = (powers / powers.sum(1, keepdims=True))[np.arange(len(truth)), truth].mean()
        answer, same = values.argmax(1), (values.argmax(1) == logits[learned].argmax(1)).mean()
        print(f"{method:<16}{(answer == truth).mean():>7.1%}{score:>8.3f}{same:>13.1%}")


if __name__ == "__main__":
    main()
