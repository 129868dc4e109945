"""Makes the table of docs/licences.md from the installed packages: `python docs/licences.py`.

What stands between the two markers is replaced; the rest of the page is written by hand.
"""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PAGE = Path(__file__).with_name("licences.md")
MARKERS = "<!-- made by docs/licences.py -->\n", "<!-- end -->\n"


def installed(root: str = "actionzoo") -> dict[str, metadata.Distribution]:
    """The distributions that `pip install` of one brings in, without extras, by name."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [root]
    while waiting:
        for line in metadata.requires(waiting.pop()) or ():
            requirement = Requirement(line)
            name = canonicalize_name(requirement.name)
            if name not in found and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
                found[name] = metadata.distribution(name)
                waiting.append(name)
    return dict(sorted(found.items()))


def declared(distribution: metadata.Distribution) -> str:
    """The licence that a distribution declares: an SPDX expression, its classifiers, or the first line of a text."""
    fields = distribution.metadata
    classifiers = [text.split(" :: ")[-1] for text in fields.get_all("Classifier") or () if text.startswith("License")]
    text = fields.get("License", "").strip().partition("\n")[0]
    return fields.get("License-Expression") or ", ".join(classifiers) or text or "none, see its licence file"


def table() -> str:
    """One row a distribution, as Markdown."""
    rows = [("package", "declared licence"), ("---", "---")]
    rows += [(f"`{name}`", declared(distribution)) for name, distribution in installed().items()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def page() -> str:
    """The page with its table made anew."""
    start, end = MARKERS
    return re.sub(f"(?s){start}.*{end}", lambda _: start + table() + end, PAGE.read_text("utf-8"))


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
