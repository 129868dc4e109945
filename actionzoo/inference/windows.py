"""The mean of what a network gives for the clips of each window."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from actionzoo.inference.clips import Clip, WindowClips

Output = npt.NDArray[Any]


@dataclass(frozen=True)
class WindowSum:
    """The sum of what a network gives for the clips of a window, and their number.

    Attributes:
        start_s: seconds in the video.
        end_s: seconds in the video.
        total: logits `(classes,)`, or whatever else the network gives for a clip.
        clips: how many.
    """

    start_s: float
    end_s: float
    total: Output
    clips: int

    @property
    def mean(self) -> Output:
        """Mean over its clips."""
        mean: Output = self.total / self.total.dtype.type(self.clips)
        return mean


def sum_windows(
    clips: Iterable[Clip | WindowClips], run: Callable[[Clip], Output], *, whole: bool
) -> Iterator[WindowSum]:
    """Runs each clip once, and gives every window when its last clip has run.

    Args:
        clips: of `actionzoo.inference.clips.cut_clips`.
        run: what the network gives for a clip, an array of one shape for all.
        whole: there is one window, of all clips; what it gives for each of them is not kept then.
    """
    outputs: dict[int, Output] = {}
    total: Output | None = None
    for each in clips:
        if isinstance(each, Clip):
            output = run(each)
            if whole:
                total = output if total is None else total + output
            else:
                outputs[each.number] = output
        else:
            if not whole:
                total = functools.reduce(operator.add, (outputs[number] for number in each.clips))
                outputs = {number: output for number, output in outputs.items() if number >= each.needed}
            assert total is not None
            yield WindowSum(each.start_s, each.end_s, total, len(each.clips))
