"""Writes the table of docs/models.md from the registry: `python docs/models.py`.

What stands between the two markers is replaced; the rest of the page is written by hand.
"""

from __future__ import annotations

import re
from pathlib import Path

from actionzoo.models.summary import describe
from actionzoo.names import NETWORKS

PAGE = Path(__file__).with_name("models.md")
MARKERS = "<!-- made by docs/models.py -->\n", "<!-- end -->\n"
FRAMES, CLASSES = 5, 101


def table() -> str:
    """One row a network, as Markdown."""
    columns = ("name", "system", "paper", "builder", "parameters", "GFLOPs", "frames seen", "behind pooling")
    rows = [columns, ("---",) * 4 + ("---:",) * 4]
    for name, network in NETWORKS.items():
        summary = describe(name, CLASSES, FRAMES)
        sizes = f"{summary.parameters / 1e6:.1f} M", f"{summary.flops / 1e9:.1f}"
        seen = str(summary.receptive_field), str(summary.pooled_field or "all")
        rows.append((f"`{name}`", network.system, network.paper.venue, f"`{network.builder}`", *sizes, *seen))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def page() -> str:
    """The page with its table made anew."""
    start, end = MARKERS
    return re.sub(f"(?s){start}.*{end}", lambda _: start + table() + end, PAGE.read_text("utf-8"))


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
