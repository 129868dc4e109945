"""The model that ships with the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.special import softmax

from actionzoo.hub import load_catalog, resolve_model
from actionzoo.hub.cache import sha256_of
from actionzoo.inference.engines import load_engine

MINI = Path(__file__).parents[2] / "weights" / "mini"


def test_every_file_is_that_of_the_catalog() -> None:
    files = load_catalog()["mini"].files
    assert set(files) == {"model.keras", "openvino.xml", "openvino.bin"}
    assert {name: sha256_of(MINI / name) for name in files} == dict(files)


def test_it_is_small_and_has_a_card() -> None:
    card = (MINI / "README.md").read_text("utf-8")
    assert card.startswith("---\n")
    assert all(f"\n{key}:" in card.split("---")[1] for key in ("license", "library_name", "pipeline_tag", "tags"))
    assert sum((MINI / name).stat().st_size for name in load_catalog()["mini"].files) <= 12e6


def test_it_knows_six_classes() -> None:
    spec = resolve_model("mini").spec
    assert sorted(spec.classes) == ["handshake", "hug", "kick", "point", "punch", "push"]


def test_both_engines_agree() -> None:
    files = resolve_model("mini")
    spec = files.spec
    rng = np.random.default_rng(0)
    shape = (2, spec.num_frames, spec.height, spec.width)
    appearance = rng.integers(0, 256, (*shape, 3)).astype(np.uint8)
    motion = rng.normal(0, 2, (*shape, 2 * spec.stack_length)).astype(np.float32)
    engines = load_engine(files, "openvino", "f32", batch=2), load_engine(files, "keras")
    scores = [softmax(engine(appearance, motion), axis=-1) for engine in engines]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-3)
