"""Evaluation: a test that gives scores, what they are worth, and a report about it."""

from actionzoo.evaluation.metrics import Metrics, measure
from actionzoo.evaluation.protocol import Evaluated, Protocol, evaluate
from actionzoo.evaluation.scores import Scores, fuse, read_scores

__all__ = ["Evaluated", "Metrics", "Protocol", "Scores", "evaluate", "fuse", "measure", "read_scores"]
