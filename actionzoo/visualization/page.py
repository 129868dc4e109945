"""The page of an evaluation: one HTML file that needs no network.

It opens with the result, and leads from the confusion matrix to every pair of classes that were confused: what the
network looks for in both, the videos that it took for the other, and what tells the two apart.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import metadata
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2

from actionzoo.data.decoded import Source
from actionzoo.errors import DataError, VideoError
from actionzoo.evaluation.figures import LABELLED, draw_classes, draw_reliability, svg
from actionzoo.evaluation.metrics import Metrics, summary
from actionzoo.evaluation.pairs import Pair, confused_pairs
from actionzoo.evaluation.protocol import EvaluationResult
from actionzoo.evaluation.scores import ANSWER, STREAMS, Scores, softmax
from actionzoo.evaluation.shortcuts import ENOUGH, RISK, find_shortcuts
from actionzoo.files import write_atomic
from actionzoo.video.spec import InputSpec
from actionzoo.visualization.gallery import PaintedFiles, read_painted
from actionzoo.visualization.media import clip_exhibit, painted_exhibit
from actionzoo.visualization.sentences import NAMES, pair_sentences, percent, shortcut_sentence

PAGE = "index.html"
PAIRS = 200
"""Pairs that can be opened, the worst ones."""

CLIPS, CLIPS_OF_PAIR = 120, 6
"""Mistaken videos that are shown moving: in all, and of a pair."""

BYTES = 9_500_000
"""Of all moving pictures together; the page is about 4/3 of that."""

CLIP_BYTES, PAINTED_BYTES = 60_000, 160_000
"""Of one moving picture at most."""

RENDERINGS = "frame; flow as u, v and length in red, green, blue; on the colour wheel"

SPEEDS = ("slow", "fast")
"""Of what is painted for the page."""


@dataclass(frozen=True)
class Page:
    """What a page is about.

    Attributes:
        done: the test.
        metrics: of its scores.
        source: of the videos that were tested.
        spec: what the model looks at.
        facts: `model`, `data`, `which` and `protocol`, as the report has them.
        shown: what was painted for classes, from `paint_gallery`.
    """

    done: EvaluationResult
    metrics: Metrics
    source: Source
    spec: InputSpec
    facts: Mapping[str, Any]
    shown: Sequence[PaintedFiles] = field(default=())

    @property
    def scores(self) -> Scores:
        """Of the videos."""
        return self.done.scores

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names."""
        return self.scores.classes


def write_page(folder: Path, page: Page) -> Path:
    """Write `index.html` into a folder that is there, whole or not at all.

    Raises OutputError if it cannot be written, OSError if a painted clip cannot be read.
    """
    path = folder / PAGE
    write_atomic(path, render_page(page).encode("utf-8", "backslashreplace"))
    return path


def confused_classes(done: EvaluationResult) -> list[int]:
    """The classes that were confused, the worst pairs first."""
    pairs = confused_pairs(done.scores, done.traits)
    return list(dict.fromkeys(label for pair in pairs for label in (pair.first, pair.second)))


def render_page(page: Page) -> str:
    """The HTML."""
    pairs = confused_pairs(page.scores, page.done.traits)
    open_ = pairs[:PAIRS]
    clips = _chosen(open_)
    pictures = _pictures(page, clips)
    facts = page.facts
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("actionzoo.visualization"),
        autoescape=jinja2.select_autoescape(("html", "j2")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["percent"] = lambda share: "-" if share is None else f"{100 * share:.1f}"
    return templates.get_template("report.html.j2").render(
        title=f"{_short(facts['model'])} on {_short(facts['data'])}",
        summary=summary(page.metrics),
        origin=f"{facts['model']} on {facts['data']}: {facts['which']}; protocol {facts['protocol']}.",
        version=metadata.version("actionzoo"),
        style=_text("report.css"),
        script=_text("report.js"),
        classes=page.classes,
        rows=page.metrics.per_class,
        said=[
            (NAMES["answer"] if page.metrics.streams else "the network", page.metrics.top1),
            *((NAMES[name], share) for name, share in page.metrics.streams.items()),
        ],
        classes_figure=svg(draw_classes(page.metrics), "Right answers of each class, the worst first"),
        certainty_figure=svg(draw_reliability(page.metrics), "Share right by the probability of the answer"),
        large=len(page.classes) > LABELLED,
        matrix=_matrix(page, open_),
        pairs=[_panel(page, pair, pictures) for pair in open_],
        unshown=len(pairs) - len(open_),
        shortcuts=_shortcuts(page),
        enough=ENOUGH,
        risk=RISK,
        pictures=pictures,
    )


def _text(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text("utf-8")


def _short(place: object) -> str:
    """The name of a file, folder or model without what leads to it."""
    return str(place).rstrip("/").rpartition("/")[2]


def _id(pair: Pair) -> str:
    return f"pair-{pair.first}-{pair.second}"


def _matrix(page: Page, pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """Rows of cells, with the panel to which each leads."""
    panels = {frozenset((pair.first, pair.second)): _id(pair) for pair in pairs}
    rows = []
    for label, counts in enumerate(page.metrics.confusion):
        videos, cells = max(1, sum(counts)), []
        for answer, count in enumerate(counts):
            name, other = page.classes[label], page.classes[answer]
            taken = "right" if label == answer else f"taken for {other}"
            cells.append(
                {
                    "count": count,
                    "share": f"{count / videos:.2f}",
                    "kind": "right" if label == answer else "wrong",
                    "pair": panels.get(frozenset((label, answer))),
                    "label": f"{count} of {videos} videos of {name} {taken}",
                }
            )
        rows.append({"name": page.classes[label], "cells": cells})
    return rows


def _chosen(pairs: Sequence[Pair]) -> list[int]:
    """The mistaken videos that are shown moving: a first one of every pair, then a second one ..."""
    rounds = [pair.wrong[turn] for turn in range(CLIPS_OF_PAIR) for pair in pairs if turn < len(pair.wrong)]
    return rounds[:CLIPS]


def _pictures(page: Page, clips: Sequence[int]) -> dict[str, str]:
    """URLs of all moving pictures, by key."""
    painted = [(shown, speed) for shown in page.shown for speed in shown.responses]
    wanted = len(painted) * PAINTED_BYTES + len(clips) * CLIP_BYTES
    part = min(1.0, BYTES / max(wanted, 1))
    places = {str(video.path): index for index, video in enumerate(page.source.videos)}

    def exhibit_painted(each: tuple[PaintedFiles, str]) -> tuple[str, str | None]:
        clip = read_painted(*each)
        return _painted_key(clip.target.channel, clip.speed), painted_exhibit(
            clip, page.spec, int(part * PAINTED_BYTES)
        )

    def exhibit_clip(clip: int) -> tuple[str, str | None]:
        try:
            decoded = page.source.read(places[page.scores.paths[clip]])
        except (VideoError, DataError):  # it was there when it was tested; the page says its name all the same
            return f"video-{clip}", None
        return f"video-{clip}", clip_exhibit(decoded, page.spec.fps, int(part * CLIP_BYTES))

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        made = [*threads.map(exhibit_painted, painted), *threads.map(exhibit_clip, clips)]
    return {key: url for key, url in made if url is not None}


def _painted_key(label: int, speed: str) -> str:
    return f"class-{label}-{speed}"


def _panel(page: Page, pair: Pair, pictures: Mapping[str, str]) -> dict[str, Any]:
    first, second = page.classes[pair.first], page.classes[pair.second]
    names = {name: NAMES[name] for name in NAMES if name in pair.separation}
    if len(names) == 1:
        names = {"answer": "the network"}
    return {
        "id": _id(pair),
        "title": f"{first} or {second}",
        "first": first,
        "second": second,
        "total": sum(pair.taken),
        "sentences": pair_sentences(pair, page.classes),
        "separation": [(title, pair.separation[name]) for name, title in names.items() if name in pair.separation],
        "painted": [_painted(page, label) for label in (pair.first, pair.second)],
        "clips": [_clip(page, pair, place, pictures) for place in pair.wrong],
    }


def _painted(page: Page, label: int) -> dict[str, Any]:
    name, pictures = page.classes[label], []
    for shown in page.shown:
        for speed in shown.responses if shown.target.channel == label else ():
            sure = f"; the network is {percent(shown.probabilities[speed])} % sure" if shown.probabilities else ""
            pictures.append(
                {
                    "key": _painted_key(label, speed),
                    "alt": f"What the network looks for in {name}, {speed} motion",
                    "caption": f"{speed}: {RENDERINGS}{sure}",
                }
            )
    return {"name": name, "pictures": pictures}


def _clip(page: Page, pair: Pair, place: int, pictures: Mapping[str, str]) -> dict[str, Any]:
    key = f"video-{place}"
    chances = {name: softmax(logits[place]) for name, logits in page.scores.logits.items()}
    return {
        "key": key if key in pictures else None,
        "name": Path(page.scores.paths[place]).name,
        "label": page.classes[page.scores.labels[place]],
        "answer": page.classes[page.scores.answers[place]],
        "scores": [
            (NAMES[name], float(chances[name][pair.first]), float(chances[name][pair.second]))
            for name in (ANSWER, *STREAMS)
            if name in chances
        ],
    }


def _shortcuts(page: Page) -> list[tuple[str, list[str]]]:
    found = find_shortcuts(page.scores, page.done.traits)
    return [
        (page.classes[label], [shortcut_sentence(shortcut) for shortcut in of_class])
        for label, of_class in groupby(found, lambda shortcut: shortcut.label)
    ]
