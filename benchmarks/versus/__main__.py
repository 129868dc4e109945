"""An earlier commit against the present checkout: how many times better each command has become.

    python -m benchmarks.versus REVISION [--data FOLDER] [--rows predict ...] [--repeats 3] [--json FILE] [--markdown]

Run from the root of the repository, on a machine that does nothing else. REVISION is checked out below build/versus and
gets an environment of its own that sees the packages of the present one; both are kept. Every number is that of a
process of its own, and the builds take turns: old, new, old, new. A figure is the median, with lowest and highest; the
ratio, that of the turns, is above 1 where the present checkout is better. Exit code 0 if all goals are met, 1 if not,
2 if something could not be measured.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks._machine import describe, machine
from benchmarks.versus import commands, learning
from benchmarks.versus.builds import ROOT, Build, VersusError, earlier, present
from benchmarks.versus.rows import EXAMPLE, Row, Session
from benchmarks.versus.table import Line, line, markdown, plain

ROWS = commands.ROWS | learning.ROWS
TEN_SECONDS = "odd_files/kinetics_arm_wrestling.mp4"


def measure(row: Row, session: Session, builds: tuple[Build, Build], repeats: int) -> list[Line]:
    """The lines of a row; the builds take turns."""
    turns = [[row.measure(session, build) for build in builds] for _ in range(repeats)]
    return [
        line(figure, *([turn[side][figure.key] for turn in turns] for side in (0, 1)), judged=not session.small)
        for figure in row.figures
    ]


def run(given: argparse.Namespace, about: dict[str, Any]) -> dict[str, Any]:
    """Installs, measures, and prints and writes each row when it is there. Raises VersusError."""
    builds = earlier(given.revision, given.cache), present()
    for build in builds:
        print(f"{build.side}: {build.commit} in {build.checkout}")
    session = open_session(given)
    found = {"machine": about, **{build.side: build.commit for build in builds}, "rows": {}}
    for name in given.rows:
        found["rows"][name] = measure(ROWS[name], session, builds, given.repeats)
        print(plain(found["rows"][name]), flush=True)
        if given.json:
            given.json.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return found


def open_session(given: argparse.Namespace) -> Session:
    """What the measurements share. Raises VersusError if a file or folder is not there."""
    data = given.data and given.data.resolve()
    clip = given.clip or (data / TEN_SECONDS if data and not given.small else EXAMPLE)
    if not clip.is_file():
        raise VersusError(f"there is no clip {clip}; name one with --clip, or the folder of real clips with --data")
    work = given.cache.resolve() / ("work-small" if given.small else "work")
    work.mkdir(parents=True, exist_ok=True)
    return Session(work, data, clip.resolve(), given.small)


def options() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.versus", description="An earlier commit against this.")
    parser.add_argument("revision", help="a commit, tag or branch")
    parser.add_argument("--data", type=Path, help="folder of the real clips; without it puppets and the example clip")
    parser.add_argument("--clip", type=Path, help=f"of 10 s, for cold [default: {TEN_SECONDS} in --data]")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=[*ROWS])
    parser.add_argument("--repeats", type=int, default=3, help="turns of each row [default: 3]")
    parser.add_argument("--small", action="store_true", help="in miniature, once, no goal judged: for tests")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--markdown", action="store_true", help="end with all rows as a table in Markdown")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "versus", help="[default: build/versus]")
    return parser


def main() -> int:
    """Prints the table."""
    given = options().parse_args()
    given.repeats = 1 if given.small else max(given.repeats, 1)
    about = machine()
    print(describe(about))
    try:
        found = run(given, about)
    except VersusError as error:
        print(f"versus: {error}", file=sys.stderr)
        return 2
    lines = [line for lines in found["rows"].values() for line in lines]
    if given.markdown:
        print("\n" + markdown(lines))
    return 1 if any(line["met"] is False for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
