"""A set of tiny videos, and a tiny network that has been saved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from actionzoo.training import Recipe
from tests.moving import save_convolutions, save_two_layers, write_moving


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven videos of two classes, and three for a test, by persons, as a CSV."""
    folder = tmp_path_factory.mktemp("videos")
    rows = ["path,label,group,split"]
    for number in range(10):
        label = ("down", "left")[number % 2]
        name = f"{label}/{number}_p{number}.mp4"
        write_moving(folder / name, label, number)
        rows.append(f"{name},{label},p{number},{'test' if number > 6 else 'train'}")
    (folder / "set.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of a miniature network that has not learned yet."""
    return save_convolutions(tmp_path_factory.mktemp("model") / "tiny.keras")


@pytest.fixture(scope="session")
def two_layers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of two dense layers, for tests of what lies around the network."""
    return save_two_layers(tmp_path_factory.mktemp("model") / "two_layers.keras")


@pytest.fixture
def recipe(two_layers: Path) -> Recipe:
    """Two epochs of two steps, the second of which is filled up."""
    how = {"optimizer": "sgd", "learning_rate": 0.003, "stride_range": 0}
    return Recipe(model=str(two_layers), num_frames=2, stride=2, fps=15.0, epochs=2, batch_size=4, **how)


@pytest.fixture
def convolutions_recipe(recipe: Recipe, tiny_model: Path) -> Recipe:
    """The same for a network with convolutions, batch norms and two streams."""
    return replace(recipe, model=str(tiny_model))
