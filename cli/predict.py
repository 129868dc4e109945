"""`actionzoo predict`: videos in, labels out."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

import typer

import actionzoo
from actionzoo.errors import ActionzooError, ModelError, OutputError
from actionzoo.names import DEFAULT_MODEL

from ._options import FlowMethod, ModelName, Offline, Output, Step, format_of
from ._output import complain, debugging, detail, note, output_file, printable, standard_output, warn
from ._sources import Report, check_names, check_source, check_step, check_windows, progress_bar, with_listed
from ._table import UNCERTAIN, TableWriter
from ._writers import CsvWriter, JsonLinesWriter, JsonWriter, Writer, write_labels

if TYPE_CHECKING:
    from actionzoo.inference import Answer, Model, Prediction, Window

Format = Literal["table", "json", "jsonl", "csv"]
FORMATS: dict[str, Format] = {".txt": "table", ".json": "json", ".jsonl": "jsonl", ".csv": "csv"}
TOP_K = 5


def predict(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE",
            show_default=False,
            help="A file, folder, pattern, http(s):// or rtsp:// address, camera number, or - for a list on stdin.",
        ),
    ] = None,
    model: ModelName = DEFAULT_MODEL,
    labels: Annotated[bool, typer.Option("--labels", help="Print the classes of the model and exit.")] = False,
    top_k: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="K",
            show_default=False,
            help="How many classes to print, best first. [default: 5; 1 in a table of several sources or windows]",
        ),
    ] = None,
    format: Annotated[
        Format | None,
        typer.Option(show_default=False, help="How to print the answers. [default: what --output ends in, or table]"),
    ] = None,
    output: Output = None,
    window: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Answer for every span of this length, not for the whole video."),
    ] = None,
    step: Step = None,
    segments: Annotated[
        bool, typer.Option("--segments", help="Merge neighbouring windows with the same label.")
    ] = False,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="P",
            show_default=False,
            help="Calibrated models: the share of videos of their classes that may be called none of these. [default: "
            "0.05] Others: call a label below this score uncertain.",
        ),
    ] = None,
    always: Annotated[bool, typer.Option("--always", help="Always name a class, never none of these.")] = False,
    fps: Annotated[
        float | None,
        typer.Option(metavar="RATE", help="Frames a second of folders of numbered pictures. [default: 25]"),
    ] = None,
    flow: Annotated[
        FlowMethod | None,
        typer.Option(help="Optical flow. [default: what the model asks for]"),
    ] = None,
    engine: Annotated[Literal["auto", "openvino", "keras"], typer.Option(help="What runs the network.")] = "auto",
    precision: Annotated[Literal["auto", "f32", "bf16"], typer.Option(help="What the network computes in.")] = "auto",
    annotate: Annotated[
        Path | None,
        typer.Option(metavar="OUT.mp4", help="Also write the video with its labels drawn on it (one source only)."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Take --flow also where the model asks for another one.")
    ] = False,
    offline: Offline = False,
) -> None:
    """Name the action in videos, folders, cameras and streams."""
    format = format_of(format, output, FORMATS) or "table"
    if labels:
        _print_labels(actionzoo.load_model(model, engine=engine, offline=offline).labels, sources, format, output)
        return
    if not sources:
        raise typer.BadParameter("name a video, a folder, an address, a camera, or - for a list", param_hint="SOURCE")
    check_windows(window, step)
    if window is None and segments:
        raise typer.BadParameter("needs --window", param_hint="--segments")
    if always and threshold is not None:
        raise typer.BadParameter(
            "means nothing beside --always, which names a class always: leave one of them out", param_hint="--threshold"
        )
    names = actionzoo.inference.expand_sources(with_listed(sources))
    check_names(names)
    live = any(actionzoo.inference.is_live(name) for name in names)
    if live:
        _check_live(names, format, window, annotate)
    _check_files(names, output, annotate)
    if fps is not None and not 0 < fps < math.inf:
        raise typer.BadParameter(f"is a number above 0, not {fps}", param_hint="--fps")
    question = _Question(top_k or TOP_K, window, step, segments, 0.0 if always else threshold, offline, fps)
    unbounded = not live and len(names) == 1 and _has_no_end(names[0], offline)
    if unbounded and window is None:
        note(f"{names[0]} does not say how long it is: it is answered when it ends, with --window 2 as it goes")
    endless = unbounded and window is not None and not segments
    if endless and format == "json":
        raise typer.BadParameter("an address that does not end needs jsonl, csv or table", param_hint="--format")
    answers: list[Answer] = []
    with _opened(output, format) as out:
        loaded = actionzoo.load_model(
            model, engine=engine, precision=precision, flow=flow, force=force, offline=offline
        ).prepare()
        check_step(window, step, loaded)
        writer = _writer(format, out, loaded, top_k, many=len(names) > 1, windows=window is not None, live=live)
        if live or endless:
            code = _watch(names[0], loaded, question, writer, live=live)
        else:
            answers = _answer_all(names, loaded, question, writer)
            code = 0 if len(answers) == len(names) else 3 if answers else 1
        writer.end()
        if code == 1 and format in ("table", "csv"):
            raise typer.Exit(code)  # before the block ends: nothing was written, and an older file stays as it is
    if annotate is not None and answers:
        with progress_bar(f"writing {annotate}") as progress:
            below = question.score_threshold(loaded)
            actionzoo.inference.annotate(names[0], answers[0], annotate, threshold=below, progress=progress)
    raise typer.Exit(code)


@dataclass(frozen=True)
class _Question:
    """What is asked about every source. The threshold is a p value for calibrated models, a score for others."""

    top_k: int
    window: float | None
    step: float | None
    segments: bool
    threshold: float | None
    offline: bool
    fps: float | None = None

    def ask(
        self,
        source: str,
        model: Model,
        progress: Report | None,
        on_window: Callable[[Window], None] | None = None,
    ) -> Answer:
        """The answer, with its segments merged and its uncertain labels marked."""
        check_source(source, offline=self.offline)
        judge = partial(self.judge, model)
        answer = model.predict(
            source,
            sys.maxsize if self.segments else self.top_k,  # merging needs the scores of all classes
            window=self.window,
            step=self.step,
            threshold=self.p_threshold(model),
            progress=progress,
            fps=self.fps,
            on_window=on_window,
        )
        windows = [replace(w, predictions=judge(w.predictions)) for w in answer.windows]
        if self.segments:
            merged = actionzoo.inference.merge_segments(windows)
            windows = [replace(w, predictions=judge(w.predictions)) for w in merged]
        return replace(
            answer,
            predictions=judge(answer.predictions)[: self.top_k],
            windows=tuple(replace(w, predictions=w.predictions[: self.top_k]) for w in windows),
        )

    def p_threshold(self, model: Model) -> float | None:
        """What the model is asked with: the threshold of a calibrated one."""
        return self.threshold if model.spec.known else None

    def score_threshold(self, model: Model) -> float | None:
        """The score below which a label is uncertain: the threshold of a model that is not calibrated."""
        return None if model.spec.known else self.threshold

    def judge(self, model: Model, predictions: Sequence[Prediction]) -> tuple[Prediction, ...]:
        """The predictions with the best one called "uncertain" if its score is too low; its index stays."""
        below, labels = self.score_threshold(model), model.labels
        if below is None:
            return tuple(predictions)
        best, *others = (replace(prediction, label=labels[prediction.index]) for prediction in predictions)
        return (replace(best, label=UNCERTAIN) if best.score < below else best, *others)


def _opened(output: Path | None, format: Format) -> AbstractContextManager[TextIO]:
    return nullcontext(standard_output(utf8=format != "table")) if output is None else output_file(output)


def _print_labels(labels: Sequence[str], sources: list[str] | None, format: Format, output: Path | None) -> None:
    if sources:
        raise typer.BadParameter("looks at no SOURCE; leave it out", param_hint="--labels")
    with _opened(output, format) as out:
        write_labels(out, labels, format)


def _writer(
    format: Format, out: TextIO, model: Model, top_k: int | None, *, many: bool, windows: bool, live: bool
) -> Writer:
    match format:
        case "table":
            return TableWriter(out, model, top_k=top_k or 1, many=many, windows=windows)
        case "csv":
            return CsvWriter(out, live=live)
        case "json":
            return JsonWriter(out, model.name)
        case "jsonl":
            return JsonLinesWriter(out, model.name)


def _answer_all(names: list[str], model: Model, question: _Question, writer: Writer) -> list[Answer]:
    """Asks about every source and writes each answer when it is there; a source that fails does not stop the others."""
    answers = []
    for i, name in enumerate(names, 1):
        count = f" ({i} of {len(names)})" if len(names) > 1 else ""
        try:
            with progress_bar(name, count) as progress:
                answer = question.ask(name, model, progress)
        except Exception as error:
            if isinstance(error, ModelError) or (debugging() and not isinstance(error, ActionzooError)):
                raise  # not this source's fault, or wanted whole
            complain(error)
            writer.failure(name, error)
        else:
            for warning in answer.warnings:
                warn(f"{name}: {warning}; the answer is about what can be decoded")
            writer.answer(answer)
            answers.append(answer)
            stages = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in answer.timing_s.items())
            detail(f"{name}: {stages}")
    return answers


def _watch(name: str, model: Model, question: _Question, writer: Writer, *, live: bool) -> int:
    """Answers as they come, about the newest frames of a camera or stream or the windows of an address without an end.

    Until it ends (0) or the user interrupts (130); what was written stays.
    """
    check_source(name, offline=question.offline)
    try:
        if live:
            for answer in model.stream(name, question.top_k, threshold=question.p_threshold(model)):
                writer.live(name, replace(answer, predictions=question.judge(model, answer.predictions)))
        else:

            def write(window: Window) -> None:
                writer.window(name, replace(window, predictions=question.judge(model, window.predictions)))

            for warning in question.ask(name, model, None, write).warnings:
                warn(f"{name}: {warning}; the answers are about what can be decoded")
    except KeyboardInterrupt:
        return 130
    return 0


def _has_no_end(name: str, offline: bool) -> bool:
    """Whether an address does not say how long its video is: it may go on for ever."""
    if offline or not actionzoo.inference.is_address(name):
        return False
    return actionzoo.video.probe(name).duration_s is None


def _check_live(names: list[str], format: Format, window: float | None, annotate: Path | None) -> None:
    if len(names) > 1:
        raise typer.BadParameter("a camera or stream must be the only source", param_hint="SOURCE")
    if format == "json":
        raise typer.BadParameter("a camera or stream has no end: use jsonl, csv or table", param_hint="--format")
    for option, value in (("--window", window), ("--annotate", annotate)):
        if value is not None:
            raise typer.BadParameter("is not for a camera or stream", param_hint=option)


def _check_files(names: list[str], output: Path | None, annotate: Path | None) -> None:
    """Finds what cannot be written, or would overwrite a source, before the long work."""
    if annotate is not None:
        if len(names) > 1:
            raise typer.BadParameter(f"needs exactly one source, not {len(names)}", param_hint="--annotate")
        if annotate.suffix.lower() != ".mp4":
            raise typer.BadParameter("must end in .mp4", param_hint="--annotate")
        if annotate.is_dir() or not os.access(annotate.absolute().parent, os.W_OK):
            raise OutputError(f"{annotate}: cannot be written: no such folder, or no permission")
    taken = {os.path.realpath(name) for name in names if "\0" not in name}
    for option, path in (("--output", output), ("--annotate", annotate)):
        if path is not None:
            if os.path.realpath(path) in taken:
                raise typer.BadParameter(f"would overwrite {printable(path)}", param_hint=option)
            taken.add(os.path.realpath(path))
