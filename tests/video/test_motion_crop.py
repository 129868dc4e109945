"""Crops follow what moves, at one scale a clip, and what the camera does is taken off the flow."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from actionzoo.video.motion_crop import MARGIN, SMALLEST, crop_to_motion, motion_box, motion_crops, motion_strength

SIZE = (96, 128)


def moving(
    boxes: list[tuple[int, int, int, int]],
    speed: float = 2.0,
    camera: tuple[float, float] = (0.0, 0.0),
    length: int = 6,
) -> np.ndarray:
    """Motion `(T, 96, 128, 2*length)`: in each frame a box (top, left, bottom, right) that moves right."""
    motion = np.zeros((len(boxes), *SIZE, length, 2), np.float32)
    motion += np.array(camera, np.float32)
    for frame, (top, left, bottom, right) in zip(motion, boxes, strict=True):
        frame[top:bottom, left:right, :, 0] += speed
    return motion.reshape(len(boxes), *SIZE, -1)


def numbered() -> np.ndarray:
    """A picture whose pixels say where they are: red is the row, green the column."""
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.uint8)
    return np.stack([rows, columns, np.full_like(rows, 255)], axis=-1)


def shown(picture: np.ndarray) -> tuple[float, float, float, float]:
    """(top, left, bottom, right) of the part of `numbered` that a crop shows."""
    inside = picture[..., 2] == 255
    rows, columns = picture[..., 0][inside], picture[..., 1][inside]
    return float(rows.min()), float(columns.min()), float(rows.max()), float(columns.max())


def test_the_crop_is_about_what_moves_and_keeps_the_shape_of_the_input() -> None:
    motion = moving([(40, 56, 72, 72)] * 2)
    appearance, _ = crop_to_motion(np.stack([numbered()] * 2), motion, SIZE)
    top, left, bottom, right = shown(appearance[0])
    assert top < 40
    assert bottom > 72
    assert left < 56
    assert right > 72
    assert (bottom - top) / (right - left) == pytest.approx(SIZE[0] / SIZE[1], rel=0.05)
    assert bottom - top == pytest.approx(40 * (1 + 2 * MARGIN), abs=6)  # the box, to a grid of four pixels


def test_the_flow_grows_with_the_picture() -> None:
    motion = moving([(40, 56, 72, 72)])
    appearance, cropped = crop_to_motion(numbered()[None], motion, SIZE)
    top, _, bottom, _ = shown(appearance[0])
    assert cropped.max() == pytest.approx(2.0 * SIZE[0] / (bottom - top + 1), rel=0.05)
    assert np.abs(cropped[..., 1::2]).max() == 0.0


def test_a_camera_that_goes_along_counts_for_nothing() -> None:
    boxes = [(40, 56, 72, 72), (40, 66, 72, 82)]
    appearance = np.stack([numbered()] * 2)
    still = crop_to_motion(appearance, moving(boxes), SIZE)
    along = crop_to_motion(appearance, moving(boxes, camera=(-2.0, 0.7)), SIZE)
    np.testing.assert_array_equal(still[0], along[0])
    np.testing.assert_allclose(still[1], along[1], atol=1e-5)


def test_crops_follow_at_one_scale_and_stay_in_the_picture() -> None:
    boxes = [(40, 8, 72, 24), (44, 60, 68, 76), (40, 100, 72, 116)]
    appearance, _ = crop_to_motion(np.stack([numbered()] * 3), moving(boxes), SIZE)
    sides = [shown(picture) for picture in appearance]
    for (top, left, bottom, right), box in zip(sides, boxes, strict=True):
        assert top <= box[0]
        assert left <= box[1]
        assert bottom >= box[2] - 1
        assert right >= box[3] - 1
    heights = [bottom - top for top, _, bottom, _ in sides]
    assert max(heights) - min(heights) <= 1
    assert (appearance[..., 2] > 127).all()  # nothing beyond the picture


def test_where_nothing_moves_the_picture_is_kept() -> None:
    appearance, motion = crop_to_motion(np.stack([numbered()] * 2), np.zeros((2, *SIZE, 12), np.float32), SIZE)
    np.testing.assert_array_equal(appearance[0], numbered())
    assert not motion.any()
    faint = crop_to_motion(numbered()[None], moving([(40, 56, 72, 72)], speed=0.1), SIZE)
    np.testing.assert_array_equal(faint[0][0], numbered())


def test_a_frame_between_where_nothing_moves_stands_between() -> None:
    boxes = [(40, 44, 72, 60), (0, 0, 0, 0), (40, 68, 72, 84)]
    matrices, _ = motion_crops([np.moveaxis(each.reshape(*SIZE, -1, 2), 2, 0) for each in moving(boxes)], SIZE)
    np.testing.assert_allclose(matrices[1], (matrices[0] + matrices[2]) / 2)


def test_beside_fast_motion_is_none_and_not_nan() -> None:
    rng = np.random.default_rng(0)
    fields = np.zeros((1, 28, 36, 2), np.float32)
    fields[0, ..., 0] = 10.0 ** rng.uniform(-8, 2, (28, 36)) * (rng.random((28, 36)) < 0.3)
    assert cv2.blur(fields[0, ..., 0] ** 2, (3, 3)).min() < 0  # OpenCV 5.0.0: what its running sums leave over
    assert np.isfinite(motion_strength(fields)).all()


def test_no_crop_is_smaller_than_it_may_be() -> None:
    appearance, _ = crop_to_motion(numbered()[None], moving([(48, 60, 52, 64)]), SIZE)
    top, _, bottom, _ = shown(appearance[0])
    assert bottom - top + 1 == pytest.approx(SMALLEST * SIZE[0], abs=2)


@pytest.mark.parametrize("shape", [(96, 50), (60, 128), (96, 128)])
def test_pictures_of_another_shape_fill_the_input_with_black(shape: tuple[int, int]) -> None:
    appearance = np.full((2, *shape, 3), 200, np.uint8)
    motion = np.zeros((2, *shape, 12), np.float32)
    frames, flow = crop_to_motion(appearance, motion, SIZE)
    assert frames.shape == (2, *SIZE, 3)
    assert flow.shape == (2, *SIZE, 12)
    assert (frames == 200).sum() == pytest.approx(2 * shape[0] * shape[1] * 3, rel=0.02)


def test_noise_far_away_does_not_widen_the_box() -> None:
    strength = np.zeros((24, 32), np.float32)
    strength[10:18, 14:18] = 2.0
    clean = motion_box(strength)
    strength[1, 1] = 1.5
    np.testing.assert_array_equal(motion_box(strength), clean)


def test_noise_has_no_box_where_the_clip_moves() -> None:
    rng = np.random.default_rng(0)
    motion = moving([(40, 8, 72, 24), (0, 0, 0, 0), (40, 8, 72, 24)])
    motion += rng.normal(0, 0.3, motion.shape).astype(np.float32)
    (first, noise, last), _ = motion_crops([np.moveaxis(each.reshape(*SIZE, -1, 2), 2, 0) for each in motion], SIZE)
    np.testing.assert_allclose(noise, (first + last) / 2)


def test_it_agrees_with_cutting_and_scaling_by_opencv() -> None:
    motion = moving([(32, 48, 64, 80)])
    appearance, cropped = crop_to_motion(numbered()[None], motion, SIZE)
    (matrix,), _ = motion_crops([np.moveaxis(motion[0].reshape(*SIZE, -1, 2), 2, 0)], SIZE)
    scale = matrix[0, 0]
    height, width = SIZE[0] / scale, SIZE[1] / scale
    left, top = -(matrix[:, 2] + 0.5) / scale + 0.5
    part = cv2.getRectSubPix(
        numbered(), (round(width), round(height)), (left + width / 2 - 0.5, top + height / 2 - 0.5)
    )
    scaled = cv2.resize(part, SIZE[::-1], interpolation=cv2.INTER_LINEAR)
    inside = slice(8, -8), slice(8, -8)
    assert np.abs(scaled[inside].astype(int) - appearance[0][inside])[..., :2].mean() < 1.0
    assert cropped[0, SIZE[0] // 2, SIZE[1] // 2, 0] == pytest.approx(2.0 * scale, rel=1e-3)
