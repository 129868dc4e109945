"""What a row of the comparison is: how a build is measured, and which figures come of it."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks.versus.builds import ROOT, Build, VersusError
from benchmarks.versus.processes import Spent, spend

EXAMPLE = ROOT / "examples" / "handshake.mp4"

Numbers = dict[str, float]


@dataclass(frozen=True)
class Figure:
    """A line of the table.

    Attributes:
        key: of the numbers that a measurement gives.
        what: in words.
        unit: of both builds' numbers.
        better: whether more is better, or less.
        goal: none for a figure that is only told.
        of: what the goal is for: how many times better the new build is, or the new build's number.
    """

    key: str
    what: str
    unit: str
    better: Literal["more", "less"]
    goal: float | None = None
    of: Literal["ratio", "new"] = "ratio"


@dataclass
class Session:
    """What measurements share.

    Attributes:
        work: a folder for what is made once, and for caches.
        data: the folder of real clips, if there is one.
        clip: of about ten seconds.
        small: in miniature.
        made: names of what was made in this session.
    """

    work: Path
    data: Path | None
    clip: Path
    small: bool
    made: set[str] = field(default_factory=set)

    def actionzoo(self, build: Build, *arguments: object, fresh: bool = False) -> Spent:
        """A command of a build, with a cache of its own that lasts; `fresh` for an empty one."""
        return self._spend(build, ["-m", "actionzoo", *arguments], fresh=fresh)

    def warm_up(self, build: Build, *arguments: object) -> None:
        """A command that is not counted, once in a session, for what a build converts or compiles once."""
        name = " ".join(map(str, (build.side, *arguments)))
        if not self.small and name not in self.made:
            self.actionzoo(build, *arguments)
            self.made.add(name)

    def probe(self, build: Build, name: str, *arguments: object, fresh: bool = False) -> Spent:
        """A script of this folder in a build's interpreter."""
        return self._spend(build, [Path(__file__).with_name(name), *arguments], fresh=fresh)

    def benchmark(self, build: Build, code: str, *arguments: object) -> Spent:
        """Python code that imports the build's own `benchmarks`."""
        return self._spend(build, ["-c", code, *arguments], {"PYTHONPATH": str(build.checkout)})

    def _spend(
        self, build: Build, arguments: list[object], more: dict[str, str] | None = None, *, fresh: bool = False
    ) -> Spent:
        with tempfile.TemporaryDirectory(dir=self.work) as empty:
            cache = empty if fresh else str(self.work / f"cache-{build.side}")
            return spend([build.python, *arguments], self.work, (more or {}) | {"ACTIONZOO_CACHE": cache})

    def empty(self, name: str) -> Path:
        """A path for results that is not there."""
        path = self.work / name
        shutil.rmtree(path, ignore_errors=True)
        return path

    def puppets(self, clips: int, height: int, actions: Sequence[str]) -> Path:
        """Class folders of rendered videos, `clips` of each action, made once by the present build."""
        folder = self.work / f"puppets-{clips}-{height}-{len(actions)}"
        if not folder.exists():
            beside = self.empty(f"{folder.name}.part")
            command = [sys.executable, "-m", "actionzoo", "data", "puppets", beside, "--clips", clips, "--seed", 7]
            command += ["--height", height, *(part for action in actions for part in ("--action", action))]
            spend(command, self.work)
            beside.rename(folder)
        return folder

    def frames(self, size: tuple[int, int]) -> Path:
        """Frames of real clips, else of the example, at `size` (height, width); made once in a session."""
        path = self.work / "frames-{}x{}.npz".format(*size)
        if path.name not in self.made:
            given = [path, "--size", *size, "--pairs", 2 if self.small else 8]
            given += ["--data", self.data] if self.data and not self.small else []
            command = [sys.executable, "-m", "benchmarks.versus._frames", *given]
            spend(command, self.work, {"PYTHONPATH": str(ROOT)})
            self.made.add(path.name)
        return path

    def below(self, name: str) -> Path | None:
        """A folder of the real data; None in miniature and without data."""
        if self.small or self.data is None:
            return None
        if not (self.data / name).is_dir():
            raise VersusError(f"there is no folder {self.data / name}; --data must name that of the real clips")
        return self.data / name

    def listed(self, name: str, videos: Sequence[Path]) -> Path:
        """A CSV of videos, labelled by their folders."""
        path = self.work / name
        lines = ["path,label", *(f'"{video.resolve()}",{video.parent.name}' for video in videos)]
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path


@dataclass(frozen=True, init=False)
class Row:
    """What is measured together.

    Attributes:
        measure: numbers of a build; called for the old and the new one in turn.
        figures: the lines of the table that come of them.
    """

    measure: Callable[[Session, Build], Numbers]
    figures: tuple[Figure, ...]

    def __init__(self, measure: Callable[[Session, Build], Numbers], *figures: Figure) -> None:
        object.__setattr__(self, "measure", measure)
        object.__setattr__(self, "figures", figures)
