"""The benchmark of large sets, in miniature."""

from __future__ import annotations

from benchmarks.annotations import measured


def test_every_step_is_timed() -> None:
    found = dict(measured(videos=48, classes=4))
    assert [name.strip() for name in found] == [
        "class folders", "split, a group a video", "written as a list", "the list",
        "class folders, groups by a pattern", "split by group", "folders of parts",
    ]  # fmt: skip
    assert all(seconds > 0 for seconds in found.values())
