from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actionzoo.errors import ModelNotFoundError, OutputError, WeightsError
from actionzoo.hub import InputSpec, read_spec, write_spec
from actionzoo.video.flow import METHODS

SPEC = InputSpec(("push", "Händedruck"), 48, 64, 12.5, 3, 2, 4, "farneback", "stretch", mirror=True)
KNOWN = (0.0, 1 / 3, 0.7, 0.7, 1.0)


def keras_file(path: Path, inputs: dict[str, list[int | None]] | None = None) -> Path:
    layers = [
        {"class_name": "InputLayer", "config": {"name": name, "batch_shape": shape}}
        for name, shape in (inputs or {}).items()
    ]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"config": {"layers": layers}}))
        archive.writestr("model.weights.h5", b"\0" * 1000)
    return path


def with_record(path: Path, **changes: Any) -> Path:
    values = {**json.loads(SPEC.to_json()), **changes}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("actionzoo.json", json.dumps(values))
    return path


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "model.keras")
    write_spec(path, SPEC)
    assert read_spec(path) == SPEC
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["actionzoo.json", "config.json", "model.weights.h5"]
        assert archive.read("model.weights.h5") == b"\0" * 1000
    assert [found.name for found in tmp_path.iterdir()] == ["model.keras"]


def test_what_a_network_was_calibrated_with_comes_back(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "model.keras")
    write_spec(path, replace(SPEC, known=KNOWN))
    assert read_spec(path) == replace(SPEC, known=KNOWN)
    assert "known" not in json.loads(SPEC.to_json())  # as older versions wrote it, who read it as well


def test_a_second_record_replaces_the_first(tmp_path: Path) -> None:
    path = keras_file(tmp_path / "model.keras")
    write_spec(path, SPEC)
    write_spec(path, replace(SPEC, fps=10.0))
    assert read_spec(path).fps == 10.0


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for name in ("a.keras", "b.keras"):
        path = keras_file(tmp_path / name)
        write_spec(path, SPEC)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


def test_without_a_record_the_inputs_tell_their_shape(tmp_path: Path) -> None:
    inputs = {"appearance": [None, 4, 96, 128, 3], "motion": [None, 4, 96, 128, 12]}
    spec = read_spec(keras_file(tmp_path / "model.keras", inputs))
    assert (spec.num_frames, spec.height, spec.width, spec.stack_length) == (4, 96, 128, 6)
    assert (spec.classes, spec.fps, spec.flow, spec.label(3)) == ((), 15.0, None, "3")


def test_open_shapes_get_the_papers_sizes(tmp_path: Path) -> None:
    spec = read_spec(keras_file(tmp_path / "model.keras", {"motion": [None, None, None, None, 20]}))
    assert (spec.num_frames, spec.height, spec.width, spec.stack_length) == (5, 224, 224, 10)


def test_the_span_is_that_of_sampling() -> None:
    assert SPEC.span == SPEC.clip.span


def test_fields_of_later_versions_are_left_out(tmp_path: Path) -> None:
    assert read_spec(with_record(tmp_path / "model.keras", colour="grey")) == SPEC


@pytest.mark.parametrize(
    "changes",
    [
        {"height": 0},
        {"width": 1 << 40},
        {"num_frames": "5"},
        {"stride": True},
        {"fps": 0},
        {"fps": float("nan")},
        {"resize": "crop"},
        {"classes": "push"},
        {"classes": [1, 2]},
        {"flow": 3},
        {"mirror": "yes"},
        {"known": 0.5},
        {"known": {"0": 0.5}},
        {"known": [0.5, 0.4]},
        {"known": [-0.1, 0.4]},
        {"known": [0.5, 1.1]},
        {"known": [0.5, float("nan")]},
        {"known": ["0.5"]},
        {"known": [False, True]},
        {"known": None},
    ],
)
def test_a_record_that_makes_no_sense(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(WeightsError, match="does not say which input it takes"):
        read_spec(with_record(tmp_path / "model.keras", **changes))


def test_a_record_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("actionzoo.json", b" " * (65 << 20))
    with pytest.raises(WeightsError, match="too large"):
        read_spec(path)


def test_files_that_are_no_models(tmp_path: Path) -> None:
    text = tmp_path / "text.keras"
    text.write_text("not a model")
    with pytest.raises(WeightsError, match="not a Keras model file"):
        read_spec(text)
    with pytest.raises(WeightsError, match="not a Keras model file"):
        write_spec(text, SPEC)
    whole = keras_file(tmp_path / "whole.keras").read_bytes()
    text.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="damaged"):
        read_spec(text)
    with pytest.raises(WeightsError, match="inputs: pictures"):
        read_spec(keras_file(tmp_path / "other.keras", {"pictures": [None, 224, 224, 3]}))
    with pytest.raises(ModelNotFoundError, match="no model file"):
        read_spec(tmp_path / "missing.keras")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"cannot be written \("):
        write_spec(tmp_path / "missing" / "model.keras", SPEC)


@pytest.mark.parametrize("config", ["[]", '{"config": {"layers": [1]}}', '{"config": []}', "null", "7"])
def test_a_config_of_another_shape_is_a_known_error(tmp_path: Path, config: str) -> None:
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", config)
    with pytest.raises(WeightsError, match=r"model\.keras"):
        read_spec(tmp_path / "model.keras")


def test_a_model_takes_the_flow_that_it_was_trained_with() -> None:
    trained = InputSpec(("a",), flow="dis-fine")
    assert [method for method in METHODS if trained.takes_flow(method)] == ["dis-fine", "dis-fine-fast"]
    assert [method for method in METHODS if InputSpec((), flow="dis").takes_flow(method)] == ["dis", "dis-medium"]
    assert all(InputSpec((), flow=None).takes_flow(method) for method in METHODS)
