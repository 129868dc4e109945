"""LabeledVideo sets in every form, and splits that keep groups together."""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from actionzoo.data.dataset import LabeledVideo, VideoDataset, read_dataset, split_by_group, write_csv
from actionzoo.errors import DataError, OutputError
from tests.data.trees import listed, touch


def ucf101(folder: Path) -> Path:
    """Two classes; the lists are in a folder of their own, and spell one file as the official ones do."""
    touch(folder, "ucfTrainTestlist/x")
    (folder / "ucfTrainTestlist" / "classInd.txt").write_text("1 HandstandPushups\n2 YoYo\n")
    lists = {
        "trainlist01": "HandstandPushups/v_HandstandPushups_g08_c01.avi 1\r\nYoYo/v_YoYo_g08_c02.avi 2\r\n",
        "testlist01": "HandstandPushups/v_HandstandPushups_g01_c01.avi\r\nYoYo/v_YoYo_g01_c01.avi\r\n",
    }
    for name, text in lists.items():
        (folder / "ucfTrainTestlist" / f"{name}.txt").write_text(text)
    names = ("v_HandStandPushups_g08_c01", "v_HandStandPushups_g01_c01", "v_YoYo_g08_c02", "v_YoYo_g01_c01")
    return touch(folder, *(f"videos/{name}.avi" for name in names))


def hmdb51(folder: Path) -> Path:
    """Six classes, whose order is not that of their names."""
    classes = ("climb", "climb_stairs", "kick", "kick_ball", "sword", "sword_exercise")
    touch(folder, "lists/x", *(f"{name}/{name}_{part}.avi" for name in classes for part in "abc"))
    for name in classes:
        (folder / "lists" / f"{name}_test_split1.txt").write_text(
            f"{name}_a.avi 1 \n{name}_b.avi 2 \n{name}_c.avi 0 \n"
        )
    return folder


def test_class_folders(tmp_path: Path) -> None:
    touch(tmp_path, "wave/b.MP4", "wave/deeper/a.avi", "bend/c.mov", "bend/notes.txt", "bend/.hidden.mp4", ".git/d.mp4")
    found = read_dataset(tmp_path)
    assert found.classes == ("bend", "wave")
    names = [("bend/c.mov", "bend"), ("wave/b.MP4", "wave"), ("wave/deeper/a.avi", "wave")]
    assert listed(found, tmp_path) == [(*name, None, None) for name in names]


def test_groups_by_a_pattern(tmp_path: Path) -> None:
    touch(tmp_path, "wave/p01_1.mp4", "wave/p02_1.mp4", "bend/p01_2.mp4", "bend/p03_1.mp4")
    found = read_dataset(tmp_path, group=r"/p(\d+)_")
    assert [video.group for video in found.videos] == ["01", "03", "01", "02"]
    for wrong, says in (
        ("p(", "no regular expression"),
        (r"p\d", "no parentheses"),
        ("q(.)", "finds no group in bend/p01_2.mp4"),
    ):
        with pytest.raises(DataError, match=says):
            read_dataset(tmp_path, group=wrong)


def test_csv_and_back(tmp_path: Path) -> None:
    path = touch(tmp_path, "a, b.mp4", "c.mp4") / "clips.csv"
    path.write_text('\ufeffpath,label,group,split\n"a, b.mp4",wave,anna,train\nc.mp4,bend,,test\n', "utf-8")
    found = read_dataset(path)
    assert listed(found, tmp_path) == [("a, b.mp4", "wave", "anna", "train"), ("c.mp4", "bend", None, "test")]
    write_csv(found, tmp_path / "again.csv")
    assert read_dataset(tmp_path / "again.csv") == found
    assert {entry.name for entry in tmp_path.iterdir()} == {"a, b.mp4", "c.mp4", "clips.csv", "again.csv"}
    with pytest.raises(OutputError, match=r"cannot be written \("):
        write_csv(found, tmp_path / "clips.csv" / "in a file.csv")


def test_kinetics(tmp_path: Path) -> None:
    path = tmp_path / "val.csv"
    head = "label,youtube_id,time_start,time_end,split\n"
    path.write_text(f"{head}arm wrestling,abc,10,20,val\nyoga,-de,0,10,val\n")
    names = [("arm wrestling/abc_000010_000020.mp4", "arm wrestling"), ("yoga/-de_000000_000010.mp4", "yoga")]
    touch(tmp_path, *(name for name, _ in names))
    assert listed(read_dataset(path), tmp_path) == [(*name, None, "val") for name in names]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "needs a first line .* it has none"),
        ("bestand,klasse\na.mp4,b\n", "needs a first line .* it has bestand, klasse"),
        ("path,person\na.mp4,b\n", "needs a first line .* it has path, person"),
        (
            "path,label\na.mp4,wave\nd.mp4,bend\ne.mp4,bend\nb.mp4,bend\n",
            "line 3: there is no d.mp4 in .*; 2 of 4",
        ),
        (
            "path,label,split\na.mp4,wave,train\nb.mp4,bend,holdout\n",
            "line 3: 'holdout' is not a split.* val .valid",
        ),
        ('path,label\n"a.mp4,wave\nb.mp4,bend\n', "cannot be read as CSV: .* quotation mark"),
        ('"path"x,label\na.mp4,wave\nb.mp4,bend\n', "needs a first line"),
        ("path,label\na.mp4,\n", "line 2: there must be a path and a label"),
        ("label,youtube_id,time_start,time_end,split\nwave,a,inf,1,train\n", "line 2: there must be a path"),
        ("path,label\na.mp4,wave\nb.mp4,bend,3\n", "line 3: there must be a path and a label"),
        ("path,label\na.mp4,wave\n", "videos of 1 classes"),
        ("path,label\na.mp4,wave\na.mp4,bend\n", r"clips.csv, line 3: names .*a.mp4 more than once, .* line 2"),
    ],
)
def test_csv_that_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    path = touch(tmp_path, "a.mp4", "b.mp4") / "clips.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=says) as caught:
        read_dataset(path)
    assert str(path) in str(caught.value)


def test_files_that_are_no_csv(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(DataError, match="is a video, not a list of videos"):
        read_dataset(tmp_path / "clip.mp4")
    for content in (b"\xff\xfe\x00\x81", b"path,label\na.mp4,k\xe4se\n"):
        (tmp_path / "clips.csv").write_bytes(content)
        with pytest.raises(DataError, match="cannot be read as CSV: it is no text in UTF-8"):
            read_dataset(tmp_path / "clips.csv")
    with pytest.raises(DataError, match="there is no folder or file"):
        read_dataset(tmp_path / "nothing")


def test_folders_without_enough(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no videos"):
        read_dataset(tmp_path)
    with pytest.raises(DataError, match=r"holds no videos, in class folders or elsewhere; 2 files left out: 2 .txt"):
        read_dataset(touch(tmp_path / "texts", "bend/a.txt", "wave/b.txt"))
    shutil.rmtree(tmp_path / "texts")
    touch(tmp_path, "wave/a.mp4")
    with pytest.raises(DataError, match="videos of 1 classes"):
        read_dataset(tmp_path)
    touch(tmp_path, "bend/readme.txt")
    with pytest.raises(DataError, match=r"videos of 1 classes \(wave\); .* 1 folder without videos: bend"):
        read_dataset(tmp_path)
    touch(tmp_path, "sit/b.mp4", "wave/a.jpg", "wave/b.JPG", "wave/notes")
    assert read_dataset(tmp_path).summary() == (
        "2 classes, 2 videos; 3 files left out: 2 .jpg, 1 without a suffix; 1 folder without videos: bend"
    )


def test_ucf101(tmp_path: Path) -> None:
    found = read_dataset(ucf101(tmp_path))
    assert found.classes == ("HandstandPushups", "YoYo")
    assert listed(found, tmp_path) == [
        ("videos/v_HandStandPushups_g08_c01.avi", "HandstandPushups", "HandstandPushups_g08", "train"),
        ("videos/v_YoYo_g08_c02.avi", "YoYo", "YoYo_g08", "train"),
        ("videos/v_HandStandPushups_g01_c01.avi", "HandstandPushups", "HandstandPushups_g01", "test"),
        ("videos/v_YoYo_g01_c01.avi", "YoYo", "YoYo_g01", "test"),
    ]
    assert len(found.in_split("test").videos) == 2
    with pytest.raises(DataError, match="no video is in the split 'val'; there are test, train"):
        found.in_split("val")


def test_ucf101_that_is_not_whole(tmp_path: Path) -> None:
    ucf101(tmp_path)
    with pytest.raises(DataError, match=r"there is no official split 2: .*trainlist02.txt is missing"):
        read_dataset(tmp_path, official_split=2)
    (tmp_path / "videos" / "v_YoYo_g01_c01.avi").unlink()
    with pytest.raises(DataError, match=r"lacks YoYo/v_YoYo_g01_c01.avi of its official lists"):
        read_dataset(tmp_path)
    lists = tmp_path / "ucfTrainTestlist"
    classes = (lists / "classInd.txt").read_text()
    (lists / "classInd.txt").write_text(f"{classes}3\n")
    with pytest.raises(DataError, match=r"classInd.txt, line 3: there must be a number and the name of a class"):
        read_dataset(tmp_path)
    (lists / "classInd.txt").write_text(classes)
    (lists / "testlist01.txt").write_text("Knitting/v_Knitting_g01_c01.avi\n")
    with pytest.raises(DataError, match=r"Knitting/v_Knitting_g01_c01.avi is of no class of classInd.txt"):
        read_dataset(tmp_path)


def test_hmdb51_has_its_own_order_of_classes(tmp_path: Path) -> None:
    found = read_dataset(hmdb51(tmp_path))
    assert found.classes == ("climb", "climb_stairs", "kick_ball", "kick", "sword_exercise", "sword")
    assert Counter(video.split for video in found.videos) == {"train": 6, "test": 6}
    assert all(video.path.stem.startswith(found.classes[video.class_index]) for video in found.videos)
    (tmp_path / "kick" / "kick_b.avi").unlink()
    with pytest.raises(DataError, match=r"lacks kick_b.avi of its official lists"):
        read_dataset(tmp_path)


def many(tmp_path: Path, people: int = 10, takes: int = 3) -> VideoDataset:
    names = [f"{word}/p{person:02}_{take}.mp4" for word in "ab" for person in range(people) for take in range(takes)]
    return read_dataset(touch(tmp_path, *names), group=r"p(\d+)")


@pytest.mark.parametrize("seed", range(5))
def test_a_split_keeps_groups_together(tmp_path: Path, seed: int) -> None:
    found = split_by_group(many(tmp_path), test=0.2, seed=seed)
    parts = {part: {video.group for video in found.in_split(part).videos} for part in ("train", "test")}
    assert not parts["train"] & parts["test"]
    assert Counter(video.class_index for video in found.in_split("test").videos) == {0: 6, 1: 6}


def test_a_split_is_drawn_by_its_seed(tmp_path: Path) -> None:
    found = many(tmp_path)
    assert split_by_group(found, seed=1) == split_by_group(found, seed=1)
    assert len({split_by_group(found, seed=seed) for seed in range(9)}) > 5


def test_videos_without_groups_are_split_one_by_one(tmp_path: Path) -> None:
    names = [f"{word}/{take}.mp4" for word in "ab" for take in range(10)]
    found = split_by_group(read_dataset(touch(tmp_path, *names)), test=0.3)
    assert Counter((video.class_index, video.split) for video in found.videos) == {
        (0, "train"): 7,
        (0, "test"): 3,
        (1, "train"): 7,
        (1, "test"): 3,
    }


def test_classes_with_few_groups_are_in_both_parts(tmp_path: Path) -> None:
    touch(tmp_path, "a/p1_1.mp4", "a/p1_2.mp4", "a/p2_1.mp4", "b/p3_1.mp4", "b/p4_1.mp4")
    found = split_by_group(read_dataset(tmp_path, group=r"(p\d)"), test=0.1)
    for part in ("train", "test"):
        assert {video.class_index for video in found.in_split(part).videos} == {0, 1}


def test_groups_that_cannot_be_shared_out(tmp_path: Path) -> None:
    touch(tmp_path, "a/p1_1.mp4", "a/p1_2.mp4", "b/p2_1.mp4", "b/p3_1.mp4")
    found = read_dataset(tmp_path, group=r"(p\d)")
    with pytest.raises(DataError, match="videos of a are of too few groups"):
        split_by_group(found)
    for share in (0, 1, -0.5):
        with pytest.raises(ValueError, match="above 0 and below 1"):
            split_by_group(found, test=share)


def calls(monkeypatch: pytest.MonkeyPatch, data: Path) -> Counter[str]:
    """How often what asks the system for a file or a folder is called while a set is read."""
    counts: Counter[str] = Counter()

    def counted(name: str) -> Callable[..., object]:
        true = getattr(os, name)

        def call(*given: object, **named: object) -> object:
            counts[name] += 1
            return true(*given, **named)

        return call

    with monkeypatch.context() as patched:
        for name in ("stat", "lstat", "scandir", "listdir", "readlink"):
            patched.setattr(os, name, counted(name))
        read_dataset(data)
    return counts


def test_no_file_is_asked_for_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls depend on the number of folders, not on that of videos, for folders and for lists."""
    few, many = (
        touch(tmp_path / str(takes), *(f"{word}/{take}.mp4" for word in "abcd" for take in range(takes)))
        for takes in (3, 60)
    )
    counts = [calls(monkeypatch, folder) for folder in (few, many)]
    assert counts[0] == counts[1]
    assert counts[0]["scandir"] + counts[0]["listdir"] > 4  # what is counted are the calls that are made
    for folder in (few, many):
        write_csv(split_by_group(read_dataset(folder)), folder / "set.csv")
    counts = [calls(monkeypatch, folder / "set.csv") for folder in (few, many)]
    assert counts[0] == counts[1]


def opcodes(run: Callable[[], object]) -> int:
    """How many instructions of Python a call takes."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Callable[..., object]:
        nonlocal count
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("takes", [1, 5])
def test_a_split_takes_steps_in_proportion_to_the_videos(takes: int) -> None:
    """Of many classes, too, and where each has too few videos for its share of the test."""
    steps = []
    for classes in (50, 200):
        names = tuple(map(str, range(classes)))
        videos = tuple(LabeledVideo(Path(f"{take}/{name}"), int(name)) for name in names for take in range(takes + 1))
        steps.append(opcodes(lambda: split_by_group(VideoDataset(names, videos))))  # noqa: B023
    assert steps[0] > 50 * takes
    assert steps[1] < 5 * steps[0]


def test_checking_a_list_takes_steps_in_proportion_to_the_videos(tmp_path: Path) -> None:
    steps = []
    for classes in (50, 200):
        path = touch(tmp_path / str(classes), *(f"{number}.mp4" for number in range(2 * classes))) / "set.csv"
        path.write_text("path,label\n" + "".join(f"{number}.mp4,{number // 2}\n" for number in range(2 * classes)))
        steps.append(opcodes(lambda: read_dataset(path)))  # noqa: B023
    assert steps[0] > 100
    assert steps[1] < 5 * steps[0]
