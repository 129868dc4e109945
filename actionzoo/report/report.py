"""`write_report`: everything about an evaluation in one folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from actionzoo.evaluation.evaluating import EvaluationResult
from actionzoo.report.files import write_files
from actionzoo.report.page import SPEEDS, Page
from actionzoo.visualization.gallery import PaintedFiles, paint_gallery
from actionzoo.visualization.painter import Progress
from actionzoo.visualization.targets import class_target

PAINTED = "painted"


def write_report(
    result: EvaluationResult,
    folder: str | Path,
    *,
    paint: int = 6,
    note: Callable[[str], None] = lambda text: None,
    progress: Progress | None = None,
) -> Path:
    """Write the report of an evaluation: `metrics.json`, tables, figures, `scores.npz`, and the page `index.html`.

    Each file is written atomically. The page is there before painting begins, which takes time on a CPU, and is
    written again with the painted clips, which lie in `painted/`.

    Args:
        result: of `actionzoo.evaluate`, with `controls=True` for the page to tell of shortcuts.
        folder: is made if it does not exist; files of an earlier report in it are replaced.
        paint: how many of the classes that are confused most are painted for the page.
        note: called with a line when painting begins.
        progress: called with the step, the number of steps of the clips that are painted, and the objective.

    Returns:
        The page.

    Raises:
        OutputError: the folder cannot be written.

    >>> write_report(actionzoo.evaluate("run", "my_videos", controls=True), "report")             # doctest: +SKIP
    PosixPath('report/index.html')
    """
    folder = Path(folder)
    write_files(result, folder)
    page = Page(result, paint)
    path = page.write(folder)
    if page.to_paint:
        note(f"{path} is there; painting {len(page.to_paint)} classes for it ...")
        page.write(folder, _paint(result, page.to_paint, folder / PAINTED, progress))
    return path


def _paint(
    result: EvaluationResult, classes: Sequence[int], folder: Path, progress: Progress | None
) -> list[PaintedFiles]:
    model = result.model
    targets = [class_target(model, model.spec.classes[index]) for index in classes]
    return list(paint_gallery(model, targets, SPEEDS, folder, progress=progress))
