"""The authors' files: what MatConvNet's graph computes, our model computes.

Every network is built as the authors' scripts build it, with narrow layers, written as MATLAB does, and run twice: as
the graph that the file holds, layer by layer in numpy, and as the model that is made of the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from actionzoo.convert import weights as convert_weights
from actionzoo.convert.mat_file import read_network
from actionzoo.convert.matconvnet import convert_mat
from actionzoo.errors import ModelNotFoundError, WeightsError
from actionzoo.hub import resolve_model, save_model
from actionzoo.hub.keras_models import load_keras
from actionzoo.models import create_model

from .author_networks import CLASSES, SIDE, STACK, ResNet, fused, resnet, spatiotemporal, units, vgg
from .dagnn_reference import DagNN
from .mat_files import write_v7, write_v73

MEAN = np.array([123.0, 115.5, 103.25])
FLOW_SCALE = 255 / 40


def clip(frames: int, side: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    appearance = rng.uniform(0, 255, (1, frames, side, side, 3)).astype(np.float32)
    return {"appearance": appearance, "motion": rng.normal(0, 2, (1, frames, side, side, 2 * STACK)).astype(np.float32)}


def assert_same(path: Path, net: DagNN, towers: list[str], name: str, frames: int, side: int = SIDE) -> Any:
    """The model of a file gives the scores of the graph, averaged over frames and towers; the model."""
    model, spec, report = convert_mat(path, side=side, frames=frames)
    assert model.name == name
    assert report.new == ()
    seen = clip(frames, side)
    single = "input" if len(towers) == 1 and "motion" not in name else "input_flow"
    inputs = {"input": seen["appearance"][0] - MEAN, "input_flow": seen["motion"][0] * FLOW_SCALE}
    if len(towers) == 1:
        inputs = {"input": inputs[single]}
    values = net.run(**inputs)
    expected = np.mean([values[tower].mean(axis=(0, 1, 2)) for tower in towers], axis=0)
    found = np.asarray(model({key: seen[key] for key in model.input}, training=False))[0]
    assert np.abs(found - expected).max() < 1e-3 * max(1, np.abs(expected).max())
    assert expected.std() > 1e-3
    return spec


def meta(mean: np.ndarray = MEAN) -> dict[str, Any]:
    names = [f"class {place}" for place in range(CLASSES)]
    return {"normalization": {"averageImage": mean.reshape(1, 1, -1)}, "classes": {"name": names, "description": names}}


@pytest.mark.parametrize("write", [write_v7, write_v73])
def test_resnet_50_on_frames(tmp_path: Path, write: Any) -> None:
    net = DagNN()
    tower = resnet(net, 3, bias=True)
    path = write(tmp_path / "net.mat", {"net": net.struct(**meta())})
    spec = assert_same(path, net, [tower], "appearance_resnet50", 2)
    assert spec.classes == tuple(f"class {place}" for place in range(CLASSES))
    assert (spec.flow, spec.resize, spec.mirror) == ("tvl1", "stretch", True)


def test_resnet_50_on_flow_in_variables_of_its_own(tmp_path: Path) -> None:
    net = DagNN()
    tower = resnet(net, 2 * STACK)
    path = write_v7(tmp_path / "net.mat", net.struct(**meta(np.full(2 * STACK, 128.0))) | {"state": 1.0})
    assert_same(path, net, [tower], "motion_resnet50", 2)


@pytest.mark.parametrize(("stream", "channels"), [("appearance", 3), ("motion", 2 * STACK)])
def test_vgg_16(tmp_path: Path, stream: str, channels: int) -> None:
    net = DagNN()
    tower = vgg(net, "", channels, "input")
    path = write_v7(tmp_path / "net.mat", {"net": net.struct(**meta())})
    assert_same(path, net, [tower], f"{stream}_vgg16", 1, 224)


def test_vgg_16_as_a_chain(tmp_path: Path) -> None:
    """A SimpleNN: the layers hold their weights."""
    net = DagNN()
    tower = vgg(net, "", 3, "input")
    kinds = {"Conv": "conv", "ReLU": "relu", "Pooling": "pool", "DropOut": "dropout"}
    chain = [
        {
            "name": layer["name"] if layer["name"] != "prediction" else "layer38",
            "type": kinds[layer["type"].removeprefix("dagnn.")],
            "weights": [net.params[name] for name in layer["params"]],
        }
        for layer in net.layers
    ]
    path = write_v7(tmp_path / "net.mat", {"net": {"layers": [[layer] for layer in chain], "meta": meta()}})
    assert_same(path, net, [tower], "appearance_vgg16", 1, 224)


@pytest.mark.parametrize(("how", "pool3d"), [("conv3d", True), ("conv", True), ("conv", False), ("sum", False)])
def test_two_stream_fusion(tmp_path: Path, how: str, pool3d: bool) -> None:
    net = DagNN()
    towers = fused(net, how, pool3d=pool3d)
    joint = np.concatenate([np.full(2 * STACK, 128.0), MEAN])
    path = write_v7(tmp_path / "net.mat", {"net": net.struct(**meta(joint))})
    assert_same(path, net, towers, "two_stream_vgg16", 5, 224)


@pytest.mark.parametrize(("pool", "frames"), [(None, 3), ((5.0, 2.0), 7)])
def test_st_resnet(tmp_path: Path, pool: tuple[float, float] | None, frames: int) -> None:
    net = DagNN()
    towers = spatiotemporal(net, "Sum", pool)
    path = write_v7(tmp_path / "net.mat", {"net": net.struct(**meta())})
    assert_same(path, net, towers, "st_resnet50", frames)


def test_st_mulnet(tmp_path: Path) -> None:
    net = DagNN()
    towers = spatiotemporal(net, "Mul", (5.0, 1.0))
    path = write_v7(tmp_path / "net.mat", {"net": net.struct(**meta())})
    assert_same(path, net, towers, "st_mulnet50", 6)


@pytest.mark.parametrize(("gate", "into"), [("Sum", "m"), ("Mul", "am")])
def test_connections_that_lead_elsewhere(tmp_path: Path, gate: str, into: str) -> None:
    net = DagNN()
    towers = spatiotemporal(net, gate, None, into=into)
    path = write_v7(tmp_path / "net.mat", {"net": net.struct(**meta())})
    assert_same(path, net, towers, {"Sum": "st_resnet50", "Mul": "st_mulnet50"}[gate], 3)


def t_resnet(net: DagNN, channels: int = 3, pool_over: tuple[float, float] | None = (np.inf, 1.0)) -> str:
    stream = ResNet(net, "", channels, "input")
    for stage, letters in enumerate(units(50), start=2):
        for letter in letters:
            stream.unit(stage, letter, beside=letter in "ac")
    return stream.finish(pool_over=pool_over, pooled_last=True)


def test_t_resnet(tmp_path: Path) -> None:
    net = DagNN()
    tower = t_resnet(net)
    path = write_v7(tmp_path / "net.mat", {"net": net.struct(**meta())})
    assert_same(path, net, [tower], "t_resnet50", 4)


def test_t_resnet_on_flow(tmp_path: Path) -> None:
    net = DagNN()
    t_resnet(net, 2 * STACK)
    path = write_v7(tmp_path / "net.mat", {"net": net.struct(**meta())})
    model, _, report = convert_mat(path, side=SIDE, frames=4)
    assert list(model.input) == ["motion"]
    assert report.new == ()


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda net: spatiotemporal(net, "Sum", None, stages=""), "meet in a way that we do not know"),
        (lambda net: spatiotemporal(net, "Mul", None, stages="25"), "do not meet once in each of the stages 2 to 5"),
        (lambda net: spatiotemporal(net, "Sum", None, activated=True), "not as a sum and the other stream's ReLU"),
        (lambda net: spatiotemporal(net, "Sum", (np.inf, 1.0)), "pools over inf frames"),
        (lambda net: fused(net, pool3d=False), "both of its towers must pool 2x2x5"),
        (lambda net: fused(net, swapped=True), "one Concat of appearance and motion, in this order"),
        (lambda net: fused(net, both=False), "have one tower only"),
        (lambda net: t_resnet(net, pool_over=None), "no maximum over the whole clip"),
    ],
)
def test_graphs_that_only_look_like_ours(tmp_path: Path, build: Any, says: str) -> None:
    """Their parameters have the names and shapes of a network of ours, which would compute something else."""
    net = DagNN()
    build(net)
    path = write_v7(tmp_path / "net.mat", {"net": net.struct(**meta())})
    with pytest.raises(WeightsError, match=says):
        convert_mat(path, frames=5)


@pytest.mark.parametrize("depth", [101, 152])
def test_the_deeper_ones_by_their_names(tmp_path: Path, depth: int) -> None:
    net = DagNN()
    tower = resnet(net, 3, depth)
    path = write_v7(tmp_path / "net.mat", {"net": net.struct(**meta())})
    assert_same(path, net, [tower], f"appearance_resnet{depth}", 1)


def test_a_model_of_a_file_is_a_model(tmp_path: Path) -> None:
    net = DagNN()
    resnet(net, 3)
    path = write_v7(tmp_path / "net.mat", {"net": net.struct(**meta())})
    model, spec, _ = convert_mat(path)
    assert (model.name, model.output_shape) == ("appearance_resnet50", (None, CLASSES))
    save_model(model, spec, tmp_path / "model.keras")
    files = resolve_model(tmp_path / "model.keras")
    assert files.spec.classes[4] == "class 4"
    offset = load_keras(files).get_layer("appearance_preprocessing").offset
    assert np.allclose(np.ravel(offset), -MEAN)


def test_a_file_fills_a_network_by_its_name_or_the_catalogs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = DagNN()
    tower = resnet(net, 3)
    path = write_v7(tmp_path / "net.mat", {"net": net.struct(**meta())})
    monkeypatch.setattr(convert_weights, "fetch_weights", lambda entry, *, offline: path)
    seen = clip(2, SIDE)["appearance"]
    expected = net.run(input=seen[0] - MEAN)[tower].mean(axis=(0, 1, 2))
    sizes = {
        "height": SIDE,
        "width": SIDE,
        "channel_factor": convert_mat(path)[0].get_layer("appearance_conv1").filters / 64,
    }
    for weights in (path, "appearance_resnet50.ucf101_split1"):
        model = create_model("appearance_resnet50", CLASSES, 2, weights=weights, **sizes)
        found = np.asarray(model({"appearance": seen}, training=False))[0]
        assert np.abs(found - expected).max() < 1e-3 * max(1, np.abs(expected).max())
        assert create_model(weights=weights).output_shape == (None, CLASSES)
    other = create_model("appearance_resnet50", CLASSES + 1, 2, weights=path, **sizes)
    np.testing.assert_array_equal(
        other.get_layer("appearance_conv1").kernel, model.get_layer("appearance_conv1").kernel
    )
    with pytest.raises(WeightsError, match=r"net\.mat was trained with another `preprocessing`"):
        create_model("appearance_resnet50", CLASSES, 2, weights=path, preprocessing="torchvision", **sizes)
    with pytest.raises(WeightsError, match=r"net\.mat (lacks|has) .* of the same network"):
        create_model("two_stream_resnet50", CLASSES, 2, weights=path, **sizes)


def broken(net: DagNN, change: str) -> dict[str, Any]:
    """The variables of a file with something wrong in it."""
    struct = net.struct(**meta())
    params = {entry["name"]: entry for entry in struct["params"]}
    if change == "missing":
        struct["params"].remove(params["res4c_branch2b_filter"])
    elif change == "more":
        struct["params"].append({"name": "lstm_w", "value": np.ones((2, 2)), "learningRate": 1.0})
    elif change == "shape":
        params["res4c_branch2b_filter"]["value"] = np.ones((3, 3, 16, 15), np.float32)
    elif change == "nan":
        params["res4c_branch2b_filter"]["value"] = params["res4c_branch2b_filter"]["value"] * np.float32("nan")
    elif change == "unit":
        struct["params"] = [entry for entry in struct["params"] if "4f_" not in entry["name"]]
    elif change == "mean":
        struct["meta"]["normalization"]["averageImage"] = np.ones((1, 1, 7))
    elif change == "flow":
        struct["meta"]["normalization"]["averageImage"] = np.full((1, 1, 2 * STACK), 100.0)
    elif change == "moments":
        params["bn4c_branch2b_moments"]["value"] = params["bn4c_branch2b_moments"]["value"].T
    elif change == "no classes":
        params["fc101_filter"]["value"] = np.ones((1, 1, 128, 0), np.float32)
    elif change == "twice":
        struct["params"].append(params["res4c_branch2b_filter"])
    elif change == "text":
        params["res4c_branch2b_filter"]["value"] = "no numbers"
    elif change == "classifier":
        struct["layers"] = [layer for layer in struct["layers"] if not layer["type"].endswith(".Conv")]
    return {"net": struct}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("missing", "stage4_unit2_conv2/kernel"),
        ("more", "has lstm_w, which no network that we know has"),
        ("shape", "stage4_unit2_conv2/kernel"),
        ("nan", "stage4_unit2_conv2/kernel"),
        ("unit", r"\(3, 4, 5, 3\) residual units a stage are no ResNet-50, 101 or 152"),
        ("mean", "its mean picture has 7 values"),
        ("flow", "its mean of flow is 100.0; 128 is known"),
        ("moments", r"the moments of stage4_unit2_conv2_bn are \(2, 16\), not \(channels, 2\)"),
        ("no classes", "not laid out as the authors' files"),
        ("twice", "several parameters of one name"),
        ("text", "a parameter is no array of numbers"),
        ("classifier", "has no classifier"),
    ],
)
def test_networks_that_are_not_whole(tmp_path: Path, change: str, says: str) -> None:
    net = DagNN()
    resnet(net, 2 * STACK if change == "flow" else 3)
    path = write_v7(tmp_path / "net.mat", broken(net, change))
    with pytest.raises(WeightsError, match=says) as caught:
        convert_mat(path, side=SIDE)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_streams_on_different_networks(tmp_path: Path) -> None:
    net = DagNN()
    a = ResNet(net, "_spatial", 3, "input")
    m = ResNet(net, "_temporal", 2 * STACK, "input_flow")
    for stream, depth in ((a, 50), (m, 152)):
        for stage, letters in enumerate(units(depth), start=2):
            for letter in letters:
                stream.unit(stage, letter)
        stream.finish()
    path = write_v7(tmp_path / "net.mat", {"net": net.struct(**meta())})
    with pytest.raises(WeightsError, match=r"appearance on resnet50 and motion on resnet152; .* built yet"):
        convert_mat(path, side=SIDE)


def test_files_that_hold_no_network(tmp_path: Path) -> None:
    path = tmp_path / "net.mat"
    with pytest.raises(ModelNotFoundError, match="there is no file"):
        convert_mat(path)
    write_v7(path, {"imdb": 3.0})
    with pytest.raises(WeightsError, match="it has imdb, but no net with layers"):
        convert_mat(path)
    net = DagNN()
    resnet(net, 3)
    whole = write_v7(tmp_path / "whole.mat", {"net": net.struct()}).read_bytes()
    for damage in (b"", b"text", whole[:2000], whole[: len(whole) // 2], b"\x89HDF\r\n\x1a\n" + b"\0" * 100):
        path.write_bytes(damage)
        with pytest.raises(WeightsError, match="is no MATLAB file with a network, or is damaged"):
            convert_mat(path)


def test_hdf5_stays_in_its_file(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "secret.h5", "w") as secret:
        secret["net"] = np.ones(3)
    for link in (h5py.ExternalLink("secret.h5", "/net"), h5py.SoftLink("/other")):
        with h5py.File(tmp_path / "net.mat", "w") as file:
            file["net"] = link
        with pytest.raises(WeightsError, match="net is a link to somewhere else"):
            read_network(tmp_path / "net.mat")


def test_files_that_are_too_large_or_too_deep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep: Any = 1.0
    for _ in range(12):
        deep = {"net": deep}
    path = write_v7(tmp_path / "net.mat", deep)
    with pytest.raises(WeightsError, match="nested too deeply"):
        read_network(path)
    monkeypatch.setattr("actionzoo.convert.mat_file.MAX_BYTES", 10)
    with pytest.raises(WeightsError, match="larger than any network"):
        read_network(path)


def test_files_that_unpack_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_v7(tmp_path / "net.mat", {"first": 1.0, "net": {"zeros": np.zeros((500, 500))}})  # 2 MB of zeros
    assert path.stat().st_size < 100_000
    for most, says in ((2_100_000, "no net with layers"), (1_900_000, "unpacks to more than any network")):
        monkeypatch.setattr("actionzoo.convert.mat_file.MAX_BYTES", most)
        with pytest.raises(WeightsError, match=says):
            read_network(path)


def test_hdf5_that_promises_more_than_it_holds(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "net.mat", "w") as file:
        file.create_dataset("net", (1 << 20, 1 << 20), "f8", chunks=(1 << 10, 1 << 10))
    assert (tmp_path / "net.mat").stat().st_size < 10_000
    with pytest.raises(WeightsError, match="unpacks to more"):
        read_network(tmp_path / "net.mat")


def test_a_file_that_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_v7(tmp_path / "net.mat", {"imdb": 3.0})
    monkeypatch.setattr("actionzoo.convert.mat_file.SECONDS", 0.0)
    with pytest.raises(WeightsError, match=r"is no MATLAB file .* \(reading it does not end within 0 s\)"):
        read_network(path)


def test_names_of_classes_that_a_terminal_would_obey(tmp_path: Path) -> None:
    net = DagNN()
    resnet(net, 3)
    names = [f"\x1b[31mclass {place}" for place in range(CLASSES)]
    path = write_v7(tmp_path / "net.mat", {"net": net.struct(classes={"name": names, "description": names})})
    _, spec, _ = convert_mat(path, side=SIDE, frames=1)
    assert spec.classes == ()
