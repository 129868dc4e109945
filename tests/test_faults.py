"""What counts as a change where a piece of work is killed: every one below the folder, and no other."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from tests.faults import Killed, killed_at


def change(folder: Path) -> None:
    """Eight changes in a folder, of every way to name a file."""
    folder.mkdir()
    with open(folder / "a", "w") as file:
        file.write("content")
        file.flush()
        os.fsync(file.fileno())
    os.rename(os.fsencode(folder / "a"), os.fsencode(folder / "b"))
    os.symlink("b", folder / "link")
    descriptor = os.open(folder, os.O_RDONLY)
    os.unlink("link", dir_fd=descriptor)
    os.close(descriptor)
    (folder / "b").unlink()


KINDS = ["mkdir", "open", "write", "fsync", "rename", "symlink", "unlink", "unlink"]


def test_changes_below_the_folder_count_and_others_do_not(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with killed_at(sys.maxsize, tmp_path / "in") as count:
        other = threading.Thread(target=change, args=[tmp_path / "out"])
        other.start()
        change(tmp_path / "in" / "folder")
        other.join()
    assert count.seen == KINDS


def test_a_file_that_comes_from_elsewhere_counts(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "file").touch()
    with killed_at(1, tmp_path / "in"), pytest.raises(Killed):
        os.replace(tmp_path / "file", tmp_path / "in" / "file")
    assert not list((tmp_path / "in").iterdir())


def test_a_write_is_half_done_and_what_follows_is_not(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with killed_at(1 + KINDS.index("write"), tmp_path / "in"), pytest.raises(Killed):
        change(tmp_path / "in" / "folder")
    assert [path.name for path in (tmp_path / "in" / "folder").iterdir()] == ["a"]
    assert (tmp_path / "in" / "folder" / "a").read_text() == "con"
