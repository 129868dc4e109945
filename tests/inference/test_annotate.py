from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from actionzoo.errors import BrokenVideoError, OutputError, VideoNotFoundError
from actionzoo.inference import Answer, Prediction, Window, annotate
from actionzoo.inference.annotate import BAR_EMPTY, BAR_FULL, BAR_UNSURE, at_constant_rate, labelled, window_at
from actionzoo.video.reader import Frame, probe, read_frames

from .conftest import write_video


def window(start_s: float, end_s: float, label: str, score: float) -> Window:
    return Window(start_s, end_s, (Prediction(label, 0, score), Prediction("other", 1, 1 - score)))


def answer(*windows: Window) -> Answer:
    return Answer("clip.mp4", "mini", 1, 20.0, 3.0, windows[0].predictions, windows, {})


def bar(image: np.ndarray) -> float:
    """The part of the lower edge that is filled."""
    filled = np.abs(image[-1].astype(int) - BAR_FULL).sum(-1) < np.abs(image[-1].astype(int) - BAR_EMPTY).sum(-1)
    return float(filled.mean())


def test_every_frame_carries_the_label_of_its_window(videos: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "labelled é.mp4"
    annotate(str(videos["right"]), answer(window(0, 1, "push", 0.75), window(1, 3, "hug", 0.25)), out)
    original, written = list(read_frames(videos["right"])), list(read_frames(out))
    assert len(written) == len(original)
    assert [f.time for f in written] == pytest.approx([f.time for f in original])
    assert [bar(f.image) for f in written] == pytest.approx([0.75] * 20 + [0.25] * 40, abs=0.03)
    changed = np.abs(written[0].image.astype(int) - original[0].image).max(-1) > 60
    assert changed[:30].mean() > 0.1
    assert not changed[50:80].any()
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_below_the_threshold_it_is_uncertain() -> None:
    image = np.full((96, 128, 3), 128, np.uint8)
    sure, unsure = (labelled(image, window(0, 1, "push", 0.6), threshold) for threshold in (0.5, 0.7))
    assert (sure != unsure).any()
    np.testing.assert_array_equal(sure, labelled(image, window(0, 1, "push", 0.6), None))
    np.testing.assert_array_equal(labelled(image, None, 0.5), image)


def test_none_of_these_has_a_bar_of_its_own_colour() -> None:
    image = np.full((96, 128, 3), 128, np.uint8)
    none = Window(0, 1, (Prediction("none of these", -1, 0.96), Prediction("push", 0, 0.9)), 0.04)
    shown, named = labelled(image, none, None), labelled(image, window(0, 1, "push", 0.96), None)
    assert (tuple(shown[-1, 60]), tuple(named[-1, 60])) == (BAR_UNSURE, BAR_FULL)
    assert (shown[:60] != named[:60]).any()


@pytest.mark.parametrize("size", [(1, 1), (2, 2000), (16, 16), (17, 1001)])
def test_frames_of_any_size_can_be_labelled(size: tuple[int, int], tmp_path: Path) -> None:
    video = write_video(tmp_path / "odd.mp4", np.full((3, max(size[0], 2), max(size[1], 2), 3), 90, np.uint8))
    annotate(video, answer(window(0, 1, "push", 1.0)), tmp_path / "out.mp4")
    info = probe(tmp_path / "out.mp4")
    assert (info.height - max(size[0], 2), info.width - max(size[1], 2)) in [(0, 0), (1, 1)]


def test_times_between_windows() -> None:
    windows = [window(1, 3, "push", 1), window(2, 4, "hug", 1), window(6, 7, "kick", 1)]
    found = {t: w.label if (w := window_at(windows, t)) else None for t in (0, 1, 2.4, 2.6, 3.5, 5, 6, 99)}
    assert found == {
        0: "push", 1: "push", 2.4: "push", 2.6: "hug", 3.5: "hug", 5: None, 6: "kick", 99: "kick"
    }  # fmt: skip
    assert window_at([], 1) is None


def test_a_variable_rate_becomes_constant_and_a_false_time_does_not_fill_the_disk() -> None:
    frames = [Frame(t, np.full((1, 1, 3), k, np.uint8)) for k, t in enumerate((0.0, 0.01, 0.5, 1.0, 1e9))]
    shown = [(t, int(image[0, 0, 0])) for t, image in at_constant_rate(iter(frames), fps=4)]
    assert shown[:5] == [(0.0, 1), (0.25, 1), (0.5, 2), (0.75, 2), (1.0, 3)]
    assert len(shown) == 4 + 10 * 4 + 1


def test_nothing_is_left_after_an_error(videos: dict[str, Path], tmp_path: Path) -> None:
    one = answer(window(0, 1, "push", 1))
    with pytest.raises(OutputError):
        annotate(videos["right"], one, tmp_path / "missing" / "out.mp4")
    with pytest.raises(VideoNotFoundError):
        annotate("missing.mp4", one, tmp_path / "out.mp4")
    cut = tmp_path / "cut.mkv"
    write_video(cut, np.random.default_rng(0).integers(0, 255, (40, 64, 64, 3)).astype(np.uint8))
    cut.write_bytes(cut.read_bytes()[:900])
    with pytest.raises(BrokenVideoError):
        annotate(cut, one, tmp_path / "out.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["cut.mkv"]


def test_of_a_damaged_video_what_can_be_decoded_is_shown(tmp_path: Path) -> None:
    cut = tmp_path / "cut.mkv"
    write_video(cut, np.random.default_rng(0).integers(0, 255, (40, 64, 64, 3)).astype(np.uint8))
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    annotate(cut, answer(window(0, 1, "push", 1)), tmp_path / "out.mp4")
    assert 10 < len(list(read_frames(tmp_path / "out.mp4"))) < 40
