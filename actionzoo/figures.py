"""Matplotlib figures as PNG, or as SVG that takes the colours of the page around it, in every installed font."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

FALLBACK_FONTS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans CJK TC", "Noto Sans CJK KR", "Noto Sans JP", "Noto Sans SC",
    "Noto Sans TC", "Noto Sans KR", "Source Han Sans", "Source Han Sans JP", "Source Han Sans SC", "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei", "Droid Sans Fallback", "IPAexGothic", "IPAGothic", "TakaoGothic", "VL Gothic", "NanumGothic",
    "Hiragino Sans", "PingFang SC", "PingFang TC", "Heiti TC", "Apple SD Gothic Neo", "Yu Gothic", "Meiryo",
    "Microsoft YaHei", "Microsoft JhengHei", "SimHei", "Malgun Gothic", "Arial Unicode MS", "Noto Sans",
    "Noto Sans Devanagari", "Noto Sans Thai", "Nirmala UI", "Unifont",
)  # fmt: skip
"""What class names are written with that matplotlib's own font lacks: Chinese, Japanese, Korean and others."""


@contextmanager
def readable_fonts() -> Iterator[None]:
    """Text that is made and drawn within finds each character in the first installed font that has it.

    A character of no installed font is drawn as a box; matplotlib's warning about each is not for the screen.
    """
    installed = set(font_manager.get_font_names())
    families = [*mpl.rcParams["font.family"], *(name for name in FALLBACK_FONTS if name in installed)]
    with mpl.rc_context({"font.family": families}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ .*missing from", UserWarning)
        yield


def png(figure: Figure) -> bytes:
    """The content of a PNG file."""
    file = io.BytesIO()
    with readable_fonts():
        FigureCanvasAgg(figure).print_figure(file, format="png")
    return file.getvalue()


def svg(figure: Figure, title: str) -> str:
    """An `<svg>` element for a page: without a background, black in the colour of the page's text, text as text.

    So the reader's browser finds the fonts for it. `title` is what a screen reader says of it.
    """
    file = io.StringIO()
    figure.patch.set_visible(False)
    for axes in figure.axes:
        axes.patch.set_visible(False)
    with readable_fonts(), mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": title}):
        FigureCanvasSVG(figure).print_figure(file, format="svg", metadata={"Date": None})
    text = file.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r"#000000|(?<=[: ])black(?=[;\"])", "currentColor", text)
    text = re.sub('<g id="[^"]*"', "<g", text)  # a page may hold several figures
    label = title.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return text.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)
