from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

Images = NDArray[np.uint8]


@pytest.fixture
def texture() -> Images:
    """A smooth random picture (300, 400, 3) that flow can follow."""
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.clip((smooth - 128) * 6 + 128, 0, 255).astype(np.uint8)


@pytest.fixture
def grey_ramp() -> Callable[..., Images]:
    """Frames of one grey each, brighter by 7 from frame to frame: their order can be read from the pixels."""

    def make(count: int = 30, height: int = 48, width: int = 64) -> Images:
        level = 20 + 7 * np.arange(count, dtype=np.uint8)
        return np.broadcast_to(level[:, None, None, None], (count, height, width, 3))

    return make


@pytest.fixture
def make_video(tmp_path: Path, grey_ramp: Callable[..., Images]) -> Callable[..., Path]:
    def make(
        name: str = "clip.mp4",
        images: Images | None = None,
        *,
        fps: float = 30,
        codec: str = "libx264",
        options: dict[str, str] | None = None,
        container: dict[str, str] | None = None,
        times_ms: Sequence[int] | None = None,
        pix_fmt: str = "yuv420p",
        format: str | None = None,
        matrix: Sequence[int] | None = None,
        pixel_aspect: Fraction | None = None,
        audio: bool = False,
    ) -> Path:
        images = grey_ramp() if images is None else images
        path = tmp_path / name
        with (
            open(path, "wb") as file,
            av.open(
                file,
                "w",
                format=format
                or {"mkv": "matroska", "ts": "mpegts", "mpg": "mpeg"}.get(path.suffix[1:], path.suffix[1:]),
                options=container or {},
            ) as out,
        ):
            stream: Any = out.add_stream(codec, rate=Fraction(fps).limit_denominator(1001), options=options or {})
            stream.height, stream.width = images.shape[1:3]
            stream.pix_fmt = pix_fmt
            if codec == "mpeg4":
                stream.bit_rate = 5_000_000
            if pixel_aspect is not None:
                stream.codec_context.sample_aspect_ratio = pixel_aspect
            if matrix is not None:
                stream.set_display_matrix(matrix)
            if times_ms is not None:
                stream.codec_context.time_base = Fraction(1, 1000)
            sound: Any = out.add_stream("aac", rate=16000) if audio else None
            for index, image in enumerate(images):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image))
                if times_ms is not None:
                    frame.pts, frame.time_base = times_ms[index], Fraction(1, 1000)
                out.mux(stream.encode(frame))
            if sound is not None:
                for index in range(20):
                    noise = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
                    noise.sample_rate, noise.pts = 16000, 1024 * index
                    out.mux(sound.encode(noise))
                out.mux(sound.encode(None))
            out.mux(stream.encode(None))
        return path

    return make


@pytest.fixture
def without_permission() -> Callable[[Path], AbstractContextManager[None]]:
    """A block in which a file or folder may be neither read nor written, whoever runs the tests."""

    @contextlib.contextmanager
    def block(path: Path) -> Iterator[None]:
        mode = path.stat().st_mode
        user = os.geteuid()
        path.chmod(0)
        if user == 0:
            os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(user)
            path.chmod(mode)

    return block
