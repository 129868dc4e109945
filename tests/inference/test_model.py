"""From a video to its answer, with a network whose answer can be worked out by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import actionzoo.hub.resolve
import actionzoo.inference.model as model_module
import actionzoo.inference.video_pass as pass_module
from actionzoo.errors import BrokenVideoError, ModelError, ModelNotFoundError, NotAVideoError, VideoNotFoundError
from actionzoo.hub import load_catalog
from actionzoo.hub.cache import sha256_of
from actionzoo.inference import Model, load_model, predict
from actionzoo.video.live import Live
from actionzoo.video.reader import Frame, read_frames
from actionzoo.weights.bundle import catalog_table

from .conftest import CLASSES, FPS, SPEC, moving, write_standin, write_video


@pytest.fixture(scope="module")
def model(catalog_folder: Path) -> Model:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(actionzoo.hub.resolve, "load_catalog", lambda: load_catalog(catalog_folder))
        return load_model("mini")


def test_what_moves_right_is_answered_so(model: Model, videos: dict[str, Path]) -> None:
    answer = model.predict(videos["right"])
    assert (answer.label, answer.predictions[0].index) == ("right", 0)
    assert answer.score > 0.9
    assert [prediction.label for prediction in answer.predictions] != list(CLASSES)
    assert sum(prediction.score for prediction in answer.predictions) == pytest.approx(1)
    assert (answer.source, answer.model) == (str(videos["right"]), "mini")
    assert answer.duration_s == pytest.approx(3.0)
    assert [(w.start_s, w.end_s) for w in answer.windows] == [(0, pytest.approx(3.0))]
    assert answer.windows[0].predictions == answer.predictions


def test_the_flow_is_in_pixels_of_the_models_input(model: Model, videos: dict[str, Path]) -> None:
    # 2 pixels a frame at 20 frames a second are 4 at the model's 10, and half of that at half the width.
    answer = model.predict(videos["right"])
    scores = {prediction.label: prediction.score for prediction in answer.predictions}
    assert np.log(scores["right"] / scores["left"]) == pytest.approx(2 * 4 * 2, rel=0.15)
    assert np.log(scores["still"] / scores["red"]) == pytest.approx(1, abs=0.1)


def test_colours_arrive_as_rgb(model: Model, videos: dict[str, Path]) -> None:
    answer = model.predict(videos["red"])
    assert answer.label == "red"
    assert np.log(answer.score / answer.predictions[1].score) == pytest.approx(220 / 16 - 1, abs=0.5)


def test_windows_follow_the_video(model: Model, videos: dict[str, Path]) -> None:
    answer = model.predict(videos["turn"], top_k=2, window=1.0)
    assert [window.label for window in answer.windows] == ["right"] * 3 + ["left"] * 3
    assert [window.end_s for window in answer.windows] == pytest.approx([1, 2, 3, 4, 5, 6])
    assert all(len(window.predictions) == 2 for window in answer.windows)


def test_the_answer_as_json(model: Model, videos: dict[str, Path]) -> None:
    answer = model.predict(videos["right"], window=2.0).to_dict()
    assert json.loads(json.dumps(answer)) == answer
    assert list(answer) == [
        "source", "model", "frames", "fps", "duration_s", "predictions", "windows", "warnings", "timing_s"
    ]  # fmt: skip
    assert answer["warnings"] == []
    assert list(answer["predictions"][0]) == ["label", "index", "score"]
    assert list(answer["windows"][0]) == ["start_s", "end_s", "predictions"]
    assert list(answer["timing_s"]) == ["decode", "flow", "model", "total"]
    assert all(seconds > 0 for seconds in answer["timing_s"].values())


def test_a_damaged_video_is_answered_with_a_warning(model: Model, videos: dict[str, Path], tmp_path: Path) -> None:
    data = bytearray(videos["right"].read_bytes())
    middle = data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 2
    data[middle : middle + 200] = bytes(200)
    (tmp_path / "hole.mp4").write_bytes(data)
    answer = model.predict(tmp_path / "hole.mp4")
    assert answer.label == "right"
    assert len(answer.warnings) == 1
    assert "damaged or cut off at" in answer.warnings[0]


def test_windows_are_told_as_they_come(model: Model, videos: dict[str, Path]) -> None:
    told: list[str] = []
    answer = model.predict(videos["turn"], window=1.0, on_window=lambda window: told.append(window.label))
    assert told == [window.label for window in answer.windows]


def test_a_folder_of_pictures_is_shown_at_its_rate(model: Model, videos: dict[str, Path], tmp_path: Path) -> None:
    for index, frame in enumerate(read_frames(videos["right"]), 1):
        cv2.imwrite(str(tmp_path / f"{index:04d}.png"), cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))
    assert model.predict(tmp_path).fps == 25
    answer, same = model.predict(tmp_path, fps=FPS), model.predict(videos["right"])
    assert (answer.source, answer.fps, answer.duration_s) == (str(tmp_path), FPS, pytest.approx(same.duration_s))
    assert answer.score == pytest.approx(same.score, abs=1e-3)
    with pytest.raises(NotAVideoError, match="at a rate above 0, not -1"):
        model.predict(tmp_path, fps=-1)


def test_a_single_frame_gets_an_answer(model: Model, videos: dict[str, Path]) -> None:
    answer = model.predict(videos["one"])
    assert (answer.frames, answer.label) == (1, "still")
    assert 0 < answer.duration_s <= 0.1


def test_frames_of_any_shape(model: Model, tmp_path: Path) -> None:
    for name, size in (("wide", (16, 10_000)), ("tall", (900, 16)), ("tiny", (2, 2))):
        video = write_video(tmp_path / f"{name}.mp4", np.full((5, *size, 3), 90, np.uint8))
        assert model.predict(video).label == "still"


def test_the_mirrored_view_is_averaged_in(
    use_catalog: Callable[[Path], None], videos: dict[str, Path], tmp_path: Path
) -> None:
    write_standin(tmp_path, replace(SPEC, mirror=True))
    use_catalog(tmp_path)
    scores = {p.label: p.score for p in load_model("mini").predict(videos["right"]).predictions}
    assert scores["right"] == pytest.approx(scores["left"], rel=0.01)
    assert scores["still"] > 2 * scores["right"]


def test_stretch_and_fit(use_catalog: Callable[[Path], None], tmp_path: Path) -> None:
    video = write_video(tmp_path / "wide.mp4", np.full((10, 32, 128, 3), (240, 0, 0), np.uint8))
    red = {}
    for rule in ("fit", "stretch"):
        write_standin(tmp_path / rule, replace(SPEC, resize=rule))
        use_catalog(tmp_path / rule)
        scores = {p.label: p.score for p in load_model("mini").predict(video).predictions}
        red[rule] = np.log(scores["red"] / scores["still"]) + 1
    assert red["stretch"] == pytest.approx(240 / 16, abs=0.5)
    assert red["fit"] == pytest.approx(red["stretch"] / 3, rel=0.02)  # 64x16 of the 64x48 pixels


def test_a_video_is_decoded_once_and_each_flow_computed_once(
    model: Model, videos: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    reads, pairs = [], []
    read_frames, flow_stream = pass_module.read_frames, pass_module.flow_stream

    def reading(*args: Any, **options: Any) -> Any:
        reads.append(args)
        return read_frames(*args, **options)

    def flowing(*args: Any, **options: Any) -> Any:
        for frame, flow in flow_stream(*args, **options):
            pairs.append(frame.time)
            yield frame, flow

    monkeypatch.setattr(pass_module, "read_frames", reading)
    monkeypatch.setattr(pass_module, "flow_stream", flowing)
    model.predict(videos["turn"], window=2.0, step=0.25)
    assert len(reads) == 1
    assert len(pairs) == len(set(pairs)) == 60


def test_progress_rises_to_the_end(model: Model, videos: dict[str, Path]) -> None:
    seen: list[tuple[float, float | None]] = []
    model.predict(videos["right"], progress=lambda done, whole: seen.append((done, whole)))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (pytest.approx(3.0), pytest.approx(3.0))


def test_a_video_that_breaks_in_the_middle(model: Model, videos: dict[str, Path], tmp_path: Path) -> None:
    broken = tmp_path / "brökén clip.mp4"
    content = bytearray(videos["turn"].read_bytes())
    broken.write_bytes(content[: len(content) // 2])
    with pytest.raises((BrokenVideoError, NotAVideoError), match=r"brökén clip\.mp4") as caught:
        model.predict(broken)
    assert "\n" not in str(caught.value)
    assert model.predict(videos["right"]).label == "right"


def test_threads_end_with_the_prediction(
    model: Model, videos: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(model, "_run", interrupted)
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        model.predict(videos["turn"])
    assert set(threading.enumerate()) <= before


def test_wrong_arguments(model: Model, videos: dict[str, Path]) -> None:
    for arguments in (
        {"top_k": 0},
        {"window": 0.0},
        {"window": -1.0},
        {"step": 1.0},
        {"window": float("nan")},
        {"window": 1.0, "step": 1e-9},
    ):
        with pytest.raises(ValueError):
            model.predict(videos["right"], **arguments)
    for arguments in ({"engine": "torch"}, {"precision": "int8"}, {"flow": "brox"}):
        with pytest.raises(ValueError, match="there are"):
            load_model("mini", **arguments)
    with pytest.raises(ModelNotFoundError, match="did you mean mini"):
        load_model("minni")
    with pytest.raises(VideoNotFoundError, match=r"missing\.mp4"):
        predict("missing.mp4", "mini")


def test_a_record_that_does_not_fit_its_network(
    use_catalog: Callable[[Path], None], tmp_path: Path, videos: dict[str, Path]
) -> None:
    write_standin(tmp_path / "classes", replace(SPEC, classes=("one", "two")))
    use_catalog(tmp_path / "classes")
    with pytest.raises(ModelError, match="names 2 classes but its network has 4"):
        predict(videos["one"], "mini")
    write_standin(tmp_path / "size", SPEC)
    with zipfile.ZipFile(tmp_path / "size" / "mini" / "model.keras", "w") as archive:
        archive.writestr("actionzoo.json", replace(SPEC, height=96).to_json())
    checksums = {path.name: sha256_of(path) for path in (tmp_path / "size" / "mini").iterdir()}
    (tmp_path / "size" / "catalog.toml").write_text(
        catalog_table("mini", {"summary": "", "licence": "", "data": ""}, checksums)
    )
    use_catalog(tmp_path / "size")
    with pytest.raises(ModelError, match=r"records \w+ of \(2, 96, 64, \d\) but its network takes \(2, 48, 64, \d\)"):
        predict(videos["one"], "mini")
    write_standin(tmp_path / "flow", replace(SPEC, flow="brox"))
    use_catalog(tmp_path / "flow")
    with pytest.raises(ModelError, match="unknown flow 'brox'"):
        load_model("mini")
    with pytest.raises(ModelError, match=r"wants brox flow and has never seen what farneback gives; .*--force"):
        load_model("mini", flow="farneback")
    assert predict(videos["right"], "mini", flow="farneback", force=True).label == "right"


def test_many_windows_equal_the_video_they_are_cut_from(model: Model, videos: dict[str, Path], tmp_path: Path) -> None:
    windows = model.predict(videos["turn"], window=3.0).windows
    alone = model.predict(videos["right"])
    assert windows[0].score == pytest.approx(alone.score, abs=0.02)
    assert windows[0].label == alone.label


def camera(seconds: float) -> Iterator[Frame]:
    """Frames of a picture that moves right, at the pace of a camera."""
    begun = time.monotonic()
    for k, image in enumerate(moving(seconds, 2, size=(48, 64))):
        time.sleep(max(0.0, begun + k / FPS - time.monotonic()))
        yield Frame(time.monotonic() - begun, image)


def test_a_camera_is_answered_about_its_newest_frames(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, "live", lambda source, size: Live(camera(2.0)))
    run = model._run

    def slow(*clip: Any, **options: Any) -> Any:
        time.sleep(0.3)
        return run(*clip, **options)

    monkeypatch.setattr(model, "_run", slow)
    answers = list(model.stream(0, top_k=2))
    assert 1 <= len(answers) < 2.0 * FPS  # frames are left out, however fast the machine is
    assert answers[-1].label == "right"
    assert len(answers[-1].predictions) == 2
    assert all(answer.latency_s >= 0.3 for answer in answers)
    assert answers[-1].time_s > 1.8
    assert [a.time_s for a in answers] == sorted({a.time_s for a in answers})


def test_a_camera_that_fails_or_is_left(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing() -> Iterator[Frame]:
        yield from camera(0.2)
        raise BrokenVideoError("0", "the cable fell out")

    monkeypatch.setattr(model_module, "live", lambda source, size: Live(failing()))
    with pytest.raises(BrokenVideoError, match="cable"):
        list(model.stream("0"))
    monkeypatch.setattr(model_module, "live", lambda source, size: Live(camera(60)))
    before = set(threading.enumerate())
    answers = model.stream("0")
    next(answers)
    answers.close()
    assert set(threading.enumerate()) <= before


SCRIPT = """
import sys
from pathlib import Path
import actionzoo.hub.resolve
from actionzoo.hub import load_catalog
actionzoo.hub.resolve.load_catalog = lambda: load_catalog(Path(sys.argv[1]))
from actionzoo.inference import predict
print(predict(sys.argv[2], "mini", offline=True).label)
heavy = "tensorflow keras jax torch scipy matplotlib huggingface_hub openvino_telemetry openvino.tools.ovc".split()
print([name for name in heavy if name in sys.modules])
"""


def test_an_embedded_model_needs_no_framework_and_no_network(catalog_folder: Path, videos: dict[str, Path]) -> None:
    command = [sys.executable, "-c", SCRIPT, str(catalog_folder), str(videos["right"])]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert (run.stdout.split("\n")[:2], run.stderr) == (["right", "[]"], "")


def test_every_verb_takes_a_loaded_model(model: Model, videos: dict[str, Path]) -> None:
    assert load_model(model) is model
    assert predict(videos["right"], model).label == predict(videos["right"], "mini").label == "right"
    with pytest.raises(ValueError, match="mini is loaded already"):
        load_model(model, engine="keras")
    assert model.labels == CLASSES
    assert repr(model) == "<actionzoo.Model 'mini': 4 classes>"
