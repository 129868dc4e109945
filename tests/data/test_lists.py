"""Lists of videos in every dialect that people have."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionzoo.data.dataset import VideoDataset, read_dataset
from actionzoo.data.layouts.lists import read_list
from actionzoo.errors import DataError
from tests.data.trees import listed, touch


def labels(found: VideoDataset, folder: Path) -> dict[str, str]:
    return {path: label for path, label, _, _ in listed(found, folder)}


KICK_PUSH = {"a b, c.mp4": "kick", "d.mp4": "push hard"}


@pytest.mark.parametrize(
    "text",
    [
        'path,label\n"a b, c.mp4",kick\nd.mp4,push hard\n',
        "\ufeffpath;label\r\na b, c.mp4;kick\r\nd.mp4;push hard\r\n",
        "path\tlabel\na b, c.mp4\tkick\nd.mp4\tpush hard\n",
        'path label\n"a b, c.mp4" kick\nd.mp4 "push hard"\n',
        '"Path","Label"\n"a b, c.mp4","kick"\n"d.mp4","push hard"\n',
        'video,class\n"a b, c.mp4",kick\nd.mp4,push hard\n',
        'id,File Name,class_id,class_name\n1,"a b, c.mp4",0,kick\n2,d.mp4,1,push hard\n',
        'filename, category\n"a b, c.mp4", kick\nd.mp4 , push hard \n',
        'label,path\nkick,"a b, c.mp4"\n\npush hard,d.mp4\n',
        'path,label\n"a b, c.mp4",kick\n"d.mp4","push\nhard"\n',
        "sep=;\r\npath;label\r\na b, c.mp4;kick\r\nd.mp4;push hard\r\n",
        'path,label,class_name\n"a b, c.mp4",0,kick\nd.mp4,1,push hard\n',
        '"a b, c.mp4",kick\nd.mp4,push hard\n',
        "a b, c.mp4;kick\nd.mp4;push hard\n",
        "kick\ta b, c.mp4\r\npush hard\td.mp4\r\n",
        'a b, c.mp4 kick\nd.mp4  "push hard" \n',
        "video_id|label\na b, c|kick\nd|push hard\n",
    ],
)
def test_dialects(tmp_path: Path, text: str) -> None:
    path = touch(tmp_path, *KICK_PUSH) / "clips.csv"
    path.write_bytes(text.encode())
    assert labels(read_dataset(path), tmp_path) == KICK_PUSH


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")) | st.just(" "), min_size=1, max_size=12)
STEMS = st.from_regex(r"[\w,;|'()#-]([\w ,;|'()#-]{0,8}[\w,;|'()#-])?", fullmatch=True)
HEADERS = st.sampled_from([None, ("Path", "label"), ("video", "class"), ("file_name", "Category")])


@st.composite
def lists(draw: st.DrawFn) -> tuple[dict[str, str], str]:
    """Videos with labels, and the text of a list that has them, in some dialect."""
    names = draw(st.lists(STEMS, min_size=2, max_size=6, unique=True))
    labels = draw(st.lists(WORDS.map(str.strip).filter(bool), min_size=len(names), max_size=len(names)))
    held = {f"{name}.mp4": label for name, label in zip(names, labels, strict=True)}
    header = draw(HEADERS)
    rows = [*([header] if header else []), *held.items()]
    if draw(st.booleans()):
        rows = [(second, first) for first, second in rows]
    out = io.StringIO(newline="")
    csv.writer(
        out,
        delimiter=draw(st.sampled_from(",;\t| ")),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
        lineterminator=draw(st.sampled_from(["\n", "\r\n"])),
    ).writerows(rows)
    return held, draw(st.sampled_from(["", "\ufeff"])) + out.getvalue()


@settings(max_examples=100, deadline=None, database=None, derandomize=True)
@given(lists())
def test_any_dialect_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, written: tuple[dict[str, str], str]
) -> None:
    held, text = written
    path = touch(tmp_path_factory.mktemp("set"), *held) / "clips.csv"
    path.write_bytes(text.encode())
    assert {Path(entry.path).name: entry.label for entry in read_list(path).entries} == held


def test_paths(tmp_path: Path) -> None:
    """Backslashes, absolute ones, ones from another folder, ones of another machine, ones without suffix."""
    names = ("clips/kick/a.mp4", "clips/kick/b.mp4", "clips/push/c.avi", "clips/push/d.webm")
    path = touch(tmp_path, *names) / "clips.csv"
    for rows in (
        ("clips\\kick\\a.mp4", "clips/kick/../kick/b.mp4", f"{tmp_path}/clips/push/c.avi", "./clips/push/d"),
        ("kick/a.mp4", "kick\\b.mp4", "push/c.avi", "push/d.webm"),
        ("D:\\data\\clips\\kick\\a.mp4", "/home/x/clips/kick/b.mp4", "/clips/push/c.avi", "d.webm"),
    ):
        path.write_text("path,label\n" + "".join(f"{row},{number}\n" for number, row in enumerate(rows)))
        assert list(labels(read_dataset(path), tmp_path)) == list(names)


def test_accents_in_one_character_or_two(tmp_path: Path) -> None:
    """macOS writes names of files with two, lists have one."""
    one, two = "caf\u00e9", "cafe\u0301"
    path = touch(tmp_path, f"{two}/{two}.mp4", f"{one}.mp4", "d.mp4") / "clips.csv"
    path.write_text(f"path,label\n{one}/{one}.mp4,{one}\n{two}.mp4,{two}\nd.mp4,d\n", "utf-8")
    found = read_dataset(path)
    assert (found.classes, [video.class_index for video in found.videos]) == ((one, "d"), [0, 0, 1])


def test_lists_of_paths_in_class_folders(tmp_path: Path) -> None:
    touch(tmp_path, *(f"videos/{label}/{take}.mp4" for label in ("kick", "push") for take in range(3)))
    (tmp_path / "train.txt").write_text("kick/0.mp4\nkick/1.mp4\npush/0.mp4\n")
    (tmp_path / "test.txt").write_text("kick/2.mp4\npush\\1.mp4\n")
    assert read_dataset(tmp_path).summary() == (
        "2 splits, 2 classes, 5 videos: train 3, test 2; labels in test.txt, train.txt are the names of the folders; "
        "1 video in no list left out"
    )


def test_a_part_list_that_is_wrong_is_no_reason_to_take_the_folders(tmp_path: Path) -> None:
    touch(tmp_path, "kick/a.mp4", "push/b.mp4", "kick/c.mp4")
    (tmp_path / "train.csv").write_text("path,label\nkick/a.mp4,kick\npush/b.mp4,\n")
    with pytest.raises(DataError, match=r"train.csv, line 3: there must be a path and a label"):
        read_dataset(tmp_path)
    (tmp_path / "train.csv").write_text("a picture, of, a train\n")
    assert read_dataset(tmp_path).summary() == "2 classes, 3 videos; train.csv is no list of labelled videos"


def test_videos_of_several_classes(tmp_path: Path) -> None:
    path = touch(tmp_path, "a.mp4", "b.mp4") / "clips.txt"
    path.write_text("a.mp4 0 3\nb.mp4 1 2\n")
    with pytest.raises(DataError, match=r"clips.txt needs a first line that names the columns path and label"):
        read_dataset(path)


def test_labels_with_blanks_are_one_class(tmp_path: Path) -> None:
    path = touch(tmp_path, "a.mp4", "b.mp4", "c.mp4") / "clips.csv"
    path.write_text("path,label\na.mp4,kick\nb.mp4, kick\nc.mp4,push \n")
    assert read_dataset(path).classes == ("kick", "push")


def test_names_of_parts(tmp_path: Path) -> None:
    path = touch(tmp_path, *(f"{name}.mp4" for name in "abcdef")) / "clips.csv"
    parts = ("Training", "validation", "VALID", "dev", " test ", "")
    rows = [f"{name}.mp4,{label},{part}" for name, label, part in zip("abcdef", "xyxyxy", parts, strict=True)]
    path.write_text("\n".join(["path,label,subset", *rows]))
    found = read_dataset(path)
    assert [video.split for video in found.videos] == ["train", "val", "val", "val", "test", None]
    assert found.summary() == "3 splits, 2 classes, 6 videos: train 1, val 3, test 1, in no split 1"


def numbers(folder: Path, text: str) -> Path:
    """A list with numbers for labels, as mmaction2 and pytorchvideo have it."""
    touch(
        folder, *(f"videos/{name}/{name}{take}.mp4" for name in ("arm wrestling", "kick", "zumba") for take in (1, 2))
    )
    (folder / "list.txt").write_text(text)
    return folder / "list.txt"


def test_numbers_without_names(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{number}.mp4" for number in range(12)))
    (tmp_path / "list.txt").write_text("".join(f"{number}.mp4 {number}\n" for number in range(12)))
    assert read_dataset(tmp_path / "list.txt").classes == tuple(map(str, range(12)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classInd.txt", "1 arm wrestling\n2 kick\n3 zumba\n"),
        ("label_map.txt", "arm wrestling\nkick\nzumba\n"),
        ("classes.txt", "0 arm wrestling\n1 kick\n2 zumba\n"),
        ("labels.json", '{"zumba": "2", "kick": "1", "arm wrestling": "0"}'),
    ],
)
@pytest.mark.parametrize("first", [0, 1])
def test_numbers_with_names_beside(tmp_path: Path, name: str, text: str, first: int) -> None:
    rows = [f"arm wrestling/arm wrestling1.mp4 {first}", f"kick/kick2.mp4 {first + 1}"]
    path = numbers(tmp_path, "\n".join(rows))
    (tmp_path / name).write_text(text)
    found = read_dataset(path)
    assert found.classes == ("arm wrestling", "kick")
    assert [video.path.parent.name for video in found.videos] == ["arm wrestling", "kick"]
    assert (
        found.summary() == f"2 classes, 2 videos; classes in the order of {name}; 1 class of it without videos: zumba"
    )
    path.write_text("kick/kick1.mp4 1\nkick/kick2.mp4 7\n")
    with pytest.raises(DataError, match=f"there is a label 7, but .*{name} has 3 classes"):
        read_dataset(path)


def test_a_class_without_a_name(tmp_path: Path) -> None:
    path = numbers(tmp_path, "kick/kick1.mp4 0\nzumba/zumba1.mp4 1\n")
    (tmp_path / "classInd.txt").write_text("1 kick\n2\n")
    with pytest.raises(DataError, match=r"classInd.txt, line 2: there must be a number and the name of a class"):
        read_dataset(path)


def test_frame_folders(tmp_path: Path) -> None:
    """mmaction2's `folder frames label`."""
    touch(tmp_path, *(f"kick/{name}/img_{number:05}.jpg" for name in ("a b", "c") for number in range(3)))
    for text in ("kick/a b 120 0\nkick/c 30 1\n", "kick/a b,120,0\nkick/c,30,1\n", "kick/a b/ 0\nkick/c/ 1\n"):
        (tmp_path / "list.txt").write_text(text)
        assert labels(read_dataset(tmp_path / "list.txt"), tmp_path) == {"kick/a b": "0", "kick/c": "1"}


def test_swapped_columns(tmp_path: Path) -> None:
    path = tmp_path / "clips.csv"
    for label in ("{}.mp4", "v_{}"):
        rows = "".join(f"kick,{label.format(number)}\n" for number in range(60_000))
        path.write_text(f"path,label\n{rows}")
        says = "60000 classes in 60000 videos: are the columns path and label swapped"
        with pytest.raises(DataError, match=says):
            read_dataset(path)
        with pytest.raises(DataError, match=says):
            read_dataset(touch(tmp_path, "a.mp4"))


METADATA = {"train": ("kick", "push"), "validation": ("kick", "push"), "test": ("kick",)}


@pytest.mark.parametrize("lines", [True, False], ids=["jsonl", "csv"])
@pytest.mark.parametrize("each", [True, False], ids=["in each part", "in the root"])
def test_video_folder(tmp_path: Path, lines: bool, each: bool) -> None:
    rows = [(part, f"{label}1.mp4", label) for part, names in METADATA.items() for label in names]
    touch(tmp_path, *(f"{part}/{name}" for part, name, _ in rows), "train/unlabelled.mp4")
    for part in METADATA if each else [""]:
        own = [(name if each else f"{of}/{name}", label) for of, name, label in rows if part in ("", of)]
        if lines:
            text = "".join(json.dumps({"file_name": name, "label": label, "n": 1.5}) + "\n" for name, label in own)
        else:
            text = "file_name,label\n" + "".join(f"{name},{label}\n" for name, label in own)
        (tmp_path / part / f"metadata.{'jsonl' if lines else 'csv'}").write_text(text)
    found = read_dataset(tmp_path)
    assert Counter(video.split for video in found.videos) == {"train": 2, "val": 2, "test": 1}
    assert found.summary() == "3 splits, 2 classes, 5 videos: train 2, val 2, test 1; 1 video in no list left out"


def kinetics(folder: Path, name: str, part: str, *clips: tuple[str, str, int]) -> None:
    rows = [f'"{label}","{clip}","{start}","{start + 10}","{part}","0"' for label, clip, start in clips]
    (folder / name).write_text("\n".join(['"label","youtube_id","time_start","time_end","split","is_cc"', *rows]))


def test_kinetics_in_several_lists(tmp_path: Path) -> None:
    """Clips flat, in class folders, named with times or without; some have vanished."""
    kinetics(tmp_path, "train.csv", "train", ("arm wrestling", "-0kMS", 10), ("zumba", "a_B-c", 0), ("zumba", "c", 7))
    kinetics(tmp_path, "validate.csv", "validate", ("arm wrestling", "b", 0), ("zumba", "c", 123))
    names = ("-0kMS_000010_000020.mp4", "train/zumba/a_B-c_000000_000010.mkv", "val/b.mp4", "val/c_000123_000133.mp4")
    found = read_dataset(touch(tmp_path, *names))
    assert {path: (label, split) for path, label, _, split in listed(found, tmp_path)} == {
        names[0]: ("arm wrestling", "train"),
        names[1]: ("zumba", "train"),
        names[2]: ("arm wrestling", "val"),
        names[3]: ("zumba", "val"),
    }
    assert "1 of 3 clips of train.csv not there, such as c_000007_000017.mp4" in found.summary()
    with pytest.raises(DataError, match=r"val.csv, line 2: there is no x_000000_000010.mp4 in .*; 2 of 2 .* missing"):
        kinetics(tmp_path / "val", "val.csv", "val", ("zumba", "x", 0), ("zumba", "y", 0))
        read_dataset(tmp_path / "val" / "val.csv")


def test_kinetics_with_times_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "k.csv").write_text("label,youtube_id,time_start,time_end\nzumba,a,x,10\n")
    with pytest.raises(DataError, match="line 2: there must be a path and a label"):
        read_dataset(tmp_path / "k.csv")


def test_lists_by_part(tmp_path: Path) -> None:
    """mmaction2's and pytorchvideo's: lists in the folder above the videos, or in one beside."""
    touch(tmp_path, *(f"videos_train/{name}/1.mp4" for name in ("kick", "push")), "notes.txt")
    touch(tmp_path, *(f"videos_val/{name}/1.mp4" for name in ("kick", "push")))
    (tmp_path / "annotations").mkdir()
    for part in ("train", "val"):
        (tmp_path / "annotations" / f"set_{part}_list_videos.txt").write_text("kick/1.mp4 0\npush/1.mp4 1\n")
    (tmp_path / "annotations" / "label_map.txt").write_text("kick\npush\n")
    found = read_dataset(tmp_path)
    assert found.classes == ("kick", "push")
    assert [video.path.parts[-3] for video in found.videos] == ["videos_train"] * 2 + ["videos_val"] * 2
    assert [video.split for video in found.videos] == ["train", "train", "val", "val"]
    (tmp_path / "annotations" / "set_test_list_videos.txt").write_text("one two\nthree four\n")
    assert "set_test_list_videos.txt names no videos" in read_dataset(tmp_path).summary()


def test_a_name_of_several_videos(tmp_path: Path) -> None:
    touch(tmp_path, "one/kick/1.mp4", "two/kick/1.mp4", "one/push/2.mp4")
    (tmp_path / "clips.csv").write_text("path,label\nkick/1.mp4,kick\npush/2.mp4,push\n")
    with pytest.raises(DataError, match=r"clips.csv, line 2: kick/1.mp4 may be one/kick/1.mp4, two/kick/1.mp4"):
        read_dataset(tmp_path / "clips.csv")


def test_flat_videos_with_one_list(tmp_path: Path) -> None:
    touch(tmp_path, "videos/a.mp4", "videos/b.mp4")
    (tmp_path / "readme.txt").write_text("Some videos.\n")
    (tmp_path / "labels.csv").write_text("clip,action\na.mp4,kick\nb.mp4,push\n")
    assert labels(read_dataset(tmp_path), tmp_path) == {"videos/a.mp4": "kick", "videos/b.mp4": "push"}
    (tmp_path / "more.csv").write_text("clip,action\na.mp4,kick\n")
    with pytest.raises(DataError, match=r"has several lists of videos, labels.csv, more.csv; give one of them"):
        read_dataset(tmp_path)


def test_something_something(tmp_path: Path) -> None:
    """The lists of version 2; those for the test have no labels."""
    index = {"Zooming [something]": "0", "Moving [something] up": "1"}
    items = {
        "train": [("7", "Moving [something] up"), ("12", "Zooming [something]")],
        "validation": [("3", "Moving [something] up")],
    }
    place = tmp_path / "labels"
    touch(tmp_path, "labels/x", *(f"20bn-something-something-v2/{number}.webm" for number in (3, 7, 9, 12)))
    (place / "something-something-v2-labels.json").write_text(
        json.dumps({name.replace("[", "").replace("]", ""): number for name, number in index.items()})
    )
    for part, videos in items.items():
        told = [
            {"id": one, "label": f"{text} (a cup)", "template": text, "placeholders": ["a cup"]} for one, text in videos
        ]
        (place / f"something-something-v2-{part}.json").write_text(json.dumps(told))
    (place / "something-something-v2-test.json").write_text(json.dumps([{"id": "9"}]))
    found = read_dataset(tmp_path)
    assert found.classes == ("Zooming something", "Moving something up")
    assert [(video.path.name, video.class_index, video.split) for video in found.videos] == [
        ("7.webm", 1, "train"),
        ("12.webm", 0, "train"),
        ("3.webm", 1, "val"),
    ]
    assert "1 video of labels/something-something-v2-test.json have no label" in found.summary()


def test_jester(tmp_path: Path) -> None:
    """Lists `id;label` and the names of classes; a folder of pictures for each video."""
    touch(tmp_path, *(f"20bn-jester-v1/{number}/{frame:05}.jpg" for number in (1, 2, 3, 4) for frame in (1, 2)))
    (tmp_path / "jester-v1-labels.csv").write_text("Swiping Left\nDoing other things\n")
    (tmp_path / "jester-v1-train.csv").write_text("2;Swiping Left\n3;Doing other things\n")
    (tmp_path / "jester-v1-validation.csv").write_text("1;Swiping Left\n")
    (tmp_path / "jester-v1-test.csv").write_text("4\n")
    found = read_dataset(tmp_path)
    assert found.classes == ("Swiping Left", "Doing other things")
    assert listed(found, tmp_path) == [
        ("20bn-jester-v1/2", "Swiping Left", None, "train"),
        ("20bn-jester-v1/3", "Doing other things", None, "train"),
        ("20bn-jester-v1/1", "Swiping Left", None, "val"),
    ]
    assert "1 video in no list left out" in found.summary()
