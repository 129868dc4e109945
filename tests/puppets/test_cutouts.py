"""Cut-outs of depth videos: the outline, head and hips, garments that stay in place, pictures, files and command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from actionzoo.errors import DataError, NotAVideoError
from actionzoo.puppets import DepthRecording, read_depth, render_cutout, write_cutout_dataset
from actionzoo.puppets import cutouts as renderer
from actionzoo.puppets.depth import silhouette
from actionzoo.puppets.garments import Dresser, Look
from actionzoo.puppets.landmarks import landmarks
from actionzoo.puppets.sprites import Cloth
from actionzoo.puppets.wardrobe import Outfit
from tests.puppets.depth_films import SIZE, STEP, TALL, Masks, body, middles, write


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> DepthRecording:
    path = tmp_path_factory.mktemp("depth") / "slide" / "a01_s2_t1.mp4"
    return DepthRecording(write(path, body(24)[1]), "slide", "s2")


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera that stands still, without blur, noise and change of light."""
    still = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    monkeypatch.setattr(renderer, "now_and_then", lambda rng, time, size: np.tile(still, (len(time), 1, 1)))
    monkeypatch.setattr(renderer, "draw_lens", lambda rng, height: (0.0, 0.0, 0.0))
    identity = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2)
    monkeypatch.setattr(renderer, "light_table", lambda rng: identity)


def before(monkeypatch: pytest.MonkeyPatch, recording: DepthRecording, seed: int, grey: int) -> NDArray[np.uint8]:
    """The frames of a clip before a background of one grey."""
    with monkeypatch.context() as patched:
        patched.setattr(
            renderer, "behind", lambda picture, rng, rows, columns, unit: np.full((rows, columns, 3), grey, np.uint8)
        )
        return render_cutout(recording, seed, height=96, mirror=False).frames


def outside(monkeypatch: pytest.MonkeyPatch, recording: DepthRecording, seed: int) -> Masks:
    """Where nothing of the person is seen in a clip: what is black before black, and white before white."""
    dark, light = (before(monkeypatch, recording, seed, grey) for grey in (0, 255))
    return (dark == 0).all(3) & (light == 255).all(3)


def covered(masks: Masks) -> tuple[int, int, int, int]:
    """What is ever covered: first row, row after the last, first column, column after the last."""
    rows, columns = np.flatnonzero(masks.any((0, 2))), np.flatnonzero(masks.any((0, 1)))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def test_the_outline_is_the_person_s(tmp_path: Path) -> None:
    masks, greys = body(16)
    rng = np.random.default_rng(0)
    greys[:, 108:111, 20:24] = 90  # of the floor
    greys[:, 60:63, :][masks[:, 60:63, :] & (rng.random((16, 3, SIZE[1])) < 0.3)] = 0  # not measured
    greys[~masks & (rng.random(masks.shape) < 0.002)] = 80  # specks
    person = silhouette(DepthRecording(write(tmp_path / "one.mp4", greys), "one"), rng)
    assert person.fps == pytest.approx(30.0)
    found = person.cover > 0.5
    top, bottom, left, right = covered(masks)
    masks = masks[:, top - 12 : bottom + 12, left - 12 : right + 12]
    assert found.shape == masks.shape
    assert ((found & masks).sum((1, 2)) / (found | masks).sum((1, 2))).min() > 0.95
    ahead = person.relief[found]
    assert ahead.min() > 95
    assert ahead.max() == pytest.approx(135, abs=6)


def test_frames_without_the_person_are_cut_off(tmp_path: Path) -> None:
    greys = np.pad(body(10)[1], ((7, 5), (0, 0), (0, 0)))
    person = silhouette(DepthRecording(write(tmp_path / "late.mp4", greys), "late"), np.random.default_rng(0))
    assert len(person.cover) == 10


def test_a_long_recording_is_shown_in_part(tmp_path: Path) -> None:
    greys = np.zeros((240, 48, 64), np.uint8)
    greys[:, 8:40, 26:38] = 120
    path = write(tmp_path / "long.mp4", greys)
    lengths = {len(silhouette(DepthRecording(path, "long"), np.random.default_rng(seed)).cover) for seed in range(4)}
    assert len(lengths) > 1
    assert 60 <= min(lengths) <= max(lengths) <= 186


def test_head_hips_and_flow(recording: DepthRecording) -> None:
    person = silhouette(recording, np.random.default_rng(0))
    marks = landmarks(person)
    top, _, left, _ = np.subtract(covered(person.cover > 0.5), covered(body(24)[0]))  # a part of the picture is kept
    assert marks.height == pytest.approx(TALL, abs=4)
    assert marks.head[:, 0] - left == pytest.approx(middles(24), abs=2.5)
    assert marks.head[:, 1] - top == pytest.approx(np.full(24, 21.0), abs=2.5)
    assert marks.hips[:, 0] - left == pytest.approx(middles(24), abs=3.5)
    assert marks.hips[:, 1] - top == pytest.approx(np.full(24, 14.0 + TALL / 2.0), abs=4.0)
    motion = marks.flow[person.cover > 0.5]
    assert np.median(motion, axis=0) == pytest.approx([STEP, 0.0], abs=0.1)
    assert np.linalg.norm(motion - (STEP, 0.0), axis=1).mean() < 0.3


def test_garments_are_where_they_belong(recording: DepthRecording) -> None:
    skin, hair, shirt, trousers, shoes = 200.0 * np.array([(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1)])
    outfit = Outfit(skin, hair, Cloth(shirt, shirt), Cloth(trousers, trousers), shoes, 2.0, 0.05, 1.0, False, False)
    look = Look(outfit, 1.0, np.zeros((8, 8), np.float32), np.array([0.0, 0.0, 1.0]), 1.0)
    person = silhouette(recording, np.random.default_rng(0))
    marks = landmarks(person)
    for scale in (0.7, 1.6):
        dresser = Dresser(person, marks, look, scale)
        for k in (0, 12, 23):
            picture = dresser.picture(k).astype(float)
            top, bottom, left, right = covered(picture[None, ..., 3] > 127)
            for down, colour in ((0.02, hair), (0.1, skin), (0.35, shirt), (0.75, trousers), (0.98, shoes)):
                row, column = round(top + down * (bottom - top)), (left + right) // 2
                seen = picture[row, column, :3] / picture[row, column, 3] * 255.0
                assert seen == pytest.approx(1.15 * colour, abs=45), (down, scale, k)


@pytest.mark.usefixtures("plain")
def test_the_background_is_what_was_drawn(recording: DepthRecording, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    draw = renderer.behind

    def kept(*arguments: object) -> NDArray[np.uint8]:
        drawn.append(draw(*arguments))  # type: ignore[arg-type]
        return drawn[-1]

    for seed in range(3):
        clear = outside(monkeypatch, recording, seed)
        assert 0.2 < clear.mean() < 0.99
        monkeypatch.setattr(renderer, "behind", kept)
        frames = render_cutout(recording, seed, height=96, mirror=False).frames
        monkeypatch.setattr(renderer, "behind", draw)
        ground = drawn[-1][10:-10, 10:-10]
        assert ground.shape == frames.shape[1:]
        for frame, part in zip(frames, clear, strict=True):
            assert np.array_equal(frame[part], ground[part])


@pytest.mark.usefixtures("plain")
def test_a_real_picture_may_be_behind(recording: DepthRecording, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.full((60, 90, 3), (20, 200, 90), np.uint8)
    clip = render_cutout(recording, 0, height=96, mirror=False, background=picture)
    clear = (clip.frames == picture[0, 0]).all(3)
    assert 0.2 < clear.mean() < 0.99
    with pytest.raises(ValueError, match=r"background must be \(rows, columns, 3\) uint8, not \(60, 90\)"):
        render_cutout(recording, 0, background=picture[..., 0])


@pytest.mark.usefixtures("plain")
def test_the_person_is_whole_and_moves_evenly(recording: DepthRecording, monkeypatch: pytest.MonkeyPatch) -> None:
    shares = []
    for seed in range(12):
        dark, light = (before(monkeypatch, recording, seed, grey)[..., 0].astype(int) for grey in (0, 255))
        cover = 1.0 - (light - dark) / 255.0
        masks = cover > 0.5
        assert 23 / 1.25 <= len(masks) <= 23 / 0.8 + 1
        rows = np.flatnonzero(masks.any((0, 2)))
        shares.append(len(rows) / 96)
        if rows[0] == 0 or rows[-1] == 95 or masks.any((0, 1))[[0, -1]].any():
            continue  # cut off by the picture
        scale = len(rows) / TALL
        size = cover.sum((1, 2)) / scale**2
        assert size == pytest.approx(np.full(len(size), body(1)[0].sum()), rel=0.09)
        x = (cover * np.arange(cover.shape[2])).sum((1, 2)) / cover.sum((1, 2)) / scale
        steps = np.diff(x)
        assert 0.8 * STEP * 0.95 < np.median(steps) < 1.25 * STEP * 1.05
        assert np.abs(steps - np.median(steps)).max() < 0.4  # a frame shown twice would be a step of 0
    assert 0.3 < min(shares) < 0.6
    assert 0.8 < max(shares) <= 1.0


@pytest.mark.usefixtures("plain")
def test_colours_stick(recording: DepthRecording, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(4):
        frames = before(monkeypatch, recording, seed, 0).astype(float)
        masks = ~outside(monkeypatch, recording, seed)
        chests = []
        for frame, mask in zip(frames, masks, strict=True):
            rows, columns = np.nonzero(mask)
            row = round(float(rows.min() + 0.35 * np.ptp(rows)))
            column = round(float(columns.mean()))
            chests.append(frame[row - 1 : row + 2, column - 2 : column + 3].mean((0, 1)))
        assert np.abs(np.diff(chests, axis=0)).max() < 30
        assert np.std(chests, axis=0).max() < 12


def test_a_clip_is_the_same_for_a_seed(recording: DepthRecording) -> None:
    first, again, other = (render_cutout(recording, seed, height=64) for seed in (1, 1, 2))
    assert (first.label, first.fps, first.flow) == ("slide", 30.0, None)
    assert first.frames.shape[1] == 64
    assert np.array_equal(first.frames, again.frames)
    assert first.frames.shape != other.frames.shape or not np.array_equal(first.frames, other.frames)


def test_half_are_mirrored(recording: DepthRecording) -> None:
    pairs = [
        [render_cutout(recording, seed, height=48, mirror=way).frames for way in (True, False)] for seed in range(8)
    ]
    mirrored = [np.array_equal(first, second[:, :, ::-1]) for first, second in pairs]
    assert all(flip != np.array_equal(*pair) for flip, pair in zip(mirrored, pairs, strict=True))
    assert 0 < sum(mirrored) < 8


def test_groups(tmp_path: Path) -> None:
    names = ("a01_s1_t1", "subject12-take3", "P07_r1", "take3", "squats1")
    for name in names:
        (tmp_path / "one").mkdir(exist_ok=True)
        (tmp_path / "one" / f"{name}.mp4").touch()
    found = {recording.path.stem: recording.group for recording in read_depth(tmp_path)}
    assert found == dict(zip(names, ("s1", "subject12", "P07", None, None), strict=True))
    assert {recording.label for recording in read_depth(tmp_path)} == {"one"}
    by_number = {recording.group for recording in read_depth(tmp_path, group=r"(\d+)\.mp4")}
    assert by_number == {"1", "3"}
    (tmp_path / "list.csv").write_text("path,label,group\none/a01_s1_t1.mp4,wave,anna\none/P07_r1.mp4,wave,\n")
    listed = {recording.path.stem: recording.group for recording in read_depth(tmp_path / "list.csv")}
    assert listed == {"a01_s1_t1": "anna", "P07_r1": None}


def test_a_set_is_the_same_for_any_number_of_workers(recording: DepthRecording, tmp_path: Path) -> None:
    other = DepthRecording(recording.path, "slide", None)
    one = write_cutout_dataset(tmp_path / "one", [recording, other], 2, 5, height=48, workers=1)
    two = write_cutout_dataset(tmp_path / "two", [recording, other], 2, 5, height=48, workers=2)
    assert sorted(path.name[10:] for path in one) == [".mp4", "_g-s2.mp4"]
    assert [path.name[:10] for path in one] == ["slide_0000", "slide_0001"]
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    assert one[0].read_bytes() != one[1].read_bytes()


def test_what_cannot_be_cut_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    greys = body(6)[1]
    for name, wrong, words in (
        ("black.mp4", np.zeros_like(greys), "0 of its 6 frames show somebody"),
        ("short.mp4", greys[:3], "3 of its 3 frames show somebody"),
        (
            "low.mp4",
            np.where(np.arange(SIZE[0])[:, None] < 60, 0, greys) * (np.arange(SIZE[0])[:, None] < 70),
            "10 rows",
        ),
        ("bright.mp4", np.maximum(greys, 90), "100% of its pixels are lighter than black"),
    ):
        path = write(tmp_path / name, wrong)
        with pytest.raises(DataError, match=words) as raised:
            silhouette(DepthRecording(path, "wrong"), rng)
        assert str(path) in str(raised.value)
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(NotAVideoError, match=r"text\.mp4"):
        silhouette(DepthRecording(tmp_path / "text.mp4", "wrong"), rng)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no videos"):
        read_depth(tmp_path / "empty")
    with pytest.raises(DataError, match="there is no folder"):
        read_depth(tmp_path / "missing")


def test_command(recording: DepthRecording, tmp_path: Path, command) -> None:  # type: ignore[no-untyped-def]
    data, out = recording.path.parents[1], tmp_path / "out put"
    options = ("--clips", 1, "--height", 48, "--workers", 1)
    done = command("data", "cutouts", data, out, "--label", "slide", *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert Path(done.stdout.strip()) == out / "slide" / "slide_0000_g-s2.mp4"
    for arguments, code, words in (
        (("--label", "slid"), 1, "did you mean slide?"),
        (("--group", "(x)"), 1, "finds no group in slide/a01_s2_t1.mp4"),
        (("--flow",), 2, "flow of cut-outs is not known"),
    ):
        wrong = command("data", "cutouts", data, out, *arguments, *options)
        assert wrong.returncode == code
        assert words in " ".join(wrong.stderr.replace("│", " ").split())
