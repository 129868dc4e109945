"""UT-Interaction (SDHA 2010), segmented: which clips belong together."""

from __future__ import annotations

from pathlib import Path

from actionzoo.data.decoded import DecodedVideo

FOLDS = ((1, 11), (2, 12), (3, 13), (6, 16), (7, 17), (8, 18), (10, 20))
"""Sequences n and n + 10 are left out together: they may show the same people."""


def sequence(decoded: DecodedVideo) -> int:
    """The sequence of a UT-Interaction clip, the second number of its name."""
    return int(Path(decoded.name).stem.split("_")[1])
