"""Pictures and animations of painted clips, and a folder of them that is gone on with."""

from __future__ import annotations

import io
import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image, ImageSequence

from actionzoo.errors import OutputError
from actionzoo.hub.keras_models import save_model
from actionzoo.inference.model import Model, load_model
from actionzoo.models import create_model
from actionzoo.video.spec import InputSpec
from actionzoo.visualization import PaintedClip, PaintedFiles, Target, channel_target
from actionzoo.visualization.gallery import file_name, paint_gallery
from actionzoo.visualization.render import animation, encoded_animation, flow_to_components, write_animation
from actionzoo.visualization.sheets import painted_sheet

SPEC = InputSpec(("a", "b"), 32, 48, fps=10.0, num_frames=2, stride=2, stack_length=3)


@pytest.fixture
def clip() -> PaintedClip:
    """Frame 0 is black and frame 1 white; the first two fields go right, the others down."""
    flow = np.zeros((5, 32, 48, 2), np.float32)
    flow[:2, ..., 0], flow[2:, ..., 1] = 2, 2
    flow[:, :8, :8, 0] *= np.linspace(0.2, 0.9, 5)[:, None, None]  # no two fields are the same
    flow[:, :8, :8, 1] *= np.linspace(0.2, 0.9, 5)[:, None, None]
    frames = np.zeros((2, 32, 48, 3), np.uint8)
    frames[1] = 255
    return PaintedClip(Target("logits", 0, "a"), "slow", frames, flow, 3.0, 0.9)


def test_components_are_those_of_the_paper() -> None:
    flow = np.array([[[2, 0], [0, -2], [0, 0]]], np.float32)
    np.testing.assert_array_equal(flow_to_components(flow, 4), [[[191, 128, 128], [128, 64, 128], [128, 128, 0]]])


def test_an_animation_shows_frame_and_both_renderings_of_each_field(clip: PaintedClip) -> None:
    shown = animation(clip, SPEC)
    assert shown.shape == (5, 32, 3 * 48, 3)
    assert [int(frame[0, 0, 0]) for frame in shown] == [0, 0, 0, 255, 255]
    right, down = shown[0, 20, 70], shown[4, 20, 70]
    assert (right[0], right[1]) == (255, 128)
    assert (down[0], down[1]) == (128, 255)
    assert tuple(shown[0, 20, 120]) == (255, 0, 0)  # red is right on the wheel


@pytest.mark.parametrize("kind", ["gif", "webp", "mp4"])
def test_animations_are_read_back(clip: PaintedClip, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"clip.{kind}"
    write_animation(path, animation(clip, SPEC), 10)
    with av.open(str(path)) if kind == "mp4" else Image.open(path) as file:
        if kind == "mp4":
            frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
        else:
            frames, durations = [], []
            for image in ImageSequence.Iterator(file):
                frames.append(np.asarray(image.convert("RGB")))
                durations.append(image.info["duration"])
            assert (file.info["loop"], durations) == (0, [100] * 5)
    assert len(frames) == 5
    assert [frame[10, 10, 0] > 128 for frame in frames] == [False, False, False, True, True]


def test_a_still_animation_is_one(clip: PaintedClip) -> None:
    with Image.open(io.BytesIO(encoded_animation(animation(clip, SPEC)[:1], 10))) as image:
        assert image.size == (144, 32)


def test_a_sheet_has_a_row_for_each_clip(clip: PaintedClip) -> None:
    one, two = painted_sheet([clip]), painted_sheet([clip, clip])
    assert two.width == one.width
    assert two.height - 6 == 2 * (one.height - 6)
    alone = painted_sheet([PaintedClip(clip.target, "slow", clip.appearance, None, 3.0, None)])
    assert alone.width < one.width / 3


def test_names_of_files() -> None:
    assert file_name("../a b/c\\d:é") == ".._a_b_c_d_é"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("model") / "model.keras"
    options = {"stack_length": 3, "height": 32, "width": 48, "channel_factor": 0.0625}
    save_model(create_model("st_resnet18", 2, 2, **options), SPEC, path)
    return load_model(path)


def paint(model: Model, folder: Path, channels: list[int], steps: int = 2) -> list[PaintedFiles]:
    targets = [channel_target(model, "motion_conv1_relu", channel) for channel in channels]
    return list(paint_gallery(model, targets, ["slow", "fast"], folder, steps=steps))


def test_what_is_there_is_not_painted_again(model: Model, tmp_path: Path) -> None:
    (shown,) = paint(model, tmp_path, [1])
    assert shown.fresh
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["motion_conv1_relu_1.json", *(path.name for path in shown.files)]
    )
    assert set(shown.responses) == {"slow", "fast"}
    arrays = np.load(tmp_path / "motion_conv1_relu_1.npz")
    assert arrays["fast_flow"].shape == (5, 32, 48, 2)
    again = paint(model, tmp_path, [1, 2])
    assert [each.fresh for each in again] == [False, True]
    assert again[0].responses == shown.responses
    assert paint(model, tmp_path, [1], steps=3)[0].fresh
    (tmp_path / "motion_conv1_relu_1_slow.webp").unlink()
    assert paint(model, tmp_path, [1], steps=3)[0].fresh
    (tmp_path / "motion_conv1_relu_1.json").write_text(json.dumps({"half": 1}))
    assert paint(model, tmp_path, [1], steps=3)[0].fresh


def test_a_folder_that_is_a_file(model: Model, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written into"):
        paint(model, tmp_path / "file", [0])
