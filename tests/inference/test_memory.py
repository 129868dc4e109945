"""Answers about videos in memory are those about the same pictures in a file."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import actionzoo
import actionzoo.inference.model as model_module
from actionzoo.errors import ModelError, NotAVideoError, VideoNotFoundError
from actionzoo.hub import read_spec, save_model
from actionzoo.inference import Answer, annotate, features, load_model, predict
from actionzoo.video import Frames, Live, probe, read_frames

from .conftest import FPS, SPEC, moving, write_standin
from .test_features import write_model


@pytest.fixture
def images() -> np.ndarray:
    return np.concatenate([moving(1.5, 2), moving(1.5, -3)])


@pytest.fixture
def stored(images: np.ndarray, tmp_path: Path) -> Path:
    """The same pictures, kept as they are."""
    path = tmp_path / "clip.avi"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("rawvideo", rate=FPS)
        stream.height, stream.width, stream.pix_fmt = *images.shape[1:3], "bgr24"
        for image in images:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")))
        out.mux(stream.encode())
    return path


def assert_same(found: Answer, expected: Answer) -> None:
    assert [p.label for p in found.predictions] == [p.label for p in expected.predictions]
    assert [p.score for p in found.predictions] == pytest.approx([p.score for p in expected.predictions], abs=1e-6)
    assert len(found.windows) == len(expected.windows)
    for one, other in zip(found.windows, expected.windows, strict=True):
        assert (one.start_s, one.end_s) == pytest.approx((other.start_s, other.end_s))
        assert [p.score for p in one.predictions] == pytest.approx([p.score for p in other.predictions], abs=1e-6)
    assert (found.frames, found.fps, found.duration_s) == pytest.approx(
        (expected.frames, expected.fps, expected.duration_s)
    )


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("array", "<frames>"),
        ("list", "<frames>"),
        ("tensor", "<frames>"),
        ("Frames", "<frames>"),
        ("bytes", "<bytes>"),
        ("BytesIO", "<file>"),
        ("file", "clip.avi"),
    ],
)
def test_the_answer_of_the_file(kind: str, name: str, images: np.ndarray, stored: Path) -> None:
    class Tensor:
        """What other libraries have in place of arrays."""

        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return images

    model = load_model("mini")
    expected = model.predict(stored, 4, window=1.0)
    assert expected.windows[0].label != expected.windows[2].label
    with open(stored, "rb") as file:
        source: Any = {
            "array": images,
            "list": list(images),
            "tensor": Tensor(),
            "Frames": Frames(images, FPS),
            "bytes": stored.read_bytes(),
            "BytesIO": io.BytesIO(stored.read_bytes()),
            "file": file,
        }[kind]
        found = model.predict(source, 4, fps=FPS, window=1.0)
        assert not file.closed
    assert_same(found, expected)
    assert found.source.endswith(name)


def test_the_functions_take_frames_too(images: np.ndarray, stored: Path, tmp_path: Path) -> None:
    assert_same(predict(images, "mini", fps=FPS), predict(stored, "mini"))
    answer = actionzoo.predict(images, "mini", fps=FPS)
    annotate(images, answer, tmp_path / "out.mp4")
    assert probe(tmp_path / "out.mp4").duration_s == pytest.approx(3.0)
    write_model(tmp_path / "small.keras")
    one, other = (features(source, "motion_pool5", tmp_path / "small.keras", fps=FPS) for source in (images, stored))
    np.testing.assert_allclose(one.features, other.features, atol=1e-6)
    assert one.source == "<frames>"


def test_batches_are_answered_in_order(images: np.ndarray, stored: Path) -> None:
    model = load_model("mini")
    sources = [images[30:], stored, io.BytesIO(stored.read_bytes()), list(images)]
    answers = model.predict_batch(sources, top_k=2, fps=FPS)
    for answer, source in zip(answers, sources, strict=True):
        assert_same(answer, model.predict(source, 2, fps=FPS))
    assert answers[0].label != answers[1].label or answers[0].score != answers[1].score
    assert model.predict_batch([]) == []
    with pytest.raises(VideoNotFoundError, match="lost"):
        model.predict_batch([stored, "lost.mp4"])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((2, 8, 8, 3), np.uint8), "have no rate; give `fps`"),
        ([], "have no rate"),
        (0, "^0: a camera has no end; use `Model.stream`"),
        (None, "a NoneType is not a video"),
        (b"", "^<bytes>: is empty"),
    ],
)
def test_what_is_no_video(source: Any, message: str) -> None:
    with pytest.raises(NotAVideoError, match=message):
        load_model("mini").predict(source)


def test_a_model_is_not_pickled() -> None:
    for copied in (pickle.dumps, copy.deepcopy):
        with pytest.raises(
            TypeError, match=r"cannot be pickled.*each process load its own: actionzoo.load_model\('mini'"
        ):
            copied(load_model("mini"))


NOT_FINITE = r"gives scores that are not finite; its training diverged, or its weights are damaged"


@pytest.mark.parametrize("still", [np.nan, np.inf])
def test_scores_that_are_not_finite(
    still: float,
    use_catalog: Callable[[Path], None],
    images: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_standin(tmp_path, SPEC, still=still)
    use_catalog(tmp_path)
    model = load_model("mini")
    with pytest.raises(ModelError, match=f"^mini {NOT_FINITE}"):
        model.predict(images, fps=FPS)
    monkeypatch.setattr(model_module, "live", lambda source, size: Live(read_frames(Frames(images, FPS), size=size)))
    with pytest.raises(ModelError, match=f"^mini {NOT_FINITE}"):
        list(model.stream(0))


@pytest.mark.parametrize("engine", ["keras", "openvino"])
def test_scores_that_overflow(engine: str, images: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "small.keras"
    model = write_model(path)
    layer = model.get_layer("motion_conv1")
    layer.set_weights([np.full_like(array, 3e38) for array in layer.get_weights()])
    save_model(model, read_spec(path), path)
    with pytest.raises(ModelError, match=NOT_FINITE):
        predict(images, path, fps=FPS, engine=engine)
    with pytest.raises(ModelError, match=NOT_FINITE):
        features(images, "motion_pool5", path, fps=FPS)
    assert np.isfinite(features(images, "appearance_pool5", path, fps=FPS).features).all()
