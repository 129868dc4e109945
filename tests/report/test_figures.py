"""Figures whose classes have names that matplotlib's own font cannot write. Any warning fails a test."""

from __future__ import annotations

import io
from pathlib import Path
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from PIL import Image

from actionzoo import figures
from actionzoo.evaluation.metrics import Metrics, measure
from actionzoo.evaluation.scores import Scores
from actionzoo.report.figures import draw_classes, draw_confusion

CLASSES = ("握手", "抱きしめる", "차기")


@pytest.fixture
def metrics() -> Metrics:
    labels = np.arange(12) % 3
    logits = np.eye(3, dtype=np.float32)[labels]
    logits[0] = (0, 1, 0)
    return measure(Scores(CLASSES, tuple(map(str, range(12))), labels, ("",) * 12, {"answer": logits}))


def test_the_page_has_the_names_as_text(metrics: Metrics) -> None:
    for figure in (draw_classes(metrics), draw_confusion(CLASSES, metrics)):
        drawn = ET.fromstring(figures.svg(figure, "classes"))
        texts = {"".join(element.itertext()) for element in drawn.iter() if element.tag.endswith("text")}
        assert set(CLASSES) <= texts


def test_pictures_are_drawn_without_a_warning(metrics: Metrics) -> None:
    before = mpl.rcParams["font.family"]
    for figure in (draw_classes(metrics), draw_confusion(CLASSES, metrics)):
        assert Image.open(io.BytesIO(figures.png(figure))).width > 200
    assert mpl.rcParams["font.family"] == before


def write_font(path: Path, family: str, characters: str) -> None:
    """A font whose every character is a black square."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 900), (900, 900), (900, 0)):
        pen.lineTo(corner)
    pen.closePath()
    names = [".notdef", *(f"uni{ord(c):04X}" for c in characters)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(c): name for c, name in zip(characters, names[1:], strict=True)})
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)


def dark(picture: bytes) -> int:
    """Pixels that are nearly black."""
    return int((np.asarray(Image.open(io.BytesIO(picture)).convert("L")) < 60).sum())


def test_names_are_written_with_an_installed_font_that_has_them(
    metrics: Metrics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "FALLBACK_FONTS", ("Squares Sans",))
    boxes = dark(figures.png(draw_classes(metrics)))
    write_font(tmp_path / "squares.ttf", "Squares Sans", "".join(sorted(set("".join(CLASSES)))))
    monkeypatch.setattr(font_manager.fontManager, "ttflist", list(font_manager.fontManager.ttflist))
    font_manager.fontManager.addfont(tmp_path / "squares.ttf")
    assert dark(figures.png(draw_classes(metrics))) > boxes + 500  # ten squares of about 12 x 12 pixels
