from __future__ import annotations

import os
import shutil
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from actionzoo.errors import BrokenVideoError, NotAVideoError, OutputError, VideoError, VideoTooLargeError
from actionzoo.video import flow_files
from actionzoo.video.flow import decode_flow, encode_flow, flow_to_colour, optical_flow
from actionzoo.video.flow_files import short_size, video_name, write_flow
from actionzoo.video.reader import probe, read_frames

Images = NDArray[np.uint8]
MakeVideo = Callable[..., Path]
FIELDS = 7


@pytest.fixture
def video(make_video: MakeVideo, texture: Images) -> Path:
    """Eight frames of 96x128 whose picture moves two pixels to the left and one up, from frame to frame."""
    moving = np.stack([texture[k : k + 96, 2 * k : 2 * k + 128] for k in range(FIELDS + 1)])
    return make_video("v_Slide_g01.c01.mp4", moving, fps=12.5, options={"crf": "10"})


def frames_of(video: Path) -> Images:
    return np.stack([frame.image for frame in read_frames(video)])


def below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def npz(path: Path) -> dict[str, NDArray[np.generic]]:
    with np.load(path, allow_pickle=False) as data:
        return dict(data)


@pytest.mark.parametrize(
    ("original", "short_side", "size"),
    [
        ((240, 320), 256, (256, 340)),  # UCF101, in the authors' tool
        ((240, 416), 256, (256, 442)),
        ((1920, 1080), 256, (454, 256)),
        ((48, 64), 35, (34, 46)),
        ((360, 480), 256, (256, 340)),
    ],
)
def test_size(original: tuple[int, int], short_side: int, size: tuple[int, int]) -> None:
    assert short_size(original, short_side) == size


def test_jpegs_are_the_papers(video: Path, tmp_path: Path) -> None:
    written = write_flow(video, tmp_path / "out", method="farneback", short_side=None)
    assert (written.fields, written.height, written.width) == (FIELDS, 96, 128)
    assert below(tmp_path / "out") == [
        f"{kind}/v_Slide_g01.c01/frame{k:06d}.jpg" for kind in "uv" for k in range(1, FIELDS + 1)
    ]
    assert written.paths == (tmp_path / "out/u/v_Slide_g01.c01", tmp_path / "out/v/v_Slide_g01.c01")
    codes = encode_flow(optical_flow(frames_of(video), "farneback"))
    for axis, folder in enumerate(written.paths):
        for k in range(FIELDS):
            image = cv2.imread(str(folder / f"frame{k + 1:06d}.jpg"), cv2.IMREAD_UNCHANGED)
            assert image is not None
            assert image.shape == (96, 128)  # grey
            assert np.abs(image.astype(int) - codes[k, ..., axis]).mean() < 0.7
            assert np.abs(decode_flow(image) - (-2, -1)[axis])[16:-16, 16:-16].mean() < 0.2
    assert (codes[..., 0] < 128).mean() > 0.9


def test_jpegs_of_another_bound(video: Path, tmp_path: Path) -> None:
    folders = write_flow(video, tmp_path, method="farneback", bound=1.5, short_side=None).paths
    u = cv2.imread(str(folders[0] / "frame000003.jpg"), cv2.IMREAD_GRAYSCALE)
    assert u is not None
    assert np.median(u) < 3  # clipped


def test_frames_beside_the_flow(video: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert write_flow(video, out, method="dis", short_side=64, frames=True).paths[2] == out / "jpegs/v_Slide_g01.c01"
    names = os.listdir(out / "jpegs/v_Slide_g01.c01")
    assert sorted(names) == [f"frame{k:06d}.jpg" for k in range(1, FIELDS + 2)]
    image = cv2.imread(str(out / "jpegs/v_Slide_g01.c01/frame000008.jpg"))
    (*_, last) = read_frames(video, size=(64, 84))
    assert image is not None
    assert np.abs(image[..., ::-1].astype(int) - last.image).mean() < 6


def test_one_folder_holds_many_videos(video: Path, tmp_path: Path) -> None:
    other = shutil.copy(video, tmp_path / "other.mp4")
    for path in (video, other):
        write_flow(path, tmp_path / "out", method="dis", short_side=32)
    before = below(tmp_path)
    assert len(before) == 2 + 4 * FIELDS
    for kind in ("u", "v"):
        with pytest.raises(OutputError, match="exists already"):
            write_flow(video, tmp_path / "out", method="dis")
        assert below(tmp_path) == before
        shutil.rmtree(tmp_path / "out" / kind / "other")
        with pytest.raises(OutputError, match="exists already"):
            write_flow(other, tmp_path / "out", method="dis")
        write_flow(other, tmp_path / "again", method="dis", short_side=32)
        shutil.move(tmp_path / "again" / kind / "other", tmp_path / "out" / kind)
        shutil.rmtree(tmp_path / "again")


def test_npz_holds_the_flow(video: Path, tmp_path: Path) -> None:
    write_flow(video, tmp_path / "out.npz", format="npz", method="dis", short_side=None)
    data = npz(tmp_path / "out.npz")
    assert sorted(data) == ["flow", "method", "times"]
    assert data["flow"].dtype == np.float16
    assert np.array_equal(data["flow"], optical_flow(frames_of(video), "dis").astype(np.float16))
    assert np.allclose(data["times"], np.arange(FIELDS) / 12.5)  # type: ignore[arg-type]
    assert str(data["method"]) == "dis"


def test_npz_is_one_that_numpy_might_have_written(video: Path, tmp_path: Path) -> None:
    write_flow(video, tmp_path / "a.npz", format="npz", method="dis")
    write_flow(video, tmp_path / "b.npz", format="npz", method="dis")
    np.savez(tmp_path / "c.npz", **npz(tmp_path / "a.npz"))  # type: ignore[arg-type]
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.npz") as ours, zipfile.ZipFile(tmp_path / "c.npz") as theirs:
        assert ours.testzip() is None
        for name in ("flow.npy", "times.npy", "method.npy"):
            assert ours.read(name) == theirs.read(name)


def test_half_precision_is_as_fine_as_told() -> None:
    flow = np.random.default_rng(0).uniform(-32, 32, 100_000).astype(np.float32)
    assert np.abs(flow.astype(np.float16) - flow).max() <= 1 / 128


def test_mp4_is_in_colours(video: Path, tmp_path: Path) -> None:
    write_flow(video, tmp_path / "out.mp4", format="mp4", method="farneback", short_side=None)
    info, images = probe(tmp_path / "out.mp4"), frames_of(tmp_path / "out.mp4")
    assert (len(images), info.height, info.width, info.fps) == (FIELDS, 96, 128, 12.5)
    expected = flow_to_colour(optical_flow(frames_of(video), "farneback"), 3.0)
    assert np.abs(images.astype(int) - expected).mean() < 8
    write_flow(video, tmp_path / "out.mp4", format="mp4", method="farneback", short_side=None, bound=30)
    assert frames_of(tmp_path / "out.mp4").mean() > images.mean() + 20  # paler


def test_frames_are_enlarged_as_in_the_authors_tool(video: Path, tmp_path: Path) -> None:
    written = write_flow(video, tmp_path / "large.npz", format="npz", method="dis", short_side=192)
    assert (written.height, written.width) == (192, 256)
    large = np.stack([cv2.resize(image, (256, 192), interpolation=cv2.INTER_CUBIC) for image in frames_of(video)])
    flow = npz(tmp_path / "large.npz")["flow"]
    assert np.array_equal(flow, optical_flow(large.astype(np.uint8), "dis").astype(np.float16))
    assert np.median(flow[..., 0]) == pytest.approx(-4, abs=0.2)  # type: ignore[arg-type]


def test_frames_are_made_smaller_without_aliasing(video: Path, tmp_path: Path) -> None:
    write_flow(video, tmp_path / "small.npz", format="npz", method="dis", short_side=48)
    small = np.stack([frame.image for frame in read_frames(video, size=(48, 64))])
    assert np.array_equal(npz(tmp_path / "small.npz")["flow"], optical_flow(small, "dis").astype(np.float16))


def test_an_older_file_is_replaced(video: Path, tmp_path: Path) -> None:
    for format in ("npz", "mp4"):
        path = tmp_path / f"out.{format}"
        path.write_text("older")
        write_flow(video, path, format=format, method="dis", short_side=32)
        assert path.stat().st_size > 1000


PLACES = [("jpeg", "new/deep/out"), ("jpeg", "."), ("npz", "out.npz"), ("mp4", "out.mp4")]


@pytest.mark.parametrize(("format", "out"), PLACES)
@pytest.mark.parametrize("error", [KeyboardInterrupt, BrokenVideoError("clip.mp4", "is cut off"), SystemExit(143)])
def test_nothing_is_left_halfway(
    video: Path, tmp_path: Path, format: str, out: str, error: type[BaseException] | BaseException
) -> None:
    (tmp_path / "out.npz").write_text("older")

    def fail(done: float, total: float | None) -> None:
        if done > 0.2:
            raise error

    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BaseException) as caught:
        write_flow(video, tmp_path / out, format=format, method="dis", short_side=32, progress=fail)
    assert caught.value is error or caught.type is error
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "out.npz").read_text() == "older"


@pytest.mark.parametrize(("format", "out"), PLACES)
def test_a_video_of_one_frame(make_video: MakeVideo, texture: Images, tmp_path: Path, format: str, out: str) -> None:
    path = make_video("still.mp4", texture[None, :96, :128])
    with pytest.raises(VideoError, match=r"still\.mp4: has only one frame; flow needs two"):
        write_flow(path, tmp_path / out, format=format, method="dis")
    assert os.listdir(tmp_path) == ["still.mp4"]


@pytest.mark.parametrize(
    ("format", "broken"), [("jpeg", "_write_jpeg"), ("jpeg", "_move"), ("npz", "shutil.copyfileobj")]
)
def test_a_full_disk_leaves_nothing(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str, broken: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"actionzoo.video.flow_files.{broken}", full)
    with pytest.raises(OutputError) as caught:
        write_flow(video, tmp_path / "out", format=format, method="dis", short_side=32)
    assert str(caught.value).startswith(f"{tmp_path / 'out'}: cannot be written (No space left on device); ")
    assert os.listdir(tmp_path) == [video.name]


def test_all_folders_of_a_video_or_none(video: Path, tmp_path: Path) -> None:
    (tmp_path / "v").touch()
    with pytest.raises(OutputError):
        write_flow(video, tmp_path, method="dis", short_side=32)
    assert below(tmp_path) == ["v", video.name]
    assert not (tmp_path / "u").exists()


def test_places_that_cannot_be_written(video: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for format, out in [
        ("jpeg", "file"),
        ("jpeg", "file/out"),
        ("npz", "none/out.npz"),
        ("npz", "."),
        ("npz", "file/out.npz"),
        ("mp4", "none/out.mp4"),
    ]:
        with pytest.raises(OutputError) as caught:
            write_flow(video, tmp_path / out, format=format, method="dis")
        assert str(tmp_path / out) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == ["file", video.name]


def test_places_are_tried_before_the_work(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_files, "read_frames", None)
    with pytest.raises(OutputError):
        write_flow(video, tmp_path / "none" / "out.npz", format="npz")


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_stays_a_link(video: Path, tmp_path: Path) -> None:
    (tmp_path / "link.npz").symlink_to(tmp_path / "real.npz")
    write_flow(video, tmp_path / "link.npz", format="npz", method="dis", short_side=32)
    assert (tmp_path / "link.npz").is_symlink()
    assert (tmp_path / "real.npz").is_file()


def test_videos_that_cannot_be_used(tmp_path: Path, make_video: MakeVideo) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(NotAVideoError):
        write_flow(tmp_path / "text.mp4", tmp_path / "out")
    with pytest.raises(NotAVideoError, match="is a folder"):
        write_flow(tmp_path, tmp_path / "out")
    ribbon = make_video("ribbon.mp4", np.zeros((2, 16, 1600, 3), np.uint8))
    with pytest.raises(VideoTooLargeError):
        write_flow(ribbon, tmp_path / "out")
    assert sorted(os.listdir(tmp_path)) == ["ribbon.mp4", "text.mp4"]


@pytest.mark.parametrize("wrong", [{"format": "png"}, {"method": "flownet"}, {"bound": 0.0}, {"bound": float("nan")}])
def test_wrong_arguments(video: Path, tmp_path: Path, wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        write_flow(video, tmp_path / "out", **wrong)  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == [video.name]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("deep/clip.tar.mp4", "clip.tar"),
        ("clip", "clip"),
        ("https://host/deep/clip.mp4?size=1.2#t=3", "clip"),
        ("https://host", "video"),
        ("https://host/..", "video"),
        ("https://host/..%2F..%2Fclip.mp4", "..%2F..%2Fclip"),
    ],
)
def test_names_of_videos(source: str, name: str) -> None:
    assert video_name(source) == name


@pytest.mark.parametrize("format", ["jpeg", "npz"])
def test_a_long_video_takes_no_more_memory(
    make_video: MakeVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    monkeypatch.setattr("actionzoo.video.flow._cores", lambda: 2)
    fields = 200
    still = np.broadcast_to(np.uint8(90), (fields + 1, 120, 160, 3))
    path = make_video("long.mp4", still)
    tracemalloc.start()
    try:
        write_flow(path, tmp_path / "out", format=format, method="dis", short_side=None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < fields * 120 * 160 * 2 * 2 / 3
