from __future__ import annotations

import os
from pathlib import Path

import pytest

from actionzoo.cli._output import output_file
from actionzoo.errors import OutputError


def test_replaces_the_old_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("old")
    with output_file(path) as out:
        out.write("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_of_a_failed_run(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), output_file(tmp_path / "out") as out:
        out.write("half")
        raise error
    assert os.listdir(tmp_path) == []


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with output_file(tmp_path / "link") as out:
        out.write("text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "text"


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="folder"), output_file(tmp_path):
        pass


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full on this system")
def test_a_full_disk() -> None:
    with pytest.raises(OutputError, match="No space left"), output_file(Path("/dev/full")) as out:
        out.write("text")
    assert Path("/dev/full").is_char_device()
