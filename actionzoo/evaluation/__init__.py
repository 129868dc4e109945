"""Evaluation: the scores of a model on labelled videos, and what they are worth."""

from actionzoo.evaluation.evaluating import EvaluationResult, evaluate
from actionzoo.evaluation.metrics import Metrics, measure
from actionzoo.evaluation.protocol import Protocol
from actionzoo.evaluation.scores import Scores, fuse, read_scores
from actionzoo.evaluation.unknown import Unknown

__all__ = ["EvaluationResult", "Metrics", "Protocol", "Scores", "Unknown", "evaluate", "fuse", "measure", "read_scores"]
