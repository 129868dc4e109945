"""A stand-in for an embedded model, whose answers can be worked out by hand, and videos that it tells apart."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

import actionzoo.hub.resolve
from actionzoo.convert.openvino import import_openvino
from actionzoo.hub import InputSpec, load_catalog
from actionzoo.hub.cache import sha256_of
from actionzoo.weights.bundle import catalog_table

CLASSES = ("right", "left", "red", "still")
SPEC = InputSpec(CLASSES, height=48, width=64, fps=10.0, num_frames=2, stride=3, stack_length=4)
FPS = 20

Make = Callable[..., Path]

STANDIN = {"summary": "tells where a picture moves", "licence": "Apache-2.0", "data": "none"}
"""What the catalog says of the stand-in."""


def write_standin(folder: Path, spec: InputSpec, still: float = 1) -> None:
    """A catalog of one model: "right" and "left" grow with the mean of u and -u, "red" with red, "still" is 1."""
    openvino = import_openvino()
    from openvino import opset13 as ops

    frames, channels = spec.num_frames, 2 * spec.stack_length
    appearance = ops.parameter([-1, frames, spec.height, spec.width, 3], np.float32, "appearance")
    motion = ops.parameter([-1, frames, spec.height, spec.width, channels], np.float32, "motion")
    of_colour = np.zeros((3, 4), np.float32)
    of_colour[:2, 2] = 1 / 16, -1 / 16
    of_flow = np.zeros((channels, 4), np.float32)
    of_flow[0::2, 0], of_flow[0::2, 1] = 4 / spec.stack_length, -4 / spec.stack_length
    middle = np.array([1, 2, 3])
    logits = ops.add(
        ops.add(
            ops.matmul(ops.reduce_mean(appearance, middle), of_colour, False, False),
            ops.matmul(ops.reduce_mean(motion, middle), of_flow, False, False),
        ),
        np.array([[0, 0, 0, still]], np.float32),
    )
    for node, name in ((appearance, "appearance"), (motion, "motion")):
        node.output(0).get_tensor().set_names({name})
    mini = folder / "mini"
    mini.mkdir(parents=True)
    openvino.save_model(openvino.Model([logits], [appearance, motion]), mini / "openvino.xml", compress_to_fp16=False)
    with zipfile.ZipFile(mini / "model.keras", "w") as archive:
        archive.writestr("actionzoo.json", spec.to_json())
        archive.writestr("config.json", "{}")
    files = {path.name: sha256_of(path) for path in sorted(mini.iterdir())}
    (folder / "catalog.toml").write_text(catalog_table("mini", STANDIN, files))


@pytest.fixture(scope="session")
def catalog_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalog")
    write_standin(folder, SPEC)
    return folder


@pytest.fixture
def use_catalog(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Puts the catalog in a folder in the place of the package's own."""

    def use(folder: Path) -> None:
        monkeypatch.setattr(actionzoo.hub.resolve, "load_catalog", lambda: load_catalog(folder))

    return use


@pytest.fixture(autouse=True)
def standin(use_catalog: Callable[[Path], None], catalog_folder: Path) -> None:
    """In every test here "mini" is the stand-in."""
    use_catalog(catalog_folder)


def moving(seconds: float, speed: float, *, fps: int = FPS, size: tuple[int, int] = (96, 128)) -> np.ndarray:
    """A smooth random picture that moves right by `speed` pixels a frame: `(frames, height, width, 3)` uint8."""
    height, width = size
    rng = np.random.default_rng(0)
    coarse = rng.integers(40, 216, (height // 8 + 2, width // 8 + 2)).astype(np.float32)
    rows, columns = np.arange(height) / 8, np.arange(width) / 8
    frames = []
    for k in range(max(1, round(seconds * fps))):
        shifted = (columns - k * speed / 8) % (coarse.shape[1] - 1)
        left, part = shifted.astype(int), shifted % 1
        wide = coarse[:, left] * (1 - part) + coarse[:, (left + 1) % (coarse.shape[1] - 1)] * part
        top, down = rows.astype(int), (rows % 1)[:, None]
        frames.append(wide[top] * (1 - down) + wide[top + 1] * down)
    return np.repeat(np.stack(frames)[..., None], 3, -1).astype(np.uint8)


def write_video(path: Path, frames: np.ndarray, fps: int = FPS) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "12"})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p" if frames.shape[1] % 2 == frames.shape[2] % 2 == 0 else "yuv444p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """right: 3 s; turn: 3 s to the right, then 3 s to the left; one: a single frame; red: 1 s of nothing but red."""
    folder = tmp_path_factory.mktemp("videos")
    right, left = moving(3, 2), moving(3, -2)
    red = np.zeros((FPS, 96, 128, 3), np.uint8)
    red[..., 0] = 220
    made = {"right": right, "turn": np.concatenate([right, left]), "one": right[:1], "red": red}
    return {name: write_video(folder / f"{name}.mp4", frames) for name, frames in made.items()}
