"""Accuracy of bf16 against f32, on every clip of a folder.

    python -m benchmarks.precision [FOLDER] [--model mini]

Prints for how many clips the top class is the same, the largest difference of a score, and the seconds of the network;
and, where folders are named after classes, the top-1 accuracy of each precision. bf16 may be a model's default
(`precision` in the catalog) if the top class is the same on at least 99 % of real clips and no score differs by more
than 0.02. On a processor without bf16 OpenVINO computes in f32, which is printed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from actionzoo.errors import VideoError
from actionzoo.inference import Answer, expand_sources, load_model

EXAMPLES = str(Path(__file__).parents[1] / "examples")
SAME_TOP, SCORE_OFF = 0.99, 0.02


def compare(sources: list[str], model: str) -> list[tuple[Answer, Answer]]:
    """The answers in f32 and in bf16 for every clip that can be read."""
    exact, fast = (load_model(model, precision=precision) for precision in ("f32", "bf16"))
    print(f"{model} on {exact.engine}; bf16 is computed in {fast.precision}")
    pairs = []
    for source in sources:
        try:
            pairs.append((exact.predict(source, sys.maxsize), fast.predict(source, sys.maxsize)))
        except VideoError as error:
            print(f"left out: {error}", file=sys.stderr)
    return pairs


def largest_difference(exact: Answer, fast: Answer) -> float:
    """The largest difference of any class's score."""
    scores = {prediction.index: prediction.score for prediction in fast.predictions}
    return max(abs(prediction.score - scores[prediction.index]) for prediction in exact.predictions)


def main() -> None:
    """Prints the comparison; exit code 0 if bf16 may be the default."""
    parser = argparse.ArgumentParser(description="Compares bf16 with f32.")
    parser.add_argument("sources", nargs="*", default=[EXAMPLES])
    parser.add_argument("--model", default="mini")
    given = parser.parse_args()
    pairs = compare(expand_sources(given.sources), given.model)
    if not pairs:
        sys.exit("no clip has an answer")
    same = sum(exact.label == fast.label for exact, fast in pairs)
    off = [largest_difference(exact, fast) for exact, fast in pairs]
    print(f"{len(pairs)} clips")
    print(f"same top class      {same} ({same / len(pairs):.1%})")
    print(f"largest difference  {max(off):.4f} of a score (mean over clips {sum(off) / len(off):.4f})")
    for name, answers in zip(("f32", "bf16"), zip(*pairs, strict=True), strict=True):
        seconds = sum(answer.timing_s["model"] for answer in answers)
        labels = {prediction.label for prediction in answers[0].predictions}
        known = [answer for answer in answers if Path(answer.source).parent.name in labels]
        correct = sum(answer.label == Path(answer.source).parent.name for answer in known)
        accuracy = f", {correct} of {len(known)} correct" if known else ""
        print(f"{name:<5} network {seconds:.1f} s{accuracy}")
    agrees = same / len(pairs) >= SAME_TOP and max(off) <= SCORE_OFF
    print("bf16 may be the default" if agrees else "bf16 must not be the default")
    sys.exit(0 if agrees else 1)


if __name__ == "__main__":
    main()
