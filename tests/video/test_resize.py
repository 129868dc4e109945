from __future__ import annotations

import numpy as np
import pytest

from actionzoo.video.resize import fit_size, input_size, pad_to


@pytest.mark.parametrize(
    ("source", "target", "fitted"),
    [
        ((240, 320), (112, 112), (84, 112)),
        ((320, 240), (112, 112), (112, 84)),
        ((112, 112), (112, 112), (112, 112)),
        ((10, 10), (112, 224), (112, 112)),
        ((16, 10_000), (112, 112), (1, 112)),
        ((10_000, 16), (112, 112), (112, 1)),
        ((1, 1), (5, 3), (3, 3)),
    ],
)
def test_the_whole_frame_fits_and_keeps_its_shape(
    source: tuple[int, int], target: tuple[int, int], fitted: tuple[int, int]
) -> None:
    assert fit_size(source, target) == fitted
    assert input_size(source, target, "fit") == fitted
    assert input_size(source, target, "stretch") == target


def test_padding_is_zero_and_the_picture_is_centred() -> None:
    flow = np.ones((4, 3, 5, 2), np.float32)
    padded = pad_to(flow, (6, 8))
    assert padded.shape == (4, 6, 8, 2)
    assert padded.dtype == np.float32
    np.testing.assert_array_equal(padded[:, 1:4, 1:6], flow)
    assert padded.sum() == flow.sum()


def test_what_fits_already_is_not_copied() -> None:
    image = np.zeros((6, 8, 3), np.uint8)
    assert pad_to(image, (6, 8)) is image


def test_nonsense() -> None:
    with pytest.raises(ValueError, match="crop"):
        input_size((1, 1), (1, 1), "crop")
    with pytest.raises(ValueError, match="cannot pad"):
        pad_to(np.zeros((6, 8, 3)), (5, 9))
