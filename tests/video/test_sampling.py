from __future__ import annotations

import itertools

import numpy as np
import pytest

from actionzoo.video.sampling import ClipSpec, clip_centres, flip, gather_clip, stack_indices, views, windows

SPEC = ClipSpec(num_frames=4, stride=6)


def test_span_is_what_the_stacks_of_a_clip_reach() -> None:
    for spec in (SPEC, ClipSpec(1, 1), ClipSpec(5, 15), ClipSpec(3, 2, stack_length=5)):
        (centres,) = clip_centres(spec.span, spec)
        flows = np.concatenate(
            [np.arange(c - spec.stack_length // 2, c - spec.stack_length // 2 + spec.stack_length) for c in centres]
        )
        assert flows.min() == 0
        assert flows.max() + 1 == spec.span - 1


@pytest.mark.parametrize("bad", [(0, 1, 10), (1, 0, 10), (1, 1, 0)])
def test_a_spec_without_frames_is_refused(bad: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        ClipSpec(*bad)


def test_a_clip_of_exactly_a_span() -> None:
    assert [c.tolist() for c in clip_centres(SPEC.span, SPEC)] == [[5, 11, 17, 23]]


def test_clips_cover_a_longer_video_and_the_last_one_ends_with_it() -> None:
    frames = 3 * SPEC.span + 4
    clips = clip_centres(frames, SPEC)
    starts = [int(c[0]) - 5 for c in clips]
    assert starts[:3] == [0, SPEC.span // 2, 2 * (SPEC.span // 2)]
    assert starts[-1] == frames - SPEC.span
    assert all(later > earlier for earlier, later in itertools.pairwise(starts))
    assert all(np.diff(c).tolist() == [6, 6, 6] for c in clips)
    assert all(later - earlier <= SPEC.span // 2 for earlier, later in itertools.pairwise(starts))


def test_hop_that_ends_exactly_at_the_end_repeats_no_clip() -> None:
    clips = clip_centres(SPEC.span + 20, SPEC, hop=10)
    assert [int(c[0]) - 5 for c in clips] == [0, 10, 20]
    with pytest.raises(ValueError, match="hop"):
        clip_centres(100, SPEC, hop=0)


def test_one_frame_less_than_a_span_spreads_over_frames_with_whole_stacks() -> None:
    (centres,) = clip_centres(SPEC.span - 1, SPEC)
    assert centres[0] == 5
    assert centres[-1] == SPEC.span - 2 - 5
    assert set(np.diff(centres).tolist()) <= {5, 6}


def test_eleven_frames_have_one_whole_stack() -> None:
    (centres,) = clip_centres(11, SPEC)
    assert centres.tolist() == [5, 5, 5, 5]
    assert stack_indices(5, 10, 10).tolist() == list(range(10))


def test_ten_frames_spread_over_all_and_repeat_edge_flows() -> None:
    (centres,) = clip_centres(10, SPEC)
    assert centres.tolist() == [0, 3, 6, 9]
    assert stack_indices(0, 9, 10).tolist() == [0, 0, 0, 0, 0, 0, 1, 2, 3, 4]
    assert stack_indices(9, 9, 10).tolist() == [4, 5, 6, 7, 8, 8, 8, 8, 8, 8]


def test_two_frames_and_one() -> None:
    assert clip_centres(2, SPEC)[0].tolist() == [0, 0, 1, 1]
    assert clip_centres(1, SPEC)[0].tolist() == [0, 0, 0, 0]
    assert clip_centres(7, ClipSpec(1, 1))[0].tolist() == [3]
    with pytest.raises(ValueError, match="at least 1 frame"):
        clip_centres(0, SPEC)


def numbered(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames whose pixels are their number; flow k has u = k and v = -k."""
    frames = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 2, 3, 3))
    k = np.arange(count - 1, dtype=np.float32)
    return frames, np.broadcast_to(np.stack([k, -k], -1)[:, None, None, :], (count - 1, 2, 3, 2))


def test_a_clip_interleaves_u_and_v_from_minus_five_to_plus_four() -> None:
    frames, flows = numbered(30)
    appearance, motion = gather_clip(frames, flows, [5, 12], stack_length=10)
    assert appearance.shape == (2, 2, 3, 3)
    assert appearance[:, 0, 0, 0].tolist() == [5, 12]
    assert motion.shape == (2, 2, 3, 20)
    assert motion[1, 1, 2, 0::2].tolist() == list(range(7, 17))
    assert motion[1, 1, 2, 1::2].tolist() == [-k for k in range(7, 17)]


def test_a_clip_of_a_two_frame_video_repeats_its_one_flow() -> None:
    frames, flows = numbered(2)
    flows = flows + np.float32(3)
    _, motion = gather_clip(frames, flows, clip_centres(2, SPEC)[0], 10)
    assert (motion == 3).all()


def test_a_clip_of_a_one_frame_video_stands_still() -> None:
    frames, flows = numbered(1)
    appearance, motion = gather_clip(frames, flows, clip_centres(1, SPEC)[0], 10)
    assert appearance.shape == (4, 2, 3, 3)
    assert motion.shape == (4, 2, 3, 20)
    assert not motion.any()
    with pytest.raises(ValueError, match="at least one flow"):
        stack_indices(0, 0, 10)


def test_flip_mirrors_both_and_negates_u_alone() -> None:
    rng = np.random.default_rng(0)
    appearance = rng.integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    motion = rng.normal(size=(2, 4, 5, 6)).astype(np.float32)
    flipped, turned = flip(appearance, motion)
    for column in range(5):
        assert (flipped[:, :, column] == appearance[:, :, 4 - column]).all()
        assert (turned[:, :, column, 0::2] == -motion[:, :, 4 - column, 0::2]).all()
        assert (turned[:, :, column, 1::2] == motion[:, :, 4 - column, 1::2]).all()
    again, back = flip(flipped, turned)
    assert (again == appearance).all()
    assert (back == motion).all()


def test_ten_views() -> None:
    """Every corner of the clip is the corner of one crop; the mirrored half is the other half turned around."""
    appearance = np.arange(2 * 5 * 7 * 3).reshape(2, 5, 7, 3).astype(np.uint8)
    motion = np.arange(2 * 5 * 7 * 4, dtype=np.float32).reshape(2, 5, 7, 4)
    result = views(appearance, motion, (3, 4))
    assert len(result) == 10
    corners = [(0, 0), (0, -1), (-1, 0), (-1, -1)]
    for (y, x), (a, m) in zip(corners, result, strict=False):
        assert a.shape == (2, 3, 4, 3)
        assert (a[:, y, x] == appearance[:, y, x]).all()
        assert (m[:, y, x] == motion[:, y, x]).all()
    assert (result[4][0] == appearance[:, 1:4, 1:5]).all()
    for (a, m), (mirrored_a, mirrored_m) in zip(result[:5], result[5:], strict=True):
        assert (mirrored_a[..., ::-1, :] == a).all()
        assert (mirrored_m[..., ::-1, :] == m * [-1, 1, -1, 1]).all()
    with pytest.raises(ValueError, match="larger than the clip"):
        views(appearance, motion, (6, 4))


@pytest.mark.parametrize(
    ("duration", "window", "stride", "expected"),
    [
        (10.0, 2.0, 2.0, [(0, 2), (2, 4), (4, 6), (6, 8), (8, 10)]),
        (9.0, 4.0, 2.0, [(0, 4), (2, 6), (4, 8), (5, 9)]),
        (8.0, 4.0, 2.0, [(0, 4), (2, 6), (4, 8)]),
        (10.5, 2.0, 5.0, [(0, 2), (5, 7), (8.5, 10.5)]),
        (7.5, 2.0, 5.0, [(0, 2), (5, 7)]),
        (1.5, 2.0, 1.0, [(0, 1.5)]),
        (0.0, 2.0, 1.0, [(0, 0)]),
    ],
)
def test_windows(duration: float, window: float, stride: float, expected: list[tuple[float, float]]) -> None:
    assert windows(duration, window, stride) == expected


def test_windows_of_a_tenth_of_a_second_come_out_even() -> None:
    result = windows(1.0, 0.1, 0.1)
    assert len(result) == 10
    assert np.allclose(result, [(k / 10, (k + 1) / 10) for k in range(10)])
    with pytest.raises(ValueError, match="longer than 0"):
        windows(1.0, 0.0, 1.0)
