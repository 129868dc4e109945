"""ImageNet weights in networks for actions: what each stream gets, what stays new, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

import actionzoo
from actionzoo.convert import weights as convert_weights
from actionzoo.errors import ModelNotFoundError, WeightsError
from actionzoo.hub.loading import LoadReport, named_weights
from actionzoo.models import create_model
from actionzoo.names import NETWORKS, list_models
from actionzoo.video import read_frames

torch = pytest.importorskip("torch")

from tests.convert.image_networks import CLASSES, TORCHVISION, network, tensors  # noqa: E402
from tests.hub.hub_server import Hub  # noqa: E402
from tests.models import torch_reference as reference  # noqa: E402

SIDE, STACK, TIME = 32, 4, 3
BASES = ["vgg16", "resnet50", "resnet101", "resnet152"]
SIZES = {"height": SIDE, "width": SIDE, "stack_length": STACK, "channel_factor": 0.125, **TORCHVISION}


@pytest.fixture(scope="module")
def resnet50() -> torch.nn.Module:
    return network("resnet50")


def trained(name: str, state: dict[str, np.ndarray], time: int = TIME, **options: object) -> keras.Model:
    """A network in miniature with the weights of a ResNet-50 on pictures."""
    model = create_model(name, CLASSES, time, **SIZES | options)
    convert_weights.load_imagenet(model, "resnet50", state, source="x")
    return model


def report(name: str, state: dict[str, np.ndarray], **options: object) -> LoadReport:
    model = create_model(name, CLASSES, TIME, **SIZES | options)
    base = NETWORKS[name].base
    return convert_weights.load_imagenet(model, base, state, source="x")


def layers(names: tuple[str, ...]) -> set[str]:
    return {name.partition("/")[0] for name in names}


def clips(time: int = TIME, side: int = SIDE) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(time)
    return {
        "appearance": rng.uniform(0, 255, (1, time, side, side, 3)).astype(np.float32),
        "motion": rng.normal(0, 2, (1, time, side, side, 2 * STACK)).astype(np.float32),
    }


def run(model: keras.Model, inputs: dict[str, np.ndarray], layer: str) -> np.ndarray:
    probe = keras.Model(model.input, model.get_layer(layer).output)
    return np.asarray(probe({tensor.name: inputs[tensor.name] for tensor in model.inputs}, training=False))


def test_the_first_layer_of_the_motion_stream_is_made_of_the_trained_one(resnet50: torch.nn.Module) -> None:
    """Loaders that compare shapes and skip what differs leave it random, and say nothing.

    A stack that is `level` grey levels everywhere answers like a picture that is everywhere `level` above the mean,
    once for three of its channels.
    """
    model = create_model("motion_resnet50", CLASSES, 1, **SIZES)
    done = convert_weights.load_imagenet(model, "resnet50", tensors(resnet50), source="x")
    assert "motion_conv1/kernel" in done.loaded
    assert layers(done.new) == {"logits_motion"}
    pixels = 3.0
    got = run(model, {"motion": np.full((1, 1, SIDE, SIDE, 2 * STACK), pixels, np.float32)}, "motion_conv1")
    picture = torch.tensor([0.485, 0.456, 0.406]) * 255 + pixels * 255 / 40
    with torch.inference_mode():
        normalised = reference.Preprocessing("appearance", "torchvision")(picture.view(1, 3, 1, 1))
        expected = resnet50.conv1(normalised.expand(1, 3, SIDE, SIDE)).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(got, expected * 2 * STACK / 3, rtol=1e-4, atol=1e-5)


def test_real_flow_excites_the_first_layer_as_pictures_do(resnet50: torch.nn.Module, clip: Path) -> None:
    """Without the division by 255 and the deviation it would be 58 times as much."""
    side, length = 128, 10
    frames = np.stack([frame.image for frame in read_frames(clip, fps=6, size=(side, side))])
    flow = actionzoo.optical_flow(frames, "farneback")
    first = max(range(len(flow) - length), key=lambda at: flow[at : at + length].std())
    stack = np.moveaxis(flow[first : first + length], 0, 2).reshape(1, 1, side, side, 2 * length)
    sizes = {"height": side, "width": side, "stack_length": length}
    model = trained("two_stream_resnet50", tensors(resnet50), time=1, fusion="late", **sizes)
    inputs = {"appearance": frames[first].astype(np.float32)[None, None], "motion": stack}
    appearance, motion = (run(model, inputs, f"{stream}_conv1").std() for stream in ("appearance", "motion"))
    assert 1 / 5 < motion / appearance < 5


@pytest.mark.parametrize("init", ["average", "centre", "difference"])
@pytest.mark.parametrize("number", [1, 3])
def test_filters_over_time_are_made_of_the_trained_ones(resnet50: torch.nn.Module, init: str, number: int) -> None:
    state = tensors(resnet50)
    model = trained("st_resnet50", state, temporal_init=init)
    taps = {"average": (1 / 3, 1 / 3, 1 / 3), "centre": (0, 1, 0), "difference": (-1, 3, -1)}[init]
    trained_kernel = state[f"layer3.1.conv{number}.weight"][:, :, 0, 0].T
    for stream in ("appearance", "motion"):
        kernel = np.asarray(model.get_layer(f"{stream}_stage4_unit1_conv{number}").kernel)
        assert kernel.shape == (3, 1, *trained_kernel.shape)
        for tap, slice_ in zip(taps, kernel[:, 0], strict=True):
            np.testing.assert_allclose(slice_, tap * trained_kernel, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("st_resnet50", {"temporal_init": "centre", "connection": "none"}),
        ("st_mulnet50", {"temporal_init": "centre", "connection": "none"}),
    ],
)
def test_filters_that_start_at_the_centre_change_nothing(
    resnet50: torch.nn.Module, name: str, options: dict[str, str]
) -> None:
    """Both streams then are the network on pictures, frame by frame."""
    model = trained(name, tensors(resnet50), temporal_pool="none", **options)
    inputs = clips()
    with torch.inference_mode():
        folded = reference.torch_input(inputs["appearance"]).flatten(0, 1)
        x = resnet50.stem(reference.Preprocessing("appearance", "torchvision")(folded))
        for unit in (unit for stage in resnet50.stages() for unit in stage):
            x = torch.relu(unit(x))
    expected = x.mean((2, 3)).numpy()
    got = run(model, inputs, "appearance_pool5")
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    alone = trained("motion_resnet50", tensors(resnet50))
    motion = run(alone, inputs, "motion_pool5")
    np.testing.assert_allclose(run(model, inputs, "motion_pool5"), motion, rtol=1e-4, atol=1e-4 * np.abs(motion).max())


def test_filters_that_average_change_nothing_about_a_still_clip(resnet50: torch.nn.Module) -> None:
    """Far from the clip's ends: behind eight filters, nine frames from them."""
    inputs = {name: np.repeat(clip[:, :1], 19, axis=1) for name, clip in clips(1, 32).items()}
    sizes = {"height": 32, "width": 32, "connection": "none", "temporal_pool": "none"}
    state = tensors(resnet50)
    average, centre = (
        run(trained("st_resnet50", state, 19, temporal_init=init, **sizes), inputs, "appearance_pool5")
        for init in ("average", "centre")
    )
    size = np.abs(centre).max()
    np.testing.assert_allclose(average[9], centre[9], rtol=0, atol=1e-4 * size)
    assert np.abs(average[0] - centre[0]).max() > 1e-2 * size


def test_what_stays_new(resnet50: torch.nn.Module) -> None:
    state = tensors(resnet50)
    towers = {"logits_appearance", "logits_motion"}
    stages = range(2, 6)
    streams = ("appearance", "motion")
    assert layers(report("st_resnet50", state).new) == towers
    injected = {f"{stream}_stage{stage}_unit1_temporal" for stream in streams for stage in stages}
    assert layers(report("st_mulnet50", state).new) == towers | injected
    assert layers(report("two_stream_resnet50", state).new) == towers | {"fusion_stage5_unit2_relu"}
    blocks = [f"{stream}_stage{stage}_unit{unit}_temporal" for stream in streams for stage in stages for unit in (0, 2)]
    beside = {f"{block}{part}" for block in blocks for part in ("", "_bn", "_scale")}
    assert layers(report("t_resnet50", state, streams="both").new) == towers | beside


def test_what_reads_concatenated_maps_stays_new(resnet50: torch.nn.Module) -> None:
    """The first layers behind them have twice the channels to read; inside a stage a shortcut comes in as well."""
    state = tensors(resnet50)
    towers = {"logits_appearance", "logits_motion"}
    between = report("two_stream_resnet50", state, fusion="concat", fusion_layer="relu4")
    unit = "appearance_stage5_unit0"
    assert layers(between.new) == towers | {f"{unit}_conv1", f"{unit}_shortcut"}
    inside = report("two_stream_resnet50", state, fusion="concat", fusion_layer="stage4_unit1_relu")
    unit = "appearance_stage4_unit2"
    assert layers(inside.new) == towers | {f"{unit}_conv1", f"{unit}_shortcut", f"{unit}_shortcut_bn"}
    vgg = tensors(network("vgg16"))
    joined = report("two_stream_vgg16", vgg, height=224, width=224, fusion="concat")
    assert layers(joined.new) == towers | {"appearance_fc6"}


def test_tensors_without_a_place_are_named() -> None:
    """Where the motion stream ends at the fusion, the appearance stream has them all; at a bilinear one both end."""
    state = tensors(network("vgg16"))
    sizes = {"height": 224, "width": 224}
    classifier = ("classifier.6.weight", "classifier.6.bias")
    assert report("two_stream_vgg16", state, towers="appearance", **sizes).unused == classifier
    bilinear = report("two_stream_vgg16", state, towers="appearance", fusion="bilinear", **sizes)
    hidden = [f"classifier.{place}.{kind}" for place in (0, 3) for kind in ("weight", "bias")]
    assert bilinear.unused == (*hidden, *classifier)


def test_nothing_is_loaded_from_a_damaged_file(resnet50: torch.nn.Module) -> None:
    model = create_model("two_stream_resnet50", CLASSES, TIME, **SIZES)
    before = {name: np.array(weight) for name, weight in named_weights(model).items()}
    state = tensors(resnet50)
    state["layer4.2.bn3.running_var"] = np.full_like(state["layer4.2.bn3.running_var"], np.nan)
    with pytest.raises(WeightsError, match=r"x: non-finite numbers in .*stage5_unit2_conv3_bn/moving_variance"):
        convert_weights.load_imagenet(model, "resnet50", state, source="x")
    state = tensors(network("resnet50", 0.0625))
    with pytest.raises(WeightsError, match=r"x: wrong shape of .*_conv1/kernel"):
        convert_weights.load_imagenet(model, "resnet50", state, source="x")
    for name, weight in named_weights(model).items():
        np.testing.assert_array_equal(weight, before[name])


def test_a_1x1_filter_that_is_none_is_refused(resnet50: torch.nn.Module) -> None:
    """Inflation must not hide that it got a 3x3."""
    state = tensors(resnet50)
    state["layer1.1.conv1.weight"] = np.repeat(np.repeat(state["layer1.1.conv1.weight"], 3, 2), 3, 3)
    with pytest.raises(WeightsError, match=r"wrong shape of .*_stage2_unit1_conv1/kernel \(3, 9, 32, 8\)"):
        trained("st_resnet50", state)


@pytest.mark.parametrize("damage", ["cut off", "text", "empty", "bfloat16", "four bits"])
def test_files_that_are_damaged(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "model.safetensors"
    if damage == "four bits":
        header = b'{"conv1.weight":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}}'
        path.write_bytes(len(header).to_bytes(8, "little") + header + b"12")
    elif damage == "bfloat16":
        save_torch({"conv1.weight": torch.zeros(2, dtype=torch.bfloat16)}, path)
    else:
        save_file({"conv1.weight": np.zeros(1000, np.float32)}, path)
        whole = path.read_bytes()
        path.write_bytes({"cut off": whole[:-100], "text": b"<html>" * 100, "empty": b""}[damage])
    with pytest.raises(WeightsError, match=re.escape(str(path))) as caught:
        convert_weights.read_tensors(path)
    assert "\n" not in str(caught.value)


def test_files_that_are_too_large_or_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    with pytest.raises(WeightsError, match=r"model\.safetensors"):
        convert_weights.read_tensors(path)
    save_file({"conv1.weight": np.zeros(1000, np.float32)}, path)
    assert list(convert_weights.read_tensors(path)) == ["conv1.weight"]
    monkeypatch.setattr(convert_weights, "LARGEST_FILE", 1000)
    with pytest.raises(WeightsError, match="is larger than"):
        convert_weights.read_tensors(path)


@pytest.fixture
def catalog(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, SimpleNamespace]]:
    entries = {f"{base}.tv_in1k": SimpleNamespace(name=base) for base in reversed(BASES)}
    entries["mini"] = SimpleNamespace(name="mini")
    monkeypatch.setattr(convert_weights, "load_catalog", lambda: entries)
    return entries


def test_a_whole_network_from_the_hub_by_either_name(hub: Hub, tmp_path: Path) -> None:
    made = network("resnet50", 1)
    path = tmp_path / "model.safetensors"
    save_file(tensors(made), path)
    hub.add("timm/resnet50.tv_in1k", {"model.safetensors": path.read_bytes()})
    picture = np.random.default_rng(2).uniform(0, 255, (1, 1, 48, 48, 3)).astype(np.float32)
    with torch.inference_mode():
        made.fc = torch.nn.Identity()
        expected = reference.Single("appearance", made)(reference.torch_input(picture)).numpy()
    by_name = create_model("appearance_resnet50", 5, 1, weights="imagenet", height=48, width=48)
    asked = len(hub.requests)
    in_keras_manner = actionzoo.models.AppearanceResNet50(
        include_top=False, weights="imagenet", input_shape=(1, 48, 48)
    )
    assert len(hub.requests) == asked, "fetched once"
    assert by_name.output.shape == (None, 5)
    from_file = create_model("appearance_resnet50", 5, 1, weights=str(path), height=48, width=48)
    inputs = {"appearance": picture}
    named = (run(model, inputs, "appearance_pool5") for model in (by_name, from_file))
    for got in (*named, in_keras_manner(inputs, training=False)):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


def test_every_network_gets_the_options_that_its_weights_need(catalog: object) -> None:
    for name in list_models():
        if name.endswith("18"):
            with pytest.raises(ValueError, match=re.escape(f"{BASES}. Received: a network on resnet18")):
                convert_weights.builder_options(name, "imagenet", {})
            continue
        options = convert_weights.builder_options(name, "imagenet", {"num_classes": 5})
        assert options.pop("num_classes") == 5
        assert options == (TORCHVISION if "resnet" in name or "mulnet" in name else {"preprocessing": "torchvision"})


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("st_resnet50", {"strides": "caffe"}, "strides='torchvision' .* Received: strides='caffe'"),
        ("two_stream_vgg16", {"preprocessing": "caffe"}, "'torchvision' .* Received: preprocessing='caffe'"),
        ("st_resnet50", {"channel_factor": 0.5}, "all channels. Received: channel_factor=0.5"),
        ("st_resnet18", {}, r"\['vgg16', 'resnet50', 'resnet101', 'resnet152'\]. Received: .*resnet18"),
    ],
)
def test_networks_that_cannot_have_them(catalog: object, name: str, options: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        create_model(name, 5, **{"weights": "imagenet"} | options)


def test_vgg16_for_pictures_that_are_too_small() -> None:
    state = tensors(network("vgg16"))
    with pytest.raises(ValueError, match=r"at least 224x224\. Received: height=32, width=32"):
        report("two_stream_vgg16", state)
    bilinear = report("two_stream_vgg16", state, fusion="bilinear", towers="appearance")
    assert layers(bilinear.new) == {"logits_appearance"}


def test_a_file_of_keras(tmp_path: Path) -> None:
    model = create_model("st_resnet18", CLASSES, TIME, **SIZES)
    path = tmp_path / "model.weights.h5"
    with pytest.raises(ModelNotFoundError, match=r"no weights file .*model\.weights\.h5"):
        convert_weights.load_weights(model, "st_resnet18", str(path))
    model.save_weights(path)
    other = create_model("st_resnet18", CLASSES, TIME, **SIZES)
    done = convert_weights.load_weights(other, "st_resnet18", str(path))
    assert done == LoadReport(tuple(named_weights(model)), (), ())
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    wider = create_model("st_resnet18", CLASSES, TIME, **SIZES | {"channel_factor": 0.25})
    with pytest.raises(WeightsError, match="does not fit st_resnet18") as caught:
        convert_weights.load_weights(wider, "st_resnet18", str(path))
    assert "\n" not in str(caught.value)
    whole = path.read_bytes()
    for place, content in enumerate((whole[:1000], whole.replace(b"SNOD", b"NODS"))):  # the mark of a table of names
        damaged = tmp_path / f"damaged{place}.weights.h5"
        damaged.write_bytes(content)
        with pytest.raises(WeightsError, match="is damaged"):
            convert_weights.load_weights(other, "st_resnet18", str(damaged))


def test_a_trained_model(tmp_path: Path) -> None:
    model = create_model("st_resnet18", CLASSES, TIME, **SIZES)
    run = tmp_path / "run"
    run.mkdir()
    model.save(run / "model.keras")
    expected = np.asarray(model(clips(), training=False))
    for weights in (run, str(run), run / "model.keras"):
        for again in (
            create_model("st_resnet18", CLASSES, TIME, weights=weights, **SIZES),
            create_model(weights=weights),
        ):
            np.testing.assert_allclose(np.asarray(again(clips(), training=False)), expected, atol=1e-5)
    other = create_model("st_resnet18", CLASSES + 1, 5, weights=run, **SIZES)
    assert other.output_shape == (None, CLASSES + 1)
    changed = (name for name, weight in named_weights(other).items() if not same(weight, model, name))
    assert layers(tuple(changed)) == {"logits_appearance", "logits_motion"}
    with pytest.raises(WeightsError, match="run was trained with another `preprocessing`"):
        create_model("st_resnet18", CLASSES, TIME, weights=run, **SIZES | {"preprocessing": "caffe"})
    with pytest.raises(WeightsError, match=r"run (lacks|has) .* of the same network"):
        create_model("two_stream_resnet18", CLASSES, TIME, weights=run, **SIZES)
    with pytest.raises(WeightsError, match=r"wrong shape .* of the same network"):
        create_model("st_resnet18", CLASSES, TIME, weights=run, **SIZES | {"channel_factor": 0.25})


def same(weight: keras.Variable, model: keras.Model, name: str) -> bool:
    other = named_weights(model)[name]
    return weight.shape == other.shape and np.array_equal(weight, other)


def test_mini_by_its_name() -> None:
    model = create_model(weights="mini")
    assert model.output_shape == (None, 6)
    clip = {tensor.name: np.ones((1, *tensor.shape[1:]), np.float32) for tensor in model.inputs}
    assert np.abs(np.asarray(model(clip, training=False))).max() > 1e-3


def test_a_model_that_is_not_there() -> None:
    for name in (None, "st_resnet18"):
        sizes = {"num_classes": CLASSES, **SIZES} if name else {}
        with pytest.raises(
            ModelNotFoundError, match=r"no model 'minni'; did you mean mini\?.* or weights .*'imagenet'"
        ):
            create_model(name, weights="minni", **sizes)


@pytest.mark.parametrize("options", [{}, {"weights": "imagenet"}, {"weights": "mini", "num_classes": 3}])
def test_a_network_needs_its_name(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="`name` may be left out only where `weights` is a trained model"):
        create_model(**options)


def test_a_network_needs_a_number_of_classes() -> None:
    with pytest.raises(ValueError, match="needs the argument `num_classes`"):
        create_model("st_resnet18")
