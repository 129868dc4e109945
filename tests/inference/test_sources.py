from __future__ import annotations

from pathlib import Path

import pytest

from actionzoo.inference import expand_sources, is_live


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        "b.mp4",
        "a b é.MOV",
        "deep/er/c.avi",
        "notes.txt",
        ".hidden.mp4",
        ".trash/e.mp4",
        "[x].mp4",
        "cover.jpg",
    ):
        path = tmp_path / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("videos", ["videos/[x].mp4", "videos/a b é.MOV", "videos/b.mp4", "videos/deep/er/c.avi"]),
        ("videos/*.mp4", ["videos/[x].mp4", "videos/b.mp4"]),
        ("**/*.avi", ["videos/deep/er/c.avi"]),
        ("vid*", ["videos/[x].mp4", "videos/a b é.MOV", "videos/b.mp4", "videos/deep/er/c.avi"]),
        ("videos/[x].mp4", ["videos/[x].mp4"]),
        ("videos/notes.txt", ["videos/notes.txt"]),
        ("empty", ["empty"]),
        ("*.wmv", ["*.wmv"]),
        ("missing.mp4", ["missing.mp4"]),
        ("https://host/a?b=[c]*", ["https://host/a?b=[c]*"]),
        ("rtsp://host/1", ["rtsp://host/1"]),
        ("0", ["0"]),
    ],
)
def test_what_a_source_stands_for(folder: Path, source: str, found: list[str]) -> None:
    assert expand_sources([source]) == found


def test_order_is_kept_and_repeats_are_dropped(folder: Path) -> None:
    assert expand_sources(["videos/b.mp4", "missing.mp4", "videos/*.mp4"]) == [
        "videos/b.mp4", "missing.mp4", "videos/[x].mp4"
    ]  # fmt: skip


def test_what_has_no_end(folder: Path) -> None:
    assert [is_live(source) for source in ("0", "12", "RTSP://host/1", "http://host/a.mp4", "./0", "-1", "²")] == [
        True, True, True, False, False, False, False
    ]  # fmt: skip
