"""Damaged files for everything that reads files from outside: each must end in an answer or in one of our errors.

    python -m benchmarks.fuzz [--seconds 300] [--seed 0] [--target NAME]... [--tries N]

Run from the root of the repository. Small good files of every kind are damaged by a generator with a seed and read in a
process of their own. Reported are other exceptions than `ActionzooError`, crashes, tries that take more than a minute,
and memory beyond a gigabyte, each with the command that repeats it. Exit code 1 if there is any.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import itertools
import json
import logging
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from actionzoo.errors import ActionzooError
from benchmarks._fuzz_targets import TARGETS, Files, Target
from benchmarks._mutations import mutate

HANGS_S = 60.0
"""A try that takes longer does not end."""

STARTS_S = 300.0
"""Importing a framework and making the good files may take so long."""

MOST_MEMORY = 1 << 30
"""Bytes that a process may take beyond what it has when its good files have been read."""


@dataclass(frozen=True)
class Finding:
    """What must not be: of which target, at which seed, and what it was."""

    target: str
    seed: int
    what: str

    @property
    def command(self) -> str:
        return f"python -m benchmarks.fuzz --target {self.target} --seed {self.seed} --tries 1"


def damaged(samples: list[Files], name: str, seed: int) -> Files:
    """The files of a try: one of the samples with one file damaged. Files without content stay so."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    sample = samples[rng.integers(len(samples))]
    names = sorted(file for file, content in sample.items() if content)
    chosen = names[rng.integers(len(names))]
    return sample | {chosen: mutate(sample[chosen], Path(chosen).suffix, rng)}


def find_target(name: str) -> Target:
    """A target of this project, or `module:NAME` of another one."""
    if name in TARGETS:
        return TARGETS[name]
    module, _, attribute = name.partition(":")
    target: Target = getattr(importlib.import_module(module), attribute)
    return target


def work(name: str, seed: int, tries: int) -> None:
    """What the child does: a line of JSON before and after each try."""
    logging.disable()
    target = find_target(name)
    with tempfile.TemporaryDirectory() as place:
        samples = target.samples(_empty(Path(place, "samples")))
        folder = Path(place, "try")
        for sample in samples:
            _written(folder, sample)
            target.use(folder)  # a good file must be read
        start = _peak()
        for number in range(seed, seed + tries):
            _tell(seed=number)
            problem = _problem(target, _written(folder, damaged(samples, name, number)))
            if problem is None and _peak() - start > MOST_MEMORY:
                problem, start = f"memory: {(_peak() - start) / 1e9:.1f} GB more than before", _peak()
            _tell(seed=number, problem=problem)


def _problem(target: Target, folder: Path) -> str | None:
    try:
        with contextlib.redirect_stdout(sys.stderr):
            target.use(folder)
    except ActionzooError as error:
        return f"an error of several lines: {error!r}" if "\n" in str(error) else None
    except BaseException as error:
        where = "".join(f"{frame.filename}:{frame.lineno} " for frame in traceback.extract_tb(error.__traceback__)[-3:])
        return f"{type(error).__name__}: {' '.join(str(error).split())[:300]} ({where.strip()})"
    return None


def _tell(**facts: Any) -> None:
    print(json.dumps(facts), file=sys.__stdout__, flush=True)


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _written(folder: Path, files: Files) -> Path:
    _empty(folder)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def _peak() -> int:
    """The most memory that this process has had, in bytes; 0 where the system does not tell.

    Linux keeps `ru_maxrss` of the program that started this one; the peak of its own memory begins with it.
    """
    if sys.platform == "linux":
        return 1024 * int(
            next(line for line in Path("/proc/self/status").open() if line.startswith("VmHWM")).split()[1]
        )
    try:
        import resource
    except ImportError:
        return 0
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * (1 if sys.platform == "darwin" else 1024)


def search(name: str, seed: int, tries: int, *, until: float = float("inf"), hangs_s: float = HANGS_S) -> Search:
    """Try seeds of a target, as many as are asked for or there is time for. A child that dies or hangs is replaced."""
    found = Search(name)
    end = seed + tries
    while seed < end and time.monotonic() < until:
        seed = found.in_child(seed, end - seed, until, hangs_s)
    return found


class Search:
    """The tries of one target and what they found."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tries = 0
        self.findings: list[Finding] = []

    def in_child(self, seed: int, tries: int, until: float, hangs_s: float) -> int:
        """Tries in one child; the seed to go on with."""
        command = [
            sys.executable,
            "-m",
            "benchmarks.fuzz",
            "--child",
            self.name,
            "--seed",
            str(seed),
            "--tries",
            str(tries),
        ]
        with tempfile.TemporaryFile() as errors, _running(command, errors) as (child, lines):
            at, begun = seed, False
            while time.monotonic() < until:
                try:
                    line = lines.get(timeout=hangs_s if begun else STARTS_S)
                except queue.Empty:
                    self._add(at, f"does not end within {hangs_s:.0f} s" if begun else "cannot begin")
                    return at + 1
                if line is None:
                    return self._ended(child.wait(), at, seed + tries, errors)
                facts = json.loads(line)
                at, begun = facts["seed"], True
                if "problem" in facts:
                    self.tries += 1
                    if facts["problem"] is not None:
                        self._add(at, facts["problem"])
                    at += 1
            return at

    def _ended(self, code: int, at: int, end: int, errors: Any) -> int:
        if code == 0 and at >= end:
            return end
        errors.seek(0)
        last = " ".join(errors.read()[-300:].decode("utf-8", "replace").split())
        self._add(at, f"the process ended with code {code} ({last})")
        return at + 1

    def _add(self, seed: int, what: str) -> None:
        self.findings.append(Finding(self.name, seed, what))


@contextlib.contextmanager
def _running(command: list[str], errors: Any) -> Iterator[tuple[subprocess.Popen[str], queue.Queue[str | None]]]:
    """A child and the lines that it writes, `None` at their end. It does not outlive the block."""
    lines: queue.Queue[str | None] = queue.Queue()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as child:
        output = child.stdout
        assert output is not None

        def read() -> None:
            for line in output:
                lines.put(line)
            lines.put(None)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield child, lines
        finally:
            child.kill()
            reader.join()


def _kind(finding: Finding) -> str:
    """What is alike in findings of one cause: the words before the first number or quotation."""
    return re.split(r"[\d'\"(]", finding.what)[0] + "".join(re.findall(r"[\w.]+:\d+ ?", finding.what)[-1:])


def main() -> int:
    """Prints a line for each target and each finding."""
    parser = argparse.ArgumentParser(description="Damaged files for everything that reads files from outside.")
    parser.add_argument("--seconds", type=float, default=300.0, help="for all targets together")
    parser.add_argument("--seed", type=int, default=0, help="of the first try; the next has the next")
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this one; can be repeated")
    parser.add_argument("--tries", type=int, help="so many of each target, whatever time they take")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        work(given.child, given.seed, given.tries)
        return 0
    names = given.target or list(TARGETS)
    findings = []
    for name in names:
        until = float("inf") if given.tries else time.monotonic() + given.seconds / len(names)
        found = search(name, given.seed, given.tries or sys.maxsize // 2, until=until)
        print(f"{name:<12} {found.tries:>8,} tries, {len(found.findings)} findings", flush=True)
        for _, alike in itertools.groupby(sorted(found.findings, key=_kind), key=_kind):
            first, *others = alike
            more = f"  and {len(others)} more" if others else ""
            print(f"    {first.what}\n    {first.command}{more}", flush=True)
        findings += found.findings
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
