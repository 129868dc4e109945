"""A model that knows its answers, so that these tests are about the command line alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import actionzoo
from actionzoo.cli.main import main
from actionzoo.errors import NotAVideoError
from actionzoo.inference import Answer, LiveAnswer, Prediction, Window
from actionzoo.video.spec import InputSpec

LABELS = ("hug", "kick", "push")


def predictions(*scores: float) -> tuple[Prediction, ...]:
    """Predictions of `LABELS` with these scores, best first."""
    listed = [Prediction(label, index, score) for index, (label, score) in enumerate(zip(LABELS, scores, strict=True))]
    return tuple(sorted(listed, key=lambda prediction: -prediction.score))


class KnownModel:
    """Says "push" about everything; a file called `bad...` is no video, one called
    `damaged...` is. Windows say hug, hug, push, push."""

    name = "known"
    labels = LABELS
    spec = InputSpec(LABELS, fps=10.0)

    def __init__(self, model: str = "mini", **options: object) -> None:
        self.options = options

    def prepare(self) -> KnownModel:
        return self

    def predict(
        self,
        source: str,
        top_k: int,
        *,
        window: float | None,
        step: float | None,
        threshold: float | None,
        progress: object,
        fps: float | None,
        on_window: Callable[[Window], None] | None,
    ) -> Answer:
        if Path(source).name.startswith("bad"):
            raise NotAVideoError(source, "is not a video")
        if Path(source).name.startswith("interrupted"):
            raise KeyboardInterrupt
        whole = predictions(0.1, 0.2, 0.7)
        windows: tuple[Window, ...] = (Window(0.0, 4.0, whole[:top_k]),)
        if window is not None:
            scores = ((0.8, 0.1, 0.1), (0.5, 0.3, 0.2), (0.3, 0.25, 0.45), (0.05, 0.05, 0.9))
            windows = tuple(Window(float(i), i + 1.0, predictions(*s)[:top_k]) for i, s in enumerate(scores))
        timing = {"decode": 0.1, "flow": 0.2, "model": 0.3, "total": 0.4}
        for each in windows if on_window is not None else ():
            on_window(each)
        warnings = ("is damaged",) if Path(source).name.startswith("damaged") else ()
        return Answer(source, self.name, 60, 15.0, 4.0, whole[:top_k], windows, timing, warnings)

    def stream(self, source: str, top_k: int, *, threshold: float | None) -> Iterator[LiveAnswer]:
        yield LiveAnswer(1.0, 0.25, predictions(0.1, 0.2, 0.7)[:top_k])
        yield LiveAnswer(2.0, 0.21, predictions(0.6, 0.2, 0.2)[:top_k])
        if source != "rtsp://ends":
            raise KeyboardInterrupt


class CalibratedModel(KnownModel):
    """The same, but its p value of whatever it is shown is 0.02, of the windows 0.5, 0.03, 0.05 and 0.9."""

    spec = replace(KnownModel.spec, known=(0.5,) * 50)

    def predict(self, source: str, top_k: int, *, threshold: float | None, **options: Any) -> Answer:
        told, options["on_window"] = options["on_window"], None
        answer = super().predict(source, top_k, threshold=None, **options)
        p_values = (0.02,) if options["window"] is None else (0.5, 0.03, 0.05, 0.9)
        windows = tuple(judged(each, p, threshold) for each, p in zip(answer.windows, p_values, strict=True))
        for each in windows if told is not None else ():
            told(each)
        return replace(judged(answer, 0.02, threshold), windows=windows)

    def stream(self, source: str, top_k: int, *, threshold: float | None) -> Iterator[LiveAnswer]:
        for answer, p in zip(super().stream(source, top_k, threshold=None), (0.02, 0.5), strict=False):
            yield judged(answer, p, threshold)


def judged(found: Any, p: float, threshold: float | None) -> Any:
    """An answer or window with "none of these" before its classes, in the place of the last, if p says so."""
    none = (Prediction("none of these", -1, 1 - p),) if p <= (0.05 if threshold is None else threshold) else ()
    return replace(found, known=p, predictions=(*none, *found.predictions)[: len(found.predictions)])


@dataclass
class Result:
    """What one run of the command line did."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Result]:
    """Runs `actionzoo ...` in this process with `KnownModel`, in a folder with `a.mp4` and `b.mp4`."""
    monkeypatch.setattr(actionzoo, "load_model", KnownModel, raising=False)
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).touch()

    def run_main(*arguments: object) -> Result:
        code = main([str(argument) for argument in arguments])
        return Result(code, *capsys.readouterr())

    return run_main


@pytest.fixture
def run_calibrated(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The same with `CalibratedModel`."""
    monkeypatch.setattr(actionzoo, "load_model", CalibratedModel)
    return run
