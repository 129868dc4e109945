"""Every labelled video has a use: learned from, choosing the best, or tested."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from actionzoo.data.annotations import Annotated, Annotations, read_annotations
from actionzoo.errors import DataError
from actionzoo.training import Recipe
from actionzoo.training.finetuning import divided
from tests.data.trees import crossed, touch


def test_other_names_of_parts_have_their_use(tmp_path: Path) -> None:
    touch(tmp_path, *crossed(["training", "dev", "eval"], ["kick", "push"]))
    for recipe in (Recipe(), Recipe(validation=0.5)):
        found = divided(read_annotations(tmp_path), recipe)
        assert Counter(video.split for video in found.videos) == {"train": 2, "val": 2, "test": 2}


def test_videos_in_no_part_are_learned_from(tmp_path: Path) -> None:
    path = touch(tmp_path, "a.mp4", "b.mp4", "c.mp4") / "clips.csv"
    path.write_text("path,label,split\na.mp4,kick,\nb.mp4,push,train\nc.mp4,push,validation\n")
    found = divided(read_annotations(path), Recipe())
    assert [video.split for video in found.videos] == ["train", "train", "val"]


def test_a_part_without_a_use_is_refused() -> None:
    videos = (Annotated(Path("a.mp4"), 0, None, "train"), Annotated(Path("b.mp4"), 1, None, "holdout"))
    with pytest.raises(DataError, match="the set: 'holdout' is no part of a set; the parts are train"):
        divided(Annotations(("kick", "push"), videos), Recipe())
