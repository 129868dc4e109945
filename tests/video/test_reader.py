from __future__ import annotations

import itertools
import os
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from actionzoo.errors import BrokenVideoError
from actionzoo.video.flow import flow_stream
from actionzoo.video.geometry import Converter
from actionzoo.video.reader import Frame, probe, read_frames
from actionzoo.video.timing import on_grid

MakeVideo = Callable[..., Path]
Images = NDArray[np.uint8]


def levels(frames: Sequence[Frame]) -> list[int]:
    """Which frames of a grey ramp these are."""
    return [round((float(frame.image.mean()) - 20) / 7) for frame in frames]


FORMATS = [
    ("clip.mp4", "libx264", "yuv420p"),
    ("clip.mov", "prores_ks", "yuv422p10le"),
    ("clip.mkv", "libx265", "yuv420p"),
    ("clip.webm", "libvpx-vp9", "yuv420p"),
    ("clip.avi", "mpeg4", "yuv420p"),
    ("clip.avi", "mjpeg", "yuvj420p"),
    ("clip.mkv", "ffv1", "bgr0"),
    ("clip.ts", "libx264", "yuv420p"),
    ("clip.mpg", "mpeg2video", "yuv420p"),
    ("clip.flv", "flv", "yuv420p"),
    ("clip.gif", "gif", "rgb8"),
]


@pytest.mark.parametrize(("name", "codec", "pix_fmt"), FORMATS)
def test_formats_and_codecs(make_video: MakeVideo, name: str, codec: str, pix_fmt: str) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    path = make_video(name, codec=codec, pix_fmt=pix_fmt, fps=25)
    frames = list(read_frames(path))
    assert len(frames) == 30
    assert frames[0].image.shape == (48, 64, 3)
    assert frames[0].image.dtype == np.uint8
    assert np.abs(np.diff([frame.time for frame in frames]) - 1 / 25).max() < 0.011
    assert frames[0].time == 0
    if codec != "gif":
        assert levels(frames) == list(range(30))
    info = probe(path)
    assert (info.width, info.height) == (64, 48)
    assert info.fps == pytest.approx(25)
    assert info.duration_s == pytest.approx(30 / 25, abs=0.05) or name.endswith((".mpg", ".flv"))


def test_colours_are_rgb(make_video: MakeVideo) -> None:
    image = np.zeros((1, 48, 64, 3), np.uint8)
    image[..., :32, 0] = 255
    image[..., 32:, 2] = 255
    (frame,) = read_frames(make_video("clip.mkv", image, codec="ffv1", pix_fmt="bgr0"))
    assert (frame.image == image[0]).all()


@pytest.mark.parametrize(("name", "codec"), [("clip.mp4", "libx264"), ("clip.mkv", "libx264"), ("clip.avi", "mpeg4")])
def test_packets_out_of_order_come_out_in_order(make_video: MakeVideo, name: str, codec: str) -> None:
    path = make_video(name, codec=codec, options={"bf": "2", "b_strategy": "0", "x264-params": "b-adapt=0:bframes=3"})
    with av.open(str(path)) as container:
        decode_order = [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
    assert decode_order != sorted(decode_order)
    frames = list(read_frames(path))
    assert levels(frames) == list(range(30))
    assert np.allclose([frame.time for frame in frames], np.arange(30) / 30, atol=2e-3)


def test_variable_frame_rate_keeps_the_times(make_video: MakeVideo, grey_ramp: Callable[..., Images]) -> None:
    times = [0, 20, 60, 500, 510, 1500, 1600]
    path = make_video("clip.mkv", grey_ramp(7), times_ms=times)
    frames = list(read_frames(path))
    assert [round(1000 * frame.time) for frame in frames] == times
    assert levels(list(read_frames(path, fps=2))) == [0, 3, 4, 5]


def test_fps_keeps_the_frames_nearest_to_a_grid(make_video: MakeVideo) -> None:
    path = make_video(fps=30)
    assert levels(list(read_frames(path, fps=15))) == list(range(0, 30, 2))
    assert levels(list(read_frames(path, fps=10))) == list(range(0, 30, 3))
    assert levels(list(read_frames(path, fps=12))) == [0, 2, 5, 7, 10, 12, 15, 17, 20, 22, 25, 27]
    assert levels(list(read_frames(path, fps=30))) == list(range(30))


def test_a_video_slower_than_fps_keeps_all_frames_once(make_video: MakeVideo) -> None:
    assert levels(list(read_frames(make_video(fps=12.5), fps=30))) == list(range(30))
    assert levels(list(read_frames(make_video(fps=29.97), fps=30))) == list(range(30))


@pytest.mark.parametrize("fps", [0.1, 3.0, 7.3, 24.0, 29.97, 100.0])
def test_grid_against_a_search_for_the_nearest_frame(fps: float) -> None:
    times = np.cumsum(np.random.default_rng(0).uniform(0.005, 0.2, 200))
    times -= times[0]
    grid = np.arange(0, times[-1], 1 / fps)
    nearest = {int(np.abs(times - due).argmin()) for due in grid}
    kept = [index for _, index in on_grid([(float(t), k) for k, t in enumerate(times)], fps)]
    assert kept == sorted(set(kept))
    assert nearest <= set(kept)
    assert set(kept) - nearest <= {len(times) - 1}


def test_dropped_frames_are_never_converted(make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch) -> None:
    converted = 0
    original = Converter.__call__

    def counting(self: Converter, picture: av.VideoFrame) -> Images:
        nonlocal converted
        converted += 1
        return original(self, picture)

    monkeypatch.setattr(Converter, "__call__", counting)
    assert len(list(read_frames(make_video(), fps=5))) == 5
    assert converted == 5


def test_size_is_exact_and_may_be_a_function(make_video: MakeVideo) -> None:
    path = make_video()
    assert next(read_frames(path, size=(17, 91))).image.shape == (17, 91, 3)
    seen: list[tuple[int, int]] = []

    def halved(original: tuple[int, int]) -> tuple[int, int]:
        seen.append(original)
        return original[0] // 2, original[1] // 2

    assert {frame.image.shape for frame in read_frames(path, size=halved)} == {(24, 32, 3)}
    assert seen == [(48, 64)]
    with pytest.raises(ValueError, match="at least 1x1"):
        next(read_frames(path, size=(0, 5)))
    for fps in (0, -1, float("nan")):
        with pytest.raises(ValueError, match="fps"):
            read_frames(path, fps=fps)


def test_scaling_down_averages_instead_of_picking_pixels(make_video: MakeVideo) -> None:
    board = (np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)
    path = make_video("clip.mkv", np.repeat(board[None, ..., None], 3, -1), codec="ffv1", pix_fmt="bgr0")
    (frame,) = read_frames(path, size=(32, 32))
    assert np.abs(frame.image[2:-2, 2:-2].astype(int) - 127).max() <= 4


def corner_picture() -> Images:
    """Black, with the upper left corner white and the upper right one grey."""
    image = np.zeros((1, 48, 64, 3), np.uint8)
    image[:, :16, :16] = 255
    image[:, :16, -16:] = 128
    return image


ONE = 1 << 16
TURNS = {
    "none": ([ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30], lambda image: image),
    "right": ([0, ONE, 0, -ONE, 0, 0, 48 * ONE, 0, 1 << 30], lambda image: np.rot90(image, -1)),
    "left": ([0, -ONE, 0, ONE, 0, 0, 0, 64 * ONE, 1 << 30], np.rot90),
    "half": ([-ONE, 0, 0, 0, -ONE, 0, 64 * ONE, 48 * ONE, 1 << 30], lambda image: np.rot90(image, 2)),
    "mirror": ([-ONE, 0, 0, 0, ONE, 0, 64 * ONE, 0, 1 << 30], np.fliplr),
    "mirror and left": ([0, ONE, 0, ONE, 0, 0, 0, 0, 1 << 30], lambda image: image.swapaxes(0, 1)),
}


@pytest.mark.parametrize("turn", TURNS)
def test_frames_stand_upright(make_video: MakeVideo, turn: str) -> None:
    matrix, expected = TURNS[turn]
    path = make_video("clip.mov", corner_picture(), matrix=matrix)
    upright = expected(corner_picture()[0])
    (frame,) = read_frames(path)
    assert frame.image.shape == upright.shape
    assert np.abs(frame.image.astype(int) - upright).mean() < 6
    assert frame.image.flags.c_contiguous
    info = probe(path)
    assert (info.height, info.width) == upright.shape[:2]
    (small,) = read_frames(path, size=(12, 32))
    assert small.image.shape == (12, 32, 3)


@pytest.mark.skipif("ACTIONZOO_TEST_CLIPS" not in os.environ, reason="needs the development clips")
def test_phone_clips_show_one_scene_upright() -> None:
    folder = Path(os.environ["ACTIONZOO_TEST_CLIPS"]) / "odd_files"
    shapes = [next(read_frames(folder / f"video_{angle}.mov")).image.shape for angle in (0, 90, 180, 270)]
    assert shapes == [(320, 568, 3), (568, 320, 3), (320, 568, 3), (568, 320, 3)]


@pytest.mark.skipif("ACTIONZOO_TEST_CLIPS" not in os.environ, reason="needs the development clips")
def test_odd_clips() -> None:
    folder = Path(os.environ["ACTIONZOO_TEST_CLIPS"]) / "odd_files"
    assert [frame.time for frame in read_frames(folder / "unordered.mov")] == [0, 1 / 32, 2 / 32, 3 / 32]
    assert len(list(read_frames(folder / "flipping_a_pancake.mkv", size=(24, 42)))) == 310
    with pytest.raises(BrokenVideoError, match=r"damaged or cut off at 2\.\d0 s"):
        list(read_frames(folder / "corrupted.mp4"))


def test_sound_is_ignored(make_video: MakeVideo) -> None:
    path = make_video("clip.mkv", audio=True)
    assert levels(list(read_frames(path))) == list(range(30))


def test_frames_that_change_size_on_the_way_keep_the_first_size(
    make_video: MakeVideo, tmp_path: Path, grey_ramp: Callable[..., Images]
) -> None:
    joined = tmp_path / "joined.ts"
    small, large = make_video("a.ts", grey_ramp(5)), make_video("b.ts", grey_ramp(5, 96, 160))
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    frames = list(read_frames(joined))
    assert {frame.image.shape for frame in frames} == {(48, 64, 3)}
    assert levels(frames) == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]
    # The second half counts from 0 again in its file; here time goes on.
    assert all(later.time >= earlier.time for earlier, later in itertools.pairwise(frames))


def test_time_goes_on_where_a_counter_starts_again(
    make_video: MakeVideo, tmp_path: Path, grey_ramp: Callable[..., Images]
) -> None:
    part = make_video("a.ts", grey_ramp(30), fps=10)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(part.read_bytes() * 2)
    times = [frame.time for frame in read_frames(joined)]
    assert len(times) == 60
    assert np.allclose(times, np.arange(60) / 10, atol=1e-3)


def test_a_stream_without_timestamps_counts_frames(make_video: MakeVideo) -> None:
    path = make_video("clip.h264", format="h264")
    frames = list(read_frames(path))
    assert levels(frames) == list(range(30))
    steps = np.diff([frame.time for frame in frames])
    assert steps.min() > 0
    assert np.allclose(steps, steps[0])


def test_one_frame(make_video: MakeVideo, grey_ramp: Callable[..., Images]) -> None:
    path = make_video(images=grey_ramp(1))
    (frame,) = read_frames(path, fps=15)
    assert frame.time == 0
    assert probe(path).duration_s == pytest.approx(1 / 30, abs=1e-3)


def test_a_very_wide_video(make_video: MakeVideo) -> None:
    path = make_video(images=np.full((3, 16, 10_000, 3), 90, np.uint8))
    result = list(flow_stream(read_frames(path, size=(16, 1000))))
    assert [frame.image.shape for frame, _ in result] == [(16, 1000, 3)] * 3
    assert (probe(path).width, probe(path).height) == (10_000, 16)


def test_reading_holds_few_frames_however_long_the_video_is(make_video: MakeVideo) -> None:
    images = np.broadcast_to(np.arange(120, dtype=np.uint8)[:, None, None, None], (120, 240, 320, 3))
    path = make_video("clip.avi", images, codec="mjpeg", pix_fmt="yuvj420p")
    tracemalloc.start()
    try:
        for _ in flow_stream(read_frames(path), "dis-ultrafast", workers=2, ahead=4):
            pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    with_flow = 240 * 320 * (3 + 8)
    assert peak < 25 * with_flow


def test_leaving_early_closes_the_file(make_video: MakeVideo) -> None:
    path = make_video()
    frames = read_frames(path)
    next(frames)
    frames.close()
    path.unlink()
    assert list(frames) == []
