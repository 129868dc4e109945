"""Windows and clips over a stream, against the rules of `sampling` applied to the whole video at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from actionzoo.inference import clips as clips_module
from actionzoo.inference.clips import WindowClips, cut_clips
from actionzoo.inference.windows import WindowSum, sum_windows
from actionzoo.video import sampling
from actionzoo.video.sampling import ClipSpec

SPEC = ClipSpec(num_frames=3, stride=4, stack_length=4)
RATE = 10.0


def image(k: int) -> np.ndarray:
    return np.full((2, 2, 3), k % 251, np.uint8)


def flow(k: int) -> np.ndarray:
    return np.full((2, 2, 2), k, np.float32)


class Recorder:
    """A network whose logits say which frames and flow fields it was shown."""

    def __init__(self) -> None:
        self.runs = 0

    def __call__(self, appearance: Any, motion: Any) -> np.ndarray:
        self.runs += 1
        weights = np.arange(1, appearance.shape[0] + 1)
        fields = np.arange(1, motion.shape[-1] + 1)
        return np.array([appearance[:, 0, 0, 0] @ weights, (motion[:, 0, 0] @ fields) @ weights], np.float32)


def frames_at(times: list[float]) -> Iterator[tuple[float, np.ndarray, np.ndarray | None]]:
    for k, time_s in enumerate(times):
        yield time_s, image(k), flow(k) if k < len(times) - 1 else None


def play(times: list[float], duration_s: float, *args: float | None) -> tuple[list[WindowSum], Recorder]:
    recorder = Recorder()
    clips = cut_clips(frames_at(times), SPEC, lambda: duration_s, *args)
    found = sum_windows(clips, lambda clip: recorder(clip.appearance, clip.motion), whole=not args or args[0] is None)
    return list(found), recorder


def expected(first: int, end: int) -> tuple[np.ndarray, int]:
    """The summed logits of the frames `first` up to `end - 1` taken as a video of their own."""
    images = np.stack([image(k) for k in range(first, end)])
    flows = (
        np.stack([flow(k) for k in range(first, end - 1)]) if end - first > 1 else np.zeros((0, 2, 2, 2), np.float32)
    )
    clips = sampling.clip_centres(end - first, SPEC)
    run = Recorder()
    return np.sum([run(*sampling.gather_clip(images, flows, c, SPEC.stack_length)) for c in clips], axis=0), len(clips)


def watched(kept: list[int]) -> Callable[[Any, float], None]:
    """`_Cutter._forget`, which also notes how many frames are kept then."""
    forget = clips_module._Cutter._forget

    def noted(cutter: Any, time_s: float) -> None:
        forget(cutter, time_s)
        kept.append(len(cutter._frames))

    return noted


def steady(frames: int) -> list[float]:
    return [k / RATE for k in range(frames)]


@pytest.mark.parametrize("frames", [1, 2, 4, 5, 12, 13, 14, 19, 20, 60, 200])
def test_the_whole_video_is_one_window(frames: int) -> None:
    found, recorder = play(steady(frames), frames / RATE)
    total, clips = expected(0, frames)
    assert [(w.start_s, w.end_s, w.clips) for w in found] == [(0, frames / RATE, clips)]
    np.testing.assert_allclose(found[0].total, total)
    assert recorder.runs == clips


@pytest.mark.parametrize(
    ("frames", "window", "step"),
    [
        (100, 2.0, None),
        (100, 2.0, 1.0),
        (97, 2.0, 0.7),
        (97, 3.0, None),
        (50, 9.0, None),
        (60, 0.5, None),
        (95, 2.0, 3.0),
    ],
)
def test_each_window_is_answered_as_a_video_of_its_own(frames: int, window: float, step: float | None) -> None:
    found, _ = play(steady(frames), frames / RATE, window, step)
    spans = sampling.windows(frames / RATE, window, step or window)
    assert [(w.start_s, w.end_s) for w in found] == spans
    for window, (start_s, end_s) in zip(found, spans, strict=True):
        total, clips = expected(math.ceil(start_s * RATE - 1e-4), min(math.ceil(end_s * RATE - 1e-4), frames))
        assert window.clips == clips
        np.testing.assert_allclose(window.total, total)


def test_windows_come_out_as_soon_as_they_are_over() -> None:
    given = 0

    def counted() -> Iterator[tuple[float, np.ndarray, np.ndarray | None]]:
        nonlocal given
        for frame in frames_at(steady(45)):
            given += 1
            yield frame

    found = cut_clips(counted(), SPEC, lambda: 4.5, 2.0)
    ends = [(given, each.end_s) for each in found if isinstance(each, WindowClips)]
    assert ends == [(21, 2.0), (41, 4.0), (45, 4.5)]


def test_clips_that_windows_share_run_once() -> None:
    hop_s = (SPEC.span // 2) / RATE
    found, recorder = play(steady(120), 12.0, 4 * hop_s, hop_s)
    starts = {
        start + int(clip[0])
        for start in (round(w.start_s * RATE) for w in found)
        for clip in sampling.clip_centres(round(4 * hop_s * RATE), SPEC)
    }
    assert recorder.runs == len(starts) < sum(w.clips for w in found)


@pytest.mark.parametrize(("window", "limit"), [((), SPEC.span + 1), ((2.0,), 32), ((2.0, 0.1), 32)])
def test_memory_does_not_grow_with_the_video(
    monkeypatch: pytest.MonkeyPatch, window: tuple[float, ...], limit: int
) -> None:
    monkeypatch.setattr(clips_module._Cutter, "_forget", watched(kept := []))
    for _ in cut_clips(frames_at(steady(3000)), SPEC, lambda: 300.0, *window):
        pass
    assert len(kept) == 3000
    assert max(kept) <= limit


def test_a_window_too_long_to_keep_still_covers_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips_module, "MAX_KEPT_BYTES", 20 * (image(0).nbytes + flow(0).nbytes))
    monkeypatch.setattr(clips_module._Cutter, "_forget", watched(kept := []))
    found, _ = play(steady(250), 25.0, 10.0, None)
    assert max(kept) <= 20
    assert [(w.start_s, w.end_s) for w in found] == [(0, 10), (10, 20), (15, 25)]
    moved = found[-1]
    shown = moved.total[0] / moved.clips / 6  # the weights of a clip's three frames sum to 6
    assert abs(shown - np.mean([k % 251 for k in range(150, 250)])) < 10


def test_a_window_inside_a_gap_shows_the_frame_before_it() -> None:
    times = [0.0, 0.1, 0.2, 5.0, 5.1, 5.2]
    found, _ = play(times, 5.3, 1.0, None)
    assert [w.start_s for w in found] == [0, 1, 2, 3, 4, pytest.approx(4.3)]
    before = expected(2, 3)[0]
    for window in found[1:4]:
        np.testing.assert_allclose(window.total, before)


@pytest.mark.parametrize(
    "lengths", [(0.0, None), (-1.0, None), (math.nan, None), (math.inf, None), (1.0, 0.0), (None, 1.0)]
)
def test_lengths_that_make_no_sense(lengths: tuple[float | None, float | None]) -> None:
    with pytest.raises(ValueError, match=r"window|step"):
        play([0.0], 0.1, *lengths)
