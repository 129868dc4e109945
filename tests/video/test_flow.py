from __future__ import annotations

import threading
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from actionzoo.video.flow import (
    METHODS,
    decode_flow,
    encode_flow,
    flip_encoded,
    flow_stream,
    flow_to_colour,
    optical_flow,
)
from actionzoo.video.reader import Frame


def moving(
    texture: NDArray[np.uint8], count: int, right: int, down: int, size: tuple[int, int] = (96, 128)
) -> NDArray[np.uint8]:
    """A window (height, width) onto a picture that moves by whole pixels: the exact flow is (right, down)."""
    height, width = size
    return np.stack(
        [
            texture[100 - k * down : 100 - k * down + height, 100 - k * right : 100 - k * right + width]
            for k in range(count)
        ]
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("right", "down"), [(2, 0), (-1, 2)])
def test_a_translated_picture_has_that_flow_everywhere(
    texture: NDArray[np.uint8], method: str, right: int, down: int
) -> None:
    flow = optical_flow(moving(texture, 2, right, down), method)
    assert flow.shape == (1, 96, 128, 2)
    assert flow.dtype == np.float32
    inner = flow[0, 16:-16, 16:-16]
    assert np.abs(inner - (right, down)).mean() < 0.15


@pytest.mark.parametrize("method", ["dis", "farneback", "dis-fine", "dis-fine-fast"])
def test_any_number_of_workers_gives_the_same_flow(texture: NDArray[np.uint8], method: str) -> None:
    frames = moving(texture, 7, 3, 1)
    alone = optical_flow(frames, method, workers=1)
    for workers in (2, 5):
        assert (optical_flow(frames, method, workers=workers) == alone).all()
    stream = list(flow_stream([Frame(0, image) for image in frames], method, workers=3))
    assert all((flow == expected).all() for (_, flow), expected in zip(stream[:-1], alone, strict=True))


def test_grey_frames_give_the_flow_of_their_colour_frames(texture: NDArray[np.uint8]) -> None:
    frames = moving(texture, 2, 1, 1)
    grey = np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames])
    assert (optical_flow(frames) == optical_flow(grey)).all()


def test_an_unknown_method_is_refused_with_the_names_of_all() -> None:
    with pytest.raises(ValueError, match=r"unknown flow method 'brox'; there are dis, .*farneback, tvl1"):
        optical_flow(np.zeros((2, 32, 32), np.uint8), "brox")
    with pytest.raises(ValueError, match="brox"):
        next(flow_stream([], "brox"))
    with pytest.raises(ValueError, match="uint8"):
        optical_flow(np.zeros((2, 32, 32)))  # type: ignore[arg-type]


def test_one_frame_has_no_flow() -> None:
    assert optical_flow(np.zeros((1, 40, 50, 3), np.uint8)).shape == (0, 40, 50, 2)
    assert optical_flow(np.zeros((0, 40, 50, 3), np.uint8)).shape == (0, 40, 50, 2)


@pytest.mark.parametrize(
    "size", [(1, 1), (2, 3), (8, 8), (15, 40), (15, 100), (16, 300), (24, 200), (300, 15), (33, 40)]
)
@pytest.mark.parametrize("method", ["dis", "dis-fast", "dis-ultrafast", "dis-fine", "dis-fine-fast", "farneback"])
def test_pictures_on_which_opencv_would_crash(size: tuple[int, int], method: str) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, *size), dtype=np.uint8)
    flow = optical_flow(frames, method)
    assert flow.shape == (1, *size, 2)
    assert np.isfinite(flow).all()


def test_opencv_keeps_the_threads_it_had(texture: NDArray[np.uint8]) -> None:
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        optical_flow(moving(texture, 5, 1, 0), workers=4)
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)


def test_a_stream_gives_each_frame_with_the_flow_to_the_next(texture: NDArray[np.uint8]) -> None:
    images = moving(texture, 6, 2, 1)
    frames = [Frame(k / 30, image) for k, image in enumerate(images)]
    result = list(flow_stream(frames, "dis-fast"))
    assert [frame for frame, _ in result] == frames
    assert result[-1][1] is None
    flows = np.stack([flow for _, flow in result[:-1] if flow is not None])
    assert (flows == optical_flow(images, "dis-fast")).all()


def test_streams_of_one_frame_and_of_none() -> None:
    frame = Frame(0.0, np.zeros((32, 32, 3), np.uint8))
    assert list(flow_stream([frame])) == [(frame, None)]
    assert list(flow_stream([])) == []


def test_a_stream_reads_no_further_ahead_than_it_may(texture: NDArray[np.uint8]) -> None:
    read = 0

    def source() -> Iterator[Frame]:
        nonlocal read
        for image in moving(texture, 20, 1, 0):
            read += 1
            yield Frame(0.0, image)

    for given, _ in enumerate(flow_stream(source(), "dis-ultrafast", workers=2, ahead=3), start=1):
        assert read <= given + 3 + 1


def test_a_stream_that_is_left_early_ends_its_threads(texture: NDArray[np.uint8]) -> None:
    stream = flow_stream((Frame(0.0, image) for image in moving(texture, 10, 1, 0)), workers=2)
    next(stream)
    assert any(thread.name.startswith("flow") for thread in threading.enumerate())
    stream.close()
    assert not any(thread.name.startswith("flow") for thread in threading.enumerate())


def test_a_stream_tells_how_long_each_field_took(texture: NDArray[np.uint8]) -> None:
    seconds: list[float] = []
    list(flow_stream([Frame(0.0, image) for image in moving(texture, 4, 1, 0)], busy=seconds.append))
    assert len(seconds) == 3
    assert min(seconds) > 0


def test_errors_of_the_source_come_through_a_stream() -> None:
    def source() -> Iterator[Frame]:
        yield Frame(0.0, np.zeros((32, 32, 3), np.uint8))
        raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"):
        list(flow_stream(source()))


def test_coding_follows_the_papers_formula() -> None:
    flow = np.linspace(-25, 25, 5001, dtype=np.float32)
    code = encode_flow(flow)
    assert code.dtype == np.uint8
    assert encode_flow(np.array([0.0, -0.0], np.float32)).tolist() == [128, 128]
    for value, byte in zip(flow[::50].tolist(), code[::50].tolist(), strict=True):
        assert byte == round(255 * (min(max(value, -20), 20) + 20) / 40)


def test_decoding_is_within_half_a_step_and_decoded_codes_stay_themselves() -> None:
    flow = np.random.default_rng(0).uniform(-20, 20, 10_000).astype(np.float32)
    assert np.abs(decode_flow(encode_flow(flow)) - flow).max() <= 20 / 255 + 1e-5
    codes = np.arange(256, dtype=np.uint8)
    assert (encode_flow(decode_flow(codes)) == codes).all()
    assert (encode_flow(decode_flow(codes, 5.0), 5.0) == codes).all()


def test_flipped_code_is_255_minus_u() -> None:
    code = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 20), dtype=np.uint8)
    flipped = flip_encoded(code)
    assert (flipped[..., ::-1, 0::2].astype(int) == 255 - code[..., 0::2].astype(int)).all()
    assert (flipped[..., ::-1, 1::2] == code[..., 1::2]).all()
    assert (flip_encoded(flipped) == code).all()
    # Of a field at rest, which is stored as 128, the mirror image is 127.
    assert flip_encoded(encode_flow(np.zeros((1, 1, 2), np.float32))).tolist() == [[[127, 128]]]


def test_the_colour_wheel_in_known_directions() -> None:
    # Right, down, left and up fall on colours 0, 13.5, 27 and 40.5 of the 55: the start of red-yellow, between
    # 13/15 and 14/15 of it, 2/11 from cyan to blue, and 4.5/13 from blue to magenta.
    flow = np.array([[[1, 0], [0, 1], [-1, 0], [0, -1]]], np.float32)
    right, down, left, up = flow_to_colour(flow)[0].astype(int)
    assert right.tolist() == [255, 0, 0]
    assert np.abs(down - (255, 255 * 13.5 / 15, 0)).max() <= 1
    assert np.abs(left - (0, 255 * 9 / 11, 255)).max() <= 1
    assert np.abs(up - (255 * 4.5 / 13, 0, 255)).max() <= 1


def test_colours_fade_to_white_at_rest_and_darken_beyond_the_maximum() -> None:
    flow = np.array([[[0, 0], [2, 0], [4, 0], [8, 0], [np.nan, 0], [np.inf, 1]]], np.float32)
    colours = flow_to_colour(flow, maximum=4.0)[0].tolist()
    assert colours == [[255, 255, 255], [255, 127, 127], [255, 0, 0], [191, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert flow_to_colour(flow[:, :4])[0, 2].tolist() == [255, 127, 127]
    assert flow_to_colour(np.zeros((2, 3, 4, 2), np.float32)).tolist() == np.full((2, 3, 4, 3), 255).tolist()
