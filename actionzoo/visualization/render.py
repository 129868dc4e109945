"""Flow as colours, and painted clips as animations.

Flow is shown in two ways: as in the paper, with the red of a pixel its horizontal part, green its vertical part and
blue its length; and on the colour wheel of the flow benchmarks.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from actionzoo.files import write_atomic
from actionzoo.video.flow import flow_to_colour
from actionzoo.video.spec import InputSpec
from actionzoo.video.writer import VideoWriter
from actionzoo.visualization.canvas import stack_fields
from actionzoo.visualization.painting import PaintedClip


def flow_to_components(flow: np.ndarray, maximum: float | None = None) -> np.ndarray:
    """Flow `(..., height, width, 2)` in pixels as the papers show it: RGB of u, v and the length.

    Grey in red and green is no motion; `maximum` pixels (default: the fastest pixel) is full colour.

    >>> flow_to_components(np.array([[[0, 0], [3, 0], [0, -3]]], np.float32)).tolist()
    [[[128, 128, 0], [255, 128, 255], [128, 0, 255]]]
    """
    length = np.linalg.norm(flow, axis=-1, keepdims=True)
    maximum = float(length.max(initial=0.0)) if maximum is None else maximum
    parts = np.concatenate([(flow / max(maximum, 1e-9) + 1) / 2, length / max(maximum, 1e-9)], axis=-1)
    code: np.ndarray = np.floor(parts.clip(0, 1) * 255 + 0.5).astype(np.uint8)
    return code


def usual_maximum(flow: np.ndarray) -> float:
    """The speed in pixels that is shown in full colour: all but the fastest 200th of the pixels are slower."""
    return float(np.quantile(np.linalg.norm(flow, axis=-1), 0.995))


def animation(clip: PaintedClip, spec: InputSpec) -> np.ndarray:
    """A painted clip as a video, `(N, height, width, 3)` uint8: the frame of the time, and both renderings of the flow.

    One without motion shows its frames.
    """
    if clip.flow is None:
        assert clip.appearance is not None
        return clip.appearance
    times, places = stack_fields(spec)
    maximum = usual_maximum(clip.flow)
    columns = [flow_to_components(clip.flow, maximum), flow_to_colour(clip.flow, maximum)]
    if clip.appearance is not None:
        centres = times[places].mean(axis=1)
        nearest = np.abs(times[:, None] - centres[None]).argmin(axis=1)
        columns.insert(0, clip.appearance[nearest])
    return np.concatenate(columns, axis=2)


def write_animation(path: Path, frames: np.ndarray, fps: float) -> None:
    """Write `(N, height, width, 3)` uint8 as MP4, GIF or WebP, by the name's ending. Raises OutputError."""
    if path.suffix == ".mp4":
        with VideoWriter(path, fps, frames.shape[1:3]) as video:
            for frame in frames:
                video.write(frame)
    else:
        write_atomic(path, encoded_animation(frames, fps, path.suffix.removeprefix(".")))


def encoded_animation(frames: np.ndarray, fps: float, kind: str = "webp", quality: int = 75) -> bytes:
    """`(N, height, width, 3)` uint8 as the bytes of a GIF or WebP that plays for ever; quality 0 to 100 of a WebP."""
    first, *others = [Image.fromarray(frame) for frame in frames]
    file = io.BytesIO()
    options = {"quality": quality, "method": 4} if kind == "webp" else {}
    first.save(file, kind, save_all=True, append_images=others, duration=max(20, round(1000 / fps)), loop=0, **options)
    return file.getvalue()


def encoded_png(image: Image.Image) -> bytes:
    """A picture as the bytes of a PNG."""
    file = io.BytesIO()
    image.save(file, "png")
    return file.getvalue()
