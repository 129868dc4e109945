"""Recipes: in files and back, the papers' numbers, and what is fitted to a set."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, replace
from pathlib import Path

import keras
import numpy as np
import pytest

from actionzoo.errors import ModelNotFoundError, TrainingError
from actionzoo.inference.model import load_model
from actionzoo.models import create_model
from actionzoo.names import NETWORKS
from actionzoo.training import Recipe, choose_recipe, papers_recipe
from actionzoo.training.adamw import FusedAdamW
from actionzoo.training.initialization import initial_model, initial_network, initial_spec, training_format
from actionzoo.training.optimizer import GroupedOptimizer, schedule
from actionzoo.training.recipe import read_recipe
from actionzoo.video.spec import InputSpec


def test_a_recipe_comes_back_from_its_file(tmp_path: Path) -> None:
    recipe = Recipe(
        model='my "model" ü.keras', options={"fusion": "sum", "height": 64}, freeze=("a*", "b"), drops=(0.5,), seed=3
    )
    path = tmp_path / "recipe.toml"
    path.write_text(recipe.to_toml(), "utf-8")
    assert asdict(read_recipe(path)) == asdict(recipe)
    assert set(tomllib.loads(path.read_text("utf-8"))) == set(asdict(recipe))


@pytest.mark.parametrize(
    "options",
    [
        {"fusion_layer": None},
        {"fusion_layer": ("relu3", "relu5")},
        {"dropout": (0.5, [0.1, 1e-9])},
        {"a b": '\x7f\n"ü'},
    ],
)
def test_options_come_back_from_a_file(tmp_path: Path, options: dict[str, object]) -> None:
    recipe = Recipe(options=options)
    path = tmp_path / "recipe.toml"
    path.write_text(recipe.to_toml(), "utf-8")
    assert read_recipe(path) == recipe
    assert None not in recipe.options.values()


def test_files_of_older_versions_load(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text('split = 2\nfrozen = ["appearance_*"]\nepochs = 3\n')
    assert read_recipe(path) == Recipe(official_split=2, freeze=("appearance_*",), epochs=3)


def test_the_model_is_a_name_a_path_or_a_handle(tmp_path: Path) -> None:
    model = load_model("mini")
    assert Recipe(model=model) == Recipe(model="mini")
    assert Recipe(model=tmp_path / "my.keras") == Recipe(model=str(tmp_path / "my.keras"))
    assert initial_model(Recipe()).spec == model.spec
    assert initial_model(Recipe(model="st_resnet50")) is None
    with pytest.raises(ModelNotFoundError, match="did you mean st_resnet50"):
        initial_model(Recipe(model="st_resnet5"))


def test_every_recipe_of_the_papers_comes_back(tmp_path: Path) -> None:
    for network in NETWORKS:
        recipe = papers_recipe(network)
        (tmp_path / network).write_text(recipe.to_toml())
        assert read_recipe(tmp_path / network) == recipe


def test_a_network_of_the_zoo_begins_as_on_the_command_line() -> None:
    for network in (*NETWORKS, "mini", "my.keras"):
        assert Recipe(model=network).with_init() == choose_recipe("small", network, None, 50), network
    assert Recipe(model="st_resnet50", init="random").with_init().init == "random"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"height": "a"}, "option height of two_stream_resnet18 is a whole number from 1, not 'a'"),
        ({"stack_length": 2.0}, "option stack_length"),
        ({"width": 0}, "option width"),
        ({"channel_factor": "x"}, "cannot be built with these options"),
        ({"fusion_layer": 3}, "cannot be built with these options"),
        ({"gate": 3}, "cannot be built with these options"),
    ],
)
def test_options_that_no_network_takes(options: dict[str, object], words: str) -> None:
    recipe = Recipe(model="two_stream_resnet18", init="random", options={"height": 32, "width": 32} | options)
    with pytest.raises(TrainingError, match=words):
        initial_network(recipe, None, initial_spec(recipe, None, ("a", "b"), []))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('drops = ["a"]', "each of drops must be of type float, not 'a'"),
        ("unfreeze = [true]", "each of unfreeze must be of type float"),
        ("freeze = [1]", "each of freeze must be of type str"),
        ('freeze = "a"', "freeze must be of type tuple"),
        ("options = 3", "options must be of type dict"),
        ("model = 1979-05-27", "model must be of type str"),
        ("[epochs]", "epochs must be of type int"),
        ("learning_rat = 1.0", "no 'learning_rat'; did you mean learning_rate"),
        ("epochs = 1.5", "epochs must be of type int"),
        ("epochs = true", "epochs must be of type int"),
        ("epochs = ", "cannot be read as a recipe"),
        (f"drops = {'[' * 3000}", "cannot be read as a recipe"),
        ("momentum = 1.0", "momentum is from 0 to below 1"),
        ("drops = [0.9, 0.5]", "rising"),
        ('schedule = "steps"', "needs drops"),
        ('batch_norm = "off"', "train, synchronized, partial, frozen"),
        ("factors = [0.1]", "0 drops but 1 factors"),
    ],
)
def test_files_that_are_no_recipe(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(TrainingError, match=words) as raised:
        choose_recipe(str(path), "mini", None, 10)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize("network", sorted(NETWORKS))
def test_every_network_has_the_papers_recipe(network: str) -> None:
    recipe = papers_recipe(network)
    assert (recipe.optimizer, recipe.momentum, recipe.weight_decay, recipe.bias_factor) == ("sgd", 0.9, 5e-4, 2.0)
    assert recipe.short_side == 256


def test_the_papers_rates() -> None:
    """Places from reference: ST-MulNet 1e-3 twice, then 1e-4, 1e-5, 1e-6; VGG-16 appearance 3, 5, 2, 2 tens."""
    rate = schedule(papers_recipe("st_mulnet50"), 1.0, 500)
    assert [float(rate(step)) for step in (0, 199, 201, 301, 401)] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-5, 1e-6])
    rate = schedule(papers_recipe("appearance_vgg16"), 1.0, 1200)
    assert [float(rate(step)) for step in (0, 301, 801, 1001)] == pytest.approx([1e-3, 5e-4, 5e-5, 5e-6])
    second = papers_recipe("st_resnet50", second_stage=True)
    assert (second.num_frames, second.epochs) == (11, 2)
    with pytest.raises(ValueError, match="only ST-ResNets"):
        papers_recipe("st_mulnet50", second_stage=True)


def test_which_recipe_is_taken() -> None:
    assert choose_recipe("auto", "mini", None, 5000) == Recipe()
    assert choose_recipe("auto", "st_resnet50", None, 50) == Recipe(model="st_resnet50", init="imagenet")
    assert choose_recipe("auto", "st_resnet18", None, 50).init == "random"
    assert choose_recipe("auto", "st_resnet50", None, 5000) == papers_recipe("st_resnet50")
    assert choose_recipe("papers", "st_resnet50", "stage1.keras", 50).init == "stage1.keras"
    assert choose_recipe("auto", "st_resnet50", "st_resnet50").init == "trained"
    assert choose_recipe("auto", "my.keras", "mini").init == "trained"
    with pytest.raises(TrainingError, match="--recipe small"):
        choose_recipe("papers", "mini", None, 50)


def test_sgd_is_the_papers() -> None:
    """v = 0.9 v - rate (gradient + 0.0005 w) for kernels; biases twice as fast and without decay."""
    clip = keras.Input((4,))
    model = keras.Model(clip, keras.layers.Dense(2, name="fc")(clip))
    model.set_weights([np.full((4, 2), 2.0), np.full(2, 2.0)])
    recipe = Recipe(
        optimizer="sgd", schedule="constant", learning_rate=0.1, weight_decay=5e-4, bias_factor=2.0, trained_factor=0.5
    )
    optimizer = GroupedOptimizer(model, recipe, 10)
    kernel, bias = np.full((4, 2), 2.0), np.full(2, 2.0)
    speeds = np.zeros_like(kernel), np.zeros_like(bias)
    for step in range(1, 4):
        gradients = np.full((4, 2), 0.3 * step, np.float32), np.full(2, 0.7 * step, np.float32)
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], model.trainable_weights)
        speeds[0][:] = 0.9 * speeds[0] - 0.05 * (gradients[0] + 5e-4 * kernel)
        speeds[1][:] = 0.9 * speeds[1] - 0.1 * gradients[1]
        kernel, bias = kernel + speeds[0], bias + speeds[1]
    got = model.get_weights()
    np.testing.assert_allclose(got[0], kernel, rtol=1e-5)
    np.testing.assert_allclose(got[1], bias, rtol=1e-5)


@pytest.mark.parametrize("accumulate", [None, 2])
def test_adamw_is_that_of_keras(accumulate: int | None) -> None:
    rng = np.random.default_rng(0)
    start = rng.normal(size=(5, 3)).astype(np.float32), rng.normal(size=3).astype(np.float32)
    rate = keras.optimizers.schedules.CosineDecay(0.0, 6, warmup_target=0.1, warmup_steps=2)
    theirs, ours = ([keras.Variable(array, name=name) for array, name in zip(start, "kb", strict=True)] for _ in "ab")
    reference = keras.optimizers.AdamW(rate, weight_decay=0.05, gradient_accumulation_steps=accumulate)
    reference.exclude_from_weight_decay([theirs[1]])
    fused = FusedAdamW(rate, 0.05, ours[:1], gradient_accumulation_steps=accumulate)
    for optimizer, weights in ((reference, theirs), (fused, ours)):
        optimizer.build(weights)
    for _ in range(6):
        gradients = [keras.ops.convert_to_tensor(rng.normal(size=array.shape).astype(np.float32)) for array in start]
        reference.apply(gradients, theirs)
        fused.apply(gradients, ours)
        assert len(fused.variables) == len(reference.variables)
        for expected, found in zip((*theirs, *reference.variables), (*ours, *fused.variables), strict=True):
            # 1 - 0.999 is rounded by 1.3e-5 in single precision, in which TensorFlow's operation computes it.
            np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=2e-5, atol=5e-6)
    assert not np.allclose(ours[0].numpy(), start[0], atol=0.05)


def test_trained_layers_learn_more_slowly_than_new_ones() -> None:
    model = create_model("st_resnet18", 3, 2, height=32, width=32, stack_length=1, channel_factor=0.0625)
    optimizer = GroupedOptimizer(model, Recipe(), 100)
    assert set(optimizer.optimizers) == {1.0, 0.5}
    count = len(model.get_layer("logits_motion").weights) + len(model.get_layer("logits_appearance").weights)
    assert len(optimizer.optimizers[1.0].variables) < len(optimizer.optimizers[0.5].variables)
    assert sum("logits" in v.path for v in optimizer.optimizers[1.0].variables) >= 2 * count
    assert set(GroupedOptimizer(model, Recipe(init="random"), 100).optimizers) == {1.0}


@pytest.mark.parametrize(
    ("lengths", "fps", "stride"),
    [
        ([(6.0, 30.0)] * 3, 15.0, 7),  # long enough for mini's 46 frames
        ([(2.0, 30.0)] * 3, 15.0, 3),  # 30 frames: (30 - 11) / 5
        ([(3.0, 5.0)] * 3, 5.0, 1),  # slower than mini is
        ([(0.4, 25.0), (0.5, 25.0)], 25.0, 1),  # 11 frames
        ([(8 / 60, 60.0)] * 3, 60.0, 1),
        ([(0.7, 60.0)] * 3, 30.0, 2),  # every second of 42 frames
        ([(60.0, 5.0)] * 3, 5.0, 7),
        ([], 15.0, 7),
    ],
)
def test_clips_are_fitted_to_the_videos(lengths: list[tuple[float, float]], fps: float, stride: int) -> None:
    spec = initial_spec(Recipe(), load_model("mini"), ("a", "b"), lengths)
    assert (spec.fps, spec.stride, spec.num_frames) == (fps, stride, 6)
    assert (spec.height, spec.width, spec.flow) == (112, 144, "dis-fine-fast")
    assert initial_spec(Recipe(stride=4, fps=12.0), load_model("mini"), ("a", "b"), lengths).stride == 4


def test_the_papers_crops_come_from_larger_frames() -> None:
    recipe = papers_recipe("st_resnet50")
    spec = initial_spec(recipe, None, ("a", "b"), [])
    expected = InputSpec(
        ("a", "b"), 224, 224, fps=25.0, num_frames=5, stride=10, flow="tvl1", resize="stretch", mirror=True
    )
    assert spec == expected
    video_format = training_format(recipe, spec)
    assert (video_format.resize, video_format.size((240, 320))) == ("short", (256, 340))
    small = training_format(
        replace(recipe, short_side=0), initial_spec(Recipe(model="st_resnet50"), None, ("a", "b"), [])
    )
    assert (small.resize, small.flow) == ("fit", "dis")


def test_a_set_gets_as_many_epochs_as_it_needs() -> None:
    assert Recipe().fitted(24).epochs == 100
    assert Recipe().fitted(48).epochs == 67
    assert Recipe().fitted(300).epochs == 11
    assert Recipe().fitted(900).epochs == 8
    assert Recipe(epochs=3, batch_size=16).fitted(100, replicas=3).batch_size == 18
    assert Recipe().fitted(5).batch_size == 5
