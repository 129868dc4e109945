"""The simulation of large sets stays within what can be reckoned by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.scale import ASSUMED, CLIPS, MACHINES, PARAMETERS, build_hours, train_hours

SECONDS, BYTES = 6.0, 3e6


@pytest.mark.parametrize("machines", MACHINES)
def test_building_is_bounded_by_work_and_by_the_store(machines: int) -> None:
    found = build_hours(machines, SECONDS, BYTES, np.random.default_rng(0))
    work = CLIPS * SECONDS / (machines * ASSUMED["cores"]) / 3600
    store = CLIPS * BYTES / ASSUMED["store"] / 3600
    assert found["hours"] > 0.98 * max(work, store)
    assert found["hours"] < 1.4 * (work + store) + 0.05
    assert found["busy"] == pytest.approx(work / found["hours"], rel=0.05)


def test_a_store_that_is_full_does_not_get_faster() -> None:
    many, more = (build_hours(machines, 0.01, BYTES, np.random.default_rng(0))["hours"] for machines in (64, 256))
    assert many == pytest.approx(CLIPS * BYTES / ASSUMED["store"] / 3600, rel=0.02)
    assert more == pytest.approx(many, rel=0.02)


def test_one_machine_trains_at_its_own_speed() -> None:
    found = train_hours(1, 50.0, BYTES, np.random.default_rng(0))
    assert found["hours"] == pytest.approx(ASSUMED["epochs"] * CLIPS / 50 / 3600, rel=0.02)
    assert (found["ring"], found["input"]) == (0, 0)


def test_the_ring_and_the_store_are_what_saturates() -> None:
    ring = train_hours(16, 1e9, 1.0, np.random.default_rng(0))
    step = 2 * 15 * (4 * PARAMETERS / 16 / ASSUMED["link"] + ASSUMED["latency"])
    steps = ASSUMED["epochs"] * CLIPS / (ASSUMED["batch"] * 16)
    assert ring["hours"] == pytest.approx(step * steps / 3600, rel=0.01)
    store = train_hours(256, 1e9, BYTES, np.random.default_rng(0))
    assert store["hours"] == pytest.approx(ASSUMED["epochs"] * CLIPS * BYTES / ASSUMED["store"] / 3600, rel=0.01)
    assert store["input"] > 0.3
