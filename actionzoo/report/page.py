"""The page of an evaluation: one HTML file that needs no network.

It opens with the result, and leads from the confusion matrix to every pair of classes that were confused: what the
network looks for in both, the videos that it mistook for the other, and what separates the two.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from importlib import metadata
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
from scipy.special import softmax

from actionzoo.errors import DataError, VideoError
from actionzoo.evaluation.evaluating import EvaluationResult
from actionzoo.evaluation.metrics import percent, summary
from actionzoo.evaluation.pairs import Pair, confused_pairs
from actionzoo.evaluation.shortcuts import ENOUGH, RISK, find_shortcuts
from actionzoo.evaluation.unknown import unknown_summary
from actionzoo.figures import svg
from actionzoo.files import write_atomic
from actionzoo.names import ANSWER, STREAMS
from actionzoo.report.figures import LABELLED, draw_classes, draw_reliability
from actionzoo.report.media import clip_url, data_url
from actionzoo.report.sentences import NAMES, pair_sentences, separations, shortcut_sentence
from actionzoo.visualization.gallery import PaintedFiles, read_painted
from actionzoo.visualization.render import animation

PAGE = "index.html"
PAIRS = 200
"""Pairs that can be opened, the most confused ones."""

CLIPS, CLIPS_OF_PAIR = 120, 6
"""Mistaken videos that are shown moving: in all, and of a pair."""

BYTES = 9_500_000
"""Of all moving pictures together; the page is about 4/3 of that."""

CLIP_BYTES, PAINTED_BYTES = 60_000, 160_000
"""Of one moving picture at most."""

SPEEDS = ("slow", "fast")
"""Of what is painted for the page."""


class Page:
    """The page of an evaluation. What does not depend on paintings is made once, however often it is written.

    Args:
        result: of the evaluation.
        paint: how many classes will be painted.

    Attributes:
        to_paint: indices of these classes, those that are confused most.
    """

    def __init__(self, result: EvaluationResult, paint: int = 0) -> None:
        self._result = result
        self._pairs = confused_pairs(result.scores, result.traits)
        confused = dict.fromkeys(index for pair in self._pairs for index in (pair.first, pair.second))
        self.to_paint = list(confused)[:paint]
        self._clips = _clips_of(self._pairs[:PAIRS])
        wanted = len(self.to_paint) * len(SPEEDS) * PAINTED_BYTES + len(self._clips) * CLIP_BYTES
        self._share = min(1.0, BYTES / max(wanted, 1))

    def write(self, folder: Path, shown: Sequence[PaintedFiles] = ()) -> Path:
        """Write `index.html` atomically into a folder that is there. Raises OutputError, and OSError as `render`."""
        path = folder / PAGE
        write_atomic(path, self.render(shown).encode("utf-8", "backslashreplace"))
        return path

    def render(self, shown: Sequence[PaintedFiles] = ()) -> str:
        """The HTML; `shown` is what `paint_gallery` painted. Raises OSError if a painted clip cannot be read."""
        pictures = self._clip_urls | self._painted_urls(shown)
        painted = {each.target.channel: each for each in shown}
        return _template().render(**self._shared, pictures=pictures, painted=painted)

    @cached_property
    def _shared(self) -> dict[str, Any]:
        """What the template is filled with, pictures aside."""
        result, metrics, scores = self._result, self._result.metrics, self._result.scores
        open_, found = self._pairs[:PAIRS], find_shortcuts(scores, result.traits)
        said = [name for name in (ANSWER, *STREAMS) if name in scores.logits]
        single = [(NAMES[name], share) for name, share in metrics.streams.items()]
        return {
            "title": f"{_short(result.model.name)} on {_short(result.data)}",
            "summary": summary(metrics),
            "of_unknown": unknown_summary(result.refused, result.unknown),
            "origin": f"{result.model.name} on {result.data}: {result.selection}; protocol {result.protocol}.",
            "version": metadata.version("actionzoo"),
            "classes": scores.classes,
            "metrics": metrics,
            "accuracies": [(NAMES[ANSWER], metrics.top1), *single] if single else [],
            "classes_figure": svg(draw_classes(metrics), "Recall of each class, the lowest first"),
            "calibration_figure": svg(draw_reliability(metrics), "Accuracy by the probability of the answer"),
            "large": len(scores.classes) > LABELLED,
            "scores": scores,
            "chances": [(NAMES[name], softmax(scores.logits[name].astype(float), axis=1)) for name in said],
            "pairs": open_,
            "opened": {(pair.first, pair.second) for pair in open_},
            "unshown": len(self._pairs) - len(open_),
            "shortcuts": [
                (scores.classes[index], [shortcut_sentence(shortcut) for shortcut in of_class])
                for index, of_class in groupby(found, lambda shortcut: shortcut.class_index)
            ],
            "enough": ENOUGH,
            "risk": RISK,
        }

    @cached_property
    def _clip_urls(self) -> dict[str, str]:
        """URLs of the mistaken videos that are shown moving, by key."""
        source, paths = self._result.source, self._result.scores.paths
        places = {str(video.path): index for index, video in enumerate(source.videos)}
        limit = int(self._share * CLIP_BYTES)

        def url(clip: int) -> str | None:
            try:
                decoded = source.read(places[paths[clip]])
            except (VideoError, DataError):  # it was there when it was scored; the page has its name all the same
                return None
            return clip_url(decoded, self._result.model.spec.fps, limit)

        with ThreadPoolExecutor(os.cpu_count()) as threads:
            urls = threads.map(url, self._clips)
            return {f"video-{clip}": found for clip, found in zip(self._clips, urls, strict=True) if found is not None}

    def _painted_urls(self, shown: Sequence[PaintedFiles]) -> dict[str, str]:
        """URLs of the paintings, by key."""
        painted = [(each, speed) for each in shown for speed in each.responses]
        spec, limit = self._result.model.spec, int(self._share * PAINTED_BYTES)
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            urls = threads.map(lambda one: data_url(animation(read_painted(*one), spec), spec.fps, limit), painted)
            keys = (f"class-{each.target.channel}-{speed}" for each, speed in painted)
            return dict(zip(keys, urls, strict=True))


def _template() -> jinja2.Template:
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("actionzoo.report"),
        autoescape=jinja2.select_autoescape(("html", "j2")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"percent": percent, "basename": os.path.basename}
    templates.globals |= {"pair_sentences": pair_sentences, "separations": separations}
    return templates.get_template("report.html.j2")


def _short(place: str) -> str:
    """The name of a file, folder or model without what leads to it."""
    return place.rstrip("/").rpartition("/")[2]


def _clips_of(pairs: Sequence[Pair]) -> list[int]:
    """The mistaken videos that are shown moving: a first one of every pair, then a second one ..."""
    rounds = [pair.wrong[turn] for turn in range(CLIPS_OF_PAIR) for pair in pairs if turn < len(pair.wrong)]
    return rounds[:CLIPS]
