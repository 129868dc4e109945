"""`actionzoo.visualize` in Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import actionzoo
from actionzoo.errors import ModelError
from actionzoo.visualization import ArgumentError
from actionzoo.visualization.gallery import read_painted
from actionzoo.visualization.targets import choose_targets
from tests.moving import save_two_layers


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> actionzoo.Model:
    return actionzoo.load_model(save_two_layers(tmp_path_factory.mktemp("model") / "model.keras"))


def test_results_come_one_by_one_and_together(model: actionzoo.Model, tmp_path: Path) -> None:
    seen: list[Any] = []
    steps: list[tuple[int, int]] = []
    results = actionzoo.visualize(
        model, label=["left", "down", "left"], speed="slow", steps=2, output=tmp_path,
        on_result=seen.append, progress=lambda step, count, objective: steps.append((step, count)),
    )  # fmt: skip
    assert [result.target.name for result in results] == ["left", "down"]
    assert seen == results
    assert steps == [(1, 2), (2, 2)]  # both at once
    assert (tmp_path / "overview.png").exists()
    assert all(path.exists() for result in results for path in result.files)
    clip = read_painted(results[0], "slow")
    assert clip.appearance is not None
    assert clip.appearance.shape == (2, 32, 48, 3)
    assert str(results[0]) == f"left  slow {results[0].probabilities['slow']:.3f}  {tmp_path / 'left.png'}"


def test_a_path_is_a_model_too(model: actionzoo.Model, tmp_path: Path) -> None:
    (one,) = actionzoo.visualize(model, layer="hidden", channel=3, speed=["fast"], steps=1, output=tmp_path / "one")
    (two,) = actionzoo.visualize(model.name, layer="hidden", channel=3, speed="fast", steps=1, output=tmp_path / "two")
    assert one.responses == two.responses
    assert not (tmp_path / "one" / "overview.png").exists()


def test_targets_come_once_and_in_order(model: actionzoo.Model) -> None:
    assert [target.name for target in choose_targets(model, ["all"])] == ["down", "left"]
    found = choose_targets(model, [], "all", first=9)  # of fewer channels all
    assert [target.name for target in found] == [*(f"hidden {place}" for place in range(4)), "logits 0", "logits 1"]
    assert [target.channel for target in choose_targets(model, [], "hidden", [2, 1, 2])] == [2, 1]
    with pytest.raises(ModelError, match="did you mean logits"):
        choose_targets(model, [], "logit", [0])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "either a class or a layer"),
        ({"label": "left", "channel": 0}, "belong to a layer"),
        ({"layer": "logits", "first": 0}, "at least 1"),
        ({"layer": "logits", "channel": 0, "first": 1}, "either channel or first"),
        ({"label": "left", "speed": ["slow", "quick"]}, "'quick' is not one of slow, medium, fast"),
        ({"label": "left", "data": "x", "seed": 1}, "seed is for painted clips"),
        ({"label": "all", "video": "x"}, "one class"),
    ],
)
def test_arguments_that_do_not_go_together(model: actionzoo.Model, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        actionzoo.visualize(model, **arguments)
