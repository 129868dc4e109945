"""The page of an evaluation, in a real browser."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from actionzoo.data.dataset import LabeledVideo
from actionzoo.data.decoded import DecodedVideo
from actionzoo.errors import VideoError
from actionzoo.evaluation import EvaluationResult, Scores
from actionzoo.hub.resolve import ModelFiles
from actionzoo.inference import Model
from actionzoo.report import page as pages
from actionzoo.video.spec import InputSpec, VideoFormat
from actionzoo.visualization.canvas import stack_fields
from actionzoo.visualization.gallery import PaintedFiles
from actionzoo.visualization.targets import Target

SPEC = InputSpec(("hug", "kick", "push"), 32, 48, num_frames=2, stride=4, stack_length=4)
LIMIT = 15_000_000
WIDTHS = {"desktop": 1280, "phone": 360}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        assert not os.environ.get("CI"), "CI tests the page in a browser; .ci/run installs it"
        pytest.skip("needs Chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


class Noise:
    """Videos that are noise, the hardest to pack; the one called broken.mp4 cannot be read."""

    video_format = VideoFormat(96, 128, 15, "dis")

    def __init__(self, classes: tuple[str, ...], paths: tuple[str, ...], labels: np.ndarray) -> None:
        self.classes = classes
        self.videos = tuple(LabeledVideo(Path(path), int(label)) for path, label in zip(paths, labels, strict=True))

    def __len__(self) -> int:
        return len(self.videos)

    def read(self, index: int) -> DecodedVideo:
        if self.videos[index].path.name == "broken.mp4":
            raise VideoError("broken.mp4", "is broken")
        rng = np.random.default_rng(index)
        frames = rng.integers(0, 256, (40, 96, 128, 3)).astype(np.uint8)
        return DecodedVideo("noise", 0, frames, rng.normal(0, 3, (39, 96, 128, 2)).astype(np.float16))


def paint(folder: Path, spec: InputSpec, label: int, name: str) -> PaintedFiles:
    """Noise as painted for a class, as `paint_gallery` leaves it."""
    rng = np.random.default_rng(label)
    size = spec.height, spec.width
    arrays = {}
    for speed in pages.SPEEDS:
        arrays[f"{speed}_appearance"] = rng.integers(0, 256, (spec.num_frames, *size, 3)).astype(np.uint8)
        arrays[f"{speed}_flow"] = rng.normal(0, 3, (len(stack_fields(spec)[0]), *size, 2)).astype(np.float16)
    path = folder / f"{label}.npz"
    np.savez(path, **arrays)
    chances = dict.fromkeys(pages.SPEEDS, 0.97)
    return PaintedFiles(Target("scores", label, name), (path,), dict.fromkeys(pages.SPEEDS, 9.0), chances, fresh=True)


def result_of(spec: InputSpec, scores: Scores, traits: dict[str, np.ndarray]) -> EvaluationResult:
    """Of a model that is not there and videos that are noise."""
    model, source = Model(ModelFiles("runs/one", spec)), Noise(scores.classes, scores.paths, scores.labels)
    return EvaluationResult(model, "<my> videos", "all of them", source, "windows", "logits", scores, traits)


def write_page(
    folder: Path, classes: tuple[str, ...], videos: int, wrong: float, painted: int, spec: InputSpec
) -> Path:
    """The page of random scores, so many of which are wrong."""
    rng = np.random.default_rng(0)
    labels = np.arange(videos) % len(classes)
    answers = np.where(rng.random(videos) < wrong, rng.integers(0, len(classes), videos), labels)
    answers[:2] = 1, 0  # a hug for a kick, and a kick for a hug
    paths = tuple(f"{'broken' if place == 1 else place}.mp4" for place in range(videos))
    logits = {
        name: (rng.normal(size=(videos, len(classes))) + 9 * np.eye(len(classes))[answers]).astype(np.float32)
        for name in ("answer", "appearance", "motion", "background", "shape")
    }
    scores = Scores(classes, paths, labels, ("",) * videos, logits)
    traits = {name: rng.normal(1, 0.1, videos).astype(np.float32) for name in ("frames", "brightness", "speed")}
    traits["aspect"] = np.where(labels == 2, 0.6, 1.3).astype(np.float32)
    page = pages.Page(result_of(spec, scores, traits), painted)
    return page.write(folder, [paint(folder, spec, index, classes[index]) for index in page.to_paint])


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    return write_page(folder, ("hug", "kick", "push & go"), 60, 0.2, 2, SPEC)


@pytest.fixture(params=WIDTHS)
def opened(
    small: Path, browser: Browser, request: pytest.FixtureRequest
) -> Iterator[tuple[Page, dict[str, list[str]]]]:
    """The page in a window, and what it says and asks for meanwhile."""
    context = browser.new_context(viewport={"width": WIDTHS[request.param], "height": 800})
    page, seen = context.new_page(), {"console": [], "requests": []}
    page.on("console", lambda message: seen["console"].append(message.text))
    page.on("pageerror", lambda error: seen["console"].append(str(error)))
    page.on("request", lambda asked: seen["requests"].append(asked.url))
    page.goto(small.as_uri())
    yield page, seen
    context.close()


def until(page: Page, condition: str) -> None:
    """Waits for a condition; `wait_for_function` asks for the second time by `eval`, which the page forbids."""
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"not within 10 s: {condition}")


def test_a_click_on_the_matrix_opens_the_pair(opened: tuple[Page, dict[str, list[str]]], small: Path) -> None:
    page, seen = opened
    assert page.locator(".pair:visible").count() == 0
    page.get_by_role("link", name=re.compile(r"videos of hug mistaken for kick")).click()
    pair = page.locator(".pair:visible")
    assert pair.get_by_role("heading", level=3).inner_text() == "hug or kick"
    images = pair.locator("figure img")
    assert images.count() == 4  # two classes, slow and fast
    until(
        page,
        "[...document.querySelectorAll('.pair:target img[data-picture]')].every(i => i.complete && i.naturalWidth)",
    )
    assert pair.get_by_text("broken.mp4", exact=True).count() == 1  # named, though it cannot be shown
    assert pair.get_by_text("kick, mistaken for hug").count() >= 1
    assert not seen["console"]
    assert [url for url in seen["requests"] if not url.startswith("data:")] == [small.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    pair.get_by_role("link", name="Back to the matrix").click()
    assert page.locator(".pair:visible").count() == 0


def test_the_keyboard_is_enough(opened: tuple[Page, dict[str, list[str]]]) -> None:
    page, _ = opened
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.matrix') !== null"):
            break
    page.keyboard.press("Enter")
    until(page, "document.activeElement.tagName === 'H3'")
    heading = page.evaluate("document.activeElement.textContent")
    assert heading == page.locator(".pair:visible h3").inner_text()


def test_what_it_says(opened: tuple[Page, dict[str, list[str]]]) -> None:
    page, _ = opened
    assert page.title() == "one on <my> videos"
    assert re.match(r"top-1 accuracy \d+\.\d % of 60 videos \(95 % interval", page.locator(".result").inner_text())
    said = page.locator("#idiosyncrasies").inner_text()
    assert "push & go" in said
    assert "The shape of the video identifies it" in said
    cells = page.locator(".matrix tbody td").all_inner_texts()
    assert sum(int(text) for text in cells if text) == 60


def test_a_screen_reader_hears_all(opened: tuple[Page, dict[str, list[str]]]) -> None:
    page, _ = opened
    page.locator(".matrix a").first.click()
    assert page.evaluate("document.documentElement.lang") == "en"
    assert page.evaluate("[...document.querySelectorAll('img')].every(image => image.alt.length > 5)")
    assert page.evaluate("[...document.querySelectorAll('svg')].every(s => s.getAttribute('aria-label').length > 5)")
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4,h5')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


def test_pictures_stand_still_for_who_wants_it(small: Path, browser: Browser) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(small.as_uri())
    page.locator(".matrix a").first.click()
    until(page, "[...document.querySelectorAll('.pair:target img')].some(i => i.src.startsWith('data:image/png'))")
    page.get_by_role("button", name="Pause animations").click()
    until(page, "[...document.querySelectorAll('.pair:target img')].some(i => i.src.startsWith('data:image/webp'))")
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(small: Path, browser: Browser, scheme: Any) -> None:
    """By the formula of WCAG 2: at least 4.5."""
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(small.as_uri())
    colours = page.evaluate(
        """() => { const style = getComputedStyle(document.documentElement);
        const names = ['paper', 'ink', 'faint', 'link'];
        return Object.fromEntries(names.map(name => [name, style.getPropertyValue('--' + name)])); }"""
    )
    luminance = {name: _luminance(value.strip()) for name, value in colours.items()}
    assert (luminance["paper"] > luminance["ink"]) == (scheme == "light")
    for name in ("ink", "faint", "link"):
        light, dark = sorted((luminance[name], luminance["paper"]), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, name
    context.close()


def _luminance(colour: str) -> float:
    parts = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize(
    ("classes", "share"),
    [pytest.param(101, 1, marks=pytest.mark.slow, id="a hundred"), pytest.param(12, 10, id="tenth")],
)
def test_many_classes_fit(
    tmp_path: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch, classes: int, share: int
) -> None:
    """Many pairs confused, more classes painted than there is room for, and every picture is noise."""
    for name in ("BYTES", "CLIPS", "PAIRS"):
        monkeypatch.setattr(pages, name, getattr(pages, name) // share)
    spec = InputSpec(tuple(f"class {number}" for number in range(classes)), 112, 144, num_frames=2, stride=7)
    path = write_page(tmp_path, spec.classes, 1010 // share, 0.4, 30 // share, spec)
    assert 9_000_000 < share * path.stat().st_size < LIMIT
    text = path.read_text("utf-8")
    pictures = json.loads(text.split('id="pictures">')[1].split("</script>")[0])
    assert sum(key.startswith("class-") for key in pictures) == 2 * (30 // share)
    assert sum(key.startswith("video-") for key in pictures) >= pages.CLIPS - 1
    page = browser.new_page(viewport={"width": 360, "height": 800})
    page.goto(path.as_uri())
    assert page.locator(".pair").count() == pages.PAIRS
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


def test_without_a_confusion_there_is_no_pair(tmp_path: Path) -> None:
    labels = np.arange(6) % 2
    scores = Scores(("a", "b"), tuple(map(str, range(6))), labels, ("",) * 6, {"answer": np.eye(2, dtype="f4")[labels]})
    text = pages.Page(result_of(SPEC, scores, {}), paint=2).render()
    assert "No video was mistaken" in text
    assert 'class="pair"' not in text
    assert "None was found" in text
