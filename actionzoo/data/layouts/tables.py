"""Lists of labelled videos as files: CSV in any dialect, with a header or without, JSON and JSON lines."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from actionzoo.data.layouts.found import shortened
from actionzoo.errors import DataError
from actionzoo.video.files import VIDEO_SUFFIXES

SUFFIXES = frozenset({".csv", ".json", ".jsonl", ".list", ".tsv", ".txt"})
DELIMITERS = (",", ";", "\t", "|", " ")
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "path": (
        *("path", "file_path", "filepath", "video_path", "videopath", "clip_path", "file_name", "filename", "file"),
        *("video", "video_name", "videoname", "video_file_name", "vid_name", "clip", "clip_name", "name", "video_id"),
        *("vid", "id"),
    ),
    "label": (
        *("template", "label_name", "class_name", "classname", "label", "labels", "class", "category", "action"),
        *("activity", "gesture", "tag", "target", "label_id", "class_id", "label_index", "class_index"),
    ),
    "group": ("group", "person", "person_id", "subject", "subject_id", "participant", "participant_id", "actor"),
    "split": ("split", "part", "subset", "set", "partition"),
}
"""What columns are called in the lists that there are, the first of them before others."""

KINETICS = ("youtube_id", "time_start", "time_end")
SAMPLE = 100
"""Lines by which a list without a header is judged."""


class Row(NamedTuple):
    """A video of a list, with the values of `COLUMNS`; what the list does not say is empty."""

    line: int
    path: str
    label: str
    group: str
    split: str


@dataclass(frozen=True)
class Table:
    """A list of videos.

    Attributes:
        path: of the file.
        rows: the videos.
        labelled: whether there is a label for each.
        split: which all of the videos are in whose row names none, or `None`.
        by_folder: whether the labels are the names of the folders that the list has the videos in.
        kinetics: whether paths are names that Kinetics' downloaders give, `id_000010_000020`, in an unknown folder.
    """

    path: Path
    rows: list[Row]
    labelled: bool = True
    kinetics: bool = False
    by_folder: bool = False
    split: str | None = None


class NotAListError(DataError):
    """A file is no list of videos, but something else."""


def read_table(path: Path) -> Table:
    """Read a list of videos. Raises NotAListError if the file is none, DataError if it is wrong."""
    text = re.sub(r"\Asep=.(?=[\r\n])", "", _text(path))  # which Excel writes, and reads
    suffix = path.suffix.lower()
    if suffix in (".json", ".jsonl"):
        return _from_records(path, _records(path, text, lines=suffix == ".jsonl"))
    for delimiter in DELIMITERS:
        head = _columns(_first(text, delimiter))
        if "path" in head and ("label" in head or "youtube_id" in head):
            return _with_header(path, text, delimiter, head)
    return _without_header(path, text)


def is_video_name(name: str) -> bool:
    """Whether a name has the suffix of a video."""
    return os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES


def _text(path: Path) -> str:
    if is_video_name(path.name):
        raise NotAListError(f"{path} is a video, not a list of videos; give a folder, or a CSV with path,label")
    try:
        content = path.read_bytes()
        if b"\0" in content:
            raise NotAListError(f"{path} cannot be read as CSV: it is no text in UTF-8")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where = f"from byte {error.start} on"
        raise NotAListError(f"{path} cannot be read as CSV: it is no text in UTF-8, {where}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def _cells(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The lines that are not blank, with their numbers and cells. Nothing after what is no CSV of this dialect."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    for cells in reader:
        cells = [" ".join(cell.split()) if "\n" in cell or "\r" in cell else cell.strip() for cell in cells]
        while len(cells) > 1 and not cells[-1] and delimiter == " ":
            cells.pop()
        if any(cells):
            yield reader.line_num, cells


def _columns(names: Sequence[str]) -> dict[str, int]:
    """Where the columns are whose names are known."""
    plain = [name.strip().casefold().replace(" ", "_").replace("-", "_") for name in names]
    found = {}
    for column, known in COLUMNS.items():
        there = [name for name in known if name in plain]
        if there:
            found[column] = plain.index(there[0])
    if set(KINETICS) <= set(plain):
        found |= {name: plain.index(name) for name in KINETICS} | {"path": plain.index(KINETICS[0])}
    return found


def _with_header(path: Path, text: str, delimiter: str, columns: Mapping[str, int]) -> Table:
    lines = _all(path, text, delimiter)
    width = len(lines[0][1])
    kinetics = "youtube_id" in columns
    labelled = "label" in columns
    rows = []
    for line, cells in lines[1:]:
        values = {name: cells[place] if place < len(cells) else "" for name, place in columns.items()}
        if kinetics:
            values["path"] = _kinetics_name(values)
        if not values["path"] or (labelled and not values["label"]) or any(cells[width:]):
            raise DataError(
                f"{path}, line {line}: there must be a path and a label, and no more than the {width} columns"
            )
        rows.append(Row(line, *(values.get(column, "") for column in COLUMNS)))
    return _filled(Table(path, rows, labelled, kinetics))


def _kinetics_name(values: Mapping[str, str]) -> str:
    """What Kinetics' downloaders call a clip; empty where its times are no numbers."""
    try:
        start, end = (int(float(values[key])) for key in KINETICS[1:])
    except (OverflowError, ValueError):
        return ""
    return f"{values['youtube_id']}_{start:06d}_{end:06d}"


def _without_header(path: Path, text: str) -> Table:
    """`path label` in each line, divided by whatever gives each line a path that looks like a video."""
    fallback = None
    for delimiter in DELIMITERS:
        try:
            lines = list(_cells(text, delimiter))
        except csv.Error:
            continue
        if not lines or min(len(cells) for _, cells in lines) < 2:
            continue
        found = _pairs(path, lines, delimiter)
        if found is not None:
            return _filled(Table(path, found))
        fallback = fallback or (lines if {len(cells) for _, cells in lines} == {2} else None)
    names = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if names and all(is_video_name(name) and _folder_of(name) for _, name in names):
        return Table(path, [Row(line, name, _folder_of(name), "", "") for line, name in names], by_folder=True)
    if fallback is None or _heads(fallback):
        raise NotAListError(f"{path} needs a first line that names the columns path and label; {_told(text)}")
    return _filled(Table(path, [Row(line, name, label, "", "") for line, (name, label) in fallback]))


def _folder_of(name: str) -> str:
    return os.path.basename(os.path.dirname(name.replace("\\", "/")))


def _heads(lines: list[tuple[int, list[str]]]) -> bool:
    """Whether the first of some lines seems to name columns, in words that are not known."""
    first, *others = (cells for _, cells in lines[:SAMPLE])
    return bool(others) and (bool(_columns(first)) or all(any(map(is_video_name, cells)) for cells in others))


def _pairs(path: Path, lines: list[tuple[int, list[str]]], delimiter: str) -> list[Row] | None:
    """Paths and labels of lines, or `None` where no column looks like paths."""
    if delimiter == " ":  # which names of files may hold
        frames = all(len(cells) > 2 and cells[-1].isdigit() and cells[-2].isdigit() for _, cells in lines)
        last = 2 if frames and not any(map(is_video_name, lines[0][1])) else 1
        lines = [(line, [" ".join(cells[:-last]), cells[-1]]) for line, cells in lines]
    widths = {len(cells) for _, cells in lines}
    if len(widths) > 1 or not widths <= {2, 3}:
        return None
    sample = [cells for _, cells in lines[:SAMPLE]]
    for place in (0, -1):
        if all(is_video_name(cells[place]) or _is_folder(path, cells[place]) for cells in sample):
            if widths == {3} and not all(cells[1].isdigit() for cells in sample):  # the number of frames
                return None
            return [Row(line, cells[place], cells[-1 - place], "", "") for line, cells in lines]
    return None


def _is_folder(path: Path, name: str) -> bool:
    return bool(name) and os.path.isdir(os.path.join(path.parent, name))


def _all(path: Path, text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    try:
        return list(_cells(text, delimiter))
    except csv.Error as error:
        raise DataError(f"{path} cannot be read as CSV: {error}; is a quotation mark missing?") from error


def _first(text: str, delimiter: str) -> list[str]:
    """The cells of the first line; none where it is no CSV of this dialect."""
    try:
        return next(_cells(text, delimiter), (0, []))[1]
    except csv.Error:
        return []


def _told(text: str) -> str:
    """What the first line has, for an error."""
    return f"it has {', '.join(sorted(_first(text, ',')))[:200] or 'none'}"


def _records(path: Path, text: str, *, lines: bool) -> list[tuple[int, Any]]:
    numbered = [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    try:
        if lines:
            return [(number, json.loads(line)) for number, line in numbered]
        content = json.loads(text)
    except (RecursionError, ValueError) as error:
        raise NotAListError(f"{path} cannot be read as JSON: {error}") from error
    if not isinstance(content, list):
        raise NotAListError(f"{path} is no list of videos: it must be a JSON list of objects with a path and a label")
    return list(enumerate(content, start=1))


def _from_records(path: Path, records: list[tuple[int, Any]]) -> Table:
    rows = []
    labelled = any(isinstance(record, dict) and "label" in _columns(list(record)) for _, record in records)
    for line, record in records:
        keys = list(record) if isinstance(record, dict) else []
        values = {column: record[keys[place]] for column, place in _columns(keys).items()}
        plain = {column: str(value).strip() for column, value in values.items() if isinstance(value, str | int)}
        if not plain.get("path") or (labelled and not plain.get("label")):
            raise DataError(
                f"{path}, entry {line}: there must be a path and a label; it has {shortened(keys) or 'none'}"
            )
        if "template" in keys:  # Something-Something's, with [something]
            plain["label"] = plain["label"].replace("[", "").replace("]", "")
        rows.append(Row(line, *(plain.get(column, "") for column in COLUMNS)))
    return _filled(Table(path, rows, labelled))


def _filled(table: Table) -> Table:
    if not table.rows:
        raise DataError(f"{table.path} names no videos")
    return table
