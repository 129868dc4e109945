"""Random clips: the same draw for both streams, and flow that follows the picture."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from actionzoo.data.augment import Augmentation, papers, plain_clip, random_clip
from actionzoo.data.decoded import DecodedVideo
from actionzoo.data.halves import to_single
from actionzoo.data.moves import _moved_fields
from actionzoo.inference.clips import clips_of
from actionzoo.video.resize import pad_to
from actionzoo.video.sampling import clip_centres, flip, gather_clip
from actionzoo.video.spec import InputSpec

SIZE = (24, 32)
INPUT = InputSpec((), *SIZE, num_frames=2, stride=3, stack_length=4)
SPEC = INPUT.clip
NONE = Augmentation((1.0, 1.0), 0.0, 0, False, 0.0, 0.0, 0.0, (1.0, 1.0), 0.0)


@pytest.fixture
def decoded() -> DecodedVideo:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (SPEC.span, 20, 30, 3)).astype(np.uint8)
    return DecodedVideo("clip", 1, frames, rng.normal(0, 2, (SPEC.span - 1, 20, 30, 2)).astype(np.float16))


def plain(decoded: DecodedVideo) -> tuple[np.ndarray, np.ndarray]:
    (centres,) = clip_centres(len(decoded.frames), SPEC)
    appearance, motion = gather_clip(decoded.frames, decoded.flow.astype(np.float32), centres, SPEC.stack_length)
    return pad_to(appearance, SIZE).astype(np.float32), pad_to(motion, SIZE)


def test_without_augmentation_it_is_the_clip_of_prediction(decoded: DecodedVideo) -> None:
    got = random_clip(decoded, INPUT, np.random.default_rng(0), NONE)
    for one, other in zip(got, plain(decoded), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_mirror_turns_both_streams_and_negates_u(decoded: DecodedVideo) -> None:
    appearance, motion = plain(decoded)
    views = [(appearance, motion), flip(appearance, motion)]
    seen = set()
    for seed in range(20):
        got = random_clip(decoded, INPUT, np.random.default_rng(seed), replace(NONE, mirror=True))
        same = [all(np.allclose(a, b, atol=1e-4) for a, b in zip(got, view, strict=True)) for view in views]
        assert sum(same) == 1
        seen.add(same.index(True))
    assert seen == {0, 1}


def test_flow_grows_with_the_picture(decoded: DecodedVideo) -> None:
    steady = replace(decoded, flow=np.ones_like(decoded.flow))
    _, motion = random_clip(steady, INPUT, np.random.default_rng(0), replace(NONE, zoom=(2.0, 2.0)))
    np.testing.assert_allclose(motion[:, 8:16, 10:22], 2.0, rtol=1e-5)


def test_gain_and_camera_change_the_flow_alone(decoded: DecodedVideo) -> None:
    appearance, motion = plain(decoded)
    how = replace(NONE, flow_gain=(1.5, 1.5))
    got = random_clip(decoded, INPUT, np.random.default_rng(0), how)
    np.testing.assert_allclose(got[0], appearance, atol=1e-4)
    np.testing.assert_allclose(got[1], 1.5 * motion, rtol=1e-4, atol=1e-4)
    for seed in range(8):
        shaken = random_clip(decoded, INPUT, np.random.default_rng(seed), replace(NONE, camera=1.0))[1] - motion
        for channel in range(2):
            np.testing.assert_allclose(shaken[..., channel::2], shaken[0, 0, 0, channel], atol=1e-3)


def test_light_stays_within_the_range_of_a_picture(decoded: DecodedVideo) -> None:
    how = replace(NONE, brightness=300.0, contrast=0.9, grey=1.0)
    for seed in range(5):
        appearance, motion = random_clip(decoded, INPUT, np.random.default_rng(seed), how)
        assert appearance.min() >= 0
        assert appearance.max() <= 255
        np.testing.assert_allclose(motion, plain(decoded)[1], atol=1e-4)


def test_a_seed_gives_one_clip(decoded: DecodedVideo) -> None:
    one, again, other = (random_clip(decoded, INPUT, np.random.default_rng(seed), Augmentation()) for seed in (3, 3, 4))
    for a, b, c in zip(one, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_short_recordings(decoded: DecodedVideo, frames: int) -> None:
    short = replace(decoded, frames=decoded.frames[:frames], flow=decoded.flow[: frames - 1])
    appearance, motion = random_clip(short, INPUT, np.random.default_rng(0))
    assert appearance.shape == (2, *SIZE, 3)
    assert motion.shape == (2, *SIZE, 8)
    if frames == 1:
        assert not motion.any()


def ramp(height: int, width: int) -> DecodedVideo:
    """A recording whose pixels say where they are: red is the row, green the column; u is the column's, v the row's."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    frames = np.stack([rows, columns, np.zeros_like(rows)], axis=-1)
    flow = np.stack([columns, rows], axis=-1).astype(np.float16)
    return DecodedVideo("ramp", 0, *(np.repeat(array[None], SPEC.span, axis=0) for array in (frames, flow)))


def box(appearance: np.ndarray) -> tuple[float, float, float, float]:
    """(top, left, height, width) of the part of a ramp that a clip shows, from the places of its outermost pixels."""
    rows, columns = appearance[0, :, 0, 0], appearance[0, 0, :, 1]
    step_y, step_x = (rows[-1] - rows[0]) / (len(rows) - 1), (columns[-1] - columns[0]) / (len(columns) - 1)
    top, left = rows[0] + 0.5 - step_y / 2, min(columns[0], columns[-1]) + 0.5 - abs(step_x) / 2
    return top, left, step_y * len(rows), abs(step_x) * len(columns)


@pytest.mark.parametrize("crop", ["multi_scale", "corners"])
def test_crops_of_the_papers(crop: str) -> None:
    """224 x 224 of 256 x 340: where the crops lie, their sides, and that both streams and all frames agree."""
    decoded = ramp(256, 340)
    spec = InputSpec((), 224, 224, num_frames=2, stride=1, stack_length=1)
    sides, corners, mirrored = set(), set(), 0
    for seed in range(120):
        appearance, motion = random_clip(decoded, spec, np.random.default_rng(seed), papers(crop, stride=0))
        turned = appearance[0, 0, 0, 1] > appearance[0, 0, -1, 1]
        mirrored += turned
        np.testing.assert_array_equal(appearance[0], appearance[1])
        # The flow of the pixel that is shown, not scaled; u has the other sign in a mirror.
        sign = -1 if turned else 1
        np.testing.assert_allclose(motion[..., 0], sign * appearance[..., 1], atol=0.02)
        np.testing.assert_allclose(motion[..., 1], appearance[..., 0], atol=0.02)
        top, left, height, width = box(appearance[:, 2:-2, 2:-2])
        height, width = height * 224 / 220, width * 224 / 220
        top, left = top - height / 112, left - width / 112
        down, right = top / max(256 - height, 1e-6), left / (340 - width)
        if crop == "multi_scale":
            sides |= {round(height), round(width)}
            corners.add((round(2 * down) / 2 if height < 255 else None, round(2 * right) / 2))
        else:
            assert 167 < height < 257
            assert 167 < width < 281
            assert max(down, right) < 0.27 or min(down, right) > 0.73 or height > 250
            corners.add(right < 0.5)
    assert 30 < mirrored < 90
    if crop == "multi_scale":
        assert sides == {256, 224, 192, 168}
        assert {(0, 0), (0, 1), (1, 0), (1, 1), (0.5, 0.5)} <= corners
    else:
        assert corners == {True, False}


def test_a_plain_clip_is_the_middle_one(decoded: DecodedVideo) -> None:
    np.testing.assert_allclose(plain_clip(decoded, INPUT)[0], plain(decoded)[0], atol=1e-4)
    appearance, _ = plain_clip(ramp(30, 44), INPUT)
    assert box(appearance) == (3, 6, 24, 32)


def test_an_unknown_crop() -> None:
    with pytest.raises(ValueError, match="multi_scale"):
        papers("centre", 0)


@pytest.mark.parametrize("border", [cv2.BORDER_CONSTANT, cv2.BORDER_REPLICATE])
@pytest.mark.parametrize("count", [1, 3, 16, 17, 45])
def test_fields_that_are_warped_together_are_those_warped_alone(count: int, border: int) -> None:
    flow = np.random.default_rng(count).normal(0, 2, (count, 20, 30, 2)).astype(np.float16)
    matrix = np.array([[-1.1, 0.0, 31.3], [0.0, 0.9, 2.7]])
    alone = [cv2.warpAffine(field.astype(np.float32), matrix, SIZE[::-1], borderMode=border) for field in flow]
    together = _moved_fields(flow, matrix, SIZE, border)
    np.testing.assert_allclose(together, np.stack(alone, axis=2), atol=1e-5)


def test_halves_of_every_kind() -> None:
    bits = np.arange(1 << 16, dtype=np.uint16).reshape(4, -1)
    halves = bits.view(np.float16)
    np.testing.assert_array_equal(to_single(halves), halves.astype(np.float32))


def walker(seed: int = 0) -> DecodedVideo:
    """A square that goes right by 1.5 pixels a frame, over a still picture, in 96 x 128."""
    rng = np.random.default_rng(seed)
    frames = np.repeat(rng.integers(0, 120, (1, 96, 128, 3)).astype(np.uint8), 20, axis=0)
    flow = np.zeros((19, 96, 128, 2), np.float16)
    for index in range(20):
        left = 20 + round(1.5 * index)
        frames[index, 40:64, left : left + 16] = 200
        flow[index : index + 1, 40:64, left : left + 16, 0] = 1.5
    return DecodedVideo("walker", 0, frames, flow)


CROPPED = replace(INPUT, height=96, width=128, crop_to_motion=True)


def test_a_plain_clip_that_is_cropped_is_what_prediction_sees() -> None:
    whole = walker()
    span = CROPPED.span
    decoded = replace(whole, frames=whole.frames[:span], flow=whole.flow[: span - 1])
    (clip,) = clips_of(decoded, CROPPED)
    appearance, motion = plain_clip(decoded, CROPPED)
    np.testing.assert_allclose(clip.appearance, appearance, atol=1)
    np.testing.assert_allclose(clip.motion, motion, atol=1e-2)


def test_random_crops_hold_what_moves_and_scale_its_flow() -> None:
    decoded = walker()
    how = replace(NONE, zoom=(0.9, 1.1), mirror=True)
    for seed in range(20):
        appearance, motion = random_clip(decoded, CROPPED, np.random.default_rng(seed), how)
        bright = appearance.min(axis=-1) > 150
        moving = np.abs(motion[..., 4]) > 0.5
        assert bright.sum() > 2 * 24 * 16 * 2  # enlarged, and in the picture, in both frames
        assert (bright & moving).sum() > 0.8 * bright.sum()
        assert 1.5 * 1.3 < np.abs(motion[moving, 4]).max() < 1.5 / 0.4 * 1.15 + 0.1
