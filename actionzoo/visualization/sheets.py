"""Sheets to look at: rows of pictures with a line of text above each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from actionzoo.inference.clips import Clip
from actionzoo.video.flow import flow_to_colour
from actionzoo.visualization.attribution import Attribution
from actionzoo.visualization.painting import PaintedClip
from actionzoo.visualization.render import flow_to_components, usual_maximum
from actionzoo.visualization.top_activations import TopActivation

GAP, LINE = 6, 22
"""Pixels between pictures, and of a line of text."""

HEIGHT = 224
"""Small pictures are enlarged to about this height."""

GLOW, DIM = 0.65, 0.25
"""How much a glow hides at most, and what is left of a colour that is dimmed."""

INK, PAPER, FAINT, MARK = (30, 30, 30), (255, 255, 255), (110, 110, 110), (255, 220, 0)

Picture = tuple[str, Image.Image]
Row = tuple[str, Sequence[Picture]]


def painted_sheet(painted: Sequence[PaintedClip]) -> Image.Image:
    """A row for each clip: a frame, and the flow at the beginning, in the middle and at the end of the clip."""
    return draw_rows([_painted_row(clip) for clip in painted])


def overview_sheet(painted: Sequence[PaintedClip]) -> Image.Image:
    """All clips small, frame beside flow: a row for each target where they have several speeds, else for each layer."""
    several = len({clip.target for clip in painted}) < len(painted)
    rows = []
    for title, clips in groupby(painted, lambda clip: clip.target.name if several else clip.target.layer):
        captions = [(clip.speed if several else clip.target.name.removeprefix(title).strip(), clip) for clip in clips]
        rows.append((title, [(caption, _small(clip)) for caption, clip in captions]))
    return draw_rows(rows)


def top_activations_sheet(activations: Sequence[TopActivation], paths: Sequence[Path]) -> Image.Image:
    """A row for each clip: its frames and the flow around them, with a mark where the channel responds most."""
    rows = []
    for rank, (activation, path) in enumerate(zip(activations, paths, strict=True), start=1):
        title = f"{rank}. {path.parent.name}/{path.name}, frame {activation.frame}: {activation.response:.3g}"
        rows.append((title, _clip_pictures(activation.clip, activation.place)))
    return draw_rows(rows)


def attribution_sheet(title: str, attribution: Attribution) -> Image.Image:
    """A row for each stream: the frames, or the flow around them, bright where the map of the class is high."""
    rows = []
    for stream, maps in attribution.maps.items():
        captions = [f"frame {frame}" for frame in attribution.frames[: len(maps)]]
        pictures = [enlarged(picture) for picture in attribution_pictures(attribution, stream)]
        rows.append((f"{title}: {stream}", list(zip(captions, pictures, strict=True))))
    return draw_rows(rows)


def attribution_pictures(attribution: Attribution, stream: str) -> np.ndarray:
    """The frames of a clip under a glow, or its flow on the colour wheel, dimmed where a map is low.

    `(T, height, width, 3)` uint8; a glow would hide the colours of flow.
    """
    share = attribution.maps[stream][..., None]
    if stream == "motion":
        return np.asarray(np.round(middle_flow(attribution.clip.motion) * (DIM + (1 - DIM) * share)), np.uint8)
    codes, frames = np.round(255 * attribution.maps[stream]).astype(np.uint8), attribution.clip.appearance
    glow = np.stack([cv2.cvtColor(cv2.applyColorMap(code, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB) for code in codes])
    pale = (frames.mean(axis=-1, keepdims=True) + frames) / 2
    return np.asarray(np.round((1 - GLOW * share) * pale + GLOW * share * glow), np.uint8)


def middle_flow(motion: np.ndarray) -> np.ndarray:
    """The field in the middle of each stack of `motion (T, height, width, 2L)`, on the colour wheel."""
    middle = motion.shape[-1] // 4 * 2
    flow = np.asarray(motion[..., middle : middle + 2], np.float32)
    return flow_to_colour(flow, max(1.0, usual_maximum(flow)))


def enlarged(picture: np.ndarray, height: int = HEIGHT) -> Image.Image:
    """RGB `(height, width, 3)`, a whole number of times as large so that it has about the height."""
    image = Image.fromarray(picture)
    times = max(1, round(height / image.height))
    return image.resize((image.width * times, image.height * times), Image.Resampling.BICUBIC)


def draw_rows(rows: Sequence[Row]) -> Image.Image:
    """Rows under each other; each has a title, each picture a caption."""
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


def _painted_row(clip: PaintedClip) -> Row:
    probability = "" if clip.probability is None else f", probability {clip.probability:.2f}"
    title = f"{clip.target.name}{'' if clip.flow is None else f', {clip.speed}'}{probability}"
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


def _small(clip: PaintedClip) -> Image.Image:
    """A frame and a field from the middle of a clip, side by side."""
    parts = []
    if clip.appearance is not None:
        parts.append(clip.appearance[len(clip.appearance) // 2])
    if clip.flow is not None:
        parts.append(flow_to_components(clip.flow[(len(clip.flow) - 1) // 2], usual_maximum(clip.flow)))
    return enlarged(np.concatenate(parts, axis=1), HEIGHT // 2)


def _clip_pictures(clip: Clip, place: tuple[int, float, float] | None) -> list[Picture]:
    """Some frames of a clip, each with its flow, among them the one in which a place is."""
    last = len(clip.appearance) - 1
    times = sorted({0, last // 2, last} if place is None else {0, place[0], last})
    flow, pictures = middle_flow(clip.motion), []
    for time in times:
        both = [np.array(clip.appearance[time]), np.array(flow[time])]
        if place is not None and time == place[0]:
            both = [_marked(picture, place[1], place[2]) for picture in both]
        picture = enlarged(np.concatenate(both, axis=1), HEIGHT // 2)
        pictures.append((f"frame {time + 1} of {last + 1}, its flow", picture))
    return pictures


def _marked(picture: np.ndarray, y: float, x: float) -> np.ndarray:
    height, width = picture.shape[:2]
    centre, radius = (round(x * width), round(y * height)), max(3, height // 8)
    cv2.circle(picture, centre, radius, (0, 0, 0), 3)
    return np.asarray(cv2.circle(picture, centre, radius, MARK, 2))
