"""Plans lose no video, and batches do not depend on who makes them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from actionzoo.data.augment import Augmentation, plain_clip, random_clip
from actionzoo.data.dataset import LabeledVideo
from actionzoo.data.decoded import DecodedVideo, Subset
from actionzoo.data.pipeline import BatchSchedule, ClipDataset
from actionzoo.errors import BrokenVideoError
from actionzoo.video.spec import InputSpec, VideoFormat

SIZE = (12, 16)
SPEC = InputSpec((), *SIZE, num_frames=2, stride=2, stack_length=3)


class Drawn:
    """Five recordings of noise; `broken` cannot be read."""

    classes = ("a", "b")
    videos = tuple(LabeledVideo(Path(f"{number}.mp4"), number % 2) for number in range(5))
    video_format = VideoFormat(12, 16, 15, "dis")

    def __init__(self, broken: int | None = None) -> None:
        self._broken = broken

    def __len__(self) -> int:
        return len(self.videos)

    def read(self, index: int) -> DecodedVideo:
        if index == self._broken:
            raise BrokenVideoError(f"{index}.mp4", "breaks at 0.4 s")
        rng = np.random.default_rng(index)
        frames = rng.integers(0, 256, (9, 10, 14, 3)).astype(np.uint8)
        return DecodedVideo(f"{index}.mp4", index % 2, frames, rng.normal(size=(8, 10, 14, 2)).astype(np.float16))


def batches(schedule: BatchSchedule, how: Augmentation | None = None, broken: int | None = None) -> ClipDataset:
    return ClipDataset(Drawn(broken), SPEC, schedule, how)


@pytest.mark.parametrize(("videos", "size"), [(5, 2), (7, 3), (4, 4), (9, 1), (3, 8)])
def test_an_epoch_shows_every_video_once(videos: int, size: int) -> None:
    schedule = BatchSchedule(videos, size, seed=1)
    for epoch in range(3):
        first = epoch * schedule.steps_per_epoch
        seen: Counter[int] = Counter()
        for step in range(first, first + schedule.steps_per_epoch):
            places = [schedule.place(step, column) for column in range(size)]
            assert sum(share for _, share in places) == pytest.approx(1)
            shares = {share for _, share in places if share}
            assert len(shares) == 1  # the videos of a batch count alike
            seen.update(index for index, share in places if share)
        assert seen == Counter(range(videos))
    orders = [
        [schedule.place(step, 0)[0] for step in range(e * schedule.steps_per_epoch, (e + 1) * schedule.steps_per_epoch)]
        for e in range(6)
    ]
    assert schedule.steps_per_epoch == 1 or len({tuple(order) for order in orders}) > 1


def test_a_dataset_holds_the_clips_of_its_places() -> None:
    schedule = BatchSchedule(5, 2, seed=3)
    how = Augmentation()
    elements = list(batches(schedule, how).dataset(range(1, 4), range(2)).as_numpy_iterator())
    assert len(elements) == 3
    for step, (clips, labels, shares) in enumerate(elements, start=1):
        assert clips["appearance"].shape == (2, 2, *SIZE, 3)
        assert clips["motion"].shape == (2, 2, *SIZE, 6)
        for column in range(2):
            index, share = schedule.place(step, column)
            assert (labels[column], shares[column]) == (index % 2, np.float32(share))
            rng = np.random.default_rng((3, step, column))
            expected = random_clip(Drawn().read(index), SPEC, rng, how)
            np.testing.assert_array_equal(clips["appearance"][column], expected[0])
            np.testing.assert_array_equal(clips["motion"][column], expected[1])


def test_workers_share_a_batch_and_a_later_start_goes_on() -> None:
    schedule = BatchSchedule(5, 4, seed=3)
    whole = list(batches(schedule, Augmentation()).dataset(range(4), range(4)).as_numpy_iterator())
    halves = [
        list(batches(schedule, Augmentation()).dataset(range(4), columns, batch=1).as_numpy_iterator())
        for columns in (range(2), range(2, 4))
    ]
    later = list(batches(schedule, Augmentation()).dataset(range(2, 4), range(4)).as_numpy_iterator())
    for step in range(4):
        parts = [half[2 * step + place] for half in halves for place in range(2)]
        joined = np.concatenate([part[0]["motion"] for part in parts])
        np.testing.assert_array_equal(joined, whole[step][0]["motion"])
    np.testing.assert_array_equal(later[1][0]["appearance"], whole[3][0]["appearance"])


def test_without_augmentation_clips_are_plain_and_in_order() -> None:
    schedule = BatchSchedule(5, 5, shuffled=False)
    ((clips, labels, _),) = batches(schedule).dataset(range(1), range(5)).as_numpy_iterator()
    assert labels.tolist() == [0, 1, 0, 1, 0]
    np.testing.assert_array_equal(clips["motion"][3], plain_clip(Drawn().read(3), SPEC)[1])


def test_one_stream_alone() -> None:
    one = ClipDataset(Drawn(), SPEC, BatchSchedule(5, 2), None, ("motion",))
    clips, _, _ = next(iter(one.dataset(range(1), range(2)).as_numpy_iterator()))
    assert list(clips) == ["motion"]


def test_what_a_video_raised_is_kept() -> None:
    import tensorflow as tf

    found = batches(BatchSchedule(5, 5, shuffled=False), broken=3)
    with pytest.raises(tf.errors.OpError):
        list(found.dataset(range(1), range(5)))
    assert isinstance(found.error, BrokenVideoError)


def test_a_subset_keeps_its_order() -> None:
    subset = Subset(Drawn(), [3, 0])
    assert [video.path.name for video in subset.videos] == ["3.mp4", "0.mp4"]
    assert subset.read(0).name == "3.mp4"
    assert len(subset) == 2
