"""Keras reads the networks of the zoo in a new process that has imported actionzoo, in either order."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from actionzoo.models import create_model

MINIATURE = {
    "num_classes": 3,
    "num_frames": 5,
    "height": 32,
    "width": 32,
    "stack_length": 2,
    "channel_factor": 0.0625,
}
OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("two_stream_vgg16", {}),
    ("two_stream_resnet18", {"fusion": "bilinear"}),
    ("two_stream_resnet18", {"fusion": "late", "tower_average": "softmax"}),
    ("two_stream_resnet18", {"temporal_fusion": "conv3d"}),
    ("appearance_resnet18", {"num_frames": None}),
    ("st_resnet50", {"temporal_pool": "average"}),
    ("st_mulnet18", {}),
    ("t_resnet18", {"temporal_init": "alternating", "height": None, "width": None}),
]
"""Networks with all of our layers and initializers among them."""

READ = """
import json, sys
import numpy as np
{imports}
networks = [keras.models.load_model(path) for path in sys.argv[1:]]
given = [{{tensor.name: np.ones((1, 5, 32, 32, tensor.shape[-1])) for tensor in model.inputs}} for model in networks]
print(json.dumps([model(clip, training=False).numpy().tolist() for model, clip in zip(networks, given)]))
"""


@pytest.fixture(scope="module")
def double() -> Iterator[None]:
    """Networks that compute in double precision: in single, the order of sums differs from process to process, and
    deep networks that nobody has trained make much of it."""
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx("float32")


@pytest.fixture(scope="module")
def saved(double: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], list[np.ndarray]]:
    """Saved networks and their answers."""
    folder = tmp_path_factory.mktemp("networks")
    paths, answers = [], []
    for index, (name, options) in enumerate(OPTIONS):
        model = create_model(name, **MINIATURE | options)
        path = folder / f"{index}.keras"
        model.save(path)
        paths.append(path)
        answers.append(np.asarray(model({t.name: np.ones((1, 5, 32, 32, t.shape[-1])) for t in model.inputs})))
    return paths, answers


def read(imports: str, paths: list[Path]) -> list[np.ndarray]:
    command = [sys.executable, "-W", "error::ImportWarning", "-c", READ.format(imports=imports), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return [np.array(answer) for answer in json.loads(done.stdout)]


@pytest.mark.parametrize("imports", ["import actionzoo, keras", "import keras, actionzoo"])
def test_networks_come_back(imports: str, saved: tuple[list[Path], list[np.ndarray]]) -> None:
    paths, answers = saved
    for found, expected in zip(read(imports, paths), answers, strict=True):
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-5)


def test_tensorflow_may_bring_keras(saved: tuple[list[Path], list[np.ndarray]]) -> None:
    paths, answers = saved
    (found,) = read("import actionzoo, tensorflow\nkeras = tensorflow.keras", paths[1:2])
    assert found == pytest.approx(answers[1], rel=1e-6, abs=1e-5)


def test_every_layer_of_ours_is_in_these_networks(saved: tuple[list[Path], list[np.ndarray]]) -> None:
    ours = {name for name in keras.saving.get_custom_objects() if name.startswith("actionzoo>")}
    used = {
        name
        for path in saved[0]
        for name in re.findall(r'"registered_name": "([^"]+)"', zipfile.ZipFile(path).read("config.json").decode())
    }
    assert ours - used <= {"actionzoo>TVL1Flow"}  # no network has it


def test_keras_is_found_as_without_us() -> None:
    code = """
import importlib.util, sys
import actionzoo
assert sys.meta_path[0].__class__.__module__ == "actionzoo.registration"
assert importlib.util.find_spec("keras").origin.endswith("__init__.py")
assert not {"keras", "tensorflow", "numpy"} & set(sys.modules), "something heavy was imported"
sys.modules["keras"] = None
try:
    import keras
except ModuleNotFoundError:
    del sys.modules["keras"]
import keras
assert "actionzoo.models" in sys.modules
assert not any("actionzoo" in str(type(finder)) for finder in sys.meta_path), "the finder stayed"
assert keras.__spec__.loader.get_data(keras.__file__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
