"""Videos are seen as a player shows them: pixels that are not square, and cameras that were turned."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from actionzoo.video.flow_files import write_flow
from actionzoo.video.geometry import Geometry
from actionzoo.video.reader import probe, read_frames

MakeVideo = Callable[..., Path]
LOSSLESS = {"qp": "0", "preset": "veryfast"}


def disc(aspect: Fraction) -> np.ndarray:
    """Frames of a disc that is round where pixels have this aspect: 120 pixels high."""
    y, x = np.mgrid[:120, : round(160 / aspect)]
    inside = ((x + 0.5) * float(aspect) - 80) ** 2 + (y + 0.5 - 60) ** 2 < 40**2
    picture = cv2.GaussianBlur(np.where(inside, 220, 30).astype(np.uint8), (0, 0), 1)
    return np.broadcast_to(picture[None, :, :, None], (3, *picture.shape, 3)).copy()


@pytest.mark.parametrize("aspect", [Fraction(2), Fraction(1, 2), Fraction(4, 3), Fraction(64, 45)])
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts"])
def test_pixels_that_are_not_square(make_video: MakeVideo, name: str, aspect: Fraction) -> None:
    path = make_video(name, disc(aspect)[:, :, : round(160 / aspect) // 2 * 2], pixel_aspect=aspect, options=LOSSLESS)
    info = probe(path)
    assert abs(info.width - 160) <= 2
    assert info.height == 120
    image = next(read_frames(path)).image
    assert image.shape == (info.height, info.width, 3)
    bright = image[:, :, 1] > 125
    height, width = np.ptp(np.nonzero(bright.any(1))), np.ptp(np.nonzero(bright.any(0)))
    assert abs(height - 79) <= 2
    assert abs(width - 79) <= 2


def test_a_size_is_of_the_picture_that_is_shown(make_video: MakeVideo) -> None:
    path = make_video("clip.mp4", disc(Fraction(2)), pixel_aspect=Fraction(2))
    asked: list[tuple[int, int]] = []

    def halved(size: tuple[int, int]) -> tuple[int, int]:
        asked.append(size)
        return size[0] // 2, size[1] // 2

    assert next(read_frames(path, size=halved)).image.shape == (60, 80, 3)
    assert asked == [(120, 160)]


def test_turned_pixels_that_are_not_square(make_video: MakeVideo) -> None:
    quarter = (0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    path = make_video("clip.mp4", disc(Fraction(2)), pixel_aspect=Fraction(2), matrix=quarter)
    info = probe(path)
    assert (info.height, info.width) == (160, 120)
    assert next(read_frames(path)).image.shape == (160, 120, 3)


def test_flow_has_the_shape_that_is_shown(make_video: MakeVideo, tmp_path: Path) -> None:
    path = make_video("clip.mp4", disc(Fraction(2)), pixel_aspect=Fraction(2))
    write_flow(path, tmp_path / "flow.npz", format="npz", method="dis", short_side=None)
    with np.load(tmp_path / "flow.npz") as file:
        assert file["flow"].shape == (2, 120, 160, 2)


def test_an_absurd_aspect_is_a_mistake(make_video: MakeVideo) -> None:
    path = make_video("clip.mp4", disc(Fraction(1)), pixel_aspect=Fraction(200))
    assert (probe(path).height, probe(path).width) == (120, 160)


def test_shown_and_back() -> None:
    geometry = Geometry(Fraction(4, 3), transpose=True)
    assert geometry.shown(1080, 1440) == (1920, 1080)
    assert geometry.turned(*geometry.shown(1080, 1440)) == (1080, 1920)
