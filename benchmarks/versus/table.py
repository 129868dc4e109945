"""From the numbers of both builds to lines of a table: medians, spreads, ratios and goals."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.versus.rows import Figure, Numbers

Line = dict[str, Any]
HEADS = ("", "old", "new", "ratio", "goal", "")


def spread(values: Sequence[float]) -> Numbers:
    """Median, lowest and highest."""
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


def line(figure: Figure, old: Sequence[float], new: Sequence[float], *, judged: bool = True) -> Line:
    """A figure of the turns of both builds.

    The ratio is that of the numbers of each turn, and above 1 where the new build is better. `met` is None where there
    is no goal, or where none is judged.
    """
    pairs = zip(old, new, strict=True)
    ratio = spread([after / before if figure.better == "more" else before / after for before, after in pairs])
    value = ratio["median"] if figure.of == "ratio" else statistics.median(new)
    met = None
    if judged and figure.goal is not None:
        met = value >= figure.goal if figure.of == "ratio" or figure.better == "more" else value <= figure.goal
    return {
        "what": figure.what,
        "unit": figure.unit,
        "better": figure.better,
        "old": spread(old),
        "new": spread(new),
        "ratio": ratio,
        "goal": figure.goal,
        "goal_of": figure.of,
        "met": met,
    }


def cells(line: Line) -> tuple[str, ...]:
    """A line as text, under `HEADS`."""
    goal = "" if line["goal"] is None else f"{line['goal']:g}"
    if goal:
        least = line["goal_of"] == "ratio" or line["better"] == "more"
        of = "times better" if line["goal_of"] == "ratio" else line["unit"]
        goal = f"{'at least' if least else 'at most'} {goal} {of}"
    met = {True: "met", False: "missed", None: ""}[line["met"]]
    what = f"{line['what']} ({line['unit']})" if line["unit"] else line["what"]
    return what, *(_spread(line[name]) for name in ("old", "new", "ratio")), goal, met


def markdown(lines: Sequence[Line]) -> str:
    """A table in Markdown."""
    rows = [HEADS, ("---", "---:", "---:", "---:", "---", "---"), *map(cells, lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def plain(lines: Sequence[Line]) -> str:
    """A table in columns."""
    rows = [HEADS, *map(cells, lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def _spread(found: Numbers) -> str:
    median, lowest, highest = (_number(found[name]) for name in ("median", "lowest", "highest"))
    return median if lowest == highest else f"{median} ({lowest}-{highest})"


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
