"""Painted clips as pictures: a sheet to look at, and the motion as an animation.

Flow is shown in two ways: as in the paper, with the red of a pixel its horizontal part, green its vertical part and
blue its length; and on the colour wheel of the flow benchmarks.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from actionzoo.hub.record import InputRecord
from actionzoo.video.flow import flow_to_colour
from actionzoo.video.writer import VideoWriter
from actionzoo.visualization.canvas import stack_fields
from actionzoo.visualization.painting import Painted

GAP, LINE = 6, 22
"""Pixels between pictures, and of a line of text."""

HEIGHT = 224
"""Small pictures are enlarged to about this height."""

INK, PAPER, FAINT = (30, 30, 30), (255, 255, 255), (110, 110, 110)


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
    """The speed that is shown in full colour: all but the fastest 200th of the pixels are slower."""
    return float(np.quantile(np.linalg.norm(flow, axis=-1), 0.995))


def draw_sheet(painted: Sequence[Painted], record: InputRecord) -> Image.Image:
    """A row for each clip: a frame, and the flow at the beginning, in the middle and at the end of the clip."""
    rows = [_row(clip, record) for clip in painted]
    width = max(sum(picture.width + GAP for _, picture in row) for _, row in rows) + GAP
    height = sum(max(picture.height for _, picture in row) + 2 * LINE + GAP for _, row in rows) + GAP
    sheet = Image.new("RGB", (width, height), PAPER)
    draw, y = ImageDraw.Draw(sheet), GAP
    for title, row in rows:
        draw.text((GAP, y), title, INK, ImageFont.load_default(16))
        x = GAP
        for caption, picture in row:
            draw.text((x, y + LINE), caption, FAINT, ImageFont.load_default(12))
            sheet.paste(picture, (x, y + 2 * LINE))
            x += picture.width + GAP
        y += max(picture.height for _, picture in row) + 2 * LINE + GAP
    return sheet


def _row(clip: Painted, record: InputRecord) -> tuple[str, list[tuple[str, Image.Image]]]:
    sure = "" if clip.probability is None else f", probability {clip.probability:.2f}"
    title = f"{clip.target.label}, {clip.speed}{sure}" if clip.flow is not None else f"{clip.target.label}{sure}"
    pictures = []
    if clip.appearance is not None:
        pictures.append(("appearance", enlarged(clip.appearance[len(clip.appearance) // 2])))
    if clip.flow is not None:
        maximum, last = usual_maximum(clip.flow), len(clip.flow) - 1
        pictures += [
            (f"u, v, length: field {place}", enlarged(flow_to_components(clip.flow[place], maximum)))
            for place in sorted({0, last // 2, last})
        ]
        wheel = enlarged(flow_to_colour(clip.flow[last // 2], maximum))
        pictures.append((f"colour wheel, full at {maximum:.1f} pixels", wheel))
    return title, pictures


def enlarged(picture: np.ndarray, height: int = HEIGHT) -> Image.Image:
    """RGB `(height, width, 3)`, a whole number of times as large so that it has about the height."""
    image = Image.fromarray(picture)
    times = max(1, round(height / image.height))
    return image.resize((image.width * times, image.height * times), Image.Resampling.BICUBIC)


def animation(clip: Painted, record: InputRecord) -> np.ndarray:
    """A painted clip as a video, `(N, height, width, 3)` uint8: the frame of the time, and both renderings of the flow.

    One without motion shows its frames.
    """
    if clip.flow is None:
        assert clip.appearance is not None
        return clip.appearance
    times, places = stack_fields(record)
    maximum = usual_maximum(clip.flow)
    columns = [flow_to_components(clip.flow, maximum), flow_to_colour(clip.flow, maximum)]
    if clip.appearance is not None:
        centres = times[places].mean(axis=1)
        nearest = np.abs(times[:, None] - centres[None]).argmin(axis=1)
        columns.insert(0, clip.appearance[nearest])
    return np.concatenate(columns, axis=2)


def write_animation(path: Path, frames: np.ndarray, fps: float) -> None:
    """Write `(N, height, width, 3)` uint8 as MP4, or as GIF or WebP that plays for ever, by the name's ending.

    Raises OutputError if an MP4 cannot be written, OSError for the others.
    """
    if path.suffix == ".mp4":
        with VideoWriter(path, fps, frames.shape[1:3]) as video:
            for frame in frames:
                video.write(frame)
        return
    path.write_bytes(encoded_animation(frames, fps, path.suffix.removeprefix(".")))


def encoded_animation(frames: np.ndarray, fps: float, kind: str = "webp", quality: int = 75) -> bytes:
    """`(N, height, width, 3)` uint8 as the bytes of a GIF or WebP that plays for ever; quality 0 to 100 of a WebP."""
    first, *others = [Image.fromarray(frame) for frame in frames]
    file = io.BytesIO()
    options = {"quality": quality, "method": 4} if kind == "webp" else {}
    first.save(file, kind, save_all=True, append_images=others, duration=max(20, round(1000 / fps)), loop=0, **options)
    return file.getvalue()
