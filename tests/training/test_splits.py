"""Every labelled video has a use: learned from, choosing the best, or tested."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from actionzoo.data.dataset import LabeledVideo, VideoDataset, read_dataset
from actionzoo.errors import DataError
from actionzoo.training import Recipe
from actionzoo.training.finetuning import assign_splits
from tests.data.trees import crossed, touch

OLD = ("training", "train", "validation")


def test_other_names_of_parts_have_their_use(tmp_path: Path) -> None:
    touch(tmp_path, *crossed(["training", "dev", "eval"], ["kick", "push"]))
    for recipe in (Recipe(), Recipe(validation=0.5)):
        found = assign_splits(read_dataset(tmp_path), recipe)
        assert Counter(video.split for video in found.videos) == {"train": 2, "val": 2, "test": 2}


def test_videos_in_no_part_are_learned_from(tmp_path: Path) -> None:
    path = touch(tmp_path, "a.mp4", "b.mp4", "c.mp4") / "clips.csv"
    path.write_text("path,label,split\na.mp4,kick,\nb.mp4,push,train\nc.mp4,push,validation\n")
    found = assign_splits(read_dataset(path), Recipe())
    assert [video.split for video in found.videos] == ["train", "train", "val"]


def test_shards_of_an_older_version_have_the_names_of_their_set() -> None:
    videos = tuple(
        LabeledVideo(Path(f"{name}.mp4"), name == "b", None, part) for name, part in zip("abc", OLD, strict=True)
    )
    found = assign_splits(VideoDataset(("kick", "push"), videos), Recipe())
    assert [video.split for video in found.videos] == ["train", "train", "val"]


def test_a_part_without_a_use_is_refused() -> None:
    videos = (LabeledVideo(Path("a.mp4"), 0, None, "train"), LabeledVideo(Path("b.mp4"), 1, None, "holdout"))
    with pytest.raises(DataError, match="the set: 'holdout' is not a split; the splits are train"):
        assign_splits(VideoDataset(("kick", "push"), videos), Recipe())
