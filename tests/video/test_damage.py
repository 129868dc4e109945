"""Damaged videos are noticed, whole ones are not accused, and what can be decoded is there."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from actionzoo.data.check import check_video
from actionzoo.errors import BrokenVideoError
from actionzoo.video.containers import missing_data
from actionzoo.video.reader import Frame, probe, read_frames

MakeVideo = Callable[..., Path]
NOISE = np.random.default_rng(0).integers(0, 256, (60, 48, 64, 3), dtype=np.uint8)
GROUPS = {"g": "10"}


def signs(path: Path) -> tuple[list[Frame], list[BrokenVideoError]]:
    """What can be decoded, and what is said of the rest."""
    damage: list[BrokenVideoError] = []
    return list(read_frames(path, damaged=damage.append)), damage


def overwritten(data: bytes, rng: np.random.Generator) -> bytes:
    begin, length = len(data) * 4 // 10, len(data) // 10
    return data[:begin] + rng.bytes(length) + data[begin + length :]


def emptied(data: bytes, rng: np.random.Generator) -> bytes:
    begin, length = len(data) * 4 // 10, len(data) // 5
    return data[:begin] + bytes(length) + data[begin + length :]


def cut_out(data: bytes, rng: np.random.Generator) -> bytes:
    begin, length = len(data) * 4 // 10, len(data) // 10
    return data[:begin] + data[begin + length :]


def cut_off(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: len(data) * 7 // 10]


KINDS = [
    ("clip.mp4", "libx264", {"movflags": "faststart"}),
    ("clip.mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
    ("clip.mkv", "libx264", {}),
    ("clip.mkv", "mpeg4", {}),
    ("clip.webm", "libvpx", {}),
    ("clip.avi", "mpeg4", {}),
    ("clip.avi", "mjpeg", {}),
    ("clip.flv", "flv", {}),
    ("clip.ts", "libx264", {}),
    ("clip.ts", "mpeg2video", {}),
    ("clip.wmv", "wmv2", {}),
]


def encoded(make_video: MakeVideo, name: str, codec: str, container: dict[str, str]) -> Path:
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    options = {} if codec in ("mjpeg", "libvpx") else GROUPS
    format = "asf" if name.endswith(".wmv") else None
    return make_video(name, NOISE, codec=codec, container=container, pix_fmt=pix_fmt, options=options, format=format)


@pytest.mark.parametrize(("name", "codec", "container"), KINDS)
def test_a_whole_video_shows_no_sign(make_video: MakeVideo, name: str, codec: str, container: dict[str, str]) -> None:
    path = encoded(make_video, name, codec, container)
    frames, damage = signs(path)
    assert (len(frames), damage) == (60, [])
    assert len(list(read_frames(path))) == 60
    assert check_video(path).problem is None


@pytest.mark.parametrize("hurt", [overwritten, emptied, cut_out, cut_off])
@pytest.mark.parametrize(("name", "codec", "container"), KINDS)
def test_damage_is_noticed_and_the_rest_is_there(
    make_video: MakeVideo,
    name: str,
    codec: str,
    container: dict[str, str],
    hurt: Callable[[bytes, np.random.Generator], bytes],
) -> None:
    path = encoded(make_video, name, codec, container)
    path.write_bytes(hurt(path.read_bytes(), np.random.default_rng(1)))
    if hurt is cut_off and name == "clip.ts":
        assert len(signs(path)[0]) > 30  # nothing in a transport stream says where it should end
        return
    if hurt is cut_out and container.get("movflags") == "faststart":
        assert 20 < len(signs(path)[0]) <= 60  # every offset behind the cut is wrong
    else:
        frames, damage = signs(path)
        assert len(frames) > 20
        assert len(damage) == 1
        assert "; copy or download it again" in damage[0].reason
    with pytest.raises(BrokenVideoError):
        list(read_frames(path))
    problem = check_video(path).problem
    assert problem is not None
    assert check_video(path).frames > 20


def test_a_video_that_only_begins_is_an_error(make_video: MakeVideo) -> None:
    path = make_video("clip.mkv", NOISE)
    path.write_bytes(path.read_bytes()[:900])
    damage: list[BrokenVideoError] = []
    with pytest.raises(BrokenVideoError):
        list(read_frames(path, damaged=damage.append))


def test_the_times_of_a_transport_stream_jump(make_video: MakeVideo) -> None:
    times = [*range(0, 600, 33), *range(4000, 4600, 33)]
    path = make_video("clip.ts", NOISE[: len(times)], times_ms=times)
    frames, damage = signs(path)
    assert len(frames) == len(times)
    assert ["is damaged or cut off at 0.59 s" in error.reason for error in damage] == [True]


def test_pictures_that_stay_on_are_no_damage(make_video: MakeVideo) -> None:
    """Screen recordings and slide shows have long gaps, in containers that say what is whole by themselves."""
    times = [0, 100, 200, 9000, 9100, 30_000]
    for name in ("clip.mkv", "clip.mp4"):
        frames, damage = signs(make_video(name, NOISE[:6], times_ms=times))
        assert [round(frame.time, 2) for frame in frames] == [0, 0.1, 0.2, 9, 9.1, 30]
        assert damage == []


def test_zeros_behind_a_transport_stream(make_video: MakeVideo) -> None:
    path = make_video("clip.ts", NOISE)
    path.write_bytes(path.read_bytes() + bytes(300_000))
    assert signs(path)[1] == []
    assert len(list(read_frames(path))) == 60


def test_two_transport_streams_in_one_file_are_no_damage(make_video: MakeVideo) -> None:
    path = make_video("clip.ts", NOISE)
    path.write_bytes(path.read_bytes() * 2)
    assert len(list(read_frames(path))) == 120


def test_a_transport_stream_that_begins_in_the_middle(make_video: MakeVideo) -> None:
    path = make_video("clip.ts", NOISE, options=GROUPS)
    data = path.read_bytes()
    path.write_bytes(data[: 188 * 3] + data[len(data) * 3 // 10 // 188 * 188 :])
    frames = list(read_frames(path))
    assert 30 < len(frames) < 50
    assert frames[0].time == 0


def late(make_video: MakeVideo, name: str, seconds: float) -> Path:
    """The same pictures, `seconds` behind the sound."""
    source = make_video("source.mkv", NOISE, options={"qp": "0"})
    path = source.with_name(name)
    with av.open(str(source)) as container, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(container.streams.video[0])
        sound = out.add_stream("aac", rate=16000)
        for index in range(60):
            noise = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            noise.sample_rate, noise.pts = 16000, 1024 * index
            out.mux(sound.encode(noise))
        out.mux(sound.encode(None))
        for packet in container.demux(video=0):
            if packet.dts is not None:
                shift = round(Fraction(seconds).limit_denominator(1000) / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                out.mux(packet)
    return path


@pytest.mark.parametrize("name", ["late.mkv", "late.mp4"])
@pytest.mark.parametrize("seconds", [0.4, 0.6, 1.0, 1000.0])
def test_pictures_that_begin_late(make_video: MakeVideo, name: str, seconds: float) -> None:
    path = late(make_video, name, seconds)
    frames = list(read_frames(path))
    assert np.allclose([frame.time for frame in frames], np.arange(60) / 30, atol=1e-6)
    assert np.array_equal(frames[-1].image, list(read_frames(path.with_name("source.mkv")))[-1].image)


def test_a_longer_duration_is_no_promise(make_video: MakeVideo) -> None:
    path = make_video("clip.mkv", NOISE)
    data = bytearray(path.read_bytes())
    place = data.index(b"\x44\x89\x88") + 3
    data[place : place + 8] = struct.pack(">d", 8000.0)
    tag = data.index(b"DURATION")
    data[data.index(b"00:00:", tag) : data.index(b"00:00:", tag) + 8] = b"00:44:02"
    path.write_bytes(data)
    assert len(list(read_frames(path))) == 60


def test_skipped_pictures_of_an_avi_file_are_no_damage(make_video: MakeVideo) -> None:
    """An AVI file keeps its rate by chunks without content where a picture repeats the one before."""
    times = [0, 33, 67, 300, 333, 367]
    path = make_video("clip.avi", NOISE[:6], codec="mpeg4", times_ms=times)
    assert signs(path)[1] == []


@pytest.mark.parametrize("fps", [12.0, 24.0, 10.0])
def test_a_clip_has_the_same_times_in_every_container(make_video: MakeVideo, fps: float) -> None:
    options = {"qp": "0", "bf": "0"}
    chosen = {}
    for name in ("clip.mp4", "clip.mkv", "clip.ts", "clip.flv"):
        path = make_video(name, NOISE, fps=30, options=options)
        chosen[name] = [round(30 * frame.time, 6) for frame in read_frames(path, fps=fps)]
    assert len({tuple(times) for times in chosen.values()}) == 1
    assert chosen["clip.mkv"][:3] == {12.0: [0, 2, 5], 24.0: [0, 1, 2], 10.0: [0, 3, 6]}[fps]


def test_rates(make_video: MakeVideo) -> None:
    for name in ("clip.mp4", "clip.mkv", "clip.avi", "clip.ts"):
        assert probe(make_video(name, NOISE, fps=30)).fps == pytest.approx(30)
    assert probe(make_video("clip.h264", NOISE, fps=30, format="h264")).fps == pytest.approx(30)


def test_promises_are_read_from_headers_only(make_video: MakeVideo) -> None:
    path = make_video("clip.mkv", NOISE)
    with path.open("rb", buffering=0) as file:
        assert missing_data(file, "matroska,webm", []) is None
        assert missing_data(file, "a format of tomorrow", []) is None
    path.write_bytes(path.read_bytes()[:-100])
    with path.open("rb", buffering=0) as file:
        problem = missing_data(file, "matroska,webm", [])
    assert problem is not None
    assert problem.startswith("100 of its")
