"""Videos in the form of a model, and the cache that keeps them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actionzoo.data import recordings
from actionzoo.data.annotations import read_annotations
from actionzoo.data.recordings import Form, VideoSource, read_recording
from actionzoo.errors import NotAVideoError, OutputError
from actionzoo.hub.record import InputRecord
from actionzoo.video.flow import optical_flow
from actionzoo.video.writer import VideoWriter

FORM = Form(32, 64, 15, "dis")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    texture = np.random.default_rng(0).integers(0, 256, (64, 160, 3)).astype(np.uint8)
    for name, number in (("wave", 1), ("wave", 0), ("bend", 0)):
        (tmp_path / "set" / name).mkdir(parents=True, exist_ok=True)
        with VideoWriter(tmp_path / "set" / name / f"{number}.mp4", 30, (64, 96)) as video:
            for shift in range(9):
                video.write(texture[:, shift : shift + 96])
    return tmp_path / "set"


def source(folder: Path, form: Form = FORM) -> VideoSource:
    return VideoSource(read_annotations(folder), form, folder.parent / "cache")


def test_order_labels_rate_and_size(folder: Path) -> None:
    found = source(folder)
    read = [found.read(index) for index in range(len(found))]
    assert [(recording.name, recording.label) for recording in read] == [("0.mp4", 0), ("0.mp4", 1), ("1.mp4", 1)]
    for recording in read:
        assert recording.frames.shape == (5, 32, 48, 3)
        assert recording.flow.shape == (4, 32, 48, 2)
        np.testing.assert_allclose(recording.flow, optical_flow(np.array(recording.frames)), atol=0.01)


def test_a_video_is_decoded_once_until_it_changes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []

    def counting(path: Path, label: int, form: Form) -> recordings.Recording:
        decoded.append(path.name)
        return read_recording(path, label, form)

    monkeypatch.setattr(recordings, "read_recording", counting)
    first = np.array(source(folder).read(1).frames)
    np.testing.assert_array_equal(source(folder).read(1).frames, first)
    assert decoded == ["0.mp4"]
    source(folder, replace(FORM, fps=30)).read(1)
    shutil.copy(folder / "bend" / "0.mp4", folder / "wave" / "0.mp4")
    source(folder).read(1)
    assert len(decoded) == 3
    assert not list((folder.parent / "cache").glob(".part*"))


def test_all_broken_videos_are_told(folder: Path) -> None:
    (folder / "wave" / "2.mp4").write_text("not a video at all")
    told: list[tuple[int, int]] = []
    ((video, reason),) = source(folder).prepare(lambda *done: told.append(done))
    assert video.path.name == "2.mp4"
    assert reason
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    with pytest.raises(NotAVideoError, match=r"2\.mp4"):
        source(folder).read(3)


def test_a_cache_that_cannot_be_written_is_named(folder: Path) -> None:
    (folder.parent / "cache").write_text("a file")
    with pytest.raises(OutputError, match="ACTIONZOO_CACHE"):
        source(folder).read(0)


@pytest.mark.parametrize(
    ("resize", "size"), [("fit", (32, 42)), ("stretch", (32, 64)), ("short", (32, 42))], ids=lambda value: str(value)
)
def test_sizes(resize: str, size: tuple[int, int]) -> None:
    assert replace(FORM, resize=resize).size((240, 318)) == size


def test_form_of_a_record() -> None:
    record = InputRecord(("a", "b"), 64, 48, fps=5.0, flow=None, resize="stretch")
    assert Form.of(record) == Form(64, 48, 5.0, "dis", "stretch")
