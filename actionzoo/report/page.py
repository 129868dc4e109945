"""The page of an evaluation: one HTML file that needs no network.

It opens with the result, and leads from the confusion matrix to every pair of classes that were confused: what the
network looks for in both, the videos that it mistook for the other, and what separates the two.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from importlib import metadata
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from scipy.special import softmax

from actionzoo.errors import DataError, VideoError
from actionzoo.evaluation.evaluating import EvaluationResult
from actionzoo.evaluation.metrics import percent, summary
from actionzoo.evaluation.pairs import Pair, confused_pairs
from actionzoo.evaluation.scores import ANSWER, STREAMS, Scores
from actionzoo.evaluation.shortcuts import ENOUGH, RISK, find_shortcuts
from actionzoo.figures import svg
from actionzoo.files import write_atomic
from actionzoo.report.figures import LABELLED, draw_classes, draw_reliability
from actionzoo.report.media import clip_url, painted_url
from actionzoo.report.sentences import NAMES, pair_sentences, shortcut_sentence
from actionzoo.visualization.gallery import Shown, read_painted

PAGE = "index.html"
PAIRS = 200
"""Pairs that can be opened, the most confused ones."""

CLIPS, CLIPS_OF_PAIR = 120, 6
"""Mistaken videos that are shown moving: in all, and of a pair."""

BYTES = 9_500_000
"""Of all moving pictures together; the page is about 4/3 of that."""

CLIP_BYTES, PAINTED_BYTES = 60_000, 160_000
"""Of one moving picture at most."""

RENDERINGS = "frame; flow as u, v and length in red, green, blue; on the colour wheel"

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

    def write(self, folder: Path, shown: Sequence[Shown] = ()) -> Path:
        """Write `index.html` atomically into a folder that is there.

        Args:
            folder: of the report.
            shown: what was painted, from `paint_gallery`.

        Raises:
            OutputError: it cannot be written.
            OSError: a painted clip cannot be read.
        """
        path = folder / PAGE
        write_atomic(path, self.render(shown).encode("utf-8", "backslashreplace"))
        return path

    def render(self, shown: Sequence[Shown] = ()) -> str:
        """The HTML; `shown` is what was painted. Raises OSError if a painted clip cannot be read."""
        classes = self._result.scores.classes
        paintings = {each.target.channel: _paintings(each, classes[each.target.channel]) for each in shown}
        pictures = {**self._shared["pictures"], **self._painted_urls(shown)}
        return _template().render(**{**self._shared, "paintings": paintings, "pictures": pictures})

    @cached_property
    def _shared(self) -> dict[str, Any]:
        """What the template is filled with, paintings aside."""
        result, metrics, scores = self._result, self._result.metrics, self._result.scores
        model, open_, pictures = result.model.name, self._pairs[:PAIRS], self._clip_urls()
        single = [(NAMES[name], share) for name, share in metrics.streams.items()]
        return {
            "title": f"{_short(model)} on {_short(result.data)}",
            "summary": summary(metrics),
            "origin": f"{model} on {result.data}: {result.selection}; protocol {result.protocol}.",
            "version": metadata.version("actionzoo"),
            "style": _text("report.css"),
            "script": _text("report.js"),
            "classes": scores.classes,
            "rows": metrics.per_class,
            "accuracies": [(NAMES[ANSWER], metrics.top1), *single] if single else [],
            "classes_figure": svg(draw_classes(metrics), "Recall of each class, the lowest first"),
            "calibration_figure": svg(draw_reliability(metrics), "Accuracy by the probability of the answer"),
            "large": len(scores.classes) > LABELLED,
            "matrix": _matrix(result, open_),
            "pairs": [_panel(scores, pair, pictures) for pair in open_],
            "unshown": len(self._pairs) - len(open_),
            "shortcuts": _shortcuts(result),
            "enough": ENOUGH,
            "risk": RISK,
            "pictures": pictures,
        }

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
            return {_clip_key(clip): found for clip, found in zip(self._clips, urls, strict=True) if found is not None}

    def _painted_urls(self, shown: Sequence[Shown]) -> dict[str, str]:
        """URLs of the paintings, by key."""
        painted = [(each, speed) for each in shown for speed in each.responses]
        spec, limit = self._result.model.spec, int(self._share * PAINTED_BYTES)
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            urls = threads.map(lambda one: painted_url(read_painted(*one), spec, limit), painted)
            keys = (_painted_key(each.target.channel, speed) for each, speed in painted)
            return dict(zip(keys, urls, strict=True))


def _template() -> jinja2.Template:
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("actionzoo.report"),
        autoescape=jinja2.select_autoescape(("html", "j2")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["percent"] = percent
    return templates.get_template("report.html.j2")


def _text(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text("utf-8")


def _short(place: str) -> str:
    """The name of a file, folder or model without what leads to it."""
    return place.rstrip("/").rpartition("/")[2]


def _pair_id(pair: Pair) -> str:
    return f"pair-{pair.first}-{pair.second}"


def _clip_key(place: int) -> str:
    return f"video-{place}"


def _painted_key(class_index: int, speed: str) -> str:
    return f"class-{class_index}-{speed}"


def _clips_of(pairs: Sequence[Pair]) -> list[int]:
    """The mistaken videos that are shown moving: a first one of every pair, then a second one ..."""
    rounds = [pair.wrong[turn] for turn in range(CLIPS_OF_PAIR) for pair in pairs if turn < len(pair.wrong)]
    return rounds[:CLIPS]


def _matrix(result: EvaluationResult, pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """Rows of cells, with the panel to which each leads."""
    panels = {frozenset((pair.first, pair.second)): _pair_id(pair) for pair in pairs}
    classes, rows = result.scores.classes, []
    for label, counts in enumerate(result.metrics.confusion):
        videos, cells = max(1, sum(counts)), []
        for answer, count in enumerate(counts):
            what = "answered correctly" if label == answer else f"mistaken for {classes[answer]}"
            cells.append(
                {
                    "count": count,
                    "share": f"{count / videos:.2f}",
                    "kind": "correct" if label == answer else "wrong",
                    "pair": panels.get(frozenset((label, answer))),
                    "label": f"{count} of {videos} videos of {classes[label]} {what}",
                }
            )
        rows.append({"name": classes[label], "cells": cells})
    return rows


def _panel(scores: Scores, pair: Pair, pictures: Mapping[str, str]) -> dict[str, Any]:
    first, second = scores.classes[pair.first], scores.classes[pair.second]
    names = {name: title for name, title in NAMES.items() if name in pair.separation}
    if len(names) == 1:
        names = {ANSWER: "the network"}
    return {
        "id": _pair_id(pair),
        "title": f"{first} or {second}",
        "first": first,
        "second": second,
        "total": sum(pair.taken),
        "sentences": pair_sentences(pair, scores.classes),
        "separation": [(title, pair.separation[name]) for name, title in names.items() if name in pair.separation],
        "sides": [(pair.first, first), (pair.second, second)],
        "clips": [_clip(scores, pair, place, pictures) for place in pair.wrong],
    }


def _clip(scores: Scores, pair: Pair, place: int, pictures: Mapping[str, str]) -> dict[str, Any]:
    key = _clip_key(place)
    chances = {name: softmax(logits[place].astype(np.float64)) for name, logits in scores.logits.items()}
    return {
        "key": key if key in pictures else None,
        "name": Path(scores.paths[place]).name,
        "label": scores.classes[scores.labels[place]],
        "answer": scores.classes[scores.answers[place]],
        "scores": [
            (NAMES[name], float(chances[name][pair.first]), float(chances[name][pair.second]))
            for name in (ANSWER, *STREAMS)
            if name in chances
        ],
    }


def _paintings(shown: Shown, name: str) -> list[dict[str, str]]:
    """The pictures of a painted class."""
    sure = {speed: f"; probability {percent(chance)} %" for speed, chance in shown.probabilities.items()}
    return [
        {
            "key": _painted_key(shown.target.channel, speed),
            "alt": f"What the network looks for in {name}, {speed} motion",
            "caption": f"{speed}: {RENDERINGS}{sure.get(speed, '')}",
        }
        for speed in shown.responses
    ]


def _shortcuts(result: EvaluationResult) -> list[tuple[str, list[str]]]:
    found = find_shortcuts(result.scores, result.traits)
    return [
        (result.scores.classes[index], [shortcut_sentence(shortcut) for shortcut in of_class])
        for index, of_class in groupby(found, lambda shortcut: shortcut.class_index)
    ]
