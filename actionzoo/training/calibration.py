"""After a training: how familiar held-out videos look to the network, by which it tells what is none of its classes.

The videos are those held out for validation; where there are none, those held out for a test. The network has learned
from neither; a test still measures accuracy, as no answer depends on it, but the share of its videos that are called
none of these is then what the calibration has set, and tells nothing about other videos.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from actionzoo.data.dataset import TEST, VideoDataset
from actionzoo.data.decoded import Progress, Source, Subset, VideoSource
from actionzoo.data.layouts.found import VALIDATION
from actionzoo.errors import VideoError
from actionzoo.hub.keras_file import write_spec
from actionzoo.inference.familiarity import FEWEST, familiarity, kept
from actionzoo.inference.model import load_model
from actionzoo.training.run import Run
from actionzoo.video.spec import InputSpec

MOST_VIDEOS = 500
"""Of more held-out videos so many calibrate, evenly spaced: the share that is refused is then known to 1 %."""

RISK = 0.01
"""How often mere guessing may pass for knowledge."""

NAMES_ALWAYS = "it always names a class"


def calibrate(
    run: Run, source: Source, spec: InputSpec, progress: Progress | None = None, *, shards: bool = False
) -> tuple[InputSpec, str]:
    """Have the model of a run folder tell what is none of its classes, if enough videos were held out for that.

    They are scored as `predict` sees them: whole, by the saved network. Those that cannot be read are left out.

    Args:
        run: a training that has ended.
        source: its videos, with their splits.
        spec: of its model.
        progress: called with the number of videos that are scored, and of all.
        shards: the videos are decoded already, and there are no files to decode anew.

    Returns:
        The spec as it is saved now, and a line that says what it was calibrated on, or why it was not.

    Raises:
        OutputError: the model cannot be written.
    """
    split = VALIDATION if any(video.split == VALIDATION for video in source.videos) else TEST
    indices = [index for index, video in enumerate(source.videos) if video.split == split]
    if len(indices) < FEWEST:
        return spec, _too_few(len(indices))
    if not run.writes:  # another worker does it
        return spec, ""
    held_out: Source = Subset(source, _spread(indices))
    if replace(spec.video_format, fps=source.video_format.fps) != source.video_format:  # larger, to cut crops from
        if shards:
            return spec, f"the shards hold larger frames than predict sees, which calibrate nothing: {NAMES_ALWAYS}"
        held_out = VideoSource(VideoDataset(source.classes, held_out.videos), spec.video_format)
    logits, labels = _scores(run, held_out, progress)
    if len(labels) < FEWEST:
        return spec, _too_few(len(labels))
    if not beats_guessing(logits[:, 0].argmax(axis=1) == labels, labels):
        return spec, f"answers about {len(labels)} clips held out are no better than guesses: {NAMES_ALWAYS}"
    spec = replace(spec, known=kept([familiarity(each) for each in logits]))
    write_spec(run.model, spec)
    name = "validation" if split == VALIDATION else "test"
    return spec, f"calibrated on {len(labels)} {name} clips: it says when a video is none of its classes"


def beats_guessing(correct: NDArray[np.bool_], labels: NDArray[np.int64]) -> bool:
    """Whether answers are correct more often than always naming the commonest class would be (binomial test).

    >>> labels = np.arange(20) % 2
    >>> beats_guessing(np.arange(20) < 18, labels), beats_guessing(np.arange(20) < 13, labels)
    (True, False)
    """
    guessed = np.bincount(labels).max() / len(labels)
    return bool(stats.binomtest(int(correct.sum()), len(correct), guessed, alternative="greater").pvalue <= RISK)


def _too_few(count: int) -> str:
    held = f"{count} clips held out are" if count else "no clips held out is"
    return f"{held} too few to learn what is none of its classes ({FEWEST} are enough): {NAMES_ALWAYS}"


def _spread(indices: Sequence[int]) -> list[int]:
    places = np.linspace(0, len(indices) - 1, min(len(indices), MOST_VIDEOS)).round().astype(int)
    return [indices[place] for place in places]


def _scores(run: Run, source: Source, progress: Progress | None) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Logits `(videos, outputs, classes)` and labels `(videos,)` of those that can be read."""
    model = load_model(run.folder, engine="keras")  # the engine that needs no conversion; all agree
    logits, labels = [], []
    for index, video in enumerate(source.videos):
        try:
            decoded = source.read(index)
        except VideoError:
            continue
        logits.append(model.video_scores(decoded))
        labels.append(video.class_index)
        if progress is not None:
            progress(index + 1, len(source))
    return np.array(logits), np.array(labels, np.int64)
