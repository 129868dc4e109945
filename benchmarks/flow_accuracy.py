"""Accuracy of a model with flow methods other than the one it was trained with, on the clips of a folder.

    python -m benchmarks.flow_accuracy FOLDER [--model mini] [--methods dis-fine tvl1 ...]

FOLDER has a folder of clips for each class, as `actionzoo data puppets` writes them. Prints how many predictions are
correct with each method, the mean score of the correct class, and how many agree with those of the first method.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

from actionzoo.inference import Answer, expand_sources, load_model
from actionzoo.video.flow import METHODS


def correct_score(answer: Answer) -> float:
    """The score of the class that the clip's folder names."""
    truth = Path(answer.source).parent.name
    return next((prediction.score for prediction in answer.predictions if prediction.label == truth), 0.0)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="Accuracy by flow method.")
    parser.add_argument("folder")
    parser.add_argument("--model", default="mini")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=("dis-fine", "tvl1", "dis", "farneback"))
    given = parser.parse_args()
    sources = expand_sources([given.folder])
    print(f"{given.model}, {len(sources)} clips\n\n{'':<14}{'correct':>8}{'':>9}{'score':>8}{'as first':>10}")
    first: list[Answer] = []
    for method in given.methods:
        model = load_model(given.model, flow=method, force=True, offline=True)
        answers = [model.predict(source, sys.maxsize) for source in sources]
        first = first or answers
        correct = sum(answer.label == Path(answer.source).parent.name for answer in answers)
        score = statistics.fmean(correct_score(answer) for answer in answers)
        same = sum(answer.label == other.label for answer, other in zip(answers, first, strict=True))
        print(f"{method:<14}{correct:>8}{correct / len(answers):>9.1%}{score:>8.3f}{same:>10}", flush=True)


if __name__ == "__main__":
    main()
