"""Evaluation: a test that gives scores, what they are worth, and a report about it."""

from actionzoo.evaluation.metrics import Metrics, measure
from actionzoo.evaluation.protocol import EvaluationResult, Protocol, evaluate
from actionzoo.evaluation.scores import Scores, fuse, read_scores

__all__ = ["EvaluationResult", "Metrics", "Protocol", "Scores", "evaluate", "fuse", "measure", "read_scores"]
