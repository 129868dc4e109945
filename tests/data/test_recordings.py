"""Class folders into memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from actionzoo.data.recordings import read_class_folders
from actionzoo.errors import NotAVideoError
from actionzoo.video.flow import optical_flow
from actionzoo.video.writer import VideoWriter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    texture = np.random.default_rng(0).integers(0, 256, (64, 160, 3)).astype(np.uint8)
    for name, number in (("wave", 1), ("wave", 0), ("bend", 0)):
        (tmp_path / name).mkdir(exist_ok=True)
        with VideoWriter(tmp_path / name / f"{number}.mp4", 30, (64, 96)) as video:
            for shift in range(9):
                video.write(texture[:, shift : shift + 96])
    (tmp_path / "bend" / ".hidden").write_text("no video")
    return tmp_path


def test_order_labels_rate_and_size(folder: Path) -> None:
    recordings = read_class_folders(folder, ("bend", "wave"), size=(32, 64), fps=15)
    assert [(recording.name, recording.label) for recording in recordings] == [("0.mp4", 0), ("0.mp4", 1), ("1.mp4", 1)]
    for recording in recordings:
        assert recording.frames.shape == (5, 32, 48, 3)
        assert recording.flow.shape == (4, 32, 48, 2)
        np.testing.assert_allclose(recording.flow, optical_flow(recording.frames), atol=0.01)


def test_a_file_that_is_no_video_is_named(folder: Path) -> None:
    (folder / "wave" / "notes.mp4").write_text("not a video at all")
    with pytest.raises(NotAVideoError, match=r"notes\.mp4"):
        read_class_folders(folder, ("bend", "wave"), size=(32, 64), fps=15)
