"""What reads files from outside, for `benchmarks.fuzz`: small good files of each kind, and what is done with them.

A target makes its files once (`samples`) and then reads damaged copies (`use`), which must end in an answer or in an
`ActionzooError`.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

Files = dict[str, bytes]
SIDE = 32


@dataclass(frozen=True)
class Target:
    """`samples` makes folders of good files, below an empty one; `use` reads a folder, one file of which is damaged."""

    samples: Callable[[Path], list[Files]]
    use: Callable[[Path], object]


def content(folder: Path) -> Files:
    """The files of a folder by their names."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def the_file(folder: Path) -> Path:
    """The only file of a folder."""
    (path,) = folder.iterdir()
    return path


def write_video(path: Path, codec: str, pix_fmt: str = "yuv420p", *, sound: bool = False) -> None:
    """Twelve frames of a moving edge."""
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        noise: Any = out.add_stream("aac", rate=16000) if sound else None
        for index in range(12):
            image = np.full((48, 64, 3), 60, np.uint8)
            image[:, 4 * index :] = 200
            frame = av.VideoFrame.from_ndarray(image)
            out.mux(stream.encode(frame))
            if noise is not None:
                samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
                samples.sample_rate, samples.pts = 16000, 1024 * index
                out.mux(noise.encode(samples))
        out.mux(stream.encode())
        if noise is not None:
            out.mux(noise.encode())


def video_samples(folder: Path) -> list[Files]:
    kinds: dict[str, tuple[str, ...]] = dict.fromkeys(("a.mp4", "b.mkv"), ("libx264",))
    kinds |= {"c.avi": ("mpeg4",), "d.ts": ("mpeg2video",), "e.webm": ("libvpx",), "f.mov": ("mjpeg", "yuvj420p")}
    kinds |= {"g.flv": ("flv1",), "h.wmv": ("wmv2",), "i.gif": ("gif", "rgb8"), "j.mpg": ("mpeg1video",)}
    kinds |= {"k.mp4": ("libx265",)}
    found = []
    for name, options in kinds.items():
        write_video(folder / name, *options, sound=name == "a.mp4")
        found.append({name: (folder / name).read_bytes()})
    return found


def use_video(folder: Path) -> None:
    from actionzoo.video.reader import probe, read_frames

    path = the_file(folder)
    probe(path)
    for _ in read_frames(path, fps=6.0, size=(24, 32)):
        pass


def mat_samples(folder: Path) -> list[Files]:
    """A chain of MatConvNet's in both formats."""
    import h5py
    import scipy.io

    layers = np.empty((1, 2), object)
    layers[0, 0] = {"name": "conv1", "type": "conv", "weights": np.ones((3, 3, 2, 4), np.float32), "stride": [1.0, 1.0]}
    layers[0, 1] = {"name": "relu1", "type": "relu"}
    for packed in (True, False):
        scipy.io.savemat(folder / f"{packed}.mat", {"net": {"layers": layers}}, do_compression=packed)
    with h5py.File(folder / "new.mat", "w", userblock_size=512) as file:
        layer = file.create_group("net/layers")
        layer["name"] = np.array([[ord(mark)] for mark in "conv1"], np.uint16)
        layer["name"].attrs["MATLAB_class"] = np.bytes_("char")
        layer["type"] = np.array([[ord(mark)] for mark in "conv"], np.uint16)
        layer["type"].attrs["MATLAB_class"] = np.bytes_("char")
        file["#refs#/a"] = np.ones((4, 2, 3, 3), np.float32)
        layer["weights"] = np.array([[file["#refs#/a"].ref]], h5py.ref_dtype)
        layer["weights"].attrs["MATLAB_class"] = np.bytes_("cell")
        layer.create_dataset("stride", data=np.ones((2, 1)), compression="gzip")
    return [{"net.mat": path.read_bytes()} for path in sorted(folder.iterdir())]


def use_mat(folder: Path) -> None:
    from actionzoo.convert.mat_file import read_network

    read_network(the_file(folder))


def safetensors_samples(folder: Path) -> list[Files]:
    from safetensors.numpy import save

    tensors = {"conv1.weight": np.ones((4, 3, 3, 3), np.float32), "bn1.num_batches_tracked": np.array(3)}
    return [{"model.safetensors": save(tensors)}]


def use_safetensors(folder: Path) -> None:
    from actionzoo.convert.weights import read_tensors

    read_tensors(the_file(folder))


@functools.cache
def network() -> Any:
    """One with two filters."""
    import keras

    clip = keras.Input((1, SIDE, SIDE, 3), name="appearance")
    x = keras.layers.GlobalAveragePooling3D()(keras.layers.Conv3D(2, 1)(clip))
    return keras.Model({"appearance": clip}, keras.layers.Dense(2, name="logits")(x))


def keras_samples(folder: Path) -> list[Files]:
    from actionzoo.hub import InputSpec, save_model

    save_model(network(), InputSpec(("a", "b"), SIDE, SIDE, num_frames=1), folder / "model.keras")
    return [content(folder)]


def use_keras(folder: Path) -> None:
    import keras

    from actionzoo.hub import resolve_model
    from actionzoo.hub.keras_models import load_keras

    try:
        load_keras(resolve_model(the_file(folder)))
    finally:
        keras.backend.clear_session()


def weight_samples(folder: Path) -> list[Files]:
    network().save_weights(folder / "model.weights.h5")
    return [content(folder)]


def use_weights(folder: Path) -> None:
    from actionzoo.convert.weights import load_weights

    load_weights(network(), "appearance_resnet18", str(the_file(folder)))


def recipe_samples(folder: Path) -> list[Files]:
    from actionzoo.training.recipe import Recipe

    return [{"recipe.toml": Recipe(model="st_resnet18").to_toml().encode()}]


def use_recipe(folder: Path) -> None:
    from actionzoo.training.recipe import read_recipe

    read_recipe(the_file(folder))


def catalog_samples(folder: Path) -> list[Files]:
    import importlib.resources

    return [{"catalog.toml": (importlib.resources.files("actionzoo.weights") / "catalog.toml").read_bytes()}]


def use_catalog(folder: Path) -> None:
    from actionzoo.hub import load_catalog

    load_catalog(folder)


def annotation_samples(folder: Path) -> list[Files]:
    """Lists of every kind: CSV, Kinetics', VideoFolder's, with numbers and names, JSON; those of UCF101 and HMDB51."""
    names = [f"v_{label}_g0{group}_c01.avi" for label in ("Kick", "Push") for group in (1, 2)]
    rows = [("path", "label", "group", "split"), *((name, name[2:6], name[7:10], "train") for name in names)]
    plain = {"set.csv": "".join(f"{','.join(row)}\n" for row in rows).encode()} | dict.fromkeys(names, b"")
    kinetics = b"label,youtube_id,time_start,time_end,split\nkick,abcdefghijk,1,11,train\npush,bbcdefghijk,2,12,train\n"
    clips = {"kick/abcdefghijk_000001_000011.mp4": b"", "push/bbcdefghijk_000002_000012.mp4": b""}
    ucf = {f"UCF-101/{name[2:6]}/{name}": b"" for name in names} | {
        "ucfTrainTestlist/classInd.txt": b"1 Kick\n2 Push\n",
        "ucfTrainTestlist/trainlist01.txt": b"Kick/v_Kick_g01_c01.avi 1\nPush/v_Push_g01_c01.avi 2\n",
        "ucfTrainTestlist/testlist01.txt": b"Kick/v_Kick_g02_c01.avi\nPush/v_Push_g02_c01.avi\n",
    }
    hmdb = {f"{label}/{label}_{index}.avi": b"" for label in ("kick", "push") for index in range(2)} | {
        f"splits/{label}_test_split1.txt": f"{label}_0.avi 1 \n{label}_1.avi 2 \n".encode()
        for label in ("kick", "push")
    }
    folder_files = {"train/metadata.jsonl": b'{"file_name": "a.mp4", "label": "kick"}\n', "train/a.mp4": b""} | {
        "test/metadata.csv": b"file_name,label\nb.mp4,push\n",
        "test/b.mp4": b"",
    }
    numbers = dict.fromkeys(("videos/kick/a.mp4", "videos/push/b.mp4", "videos/push/c.mp4"), b"") | {
        "lists/train_list.txt": b"kick/a.mp4 0\npush/b.mp4 1\n",
        "lists/val_list.txt": b"push/c.mp4 1\n",
        "lists/label_map.txt": b"kick\npush\n",
    }
    something = dict.fromkeys(("videos/1.webm", "videos/2.webm", "videos/3.webm"), b"") | {
        "something-something-v2-train.json": json.dumps(
            [{"id": "1", "template": "Zooming [something]"}, {"id": "2", "template": "Moving [something]"}]
        ).encode(),
        "something-something-v2-validation.json": b'[{"id": "3", "template": "Moving [something]"}]',
        "something-something-v2-labels.json": b'{"Zooming something": "0", "Moving something": "1"}',
    }
    return [plain, {"set.csv": kinetics} | clips, ucf, hmdb, folder_files, numbers, something]


def use_annotations(folder: Path) -> None:
    from actionzoo.data.dataset import read_dataset

    tables = [path for path in folder.iterdir() if path.suffix == ".csv"]
    read_dataset(tables[0] if tables else folder)


def shard_samples(folder: Path) -> list[Files]:
    from actionzoo.data.build import build
    from actionzoo.data.dataset import read_dataset
    from actionzoo.video.spec import VideoFormat

    for label in ("kick", "push"):
        (folder / "set" / label).mkdir(parents=True)
        write_video(folder / "set" / label / "a.avi", "mpeg4")
    build(read_dataset(folder / "set"), folder / "shards", VideoFormat(24, 32, 6.0, "dis"))
    return [content(folder / "shards")]


def use_shards(folder: Path) -> None:
    from actionzoo.data.shards import open_shards

    if (source := open_shards(folder)) is not None:
        for index in range(len(source)):
            decoded = source.read(index)
            np.asarray(decoded.frames)
            np.asarray(decoded.flow)


def score_samples(folder: Path) -> list[Files]:
    from actionzoo.evaluation.scores import Scores

    logits = np.arange(6, dtype=np.float32).reshape(3, 2)
    scores = Scores(("kick", "push"), ("a", "b", "c"), np.array([0, 1, 0]), ("x", "y", ""), {"answer": logits})
    return [{"scores.npz": scores.to_npz()}]


def use_scores(folder: Path) -> None:
    from actionzoo.evaluation.scores import fuse, read_scores

    scores = read_scores(the_file(folder))
    fuse([scores, scores], [1.0, 0.5])


def run_samples(folder: Path) -> list[Files]:
    """The facts that `--resume` reads of a run, its recipe and its model."""
    from safetensors.numpy import save

    from actionzoo.training.checkpoint import FACTS
    from actionzoo.training.recipe import Recipe

    (model,) = keras_samples(folder)
    checkpoint = save({"00000": np.ones((2, 3))}, {FACTS: '{"step": 3, "history": [{"loss": 0.5}]}'})
    return [model | {"checkpoint.safetensors": checkpoint, "recipe.toml": Recipe(model="mini").to_toml().encode()}]


def use_run(folder: Path) -> None:
    from actionzoo.hub import resolve_model
    from actionzoo.training.checkpoint import load_facts
    from actionzoo.training.recipe import read_recipe

    read_recipe(folder / "recipe.toml")
    load_facts(folder / "checkpoint.safetensors")
    resolve_model(folder)


_BONE = "JOINT {} {{ OFFSET 0 -9 0 CHANNELS 3 Zrotation Xrotation Yrotation {} }} "


def motion_samples(folder: Path) -> list[Files]:
    """Two tracks of numbered joints with labels, a skeleton of four bones, a Kinect's text, and keypoints."""
    points = np.random.default_rng(0).normal(size=(8, 25, 3)).round(2)
    np.savez_compressed(folder / "a.npz", joints=points[:, :20], ends=[5, 8], label=["wave", "clap"], group=["a", "b"])
    np.savez(folder / "b.npz", joints=points[:, :17, :2], fps=25, layout="coco17")
    legs = "".join(_BONE.format(f"{side}UpLeg", _BONE.format(f"{side}Leg", "")) for side in ("Left", "Right"))
    root = "HIERARCHY ROOT Hips { OFFSET 0 0 0 CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation "
    row = " ".join(str(value) for value in points[0].ravel()[:18])
    bvh = f"{root}{legs}}} MOTION Frames: 4 Frame Time: 0.04 " + 4 * f"{row} "
    bodies = "".join(
        "1\n72 0 1 1 1 1 0 0.1 0.2 2\n25\n" + "".join(f"{x} {y} {z} 1 1 1 1 0 0 0 0 2\n" for x, y, z in frame)
        for frame in points
    )
    people = [{"image_id": k, "keypoints": np.abs(frame[:17]).ravel().tolist()} for k, frame in enumerate(points)]
    return [{path.name: path.read_bytes()} for path in sorted(folder.iterdir())] + [
        {"a.bvh": bvh.encode()}, {"a.skeleton": f"8\n{bodies}".encode()}, {"a.json": json.dumps(people).encode()},
    ]  # fmt: skip


def use_motion(folder: Path) -> None:
    from actionzoo.errors import DataError
    from actionzoo.motion import read_motion
    from actionzoo.puppets.replay import replay

    for recording in read_motion(the_file(folder)):
        try:
            replay(recording, np.random.default_rng(0), 30.0)
        except DataError:
            continue


TARGETS = {
    "motion": Target(motion_samples, use_motion),
    "video": Target(video_samples, use_video),
    "mat": Target(mat_samples, use_mat),
    "safetensors": Target(safetensors_samples, use_safetensors),
    "keras": Target(keras_samples, use_keras),
    "weights": Target(weight_samples, use_weights),
    "recipe": Target(recipe_samples, use_recipe),
    "catalog": Target(catalog_samples, use_catalog),
    "annotations": Target(annotation_samples, use_annotations),
    "shards": Target(shard_samples, use_shards),
    "scores": Target(score_samples, use_scores),
    "run": Target(run_samples, use_run),
}
