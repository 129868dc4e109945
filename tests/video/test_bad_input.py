from __future__ import annotations

import http.server
import os
import socket
import struct
import sys
import threading
import wave
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from actionzoo.errors import (
    BrokenVideoError,
    NotAVideoError,
    VideoError,
    VideoNotFoundError,
    VideoTooLargeError,
)
from actionzoo.video import opening
from actionzoo.video.opening import check_size
from actionzoo.video.reader import probe, read_frames

MakeVideo = Callable[..., Path]


def refusal(source: object, kind: type[VideoError]) -> str:
    """What reading says to a bad source: one line that begins with its name, the same from `probe`."""
    messages = set()
    for read in (lambda: list(read_frames(source)), lambda: probe(source)):  # type: ignore[arg-type]
        with pytest.raises(VideoError) as caught:
            read()
        assert type(caught.value) is kind
        messages.add(str(caught.value))
    assert len(messages) == 1
    message = messages.pop()
    assert message.startswith(f"{source}: ")
    assert "\n" not in message
    return message.removeprefix(f"{source}: ")


def break_in(source: Path) -> str:
    """The message about a video that begins well and breaks on the way."""
    with pytest.raises(BrokenVideoError) as caught:
        list(read_frames(source))
    return caught.value.reason


def test_missing(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.mp4", VideoNotFoundError) == "there is no such file; check the name"
    assert "addresses begin with http" in refusal("ftp://host/clip.mp4", VideoNotFoundError)
    assert "cannot be opened" in refusal("a" * 5000 + ".mp4", VideoNotFoundError)
    assert "null" in refusal("a\0b.mp4", VideoNotFoundError)


def test_folder(tmp_path: Path) -> None:
    assert "is a folder" in refusal(tmp_path, NotAVideoError)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_device_and_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in refusal(tmp_path / "pipe", NotAVideoError)
    assert "not a regular file" in refusal("/dev/zero", NotAVideoError)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
def test_no_permission(
    make_video: MakeVideo, without_permission: Callable[[Path], AbstractContextManager[None]]
) -> None:
    path = make_video()
    with without_permission(path):
        assert refusal(path, VideoNotFoundError) == "may not be read; check its permissions"


def test_empty(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    assert "is empty" in refusal(tmp_path / "empty.mp4", NotAVideoError)


@pytest.mark.parametrize(
    "text",
    [
        "This is no video.\n" * 40,
        "x",
        "\x1b[31mcolours of a terminal\x1b[0m\n" * 50,
        '{"label": "push"}',
        "<html><body>404</body></html>",
        "1\n00:00:01,000 --> 00:00:02,000\na subtitle\n",
    ],
)
def test_text(tmp_path: Path, text: str) -> None:
    (tmp_path / "text.mp4").write_text(text)
    refusal(tmp_path / "text.mp4", NotAVideoError)
    (tmp_path / "text.txt").write_text(text)
    refusal(tmp_path / "text.txt", NotAVideoError)


def test_noise(tmp_path: Path) -> None:
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(100_000))
    refusal(tmp_path / "noise.mp4", NotAVideoError)
    (tmp_path / "zeros.mp4").write_bytes(bytes(100_000))
    refusal(tmp_path / "zeros.mp4", NotAVideoError)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".webp", ".tiff"])
@pytest.mark.parametrize("renamed", [False, True])
def test_picture(tmp_path: Path, suffix: str, renamed: bool) -> None:
    path = tmp_path / f"picture{suffix}"
    assert cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8))
    if renamed:
        path = path.rename(path.with_suffix(".mp4"))
    assert refusal(path, NotAVideoError) == "is a picture, not a video"


def test_sound(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16_000))
    assert refusal(path, NotAVideoError) == "has sound but no pictures"


def test_truncated_without_its_index(make_video: MakeVideo) -> None:
    path = make_video()
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 5])
    assert "damaged or cut off at 0.00 s" in refusal(path, BrokenVideoError)


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [
        ("clip.mp4", "libx264", {"movflags": "faststart"}),
        ("clip.mp4", "mpeg4", {"movflags": "faststart"}),
        ("clip.mkv", "libx264", {}),
        ("clip.webm", "libvpx-vp9", {}),
        ("clip.avi", "mpeg4", {}),
        ("clip.avi", "mjpeg", {}),
    ],
)
@pytest.mark.parametrize("part", [0.5, 0.7])
def test_truncated_in_the_middle(
    make_video: MakeVideo, name: str, codec: str, container: dict[str, str], part: float
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 48, 64, 3), dtype=np.uint8)
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    options = {"deadline": "realtime", "cpu-used": "8"} if codec == "libvpx-vp9" else {}
    path = make_video(name, noise, codec=codec, container=container, pix_fmt=pix_fmt, options=options)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    reason = break_in(path)
    assert "cut off at" in reason
    assert 0.2 < float(reason.split(" at ")[1].split()[0]) < 1.6


def test_corrupt_in_the_middle_names_the_time_and_gives_what_comes_before(make_video: MakeVideo) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 48, 64, 3), dtype=np.uint8)
    path = make_video("clip.mp4", noise, options={"g": "1", "x264-params": "slices=1"})
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    middle = start + (len(data) - start) // 2
    data[middle : middle + 20_000] = b"\xff" * 20_000
    path.write_bytes(data)
    frames = []
    with pytest.raises(BrokenVideoError, match=r"is damaged or cut off at \d\.\d\d s"):
        for frame in read_frames(path):
            frames.append(frame)  # noqa: PERF402
    assert len(frames) > 10


def test_ffmpeg_is_silent(make_video: MakeVideo, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = make_video()
    list(read_frames(path))
    path.write_bytes(path.read_bytes()[:1000])
    (tmp_path / "text.mp4").write_text("text")
    for source in (path, tmp_path / "text.mp4", 987):
        with pytest.raises(VideoError):
            list(read_frames(source))
    assert capfd.readouterr() == ("", "")


def test_no_such_camera() -> None:
    assert "there is no camera 987" in refusal(987, VideoNotFoundError)
    assert "there is no camera 987" in refusal("987", VideoNotFoundError)
    assert "there is no camera -1" in refusal(-1, VideoNotFoundError)


@pytest.mark.parametrize(
    "name",
    [
        "two words.mp4",
        "été 東京.mp4",
        "-i.mp4",
        "--help",
        "clip:part.mp4",
        "http:clip.mp4",
        "file:clip.mp4",
        "concat:a|b.mp4",
        "%d.mp4",
        "[a]*?.mp4",
        "$(touch x);`id`.mp4",
        "7",
        "line\nbreak.mp4",
    ],
)
def test_odd_names(make_video: MakeVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    try:
        make_video().rename(tmp_path / name)
    except OSError:
        pytest.skip("this file system has no such names")
    monkeypatch.chdir(tmp_path)
    assert len(list(read_frames(name))) == 30
    assert len(list(read_frames(tmp_path / name))) == 30
    assert probe(Path(name)).source == name


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\n{server}/clip.ts\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile clip.ts\n",
        (
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
            "a=rtpmap:96 H264/90000\n"
        ),
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".m3u8", ".sdp"])
def test_a_file_cannot_make_ffmpeg_open_anything_else(
    make_video: MakeVideo, tmp_path: Path, server: Server, text: str, suffix: str
) -> None:
    path = tmp_path / f"list{suffix}"
    path.write_text(text.format(secret=make_video("clip.ts"), server=server.address))
    assert "is a list of other files" in refusal(path, NotAVideoError)
    assert server.asked == []


def test_frame_sizes_are_bounded() -> None:
    check_size("a", 7680, 4320)
    check_size("a", 10_000, 16)
    for size in ((20_000, 16), (16, 20_000), (9000, 9000)):
        with pytest.raises(
            VideoTooLargeError, match=rf"{size[0]}x{size[1]} pixels are larger than the limit of 35 mill"
        ):
            check_size("a", *size)


@pytest.mark.parametrize("everywhere", [False, True])
def test_absurd_sizes_are_refused(make_video: MakeVideo, everywhere: bool) -> None:
    images = np.zeros((2, 48, 64, 3), np.uint8)
    path = make_video("clip.avi", images, codec="mjpeg", pix_fmt="yuvj420p")
    data = path.read_bytes()
    patched = data.replace(struct.pack(">BHH", 8, 48, 64), struct.pack(">BHH", 8, 65_000, 65_000))
    assert patched != data
    if everywhere:
        patched = patched.replace(struct.pack("<ii", 64, 48), struct.pack("<ii", 65_000, 65_000))
    path.write_bytes(patched)
    with pytest.raises((VideoTooLargeError, BrokenVideoError)):
        list(read_frames(path))


def test_growing_frames_are_refused(
    make_video: MakeVideo, tmp_path: Path, grey_ramp: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    joined = tmp_path / "joined.ts"
    small, large = make_video("a.ts", grey_ramp(5)), make_video("b.ts", grey_ramp(5, 480, 640))
    joined.write_bytes(small.read_bytes() + large.read_bytes())
    monkeypatch.setattr(opening, "MAX_PIXELS", 640 * 400)
    with pytest.raises((VideoTooLargeError, BrokenVideoError)):
        list(read_frames(joined))


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder; remembers what it was asked for."""

    asked: list[str]
    loses = False
    says_length = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type]

        def do_GET(self) -> None:
            running.asked.append(self.path)
            with suppress(BrokenPipeError, ConnectionResetError):
                super().do_GET()

        def send_header(self, name: str, value: str) -> None:
            if running.says_length or name != "Content-Length":
                super().send_header(name, value)

        def copyfile(self, source: Any, target: Any) -> None:
            data = source.read()
            target.write(data[: len(data) // 2] if running.loses else data)

        def log_message(self, *args: object) -> None:
            pass

    running = Server(("127.0.0.1", 0), Handler)
    running.asked = []
    thread = threading.Thread(target=running.serve_forever, args=(0.05,))
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


def test_addresses(make_video: MakeVideo, tmp_path: Path, server: Server) -> None:
    make_video("clip.mkv").rename(tmp_path / "served" / "clip.mkv")
    (tmp_path / "served" / "text.mp4").write_text("no video\n" * 99)
    assert len(list(read_frames(f"{server.address}/clip.mkv"))) == 30
    assert probe(f"{server.address}/clip.mkv").height == 48
    assert "404" in refusal(f"{server.address}/missing.mp4", VideoNotFoundError)
    assert "not a video" in refusal(f"{server.address}/text.mp4", NotAVideoError)


def test_a_served_playlist_cannot_read_local_files(make_video: MakeVideo, tmp_path: Path, server: Server) -> None:
    text = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n"
    secret = make_video("secret.ts")
    make_video("open.ts").rename(tmp_path / "served" / "open.ts")
    (tmp_path / "served" / "bad.m3u8").write_text(text.format(f"file://{secret}"))
    (tmp_path / "served" / "good.m3u8").write_text(text.format("open.ts"))
    assert len(list(read_frames(f"{server.address}/good.m3u8"))) == 30
    with pytest.raises(VideoError):
        list(read_frames(f"{server.address}/bad.m3u8"))


def test_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "NETWORK_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}/clip.mp4"
        assert "no answer within 0 s; check the address" in refusal(address, VideoNotFoundError)


def test_a_connection_that_is_lost(make_video: MakeVideo, server: Server, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 48, 64, 3), dtype=np.uint8)
    make_video("clip.mkv", noise).rename(tmp_path / "served" / "clip.mkv")
    server.loses = True
    with pytest.raises(BrokenVideoError, match=r"cannot be read beyond [01]\.\d\d s: .* or download it first"):
        list(read_frames(f"{server.address}/clip.mkv"))


@pytest.mark.parametrize("name", ["clip.mkv", "clip.avi", "clip.ts", "clip.mp4"])
def test_a_server_that_does_not_say_how_long_a_video_is(
    make_video: MakeVideo, server: Server, tmp_path: Path, name: str
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 48, 64, 3), dtype=np.uint8)
    front = {"movflags": "faststart"} if name == "clip.mp4" else {}
    make_video(name, noise, container=front).rename(tmp_path / "served" / name)
    server.says_length = False
    assert len(list(read_frames(f"{server.address}/{name}"))) == 60


def test_an_index_at_the_end_and_a_server_that_sends_from_the_start_only(
    make_video: MakeVideo, server: Server, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 48, 64, 3), dtype=np.uint8)
    make_video("clip.mp4", noise).rename(tmp_path / "served" / "clip.mp4")
    with pytest.raises(BrokenVideoError, match=r"sends it from its beginning on only, .*; download it, then give"):
        list(read_frames(f"{server.address}/clip.mp4"))


def test_nobody_answers() -> None:
    assert "Connection refused" in refusal("http://127.0.0.1:9/clip.mp4", VideoNotFoundError)
    assert "Connection refused" in refusal("rtsp://127.0.0.1:9/1", VideoNotFoundError)
