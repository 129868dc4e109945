"""The fuzzer: a few tries of each target, and that it sees what must not be. No try depends on how fast anything is."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from actionzoo.errors import DataError
from benchmarks import fuzz
from benchmarks._fuzz_targets import TARGETS, Files, Target
from benchmarks._mutations import mutate
from benchmarks.fuzz import Finding, damaged, search

SLOW = {"mat": 3, "keras": 5}
"""Fewer tries of targets that start a process or a framework for each."""


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_files_end_in_an_answer_or_in_our_error(name: str) -> None:
    found = search(name, 0, SLOW.get(name, 20))
    assert (found.tries, found.findings) == (SLOW.get(name, 20), [])


def samples(folder: Path) -> list[Files]:
    return [{"good": b"good", "other": b""}]


def is_damaged(folder: Path) -> bool:
    return (folder / "good").read_bytes() != b"good"


def raise_error(folder: Path) -> None:
    if is_damaged(folder):
        raise IndexError("list index out of range")


def raise_ours(folder: Path) -> None:
    if is_damaged(folder):
        raise DataError("a line")


def raise_lines(folder: Path) -> None:
    if is_damaged(folder):
        raise DataError("a line\nand another")


def crash(folder: Path) -> None:
    if is_damaged(folder):
        os.abort()


def hang(folder: Path) -> None:
    while is_damaged(folder):
        time.sleep(0.01)


def grow(folder: Path) -> None:
    if is_damaged(folder):
        np.ones(fuzz.MOST_MEMORY // 6)


RAISE_ERROR, RAISE_OURS, RAISE_LINES = (Target(samples, use) for use in (raise_error, raise_ours, raise_lines))
CRASH, HANG, GROW = (Target(samples, use) for use in (crash, hang, grow))


@pytest.mark.parametrize(
    ("use", "says"),
    [
        ("raise_error", "IndexError: list index out of range"),
        ("raise_lines", "an error of several lines"),
        ("crash", "the process ended with code"),
        ("hang", "does not end within 1 s"),
        ("grow", "memory: "),
    ],
)
def test_what_must_not_be_is_found(use: str, says: str) -> None:
    found = search(f"tests.benchmarks.test_fuzz:{use.upper()}", 5, 2, hangs_s=1.0 if use == "hang" else 300.0)
    assert [finding.seed for finding in found.findings] == ([5] if use == "grow" else [5, 6])
    assert all(finding.what.startswith(says) for finding in found.findings)


def test_what_may_be_is_no_finding() -> None:
    found = search("tests.benchmarks.test_fuzz:RAISE_OURS", 5, 3)
    assert (found.tries, found.findings) == (3, [])


def test_a_seed_gives_the_same_damage() -> None:
    good = [{"a.csv": b"path,label\n1,2\n" * 30, "empty": b""}, {"model.bin": bytes(range(256)) * 8}]
    tries = [damaged(good, "set", seed) for seed in range(50)]
    assert tries == [damaged(good, "set", seed) for seed in range(50)]
    assert tries != [damaged(good, "other set", seed) for seed in range(50)]
    assert all(files.get("empty", b"") == b"" for files in tries)
    assert sum(files not in good for files in tries) > 40


@pytest.mark.parametrize("suffix", [".csv", ".toml", ".bin", ".npz"])
def test_damage_of_small_files(suffix: str) -> None:
    for seed in range(200):
        for content in (b"", b"a", b"a,b\n"):
            assert isinstance(mutate(content, suffix, np.random.default_rng(seed)), bytes)


def test_a_finding_tells_how_to_repeat_it() -> None:
    assert Finding("mat", 17, "a crash").command == "python -m benchmarks.fuzz --target mat --seed 17 --tries 1"
