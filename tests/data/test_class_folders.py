"""Which level of folders are the classes, which the parts and which the groups."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from actionzoo.data.dataset import VideoDataset, read_dataset
from actionzoo.errors import DataError
from tests.data.trees import crossed, listed, touch

CLASSES = ("kick", "push", "wave")
PEOPLE = ("person01", "person02", "person10")


def parts(dataset: VideoDataset) -> dict[str | None, int]:
    return dict(Counter(video.split for video in dataset.videos))


@pytest.mark.parametrize(
    "names",
    [
        ("train", "val", "test"),
        ("Train", "Valid", "Test"),
        ("training", "validation", "testing"),
        ("TRAIN", "dev", "eval"),
        ("train", "validate", "evaluation"),
        ("videos_train", "videos_val", "videos_test"),
    ],
)
@pytest.mark.parametrize("outer", [True, False], ids=["part/class", "class/part"])
def test_parts_and_classes(tmp_path: Path, names: tuple[str, ...], outer: bool) -> None:
    touch(tmp_path, *(crossed(names, CLASSES) if outer else crossed(CLASSES, names)))
    found = read_dataset(tmp_path)
    assert found.classes == CLASSES
    assert parts(found) == {"train": 3, "val": 3, "test": 3}
    for path, label, group, split in listed(found, tmp_path):
        folders = path.split("/")[:2]
        assert folders == ([names[("train", "val", "test").index(str(split))], label] if outer else [label, folders[1]])
        assert group is None
    assert found.summary() == "3 splits, 3 classes, 9 videos: train 3, val 3, test 3"
    assert len(found.in_split("validation").videos) == 3


def test_a_folder_around_parts_and_classes(tmp_path: Path) -> None:
    touch(tmp_path, *crossed(["data"], ["train", "test"], CLASSES), "data/readme.txt", "license.txt")
    found = read_dataset(tmp_path)
    assert (found.classes, parts(found)) == (CLASSES, {"train": 3, "test": 3})
    assert "classes are the folders kick, push, wave" in found.summary()


def test_a_part_of_unknown_name(tmp_path: Path) -> None:
    touch(tmp_path, *crossed(["train", "test", "holdout"], CLASSES))
    with pytest.raises(DataError, match=r"'holdout' is not a split; the splits are train \(training\), val"):
        read_dataset(tmp_path)
    touch(tmp_path / "inner", *crossed(CLASSES, ["train", "holdout"]))
    with pytest.raises(DataError, match="'holdout' is not a split"):
        read_dataset(tmp_path / "inner")


def test_names_of_parts_that_are_classes(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.mp4", "plane/b.mp4", "car/c.mp4")
    assert read_dataset(tmp_path).classes == ("car", "plane", "train")


def test_parts_without_classes(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.mp4", "val/b.mp4", "test/c.mp4")
    with pytest.raises(DataError, match=r"3 videos in .* are in no class folders; put them into train/CLASS/, or add"):
        read_dataset(tmp_path)
    touch(tmp_path, *crossed(["train", "val"], CLASSES))
    assert "3 videos in no class folder left out, such as test/c.mp4" in read_dataset(tmp_path).summary()


def test_videos_beside_the_class_folders(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    with pytest.raises(DataError, match=r"the 2 videos in .* are in no class folders; put them into CLASS/"):
        read_dataset(tmp_path)
    touch(tmp_path, "kick/c.mp4", "push/d.mp4")
    assert read_dataset(tmp_path).summary() == (
        "2 classes, 2 videos; 2 videos in no class folder left out, such as a.mp4"
    )


@pytest.mark.parametrize("outer", [True, False], ids=["class/person", "person/class"])
@pytest.mark.parametrize("part", [(), ("train", "test")])
def test_people_with_numbers_are_groups(tmp_path: Path, outer: bool, part: tuple[str, ...]) -> None:
    levels = (CLASSES, PEOPLE) if outer else (PEOPLE, CLASSES)
    touch(tmp_path, *crossed(*([part] if part else []), *levels))
    found = read_dataset(tmp_path)
    assert found.classes == CLASSES
    assert {video.group for video in found.videos} == set(PEOPLE)
    assert all(str(video.group) in video.path.parts for video in found.videos)
    said = "classes are the folders kick, push, wave, groups the folders person01, person02, person10"
    assert found.summary().split("; ")[1] == said


@pytest.mark.parametrize("people", [("s1", "s2"), ("01", "2"), ("Subject 1", "Subject 2"), ("g01", "g02")])
def test_other_numbers(tmp_path: Path, people: tuple[str, ...]) -> None:
    touch(tmp_path, *crossed(people, ("kick", "push")))
    assert read_dataset(tmp_path).classes == ("kick", "push")


def test_classes_with_numbers(tmp_path: Path) -> None:
    touch(tmp_path, *crossed(("a01", "a02"), ("s1", "s2", "s3")))
    assert read_dataset(tmp_path).classes == ("a01", "a02")
    touch(tmp_path / "plain", *crossed(("1", "2", "10")))
    assert read_dataset(tmp_path / "plain").classes == ("1", "10", "2")


def test_levels_that_may_both_be_the_classes(tmp_path: Path) -> None:
    touch(tmp_path, *crossed(("anna", "bob"), ("kick", "push", "wave")))
    says = (
        r"the classes may be anna, bob or kick, push, wave; if the former are people or places, add "
        r"--group '\^\(\[\^/\]\+\)/', if the latter are, --group '\^\[\^/\]\+/\(\[\^/\]\+\)/'"
    )
    with pytest.raises(DataError, match=says):
        read_dataset(tmp_path)
    with pytest.raises(DataError, match="the classes may be"):
        read_dataset(tmp_path, group=r"(\d)\.mp4")
    found = read_dataset(tmp_path, group="^([^/]+)/")
    assert (found.classes, {video.group for video in found.videos}) == (("kick", "push", "wave"), {"anna", "bob"})
    found = read_dataset(tmp_path, group="^[^/]+/([^/]+)/")
    assert (found.classes, {video.group for video in found.videos}) == (("anna", "bob"), {"kick", "push", "wave"})


def test_folders_that_each_class_has_of_its_own_are_groups(tmp_path: Path) -> None:
    names = [f"{label}/{label}_{place}/{take}.mp4" for label in CLASSES for place in "ab" for take in range(3)]
    found = read_dataset(touch(tmp_path, *names))
    assert found.classes == CLASSES
    assert len({video.group for video in found.videos}) == 6
    touch(tmp_path / "single", *(f"{label}/{label}_{take}/clip.mp4" for label in CLASSES for take in range(3)))
    assert read_dataset(tmp_path / "single").summary() == "3 classes, 9 videos"  # a folder each is no group


def test_one_folder_in_each_class_is_nothing(tmp_path: Path) -> None:
    touch(tmp_path, *crossed(CLASSES, ["videos"]))
    assert read_dataset(tmp_path).summary() == "3 classes, 3 videos"


def test_one_class_with_people_is_not_people(tmp_path: Path) -> None:
    touch(tmp_path, *crossed(["kick"], PEOPLE))
    with pytest.raises(DataError, match=r"videos of 1 classes \(kick\)"):
        read_dataset(tmp_path)


def test_folders_of_frames(tmp_path: Path) -> None:
    names = [f"{label}/{take}/{frame:05}.jpg" for label in CLASSES for take in range(2) for frame in range(3)]
    found = read_dataset(touch(tmp_path, *names, "kick/notes.txt", "kick/a.mp4"))
    assert listed(found, tmp_path)[:3] == [(f"kick/{name}", "kick", None, None) for name in ("0", "1", "a.mp4")]
    assert found.summary() == "3 classes, 7 videos; 1 file left out: 1 .txt"
    touch(tmp_path, "1.jpg", "2.jpg")
    assert len(read_dataset(tmp_path).videos) == 7


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    touch(tmp_path / "real", *crossed(CLASSES), "wave/notes.txt")
    for name in CLASSES:
        (tmp_path / "set" / name).mkdir(parents=True)
        (tmp_path / "set" / name / "train").symlink_to(tmp_path / "real" / name)
    (tmp_path / "real" / "wave" / "back").symlink_to(tmp_path / "set")
    found = read_dataset(tmp_path / "set")
    assert (found.classes, parts(found)) == (CLASSES, {"train": 3})
    assert "1 file left out: 1 .txt" in found.summary()
    (tmp_path / "linked").symlink_to(tmp_path / "set")
    assert len(read_dataset(tmp_path / "linked").videos) == 3
