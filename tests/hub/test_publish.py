"""Publishing a model, to a hub on the loopback interface, and getting the same one back."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from huggingface_hub import ModelCard, constants

from actionzoo.errors import ModelError, ModelNotFoundError, OfflineError, WeightsError
from actionzoo.hub import InputSpec, resolve_model, save_model
from actionzoo.hub.publish import push
from actionzoo.inference import load_model
from actionzoo.models import create_model

from .conftest import use_hub
from .hub_server import Hub

SIDE = 32
SPEC = InputSpec(("push|pull", "hug"), SIDE, SIDE, num_frames=2, stride=3, stack_length=2, flow="tvl1")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with a tiny network and more than is to be uploaded."""
    folder = tmp_path_factory.mktemp("run")
    sizes = {"height": SIDE, "width": SIDE, "stack_length": 2}
    model = create_model("two_stream_resnet18", 2, 2, channel_factor=0.0625, fusion="late", **sizes)
    save_model(model, SPEC, folder / "model.keras")
    (folder / "metrics.json").write_text(json.dumps({"top-1 accuracy": 0.875, "data": "my clips", "done": True}))
    (folder / "secret.log").write_text("private")
    return folder


@pytest.fixture
def logged_in(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setenv("HF_TOKEN", hub.token)
    return hub


def test_a_model_comes_back_as_it_was(run: Path, logged_in: Hub, clip: Path) -> None:
    address = push(run, "hf://someone/my-model", licence="mit")
    files = resolve_model(address)
    assert files.spec == SPEC
    assert files.sha256 == resolve_model(run).sha256
    back, here = (load_model(model, engine="keras").predict(clip) for model in (address, run))
    assert back.predictions == here.predictions
    assert back.label in SPEC.classes


def test_what_is_uploaded_and_nothing_else(run: Path, logged_in: Hub) -> None:
    push(run, "hf://someone/my-model", licence="mit")
    files = logged_in.repositories["someone/my-model"][-1]
    assert set(files) == {"model.keras", "README.md", "input.json", "labels.txt"}
    assert InputSpec.from_json(files["input.json"]) == SPEC
    assert files["labels.txt"].decode().split("\n") == ["push|pull", "hug", ""]
    assert files["model.keras"] == (run / "model.keras").read_bytes()


def test_the_card_says_what_is_known(run: Path, logged_in: Hub, tmp_path: Path) -> None:
    push(run, "hf://someone/my-model", licence="mit")
    text = logged_in.repositories["someone/my-model"][-1]["README.md"].decode()
    front = ModelCard(text).data.to_dict()
    assert (front["license"], front["library_name"], front["pipeline_tag"]) == ("mit", "keras", "video-classification")
    for fact in ("top-1 accuracy: 0.875", "Trained on: my clips", "method tvl1", r"push\|pull, hug", "mit"):
        assert fact in text
    assert "done" not in text
    bare = tmp_path / "bare.keras"
    bare.write_bytes((run / "model.keras").read_bytes())
    push(bare, "hf://someone/bare")
    text = logged_in.repositories["someone/bare"][-1]["README.md"].decode()
    assert "license" not in ModelCard(text).data.to_dict()
    for unknown in ("licence of the weights is not stated", "trained on is not stated", "Not measured"):
        assert unknown in text


def test_a_second_version_leaves_the_first_as_it_was(run: Path, logged_in: Hub) -> None:
    first = push(run, "hf://someone/my-model")
    second = push(run, "hf://someone/my-model", licence="apache-2.0")
    assert first != second
    assert resolve_model(first).sha256 == resolve_model(second).sha256


def test_who_may_not(run: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelError, match=r"nobody is logged in .* `hf auth login`"):
        push(run, "hf://someone/my-model")
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(ModelError, match="nobody is logged in"):
        push(run, "hf://someone/my-model")
    monkeypatch.setenv("HF_TOKEN", hub.token)
    hub.read_only = True
    with pytest.raises(ModelError, match="may not write there"):
        push(run, "hf://someone/my-model")
    assert hub.repositories == {}


def test_what_cannot_be_published(run: Path, logged_in: Hub, tmp_path: Path) -> None:
    for address, says in (("hf://someone/my-model@v1", "names a revision"), ("someone/my-model", "no hub address")):
        with pytest.raises(ModelNotFoundError, match=says):
            push(run, address)
    with pytest.raises(ModelNotFoundError, match="comes with actionzoo"):
        push("mini", "hf://someone/my-model")
    with pytest.raises(ModelNotFoundError, match="holds no model"):
        push(tmp_path, "hf://someone/my-model")
    (tmp_path / "model.keras").write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="not a Keras model"):
        push(tmp_path, "hf://someone/my-model")
    (tmp_path / "model.keras").write_bytes((run / "model.keras").read_bytes())
    for damage in ("{", "[]", "x" * 2_000_000):
        (tmp_path / "metrics.json").write_text(damage)
        with pytest.raises(ModelError, match=r"metrics.json cannot be read .*; mend or remove it"):
            push(tmp_path, "hf://someone/my-model")
    assert logged_in.repositories == {}


def test_no_network(run: Path, logged_in: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actionzoo.hub.publish.WAIT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (silent.getsockname()[1], 9):
            use_hub(monkeypatch, tmp_path, f"http://127.0.0.1:{port}")
            with pytest.raises(ModelError, match="the hub did not take it"):
                push(run, "hf://someone/my-model")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(OfflineError, match="HF_HUB_OFFLINE"):
        push(run, "hf://someone/my-model")
