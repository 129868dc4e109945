"""Interrupted at any line, folders are whole, or not there."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import actionzoo.files
import actionzoo.video.flow_files
from actionzoo.video.flow_files import write_flow
from tests.moving import write_moving

WATCHED = (actionzoo.files.__file__, actionzoo.video.flow_files.__file__)
FIELDS = 3


def interrupted_at(number: int, act: Callable[[], Any]) -> bool:
    """Whether an action came to its line of this number in the watched files, where it gets a KeyboardInterrupt."""
    lines = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal lines
        if frame.f_code.co_filename not in WATCHED:
            return None
        if event == "line":
            lines += 1
            if lines == number:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return lines >= number


def test_folders_of_flow_interrupted_at_any_line(tmp_path: Path) -> None:
    clip, number, whole = tmp_path / "clip.mp4", 0, 0
    write_moving(clip, "left", seed=0, frames=FIELDS + 1)
    interrupted = True
    while interrupted:
        number += 1
        place = tmp_path / str(number)
        place.mkdir()
        interrupted = interrupted_at(
            number, partial(write_flow, clip, place / "new" / "out", method="dis-ultrafast", short_side=None)
        )
        if files := [path for path in place.rglob("*") if path.is_file()]:
            assert len(files) == 2 * FIELDS, f"interrupted at line {number}"
            whole += 1
        else:
            assert list(place.iterdir()) == [], f"interrupted at line {number}"
    assert number > 50
    assert 1 <= whole < number / 2  # the whole result, where it came while tidying up
