"""Whether a video is none of these: the rule against scipy and plain loops, and answers of calibrated networks."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.special import softmax

import actionzoo.inference.model as model_module
from actionzoo.data.decoded import decode_video
from actionzoo.errors import ModelError
from actionzoo.hub import read_spec, write_spec
from actionzoo.hub.cache import sha256_of
from actionzoo.hub.resolve import IR_FILES
from actionzoo.inference import Answer, Model, Prediction, load_model, predict
from actionzoo.inference.engines import load_engine
from actionzoo.inference.familiarity import MOST, familiarity, kept, p_value, ranked
from actionzoo.video.live import Live
from actionzoo.video.reader import Frame
from actionzoo.weights.bundle import catalog_table

from .conftest import SPEC, STANDIN, moving, write_standin

ROOT = Path(__file__).parents[2]
NONE = "none of these"

KNOWN = tuple(np.linspace(0.9, 0.99, 20).tolist())
"""The stand-in is surer than that of what moves right, less sure of what stands still."""


def test_the_product_of_the_streams_is_that_of_a_plain_loop() -> None:
    logits = np.random.default_rng(0).normal(scale=3, size=(3, 7)).astype(np.float32)
    _, appearance, motion = softmax(logits, axis=1)
    assert familiarity(logits) == pytest.approx(max(a * m for a, m in zip(appearance, motion, strict=True)), rel=1e-5)
    assert familiarity(logits[:1]) == pytest.approx(softmax(logits[0]).max(), rel=1e-5)
    assert familiarity(logits[:2]) == pytest.approx(appearance.max(), rel=1e-5)


def test_p_values_are_those_of_ranks() -> None:
    rng = np.random.default_rng(1)
    known = sorted((rng.integers(0, 30, 50) / 30).tolist())
    for value in [*known, *rng.random(50), -1.0, 2.0]:
        below = sum(other <= value for other in known)
        assert p_value(value, known) == (1 + below) / 51
        assert below == round(stats.percentileofscore(known, value, "weak") * 50 / 100)


@pytest.mark.parametrize("count", [19, 39, 60])
def test_known_videos_are_refused_as_often_as_the_threshold_says(count: int) -> None:
    """A video of a known class is as likely to have any rank among the held-out ones."""
    ranks = np.arange(count + 1.0)
    refused = [p_value(float(rank), np.delete(ranks, int(rank)).tolist()) <= 0.05 for rank in ranks]
    assert np.mean(refused) == int(0.05 * (count + 1)) / (count + 1)


@pytest.mark.parametrize("count", [100, 257, 5000])
def test_of_many_some_are_kept_whose_p_values_are_rounded_up_to_a_percent(count: int) -> None:
    values = np.random.default_rng(2).random(count)
    few = kept(values.tolist())
    assert (len(few), few) == (MOST, tuple(sorted(few)))
    for value in np.random.default_rng(3).random(200):
        exact = (1 + int((values <= value).sum())) / (1 + count)
        assert p_value(value, few) == pytest.approx(int(np.ceil(round(100 * exact, 9))) / 100)


def test_none_of_these_takes_the_first_of_the_places() -> None:
    logits = np.array([[3, 2, 1], [3, 0, 0], [0, 3, 0]], np.float32)
    spec = replace(SPEC, classes=("a", "b", "c"))
    classes, nothing = ranked(logits, spec, 3, None)
    assert ([each.label for each in classes], nothing) == (["a", "b", "c"], None)
    calibrated = replace(spec, known=(0.5,) * 38 + (0.9,))
    found, p = ranked(logits, calibrated, 3)
    assert (found, p) == ((Prediction(NONE, -1, 1 - 1 / 40), *classes[:2]), 1 / 40)
    assert ranked(logits, calibrated, 1)[0] == found[:1]
    assert ranked(logits, calibrated, 3, 0.0) == (classes, 1 / 40)
    assert ranked(logits, calibrated, 3, 1 / 40)[0] == found
    assert ranked(logits, calibrated, 3, 0.02)[0] == classes


@pytest.fixture
def calibrated(use_catalog: Callable[[Path], None], tmp_path: Path) -> Model:
    write_standin(tmp_path / "calibrated", replace(SPEC, known=KNOWN))
    use_catalog(tmp_path / "calibrated")
    return load_model("mini")


def test_what_looks_like_no_class_is_none_of_these(calibrated: Model, videos: dict[str, Path]) -> None:
    known, strange = calibrated.predict(videos["right"]), calibrated.predict(videos["one"], top_k=3)
    assert (known.label, known.known) == ("right", 1.0)
    assert [each.label for each in strange.predictions[:2]] == [NONE, "still"]
    assert (len(strange.predictions), strange.predictions[0].index, strange.known) == (3, -1, 1 / 21)
    assert strange.score == 20 / 21
    assert strange.windows[0].predictions == strange.predictions
    assert [each.label for each in calibrated.predict_batch([videos["right"], videos["one"]])] == ["right", NONE]
    assert predict(videos["one"], calibrated, threshold=0.04).label == "still"


def test_the_p_value_as_json(calibrated: Model, videos: dict[str, Path]) -> None:
    answer = calibrated.predict(videos["one"]).to_dict()
    assert answer["known"] == answer["windows"][0]["known"] == round(1 / 21, 6)
    assert answer["predictions"][0] == {"label": NONE, "index": -1, "score": round(20 / 21, 6)}


def test_windows_are_judged_one_by_one(calibrated: Model) -> None:
    frames = np.concatenate([moving(2, 2), np.repeat(moving(0.05, 0), 40, 0)])
    answer = calibrated.predict(frames, fps=20, window=1.0)
    assert [window.label for window in answer.windows][0::3] == ["right", NONE]
    assert answer.windows[0].known == 1.0
    assert answer.windows[-1].known == 1 / 21


def without_times(answer: Answer) -> tuple[object, ...]:
    windows = [replace(window, known=None) for window in answer.windows]
    return answer.predictions, windows, answer.frames, answer.duration_s


def test_a_threshold_of_zero_answers_as_without_calibration(
    calibrated: Model, use_catalog: Callable[[Path], None], catalog_folder: Path, videos: dict[str, Path]
) -> None:
    use_catalog(catalog_folder)
    plain = load_model("mini")
    for name in ("right", "turn", "one", "red"):
        always = calibrated.predict(videos[name], window=1.0, threshold=0.0)
        usual = plain.predict(videos[name], window=1.0)
        assert without_times(always) == without_times(usual)
        assert usual.known is usual.windows[0].known is None
        assert "known" not in usual.to_dict()


def test_the_mirrored_view_counts(use_catalog: Callable[[Path], None], tmp_path: Path, videos: dict[str, Path]) -> None:
    """Averaged with its mirror image, what moves right is no more "right" than "left"."""
    write_standin(tmp_path, replace(SPEC, mirror=True, known=KNOWN))
    use_catalog(tmp_path)
    assert load_model("mini").predict(videos["right"]).label == NONE


def test_a_camera_that_shows_no_class(calibrated: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def still() -> Iterator[Frame]:
        for number, image in enumerate(moving(1, 0, size=(48, 64))):
            yield Frame(number / 10, image)

    monkeypatch.setattr(model_module, "live", lambda source, size: Live(still()))
    answers = list(calibrated.stream(0, top_k=2))
    assert {(answer.label, answer.known) for answer in answers} == {(NONE, 1 / 21)}
    assert answers[0].to_dict()["known"] == round(1 / 21, 6)
    assert {answer.label for answer in calibrated.stream(0, threshold=0)} == {"still"}


def test_thresholds_that_cannot_be(
    calibrated: Model, use_catalog: Callable[[Path], None], catalog_folder: Path, videos: dict[str, Path]
) -> None:
    for threshold in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="p value from 0 to 1"):
            calibrated.predict(videos["one"], threshold=threshold)
    use_catalog(catalog_folder)
    with pytest.raises(ValueError, match=r"mini is not calibrated .* at least 19 videos"):
        load_model("mini").predict(videos["one"], threshold=0.1)
    with pytest.raises(ValueError, match="not calibrated"):
        next(load_model("mini").stream(0, threshold=0.1))


def test_mini_calibrated_by_hand_does_not_name_noise(use_catalog: Callable[[Path], None], tmp_path: Path) -> None:
    """A copy of the real one, whose two streams agree on a handshake and not on noise."""
    clip = ROOT / "examples" / "handshake.mp4"
    path = Path(shutil.copytree(ROOT / "weights" / "mini", tmp_path / "mini")) / "model.keras"
    spec = read_spec(path)
    assert spec.known == ()  # it was made before there was such a field
    write_spec(path, replace(spec, known=tuple(np.linspace(0.3, 0.9, 19).tolist())))
    assert read_spec(path).known[::18] == (0.3, 0.9)
    files = {name: sha256_of(path.with_name(name)) for name in ("model.keras", *IR_FILES)}
    (tmp_path / "catalog.toml").write_text(catalog_table("mini", STANDIN, files))
    use_catalog(tmp_path)
    model = load_model("mini")
    assert (model.engine, model.outputs) == ("openvino", ("answer", "appearance", "motion"))
    noise = np.random.default_rng(0).integers(0, 256, (60, 96, 128, 3), dtype=np.uint8)
    answer = model.predict(noise, fps=30)
    assert (answer.label, answer.known) == (NONE, 0.05)
    assert model.predict(noise, fps=30, threshold=0).label in model.labels
    seen = model.predict(clip)
    assert seen.label == "handshake"
    logits = model.video_scores(decode_video(clip, 0, spec.video_format))
    assert seen.known == p_value(familiarity(logits), model.spec.known)
    assert 0.4 < familiarity(logits) < 0.8


def test_an_engine_without_streams_cannot_tell(
    use_catalog: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_standin(tmp_path, replace(SPEC, known=KNOWN))
    use_catalog(tmp_path)
    files = load_model("mini").files
    monkeypatch.setitem(vars(files), "towers", frozenset({"appearance", "motion"}))
    with pytest.raises(ModelError, match=r"does not give the logits of mini's streams.*--engine keras"):
        load_engine(files, "openvino")
