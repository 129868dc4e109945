from __future__ import annotations

import http.server
import itertools
import threading
import time
from collections.abc import Generator, Iterator

import cv2
import numpy as np
import pytest

from actionzoo.errors import BrokenVideoError, VideoNotFoundError
from actionzoo.video.live import Live, live
from actionzoo.video.reader import Frame, probe, read_frames

PICTURE = np.zeros((8, 8, 3), np.uint8)


def numbered(count: int) -> Generator[Frame]:
    for index in range(count):
        yield Frame(float(index), PICTURE)


def test_a_caller_that_keeps_up_gets_every_frame() -> None:
    taken = threading.Semaphore(1)

    def patient() -> Generator[Frame]:
        for frame in numbered(5):
            taken.acquire()
            yield frame

    times = []
    with Live(patient()) as camera:
        for frame in camera:
            times.append(frame.time)
            taken.release()
    assert times == [0, 1, 2, 3, 4]
    assert camera.dropped == 0


def test_a_slow_caller_gets_the_newest_frame() -> None:
    taken, burst_over = threading.Event(), threading.Event()

    def bursting() -> Generator[Frame]:
        frames = numbered(200)
        yield next(frames)
        taken.wait()
        for frame in frames:
            yield frame
            if frame.time == 150:
                taken.clear()
                burst_over.set()
                taken.wait()

    with Live(bursting()) as camera:
        frames = iter(camera)
        assert next(frames).time == 0
        taken.set()
        burst_over.wait()
        assert next(frames).time == 150
        taken.set()
        camera._thread.join()
        assert [frame.time for frame in frames] == [199]
    assert camera.dropped == 200 - 3


def test_the_age_of_a_frame_counts_from_its_arrival() -> None:
    with Live(numbered(1)) as camera:
        camera._thread.join()
        time.sleep(0.05)
        next(iter(camera))
        assert camera.age_s >= 0.05


def test_some_frames_may_wait() -> None:
    with Live(numbered(10), keep=4) as camera:
        camera._thread.join()
        assert [frame.time for frame in camera] == [6, 7, 8, 9]
        assert camera.dropped == 6
    with pytest.raises(ValueError, match="keep"):
        Live(numbered(1), keep=0)


def test_errors_come_out_after_the_frames() -> None:
    def failing() -> Generator[Frame]:
        yield Frame(0.0, PICTURE)
        raise BrokenVideoError("rtsp://camera", "the network went away")

    with Live(failing()) as camera, pytest.raises(BrokenVideoError, match="went away"):
        assert [frame.time for frame in camera] == [0]
    with live("rtsp://127.0.0.1:9/1") as camera, pytest.raises(VideoNotFoundError):
        next(iter(camera))


def test_leaving_stops_the_thread_and_closes_the_source() -> None:
    closed = threading.Event()

    def endless() -> Generator[Frame]:
        try:
            while True:
                yield Frame(0.0, PICTURE)
                time.sleep(0.001)
        finally:
            closed.set()

    with Live(endless()) as camera:
        next(iter(camera))
    assert closed.is_set()
    assert not camera._thread.is_alive()


@pytest.fixture
def webcam() -> Iterator[str]:
    """The address of a camera on the network that sends a JPEG every 20 ms, each brighter than the one before."""
    stop = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
            self.end_headers()
            try:
                for level in range(20, 250):
                    if stop.wait(0.02):
                        return
                    _, jpeg = cv2.imencode(".jpg", np.full((48, 64, 3), level, np.uint8))
                    part = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
                    self.wfile.write(part + jpeg.tobytes() + b"\r\n")
            except (BrokenPipeError, ConnectionResetError):
                return

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    stop.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_camera_on_the_network(webcam: str) -> None:
    with live(webcam, size=(24, 32)) as camera:
        levels = []
        for frame in camera:
            assert frame.image.shape == (24, 32, 3)
            levels.append(int(frame.image.mean()))
            time.sleep(0.1)
            if len(levels) == 8:
                break
    assert all(later > earlier for earlier, later in itertools.pairwise(levels))
    assert camera.dropped > 5


class FakeCamera:
    """What OpenCV gives for a camera: BGR pictures, here three of them, then no more."""

    def __init__(self, number: int) -> None:
        self.number, self.left, self.released = number, 3, False

    def isOpened(self) -> bool:  # noqa: N802
        return self.number == 5

    def set(self, what: int, value: float) -> bool:
        return True

    def get(self, what: int) -> float:
        return {cv2.CAP_PROP_FRAME_WIDTH: 64.0, cv2.CAP_PROP_FRAME_HEIGHT: 48.0}.get(what, 0.0)

    def read(self) -> tuple[bool, np.ndarray | None]:
        self.left -= 1
        return (True, np.full((48, 64, 3), (250, 0, 10), np.uint8)) if self.left >= 0 else (False, None)

    def release(self) -> None:
        self.released = True


def test_a_camera_of_this_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCamera)
    info = probe("5")
    assert (info.width, info.height, info.duration_s) == (64, 48, None)
    frames = read_frames(5, size=(12, 16))
    first = next(frames)
    assert first.time == 0
    assert first.image.shape == (12, 16, 3)
    assert first.image[0, 0].tolist() == [10, 0, 250]
    with pytest.raises(BrokenVideoError, match="camera 5 stopped"):
        list(frames)
