"""What docs/see.md says is what was measured, and the measures measure what they should."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.layers import frequency
from benchmarks.visualize import high_frequencies, tables

ROOT = Path(__file__).parents[2]


def test_the_page_has_the_measured_tables() -> None:
    found = json.loads((ROOT / "benchmarks" / "visualize.json").read_text("utf-8"))
    assert tables(found) in (ROOT / "docs" / "see.md").read_text("utf-8")


@pytest.mark.parametrize("period", [4, 8, 16])
def test_the_frequency_of_a_wave_is_known(period: int) -> None:
    wave = np.cos(2 * np.pi * np.arange(32) / period)[None, None, :, None] * np.ones((2, 16, 1, 2))
    assert frequency(wave) == pytest.approx(1 / period)
    assert high_frequencies(wave) == pytest.approx(float(1 / period > 0.1))
