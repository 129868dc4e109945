from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import pytest

from actionzoo.models import create_model, list_models

from .conftest import Result

Run = Callable[..., Result]
RESNET18_PARAMETERS = 11_689_512
"""Of torchvision's network of 1000 classes, the batch norm's 9,600 statistics not counted."""


def test_list_is_the_registry(run: Run) -> None:
    result = run("models", "list")
    assert (result.code, result.err) == (0, "")
    assert [line.split()[0] for line in result.out.splitlines()] == list_models()


def test_list_says_what_and_where_from(run: Run) -> None:
    assert run("models", "list", "st_mul*").out.splitlines() == [
        "st_mulnet18   two ResNet-18, motion multiplied into appearance   CVPR'17",
        "st_mulnet50   two ResNet-50, motion multiplied into appearance   CVPR'17",
        "st_mulnet101  two ResNet-101, motion multiplied into appearance  CVPR'17",
        "st_mulnet152  two ResNet-152, motion multiplied into appearance  CVPR'17",
    ]


def test_list_as_json(run: Run) -> None:
    (network,) = json.loads(run("models", "list", "t_resnet50", "--json").out)
    assert (network["name"], network["system"], network["paper"]["venue"]) == ("t_resnet50", "T-ResNet", "CVPR'17")


def test_list_on_a_terminal_has_a_heading(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    heading, first = run("models", "list", "st_resnet50").out.splitlines()
    assert re.sub(r"\x1b\[[\d;]*m", "", heading).split() == ["name", "what", "it", "is", "paper"]
    assert "\x1b[1mst_resnet50" in first


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("resnet", "'*resnet*' matches 20"),
        ("stresnet*", "did you mean st_resnet"),
        ("zz*", "`actionzoo models list` names them all"),
        ("", "`actionzoo models list` names them all"),
    ],
)
def test_list_without_a_match(run: Run, pattern: str, hint: str) -> None:
    result = run("models", "list", pattern)
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert result.err.startswith(f"actionzoo: no network matches '{pattern}'; ")
    assert hint in result.err


def test_list_needs_no_keras() -> None:
    code = (
        "import sys\nfrom actionzoo.cli.main import main\nmain(['models', 'list', 'st_*'])\n"
        "print(*sorted({'keras', 'tensorflow', 'jax', 'torch', 'openvino', 'cv2'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=1800, check=True)
    assert (len(done.stdout.splitlines()), done.stderr.strip()) == (8, "")


def test_show_st_resnet(run: Run) -> None:
    result = run("models", "show", "st_resnet50")
    assert (result.code, result.err) == (0, "")
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    assert lines[0] == "st_resnet50"
    assert "Spatiotemporal Residual Networks" in lines[2]
    assert lines[3:6] == [
        "inputs appearance 5 x 224 x 224 x 3 frames, RGB in 0..255",
        "motion 5 x 224 x 224 x 20 stacks of 10 flow fields: u, v, u, v, ... in pixels a frame step",
        "output logits 101 a score for each class",
    ]
    assert lines[8:11] == [
        "sees up to 17 sampled frames by its filters over time",
        "at stride 15: 17 x 15 = 255 frames as the papers count",
        "exactly 241 frames, with their stacks 250 flow fields",
    ]


def test_show_a_single_stream(run: Run) -> None:
    lines = [
        " ".join(line.split()) for line in run("models", "show", "motion_resnet18", "--frames", 1).out.splitlines()
    ]
    assert lines[3].startswith("inputs motion 1 x 224 x 224 x 20 stacks of 10 flow fields")
    assert lines[6].endswith(" for a clip of 1 frame")
    assert lines[7] == "sees one sampled frame and its stack of 10 flow fields"


def test_show_as_json(run: Run) -> None:
    shown = json.loads(run("models", "show", "appearance_resnet18", "--frames", 3, "--classes", 1000, "--json").out)
    assert shown["name"] == shown["network"]["name"] == "appearance_resnet18"
    assert shown["parameters"] == RESNET18_PARAMETERS + 9_600
    assert shown["flops"] == pytest.approx(3 * 2 * 1.814e9, rel=2e-3)  # torchvision: 1.814 G multiply-adds a picture
    assert shown["inputs"] == {"appearance": [None, 3, 224, 224, 3]}
    assert shown["outputs"] == {"logits_appearance": [None, 1000]}
    assert (shown["num_frames"], shown["receptive_field"], shown["stack_length"]) == (3, 1, None)
    assert (shown["stride"], shown["span"]) == (15, {"product": 15, "frames": 1, "flow_fields": 1})
    layers = {layer["name"]: layer for layer in shown["layers"]}
    assert layers["appearance_stage5_unit1_relu"] == {
        "name": "appearance_stage5_unit1_relu",
        "kind": "ReLU",
        "shape": [None, 3, 7, 7, 512],
        "parameters": 0,
        "flops": 0,
        "frames": 1,
        "uses": ["fuse", "features", "visualise"],
    }


def test_show_stride(run: Run) -> None:
    shown = json.loads(run("models", "show", "st_mulnet18", "--stride", 5, "--json").out)
    assert shown["span"] == {"product": 45, "frames": 41, "flow_fields": 50}


def test_show_layers_by_stream(run: Run) -> None:
    plain = run("models", "show", "st_resnet18").out
    rows = run("models", "show", "st_resnet18", "--layers").out.removeprefix(plain).strip().splitlines()
    names = [row.split()[0] for row in rows]
    first = names.index("motion_conv1")
    assert all(name.startswith("appearance_") for name in names[:first])
    assert all(name.startswith(("motion_", "logits")) for name in names[first:])
    assert names[-1] == "logits"
    (conv,) = (re.split(r"\s{2,}", row) for row in rows if row.startswith("appearance_conv1 "))
    assert conv == ["appearance_conv1", "5x112x112x64", "9.41 k", "1.18 G", "1", "features visualise"]
    assert re.split(r"\s{2,}", rows[-1])[-2:] == ["all", "features visualise"]


def test_show_a_model_of_the_catalog(run: Run) -> None:
    shown = json.loads(run("models", "show", "mini", "--json", "--offline").out)
    assert shown["name"] == "mini"
    assert shown["network"]["name"] == "st_resnet18"
    assert shown["outputs"] == {"logits": [None, 6]}
    assert shown["stride"] == 7  # what it was trained with
    assert run("models", "show", "mini").out.startswith("mini\nbuilt as st_resnet18, with the options of its file\n")


def test_show_a_file_fills_what_it_leaves_open(run: Run, tmp_path: Path) -> None:
    model = create_model("appearance_resnet18", 2, None, height=None, width=None, channel_factor=0.0625)
    model.save(tmp_path / "own.keras")
    shown = json.loads(run("models", "show", "own.keras", "--json", "--frames", 7).out)
    assert shown["inputs"] == {"appearance": [None, 7, 224, 224, 3]}
    assert shown["parameters"] == model.count_params()


def test_show_a_file_of_another_length(run: Run) -> None:
    result = run("models", "show", "mini", "--frames", 99)
    assert (result.code, result.out) == (1, "")
    assert "was built for num_frames=6. Received: num_frames=99" in result.err


def test_show_a_network_of_another_kind(run: Run, tmp_path: Path) -> None:
    clip = keras.Input((2, 8, 8, 3), name="appearance")
    pixels = keras.layers.Flatten()(clip)
    scores = keras.layers.Dense(3, name="scores")
    keras.Model(clip, keras.layers.Add()([scores(pixels), scores(keras.layers.ReLU()(pixels))])).save("own.keras")
    result = run("models", "show", "own.keras")
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert "calls a layer more than once" in result.err


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("st_resnet5", "did you mean st_resnet50"),
        ("minii", "did you mean mini?"),
        ("zzzz", "`actionzoo models list` names the networks"),
        ("no/such.keras", "there is no model 'no/such.keras'"),
        ("a.mp4", "a.mp4 is not a model"),
    ],
)
def test_show_an_unknown_name(run: Run, name: str, hint: str) -> None:
    result = run("models", "show", name)
    assert (result.code, result.out, result.err.count("\n")) == (1, "", 1)
    assert hint in result.err


@pytest.mark.parametrize(
    "arguments",
    [[], ["show"], ["show", "mini", "--frames", "0"], ["show", "mini", "--stride", "0"], ["list", "a", "b"]],
)
def test_wrong_usage(run: Run, arguments: list[str]) -> None:
    assert run("models", *arguments).code == 2
